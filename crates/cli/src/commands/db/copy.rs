//! Copying a service into a new one: a checked dump, a restore that is compared with it, masked. The dump
//! passes through this machine, in a file of its owner's only.

use std::io::{self, Write};

use dokku_deploy::{
    app::AppName,
    backup::Reason,
    clock::Clock,
    dokku::census::{self, Database},
    dump::Engine,
    flows::{
        backup::TakeError,
        restore::{self, Ground, Halt, Wish},
    },
    interrupt::Interrupts,
    rollout::{Copier, Copying, Masking, NoCopy},
    transfer::{StreamingHost, TransferError},
};

use super::{backup::Order, restore::Source, service::understood};
use crate::{
    backup::Importer,
    failure::Failure,
    host::SshHost,
    ui::{Narration, Ui},
};

/// Copies services of this host.
pub struct ServiceCopier<'a, 'h> {
    /// The host.
    pub host: &'a SshHost<'h>,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Where it is told.
    pub ui: &'a Ui,
}

impl Copier for ServiceCopier<'_, '_> {
    fn copy(&self, copying: &Copying, interrupts: &dyn Interrupts) -> Result<(), NoCopy> {
        let from = understood(copying.kind, copying.from.clone()).map_err(words)?;
        let source = self.dump(&copying.owner, &from, interrupts)?;
        let copy = self.fill(&source, from, copying, interrupts)?;
        match &copying.masking {
            Some(masking) => self.mask(&copy, masking, interrupts),
            None => Ok(()),
        }
    }
}

fn words(failure: Failure) -> NoCopy {
    NoCopy::Refused(failure.message)
}

fn local(error: &io::Error) -> NoCopy {
    NoCopy::Refused(error.to_string())
}

impl ServiceCopier<'_, '_> {
    /// The dump in a directory that goes with the source.
    fn dump(
        &self,
        owner: &AppName,
        from: &Database,
        interrupts: &dyn Interrupts,
    ) -> Result<Source, NoCopy> {
        Source::copied(|directory| {
            let order = Order {
                app: owner,
                linked: from,
                directory,
                is_gzip: true,
                reason: Reason::Manual,
            };
            let (written, manifest) =
                order
                    .taken(0, self.host, interrupts, self.ui)
                    .map_err(|error| match error {
                        TakeError::Host { why, .. } => NoCopy::Host(why),
                        error => NoCopy::Refused(error.to_string()),
                    })?;
            order.publish(written, &manifest, None).map_err(words)
        })
        .map_err(|error| local(&error))?
    }

    /// Makes the copy and compares it with the dump.
    fn fill(
        &self,
        source: &Source,
        from: Database,
        copying: &Copying,
        interrupts: &dyn Interrupts,
    ) -> Result<Database, NoCopy> {
        let shown = format!("the dump of {}", copying.from);
        let (file, _) = source.read(&shown).map_err(words)?;
        let wish = Wish {
            app: copying.owner.clone(),
            database: from,
            file,
            other_app: false,
            into: Some(copying.to.clone()),
            stop_app: false,
            left_lock: None,
            is_left_stopped: false,
        };
        let observed = restore::observe(&wish, self.host).map_err(NoCopy::Host)?;
        let plan = restore::plan(&wish, &observed, self.clock.now())
            .map_err(|refusal| NoCopy::Refused(refusal.to_string()))?;
        for note in &plan.notes {
            self.ui.info(note);
        }
        let ground = Ground {
            host: self.host,
            clock: self.clock,
            interrupts,
        };
        let mut importer = Importer {
            open: &|| source.open(),
            host: self.host,
            interrupts,
        };
        let mut narration = Narration::new(self.ui);
        let restored = restore::execute(&wish, &plan, ground, &mut importer, &mut narration);
        match restored.halt {
            None => Ok(wish.target()),
            Some(Halt::Host(error)) => Err(NoCopy::Host(error)),
            Some(Halt::Interrupted(signal)) => Err(NoCopy::Interrupted(signal)),
            Some(Halt::Differs(missing)) => Err(NoCopy::Refused(format!(
                "not all of the dump is there: {missing}"
            ))),
            Some(Halt::Taken) => Err(NoCopy::Refused(format!(
                "somebody else has made {} meanwhile",
                copying.to
            ))),
            Some(Halt::NotLocked(why) | Halt::NotKept(why)) => Err(NoCopy::Refused(why)),
        }
    }

    /// Runs the statements; only an end that was reached counts.
    fn mask(
        &self,
        copy: &Database,
        masking: &Masking,
        interrupts: &dyn Interrupts,
    ) -> Result<(), NoCopy> {
        self.ui.info(&format!("Masking by {}...", masking.file));
        let nonce = format!("{:032x}", rand::random::<u128>());
        let command = census::connect(copy, statements(copy.engine, &masking.sql, &nonce));
        let mut end = End::new(format!("masked {nonce}"));
        let answer = self
            .host
            .receive(&command.confidential(), &mut end, interrupts)
            .map_err(|error| match error {
                TransferError::Host(error) => NoCopy::Host(error),
                TransferError::Write(error) => local(&error),
            })?;
        let failed =
            |why: &str| NoCopy::Refused(format!("the masking by {} failed: {why}", masking.file));
        if !answer.is_ok() {
            return Err(failed(&complaint(&answer.stderr)));
        }
        if !end.is_reached {
            return Err(failed("it did not come to its end"));
        }
        self.ui
            .success(&format!("{} is masked by {}", copy.name, masking.file));
        Ok(())
    }
}

/// The statements, with the first error as their end, and a word that only their end says.
fn statements(engine: Engine, sql: &str, nonce: &str) -> String {
    let stop = match engine {
        Engine::Postgres => "\\set ON_ERROR_STOP on\n",
        // Its client stops at errors by itself.
        _ => "",
    };
    // In two parts, so that an echo of it is not taken for it.
    let end = match engine {
        Engine::Postgres => format!("SELECT 'masked' || ' {nonce}';"),
        _ => format!("SELECT CONCAT('masked', ' {nonce}');"),
    };
    format!("{stop}{sql}\n;\n{end}\n")
}

/// What the engine complains of, without the lines that show data.
fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let error = text.lines().find(|line| line.contains("ERROR"));
    let line = error.or_else(|| text.lines().next()).unwrap_or_default();
    line.trim().chars().take(200).collect()
}

/// Waits for a word in a stream, and keeps nothing of it.
struct End {
    wanted: Vec<u8>,
    tail: Vec<u8>,
    is_reached: bool,
}

impl End {
    fn new(wanted: String) -> Self {
        Self {
            wanted: wanted.into_bytes(),
            tail: Vec::new(),
            is_reached: false,
        }
    }
}

impl Write for End {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tail.extend_from_slice(bytes);
        let wanted = self.wanted.len();
        self.is_reached |= self.tail.windows(wanted).any(|part| part == self.wanted);
        let surplus = self.tail.len().saturating_sub(wanted);
        self.tail.drain(..surplus);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_word_is_the_end_however_it_comes() {
        let mut end = End::new("masked 12".into());
        end.write_all(b"masked 1").unwrap();
        assert!(!end.is_reached);
        end.write_all(b"2\n").unwrap();
        assert!(end.is_reached);
        let mut other = End::new("masked 12".into());
        other.write_all(b"SELECT 'masked' || ' 12';").unwrap();
        assert!(!other.is_reached);
    }

    #[test]
    fn a_complaint_shows_no_data() {
        let said = b"psql:<stdin>:3: ERROR:  duplicate key value violates unique constraint \"u\"\nDETAIL:  Key (email)=(ada@example.com) already exists.\n";
        let told = complaint(said);
        assert!(told.ends_with("violates unique constraint \"u\""), "{told}");
    }
}
