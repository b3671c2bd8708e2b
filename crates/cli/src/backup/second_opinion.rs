//! What PostgreSQL's own client says of a dump, where it is on this machine: `pg_restore --list`.

use std::{
    io::{self, Read},
    ops::ControlFlow,
    process::Command,
    time::{Duration, Instant},
};

use dokku_deploy::{
    dump::{BadDump, Dump, Engine},
    host::Stream,
};

use crate::host::child::{self, End, Input, Watch};

/// The check as manifests name it.
const CHECK: &str = "pg_restore --list";
/// It reads no more than the table of contents.
const LONGEST: Duration = Duration::from_mins(1);
/// The most of its complaint that is kept.
const MOST: usize = 4096;

/// Adds the client's opinion to what our own reading found. It has none where it is not here, or too
/// old for the dump, or out of order itself.
pub fn ask(dump: Dump, open: impl FnOnce() -> io::Result<Box<dyn Read + Send>>) -> Asked {
    if dump.engine != Engine::Postgres {
        return Ok(dump);
    }
    asked("pg_restore", dump, open()?)
}

type Asked = Result<Dump, BadDump>;

fn asked(program: &str, mut dump: Dump, raw: Box<dyn Read + Send>) -> Asked {
    let mut said = Said {
        err: Vec::new(),
        begun: Instant::now(),
    };
    let mut command = Command::new(program);
    command.arg("--list").env("LC_ALL", "C");
    match child::run_group(&mut command, Input::Stream(raw), &mut said) {
        Ok(End::Exited(status)) if status.success() => {
            dump.checks.push(CHECK.to_owned());
            Ok(dump)
        }
        Ok(_) => match said.verdict() {
            Some(why) => Err(BadDump::Damaged {
                engine: dump.engine,
                why,
            }),
            None => Ok(dump),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(dump),
        Err(error) => Err(BadDump::Unreadable(error)),
    }
}

/// What it says on standard error, while its list is passed over.
struct Said {
    err: Vec<u8>,
    begun: Instant,
}

impl Said {
    /// Its own words against the dump, if they are that.
    fn verdict(&self) -> Option<String> {
        let said = String::from_utf8_lossy(&self.err);
        let why = said
            .lines()
            .find_map(|line| line.strip_prefix("pg_restore: error: "))?;
        (!why.contains("unsupported version")).then(|| format!("{CHECK} says: {why}"))
    }
}

impl Watch for Said {
    fn piece(&mut self, from: Stream, bytes: &[u8]) -> ControlFlow<()> {
        if from == Stream::Err {
            let room = MOST.saturating_sub(self.err.len()).min(bytes.len());
            self.err.extend(bytes.iter().take(room));
        }
        ControlFlow::Continue(())
    }

    fn tick(&mut self) -> ControlFlow<()> {
        if self.begun.elapsed() >= LONGEST {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

    use dokku_deploy::dump::Needs;

    use super::*;

    /// What becomes of a dump that our own reading took for whole, where the client is this script.
    fn with_client(script: &str) -> Asked {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("pg_restore");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        of(program.to_str().unwrap())
    }

    fn of(program: &str) -> Asked {
        let dump = Dump {
            engine: Engine::Postgres,
            version: Some("15.9".to_owned()),
            contents: BTreeSet::new(),
            size: 1 << 20,
            checks: vec!["ours".to_owned()],
            amounts: None,
            needs: Needs::default(),
        };
        asked(
            program,
            dump,
            Box::new(io::Cursor::new(vec![b'x'; 1 << 20])),
        )
    }

    #[test]
    fn what_the_client_takes_has_one_check_more() {
        let dump = with_client("[ \"$1\" = --list ] && head -c 10 >/dev/null").unwrap();
        assert_eq!(dump.checks, ["ours", CHECK]);
    }

    #[test]
    fn what_the_client_refuses_is_damaged() {
        let refused = with_client(
            "cat >/dev/null; echo 'pg_restore: error: unexpected end of file' >&2; exit 1",
        );
        let why = refused.unwrap_err().to_string();
        assert!(
            why.contains("pg_restore --list says: unexpected end of file"),
            "{why}"
        );
    }

    #[test]
    fn a_client_that_cannot_tell_says_nothing_for_or_against_it() {
        for script in [
            "echo 'pg_restore: error: unsupported version (1.16) in file header' >&2; exit 1",
            "echo 'Can not locate PgCommon.pm' >&2; exit 2",
            "kill -KILL $$",
        ] {
            assert_eq!(with_client(script).unwrap().checks, ["ours"], "{script}");
        }
        assert_eq!(of("/nowhere/pg_restore").unwrap().checks, ["ours"]);
    }
}
