//! Where signed heads go besides the log: a file of their own and whoever listens at an address. A witness that is elsewhere, in other
//! hands, is what keeps a log from being replaced as a whole or cut off at its end.

use super::head::SignedHead;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

/// How long a listener may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More bytes than any line has.
const LINE_BYTES: u64 = 4_096;

/// Appends a head to a file, one JSON line each, and syncs it. A line that a power failure cut off is taken away first, else this one
/// would be written onto it and neither could be read.
///
/// # Errors
/// What the system says.
pub(super) fn append(path: &Path, head: &SignedHead) -> Result<(), String> {
    let write = || {
        let mut line = serde_json::to_vec(head)?;
        line.push(b'\n');
        // Opened each time, so that whoever rotates the file need not tell us.
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let whole = whole_lines(&mut file)?;
        file.set_len(whole)?;
        file.write_all(&line)?;
        file.sync_data()
    };
    write().map_err(|error: std::io::Error| format!("{} cannot be written: {error}", path.display()))
}

/// Bytes up to the end of the last whole line.
fn whole_lines(file: &mut File) -> std::io::Result<u64> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LINE_BYTES);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut tail)?;
    Ok(match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) => from + newline as u64 + 1,
        None if from == 0 => 0,
        // No line of ours is that long: it is left to whoever reads it.
        None => length,
    })
}

/// The heads of a file. A last line that was cut off by a kill is left out.
///
/// # Errors
/// Where it cannot be read, or another line is no head.
pub fn read(path: &Path) -> Result<Vec<SignedHead>, String> {
    let wrong = |reason: String| format!("{}: {reason}", path.display());
    let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
    let lines: Vec<Vec<u8>> =
        BufReader::new(file).split(b'\n').collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
    let mut heads = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(head) => heads.push(head),
            Err(error) if number + 1 == lines.len() && error.is_eof() => {}
            Err(error) => return Err(wrong(format!("line {} is no signed head: {error}", number + 1))),
        }
    }
    Ok(heads)
}

/// Sends a head to an address as JSON; any status from 200 to 299 is taken for received.
///
/// # Errors
/// What became of the request.
pub(super) async fn send(address: &Uri, head: &SignedHead) -> Result<(), String> {
    let body = serde_json::to_vec(head).map_err(|error| error.to_string())?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(address)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    match tokio::time::timeout(PATIENCE, client.request(request)).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(()),
        Ok(Ok(answer)) => Err(format!("{address} answered {}", answer.status())),
        Ok(Err(error)) => Err(format!("{address} does not answer: {error}")),
        Err(_) => Err(format!("{address} did not answer within {} s", PATIENCE.as_secs())),
    }
}
