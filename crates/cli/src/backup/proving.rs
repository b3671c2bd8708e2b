//! The proof that a backup restores: into a scratch service, one at a time. What killed tests left is
//! removed by the next one.

use std::{
    io::{self, Read, Write},
    path::Path,
};

use dokku_deploy::{
    clock::Clock,
    command::DokkuCommand,
    flows::restore::{self, Ground, Halt, Hands, Scratch, Tested, Wish},
    host::{Answer, Host, HostError},
    interrupt::Interrupts,
    service::ServiceKind,
    transfer::{Open, SupplyingHost},
};
use fs_err::{self as fs, os::unix::fs::OpenOptionsExt};
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};

use super::store::make_private;
use crate::ui::{Narration, Ui};

/// The right to test: of those who keep it in the same directory one at a time. The kernel lets go of
/// it when its holder dies.
pub struct Turn {
    /// By which scratch services of these are known.
    pub owner: String,
    _lock: fs::File,
}

impl Turn {
    /// Takes it; `None`: somebody else has it.
    pub fn take(directory: &Path) -> io::Result<Option<Self>> {
        make_private(directory)?;
        let mut lock = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(directory.join("restore-test"))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        let mut owner = String::new();
        lock.read_to_string(&mut owner)?;
        if owner.len() != 8 {
            owner = format!("{:08x}", rand::random::<u32>());
            lock.set_len(0)?;
            lock.write_all(owner.as_bytes())?;
            lock.sync_all()?;
        }
        Ok(Some(Self { owner, _lock: lock }))
    }

    /// Removes what killed tests left on the host; a test of somebody else that is under way there.
    pub fn clear(
        &self,
        kinds: &[ServiceKind],
        host: &dyn Host,
        ui: &Ui,
    ) -> Result<Option<Scratch>, HostError> {
        let mut left = restore::leftovers(kinds, &self.owner, host, Timestamp::now())?;
        if let Some(other) = left.alive.pop() {
            return Ok(Some(other));
        }
        for (kind, scratch) in left.dead {
            ui.warning(&format!(
                "Removing the scratch service {} of a test that was killed",
                scratch.name
            ));
            restore::destroy(kind, &scratch.name, host)?;
        }
        Ok(None)
    }
}

/// What a test stands on.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// Where the service is, and the scratch service is made.
    pub host: &'a dyn SupplyingHost,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Ctrl-C.
    pub interrupts: &'a dyn Interrupts,
    /// Where it is told.
    pub ui: &'a Ui,
}

impl Bench<'_> {
    /// Restores what `open` gives into a scratch service, counts, and destroys the service. Also the
    /// warnings.
    pub fn prove(self, wish: &Wish, open: Open<'_>, turn: &Turn) -> (Tested, Vec<String>) {
        let observed = match restore::observe(wish, self.host) {
            Ok(observed) => observed,
            Err(error) => return (Tested::Unknown(Halt::Host(error)), Vec::new()),
        };
        let Some(scratch) = Scratch::new(&turn.owner, self.clock.now()) else {
            let why = HostError::Local {
                program: "dokku-cli".to_owned(),
                why: "no name for a scratch service".to_owned(),
            };
            return (Tested::Unknown(Halt::Host(why)), Vec::new());
        };
        let ground = Ground {
            host: self.host,
            clock: self.clock,
            interrupts: self.interrupts,
        };
        let mut importer = Importer {
            open,
            host: self.host,
            interrupts: self.interrupts,
        };
        let mut narration = Narration::new(self.ui);
        restore::test(
            wish,
            &observed,
            &scratch,
            ground,
            &mut importer,
            &mut narration,
        )
    }
}

/// Lends a hand to a restore into a new service, which needs nothing but the stream.
pub struct Importer<'a> {
    /// The dump.
    pub open: Open<'a>,
    /// The host.
    pub host: &'a dyn SupplyingHost,
    /// Ctrl-C.
    pub interrupts: &'a dyn Interrupts,
}

impl Hands for Importer<'_> {
    fn lock(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn unlock(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn keep(&mut self) -> Result<String, String> {
        Err("nothing is replaced".to_owned())
    }

    fn import(&mut self, command: &DokkuCommand) -> Result<Answer, HostError> {
        self.host.supply(command, self.open, self.interrupts)
    }

    fn note(&mut self, _: &str) {}
}
