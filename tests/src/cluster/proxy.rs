//! A cable between clients and one server that can be cut, left hanging, and mended. It runs on a thread of its own.

use super::ports::free_port;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cable {
    /// Bytes pass.
    Whole,
    /// Connections break and new ones are refused: the server seems gone.
    Cut,
    /// Connections stay and new ones are taken, but no byte passes: a network that drops everything.
    Hanging,
}

/// The proxy. Dropped, it breaks every connection.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    cable: watch::Sender<Cable>,
    delay_ms: Arc<AtomicU64>,
    /// Dropped with the proxy, which ends its thread.
    _ends: oneshot::Sender<()>,
}

impl Proxy {
    /// A whole cable from a free loopback port to that server.
    ///
    /// # Panics
    /// Where no port can be listened on.
    pub fn start(server: SocketAddr) -> Proxy {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (cable, changes) = watch::channel(Cable::Whole);
        let delay_ms = Arc::new(AtomicU64::new(0));
        let (_ends, ended) = oneshot::channel();
        let (listens, listening) = mpsc::channel();
        let delay = Arc::clone(&delay_ms);
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async {
                tokio::select! {
                    () = listen(address, server, changes, delay, listens) => {}
                    _ = ended => {}
                }
            });
        };
        std::thread::Builder::new().name("proxy".to_owned()).spawn(serve).expect("a thread can be started");
        listening.recv().expect("the proxy can listen on a port that was free a moment ago");
        Proxy { address, cable, delay_ms, _ends }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection and refuses new ones.
    pub fn cut(&self) {
        self.cable.send_replace(Cable::Cut);
    }

    /// Keeps connections and takes new ones, but passes nothing in either direction.
    pub fn hang(&self) {
        self.cable.send_replace(Cable::Hanging);
    }

    /// Makes the cable whole. Connections that hung go on with every byte.
    pub fn heal(&self) {
        self.cable.send_replace(Cable::Whole);
    }

    /// From now on every piece of up to 64 KiB waits that long in each direction.
    pub fn delay(&self, delay: Duration) {
        self.delay_ms.store(delay.as_millis() as u64, Ordering::Relaxed);
    }
}

/// Listens while the cable is not cut; the port is free while it is, so that connections are refused by the system.
async fn listen(
    address: SocketAddr,
    server: SocketAddr,
    mut cable: watch::Receiver<Cable>,
    delay_ms: Arc<AtomicU64>,
    listens: mpsc::Sender<()>,
) {
    let whole = cable.clone();
    loop {
        let Ok(listener) = TcpListener::bind(address).await else {
            // Somebody else's for a moment.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // The starter hears of the first time only.
        let _ = listens.send(());
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        tokio::spawn(join(client, server, whole.clone(), Arc::clone(&delay_ms)));
                    }
                }
                changed = cable.wait_for(|cable| *cable == Cable::Cut) => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
            }
        }
        drop(listener);
        if cable.wait_for(|cable| *cable != Cable::Cut).await.is_err() {
            return;
        }
    }
}

/// One connection, until either side ends it or the cable is cut.
async fn join(client: TcpStream, server: SocketAddr, mut cable: watch::Receiver<Cable>, delay_ms: Arc<AtomicU64>) {
    if cable.wait_for(|cable| *cable != Cable::Hanging).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    // Without it small messages wait for acknowledgements and look like a slow server.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pass(from_client, to_server, cable.clone(), Arc::clone(&delay_ms));
    let back = pass(from_server, to_client, cable.clone(), delay_ms);
    tokio::select! {
        _ = cable.wait_for(|cable| *cable == Cable::Cut) => {}
        () = there => {}
        () = back => {}
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut cable: watch::Receiver<Cable>,
    delay_ms: Arc<AtomicU64>,
) {
    let mut piece = vec![0; 65_536];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else { return };
        let delay = delay_ms.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        // What was read while the cable hung is passed on when it is mended, as a network would send it again.
        if cable.wait_for(|cable| *cable != Cable::Hanging).await.is_err() {
            return;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
