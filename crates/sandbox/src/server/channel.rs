//! One session channel: a command on a thread of its own, its streams carried to and from the client.

use std::io::{self, Write};
use std::thread;

use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{mpsc, watch};

use super::spill::{Spill, SpillReader};
use crate::commands::{self, Caller};
use crate::host::SandboxHost;
use crate::io::{Hangup, Io, Out};

/// SSH's number for standard error.
const STDERR: u32 = 1;
/// Packets waiting for the network before a command has to wait.
const QUEUE: usize = 32;
/// The longest line that a real host can hand to the forced command, in bytes.
const LONGEST_LINE: usize = 128 * 1024 - "SSH_ORIGINAL_COMMAND=".len() - 1;

enum Packet {
    Bytes { is_stderr: bool, bytes: Vec<u8> },
    Exit(u8),
}

/// Runs one command line; returns at once.
pub fn run(channel: Channel<Msg>, line: &[u8], caller: Caller, host: SandboxHost) {
    let raw = String::from_utf8_lossy(line).into_owned();
    host.statistics()
        .count(|counts| counts.commands.push(raw.clone()));
    let (reader, writer) = channel.split();
    let spill = Spill::default();
    let hangup = Hangup::default();
    let (gone, is_gone) = watch::channel(false);
    let (sender, receiver) = mpsc::channel(QUEUE);
    let mut io = Io {
        stdin: Box::new(SpillReader::new(&spill)),
        stdout: Out::new(Sender {
            is_stderr: false,
            sender: sender.clone(),
        }),
        stderr: Out::new(Sender {
            is_stderr: true,
            sender: sender.clone(),
        }),
        hangup: hangup.clone(),
    };
    tokio::spawn(receive(reader, spill, hangup, gone));
    tokio::spawn(send(writer, receiver, is_gone));
    thread::spawn(move || {
        let code = if raw.len() > LONGEST_LINE {
            commands::answer::write_or_hang_up(
                &mut io.stderr,
                "/bin/bash: Argument list too long\n",
            );
            1
        } else {
            commands::execute(&raw, caller, &mut io, &host)
        };
        // A client that has gone does not wait for the exit code.
        drop(sender.blocking_send(Packet::Exit(code)));
    });
}

/// Takes what the client sends, always, so that its connection never stalls.
async fn receive(
    mut reader: ChannelReadHalf,
    spill: Spill,
    hangup: Hangup,
    gone: watch::Sender<bool>,
) {
    while let Some(message) = reader.wait().await {
        match message {
            ChannelMsg::Data { data } => spill.push(&data),
            ChannelMsg::Eof => spill.end(),
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    // Before the end of stdin: a command must be able to tell input that broke off from its end.
    hangup.raise();
    spill.end();
    gone.send_replace(true);
}

/// Sends what the command writes, in order, then its exit code.
async fn send(
    writer: ChannelWriteHalf<Msg>,
    mut receiver: mpsc::Receiver<Packet>,
    mut gone: watch::Receiver<bool>,
) {
    let sending = async {
        while let Some(packet) = receiver.recv().await {
            match packet {
                Packet::Bytes {
                    is_stderr: false,
                    bytes,
                } => writer.data_bytes(bytes).await?,
                Packet::Bytes {
                    is_stderr: true,
                    bytes,
                } => writer.extended_data_bytes(STDERR, bytes).await?,
                Packet::Exit(code) => {
                    writer.exit_status(u32::from(code)).await?;
                    writer.eof().await?;
                    writer.close().await?;
                    break;
                }
            }
        }
        Ok::<(), russh::Error>(())
    };
    tokio::select! {
        _ = sending => {}
        _ = gone.wait_for(|gone| *gone) => {}
    }
}

/// One of the two streams of a command, as packets.
struct Sender {
    is_stderr: bool,
    sender: mpsc::Sender<Packet>,
}

impl Write for Sender {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let packet = Packet::Bytes {
            is_stderr: self.is_stderr,
            bytes: buffer.to_vec(),
        };
        self.sender
            .blocking_send(packet)
            .map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
