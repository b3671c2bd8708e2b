//! Ctrl-C and SIGTERM: the running child is told, the chore itself comes to an orderly end.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::program;

/// Catches the signals that ask this process to end.
///
/// Children are put into process groups of their own: the terminal's Ctrl-C reaches this process only, which passes
/// it on to the child that it is waiting for. What else runs is ended by its owner, in order.
#[derive(Clone)]
pub struct Interrupts {
    is_asked: Arc<AtomicBool>,
    waited_for: Arc<Mutex<Option<Pid>>>,
}

impl Interrupts {
    /// From now on the signals do not end this process by themselves.
    pub fn catch() -> anyhow::Result<Self> {
        let interrupts = Self {
            is_asked: Arc::default(),
            waited_for: Arc::default(),
        };
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
        let shared = interrupts.clone();
        thread::spawn(move || {
            for _ in signals.forever() {
                shared.is_asked.store(true, Ordering::SeqCst);
                if let Some(group) = *shared.lock() {
                    // It may just have ended by itself; whoever waits for it will see how.
                    let _ = kill_process_group(group, Signal::INT);
                }
            }
        });
        Ok(interrupts)
    }

    /// An error once somebody has asked to end.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.is_asked.load(Ordering::SeqCst) {
            bail!("interrupted");
        }
        Ok(())
    }

    /// Runs to its end; a signal meanwhile is passed on to it, and is then an error here.
    pub fn run(&self, command: &mut Command) -> anyhow::Result<ExitStatus> {
        self.check()?;
        let mut child = command
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program::shown(command)))?;
        self.while_waiting_for(&child, || {
            let group = Pid::from_child(&child);
            // Seen but not yet collected: its number stays its own until nobody signals it any more.
            waitid(
                WaitId::Pid(group),
                WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
            )
        })?;
        let status = child.wait()?;
        self.check()?;
        Ok(status)
    }

    /// Does `action`, which waits for something from `child`; a signal meanwhile is passed on to the child.
    pub fn while_waiting_for<T>(&self, child: &Child, action: impl FnOnce() -> T) -> T {
        let group = Pid::from_child(child);
        *self.lock() = Some(group);
        if self.is_asked.load(Ordering::SeqCst) {
            // The signal came between the start of the child and now.
            let _ = kill_process_group(group, Signal::INT);
        }
        let result = action();
        *self.lock() = None;
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Pid>> {
        self.waited_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_ends_the_child_that_is_waited_for_and_nothing_is_started_after_it() {
        let interrupts = Interrupts::catch().unwrap();
        let mut child = Command::new("sh");
        child.args(["-c", "kill -TERM $PPID; exec sleep 600"]);
        let error = interrupts.run(&mut child).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
        let error = interrupts.run(&mut Command::new("true")).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
    }

    #[test]
    fn a_child_that_ends_by_itself_gives_its_status() {
        let interrupts = Interrupts {
            is_asked: Arc::default(),
            waited_for: Arc::default(),
        };
        let mut child = Command::new("sh");
        let status = interrupts.run(child.args(["-c", "exit 7"])).unwrap();
        assert_eq!(status.code(), Some(7));
    }
}
