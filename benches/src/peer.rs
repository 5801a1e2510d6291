//! The peer: what one would write instead of the service, `peers/fastapi`. Set up on demand, in an ignored folder.

use crate::places::{kept, repository};
use crate::process::Process;
use anyhow::{Context, ensure};
use fraudnet_features::Tensor;
use fraudnet_models::artifact::NETWORK_FILE;
use fraudnet_models::{Batch, input};
use std::fs::{read_to_string, write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Starts the peer on the same network file and on these tensors, prepared for it in that folder.
///
/// # Errors
/// Its packages cannot be installed, or it does not start.
pub fn start(model: &Path, tensors: &[Tensor], folder: &Path) -> anyhow::Result<Process> {
    let programs = set_up()?;
    let inputs = folder.join("inputs");
    write_inputs(tensors, &inputs).with_context(|| format!("cannot write to {}", inputs.display()))?;
    let address = free_address()?;
    let mut command = Command::new(programs.join("uvicorn"));
    command
        .current_dir(repository().join("benches/peers/fastapi"))
        .args([
            "app:app",
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            "--log-level",
            "warning",
            "--host",
        ])
        .arg(address.ip().to_string())
        .arg("--port")
        .arg(address.port().to_string())
        .env("FRAUDNET_PEER_MODEL", model.join(NETWORK_FILE))
        .env("FRAUDNET_PEER_INPUTS", &inputs)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    Process::start(command, folder, || Some(address))
}

/// A virtual environment with the pinned packages; made where it is missing or of other pins.
fn set_up() -> anyhow::Result<PathBuf> {
    let requirements = repository().join("benches/peers/fastapi/requirements.txt");
    let pins = read_to_string(&requirements).with_context(|| format!("cannot read {}", requirements.display()))?;
    let folder = kept()?.join("fastapi");
    let (stamp, programs) = (folder.join("installed.txt"), folder.join("bin"));
    if read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(programs);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(programs.join("python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
        .arg(&requirements))?;
    write(&stamp, pins).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(programs)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or_default();
    ensure!(output.status.success(), "{} {}: {said}", command.get_program().display(), output.status);
    Ok(())
}

/// One file an input, as the network reads it at batch 1, payment after payment.
fn write_inputs(tensors: &[Tensor], folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut batch = Batch::default();
    let mut files = [input::NODE_FEATURES, input::EDGE_FEATURES, input::NEIGHBOUR_MASK, input::TRANSACTION_FEATURES]
        .map(|name| (name, Vec::new()));
    let mut index = Vec::new();
    for tensor in tensors {
        batch.fill(&[tensor]);
        let columns = [&batch.node_features, &batch.edge_features, &batch.neighbour_mask, &batch.transaction_features];
        for ((_, bytes), column) in files.iter_mut().zip(columns) {
            bytes.extend(column.iter().flat_map(|value| value.to_le_bytes()));
        }
        index.extend(batch.neighbour_index.iter().flat_map(|value| value.to_le_bytes()));
    }
    write(folder.join(input::NEIGHBOUR_INDEX), index)?;
    files.iter().try_for_each(|(name, bytes)| write(folder.join(name), bytes))
}

/// A port that was free a moment ago.
fn free_address() -> anyhow::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).context("no port is free")
}
