//! Ctrl-C and SIGTERM as the domain sees them.

/// A request to stop that came from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C; exit code 130.
    Interrupt,
    /// SIGTERM, as a cancelled CI job gets it; exit code 143.
    Terminate,
    /// The time that was given to the whole operation is over.
    Overdue,
}

/// Tells how often somebody asked to stop.
pub trait Interrupts: Sync {
    /// The number of requests so far, and the kind of the last one.
    fn requests(&self) -> (u32, Option<Signal>);
}

/// Nobody ever interrupts.
#[derive(Debug, Default)]
pub struct Never;

impl Interrupts for Never {
    fn requests(&self) -> (u32, Option<Signal>) {
        (0, None)
    }
}
