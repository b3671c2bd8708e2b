//! Streams of any size that a host sends: dumps.

use std::io::{self, Write};

use crate::{
    command::DokkuCommand,
    host::{Answer, Host, HostError},
    interrupt::Interrupts,
};

/// Why a stream did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The host, or the way to it.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What arrived could not be written.
    #[error("cannot write what the host sends: {0}")]
    Write(io::Error),
}

/// A host that can send more than an answer.
pub trait StreamingHost: Host {
    /// Runs a command and writes its standard output to `to` as it comes, whatever its size. The
    /// answer holds the status and standard error only; whoever asks judges the status.
    fn receive(
        &self,
        command: &DokkuCommand,
        to: &mut (dyn Write + Send),
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, TransferError>;
}
