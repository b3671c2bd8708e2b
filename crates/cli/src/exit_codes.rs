//! The exit codes of the program; `docs/exit-codes.md` explains them.

/// Everything asked for was done, or there was nothing to do.
pub const OK: u8 = 0;
/// The command line is not understood.
pub const USAGE: u8 = 2;
/// A settings file, an environment variable or the repository is not as it has to be.
pub const SETTINGS: u8 = 3;
/// Refused: locked, another deploy runs, not confirmed. Nothing was changed.
pub const REFUSED: u8 = 4;
/// The host is unreachable, or its answer is unusable, or the outcome is unknown.
pub const HOST: u8 = 5;
/// The app's own fault: its build, a release task or its health check failed.
pub const APP: u8 = 6;
/// A backup did not pass its verification.
pub const VERIFICATION: u8 = 7;
/// A mistake of this program, or of the machine that it runs on.
pub const INTERNAL: u8 = 70;
/// Stopped by Ctrl-C.
pub const INTERRUPTED: u8 = 130;
/// Stopped by SIGTERM.
pub const TERMINATED: u8 = 143;
