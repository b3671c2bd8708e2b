//! Faults on demand, set over the control socket.

use std::io::Write;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::commands::Call;
use crate::commands::answer::write_or_hang_up;
use crate::io::Io;

/// What is out of order at present.
pub struct Faults {
    plan: watch::Sender<Plan>,
    /// Whether the SSH port is open, as its server left it last; `None`: there is no server.
    open: Mutex<Option<bool>>,
    moved: Condvar,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            plan: watch::Sender::new(Plan::default()),
            open: Mutex::default(),
            moved: Condvar::new(),
        }
    }
}

/// Held by the server of the SSH port, which tells here whether it listens.
pub struct Door<'a>(&'a Faults);

impl Door<'_> {
    /// The port is open now, or closed.
    pub fn is_open(&self, is_open: bool) {
        self.0.moved(Some(is_open));
    }
}

impl Drop for Door<'_> {
    fn drop(&mut self) {
        self.0.moved(None);
    }
}

/// The faults that are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    /// Nobody listens on the SSH port.
    pub refuse: bool,
    /// After this many further bytes to clients, the connection that carries the last of them is cut; then it is unset.
    pub drop_after: Option<u64>,
    /// The same, counted by bytes from clients.
    pub drop_after_input: Option<u64>,
    /// After this many further bytes to clients nothing more passes to them; 0 once it is so.
    pub stall_after: Option<u64>,
    /// Each round trip takes this much longer, half of it each way.
    pub delay_ms: u64,
    /// Connections stay open but nothing passes any more.
    pub hang: bool,
    /// Commands to fail, each once, in order.
    pub fail: Vec<Failing>,
}

/// A command that is to fail once, without having done anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// The verb, e.g. `config:set`.
    pub verb: String,
    /// What it writes to stderr.
    #[serde(default)]
    pub stderr: String,
    /// What it writes to stdout.
    #[serde(default)]
    pub stdout: String,
    /// Its exit code; 1 if it is left out.
    #[serde(default = "one")]
    pub exit: u8,
    /// How many calls of the verb pass before it fails.
    #[serde(default)]
    pub after: u32,
}

fn one() -> u8 {
    1
}

impl Faults {
    /// The faults set now.
    pub fn plan(&self) -> Plan {
        self.plan.borrow().clone()
    }

    /// Replaces the faults. Afterwards the SSH port is open or closed as they want it.
    pub fn set(&self, plan: Plan) {
        self.plan.send_replace(plan);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits for the plan before this one need not any more.
        self.moved.notify_all();
        while open.is_some_and(|is_open| is_open == self.plan.borrow().refuse) {
            open = self
                .moved
                .wait(open)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// For the server of the SSH port: [`Faults::set`] waits for what it tells.
    pub fn door(&self) -> Door<'_> {
        Door(self)
    }

    fn moved(&self, is_open: Option<bool>) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = is_open;
        self.moved.notify_all();
    }

    /// Adds a command that is to fail.
    pub fn fail(&self, failing: Failing) {
        self.plan.send_modify(|plan| plan.fail.push(failing));
    }

    fn change<R>(&self, change: impl FnOnce(&mut Plan) -> R) -> Option<R> {
        let mut result = None;
        self.plan.send_modify(|plan| result = Some(change(plan)));
        result
    }

    /// Tells of each change.
    pub fn watch(&self) -> watch::Receiver<Plan> {
        self.plan.subscribe()
    }

    /// How many of `count` bytes to the client, or from it, may still pass before its connection is cut;
    /// `None` if it is not.
    pub fn cut(&self, count: usize, is_to_client: bool) -> Option<usize> {
        fn limit(plan: &mut Plan, is_to_client: bool) -> &mut Option<u64> {
            if is_to_client {
                &mut plan.drop_after
            } else {
                &mut plan.drop_after_input
            }
        }
        (*limit(&mut self.plan(), is_to_client))?;
        self.change(|plan| {
            let limit = limit(plan, is_to_client);
            let left = (*limit)?;
            let count_wide = u64::try_from(count).unwrap_or(u64::MAX);
            if count_wide < left {
                *limit = Some(left - count_wide);
                return None;
            }
            *limit = None;
            Some(usize::try_from(left).unwrap_or(count))
        })
        .flatten()
    }

    /// How many of `count` bytes may go to the client before it is to hear nothing more.
    pub fn pass(&self, count: usize) -> usize {
        if self.plan().stall_after.is_none() {
            return count;
        }
        self.change(|plan| {
            let left = plan.stall_after?;
            let passing = usize::try_from(left).map_or(count, |left| count.min(left));
            plan.stall_after = Some(left - u64::try_from(passing).unwrap_or(left));
            Some(passing)
        })
        .flatten()
        .unwrap_or(count)
    }

    /// Half a round trip's delay.
    pub fn one_way(&self) -> Duration {
        Duration::from_micros(self.plan().delay_ms.saturating_mul(500))
    }

    /// Fails the command if that was asked for; the answer is its exit code.
    pub fn before_command(&self, call: &Call, io: &mut Io) -> Option<u8> {
        let failing = self.change(|plan| {
            let index = plan
                .fail
                .iter()
                .position(|failing| failing.verb == call.verb)?;
            if plan.fail[index].after > 0 {
                plan.fail[index].after -= 1;
                return None;
            }
            Some(plan.fail.remove(index))
        })??;
        write_or_hang_up(&mut io.stdout, &failing.stdout);
        write_or_hang_up(&mut io.stderr, &failing.stderr);
        match io.stdout.flush() {
            Ok(()) | Err(_) => {}
        }
        Some(failing.exit)
    }
}
