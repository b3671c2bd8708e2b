//! Streams of any size that a host sends and reads: dumps.

use std::io::{self, Read, Write};

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

/// Gives a stream from its beginning, whenever it is called.
pub type Open<'a> = &'a dyn Fn() -> io::Result<Box<dyn Read + Send>>;

/// A host that can also read more than a text.
pub trait SupplyingHost: StreamingHost {
    /// Runs a command that reads what `open` gives, to its end. `open` is called again where the
    /// command was certainly not sent.
    fn supply(
        &self,
        command: &DokkuCommand,
        open: Open<'_>,
        interrupts: &dyn Interrupts,
    ) -> Result<Answer, HostError>;
}
