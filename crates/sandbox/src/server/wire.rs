//! The network between client and server, with its faults: delay, silence, cut connections.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::faults::Plan;
use crate::host::SandboxHost;

/// Bytes read at once.
const CHUNK: usize = 32 * 1024;
/// Chunks under way in one direction.
const IN_FLIGHT: usize = 1024;

/// Puts the network in front of the server: what it answers is the server's end.
///
/// With a delay set, connecting takes one round trip and a half until the server sees the client, as TCP does.
pub async fn lay(socket: TcpStream, host: SandboxHost) -> DuplexStream {
    let one_way = host.faults().one_way();
    pause(one_way * 2).await;
    let (near, far) = tokio::io::duplex(256 * 1024);
    let (from_client, to_client) = socket.into_split();
    let (from_server, to_server) = tokio::io::split(far);
    tokio::spawn(carry(from_client, to_server, host.clone(), false));
    tokio::spawn(carry(from_server, to_client, host, true));
    pause(one_way).await;
    near
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

/// Carries bytes one way: each chunk leaves when it was read plus the delay, so that delay costs no throughput.
async fn carry(
    from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin + Send + 'static,
    host: SandboxHost,
    is_to_client: bool,
) {
    let (sender, mut receiver) = mpsc::channel(IN_FLIGHT);
    let delays = host.clone();
    let reading = tokio::spawn(read_on(from, sender, delays));
    let mut plan = host.faults().watch();
    while let Some((due, bytes)) = receiver.recv().await {
        sleep_until(due).await;
        if plan.wait_for(|plan| !plan.hang).await.is_err() {
            break;
        }
        let mut bytes: &[u8] = &bytes;
        if is_to_client {
            match stall(bytes, &mut to, &host, &mut plan).await {
                Some(left) => bytes = left,
                None => break,
            }
        }
        let allowed = host.faults().cut(bytes.len(), is_to_client);
        if to
            .write_all(&bytes[..allowed.unwrap_or(bytes.len())])
            .await
            .is_err()
            || allowed.is_some()
        {
            break;
        }
    }
    // Whichever end failed, the other one learns it by the close.
    drop(to.shutdown().await);
    reading.abort();
}

/// Sends what may pass before a stall and waits until it is over; what is left to send then. `None`:
/// an end is closed.
async fn stall<'b>(
    mut bytes: &'b [u8],
    to: &mut (impl AsyncWrite + Unpin),
    host: &SandboxHost,
    plan: &mut watch::Receiver<Plan>,
) -> Option<&'b [u8]> {
    loop {
        let (passing, waiting) = bytes.split_at(host.faults().pass(bytes.len()));
        if waiting.is_empty() {
            return Some(bytes);
        }
        to.write_all(passing).await.ok()?;
        plan.wait_for(|plan| plan.stall_after != Some(0))
            .await
            .ok()?;
        bytes = waiting;
    }
}

async fn read_on(
    mut from: impl AsyncRead + Unpin,
    sender: mpsc::Sender<(Instant, Vec<u8>)>,
    host: SandboxHost,
) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let due = Instant::now() + host.faults().one_way();
        if sender.send((due, buffer[..count].to_vec())).await.is_err() {
            return;
        }
    }
}
