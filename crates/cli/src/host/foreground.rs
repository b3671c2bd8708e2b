//! The terminal, lent to a child that may have to ask on it.
//!
//! The child has a process group of its own, so that Ctrl-C never reaches what it leaves running:
//! the connection, and whatever a `ProxyJump` started. As long as it asks, its group is the
//! terminal's foreground, as a shell would have it.

use std::{fs::File, process::Child};

use nix::{
    sys::{
        signal::{SigSet, SigmaskHow, Signal, killpg, raise},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp},
};

/// The terminal while a child has it; it comes back when this is dropped.
#[derive(Debug)]
pub struct Lent {
    terminal: File,
    to: Pid,
}

impl Lent {
    /// Lends the terminal to a child that leads a process group. `None` where there is none, or
    /// where it is not ours to lend.
    pub fn to(child: &Child) -> Option<Self> {
        let terminal = File::open("/dev/tty").ok()?;
        let to = Pid::from_raw(i32::try_from(child.id()).ok()?);
        if tcgetpgrp(&terminal).ok()? != getpgrp() {
            return None;
        }
        let lent = Self { terminal, to };
        lent.give(to).then_some(lent)
    }

    /// Where the child was stopped at the terminal (Ctrl-Z), so are we, and later both go on.
    pub fn follow_stop(&self) {
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.to), flags) {
            // It asked before the terminal was its own.
            Ok(WaitStatus::Stopped(_, Signal::SIGTTIN | Signal::SIGTTOU)) => {
                self.give(self.to);
                return;
            }
            Ok(WaitStatus::Stopped(..)) => {}
            _ => return,
        }
        self.give(getpgrp());
        // From here the shell has the terminal, until it lets us go on. It cannot fail.
        let _ = raise(Signal::SIGSTOP);
        self.give(self.to);
    }

    /// Makes a group the foreground and wakes it, in case that it had asked too early. Only the
    /// terminal's hangup makes this fail, and then nobody can be asked any more.
    fn give(&self, to: Pid) -> bool {
        // From the background this would stop us.
        let mask = SigSet::from(Signal::SIGTTOU).thread_swap_mask(SigmaskHow::SIG_BLOCK);
        let is_given = tcsetpgrp(&self.terminal, to).is_ok();
        if let Ok(mask) = mask {
            let _ = mask.thread_set_mask();
        }
        if to == self.to {
            let _ = killpg(to, Signal::SIGCONT);
        }
        is_given
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.give(getpgrp());
    }
}
