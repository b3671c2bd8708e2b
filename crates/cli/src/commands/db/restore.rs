//! `dokku-cli db APP restore`: checks first, keeps a way back, leaves nothing newer behind.

use std::{
    collections::BTreeSet,
    io,
    io::{BufRead, IsTerminal},
    path::{Path, PathBuf},
};

use dokku_deploy::{
    app::AppName,
    audit::Action,
    backup::{BackupName, Reason},
    command::DokkuCommand,
    dokku::{config, datastore},
    dump::Engine,
    host::Host,
    interrupt::Interrupts,
    journal::Journal,
    lock::LockState,
    secret::Secret,
    service::ServiceName,
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    RestoreArguments,
    backup::{Order, size},
    local, record,
    service::{self, Linked},
};
use crate::{
    backup::{self, Checked},
    commands::{missing, with_host},
    exit_codes,
    failure::Failure,
    host::SshHost,
    invocation::Invocation,
    publish::recorded,
    ui::Ui,
};

/// Restores.
pub fn run(
    app: &AppName,
    arguments: &RestoreArguments,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let (path, service) = file_and_service(app, &arguments.words)?;
    let checked = backup::check(&path).map_err(|flaw| {
        Failure::new(
            exit_codes::VERIFICATION,
            format!("{} is not restored: {flaw}", path.display()),
        )
        .hint("Nothing was changed.")
    })?;
    refuse_foreign(app, &path, &checked, arguments)?;
    let into = arguments
        .into
        .as_deref()
        .map(ServiceName::new)
        .transpose()
        .map_err(|error| Failure::usage(error.to_string()))?;
    let (linked, way_back) = with_host(invocation, |host, interrupts| {
        let mut entry = record::entry(Action::Restore, app, host)?;
        record::name_file(&mut entry, &path);
        recorded(entry, host, invocation, |entry| {
            let mut linked = service::find(host, app, service.as_deref())?;
            record::name_service(entry, &linked);
            if checked.dump.engine != linked.engine {
                return Err(Failure::refused(format!(
                    "{} is a dump of {}, and {} is a {} service: nothing was changed",
                    path.display(),
                    checked.dump.engine,
                    linked.name,
                    linked.kind
                )));
            }
            refuse_busy(host, app)?;
            let restore = Restore {
                app,
                path: &path,
                checked: &checked,
                host,
                interrupts,
                ui,
            };
            if let Some(new) = into {
                let made = datastore::create(linked.kind, &new, &datastore::Image::default());
                match datastore::read_created(&host.ask(&made)?)? {
                    datastore::Created::New => {}
                    datastore::Created::Taken => {
                        return Err(Failure::refused(format!(
                            "there is a service {new} already: nothing was changed"
                        )));
                    }
                }
                linked.name = new;
                record::name_service(entry, &linked);
                restore
                    .import(&linked)
                    .and_then(|()| restore.compare(&linked))
                    .map_err(|failure| {
                        failure.hint(format!(
                            "The new service {0} is there, perhaps with half the data. `dokku {1}:destroy {0}` on the host removes it; what {app} is linked to is as it was.",
                            linked.name, linked.kind
                        ))
                    })?;
                ui.success(&format!(
                    "Restored into the new service {}; what {app} is linked to is as it was",
                    linked.name
                ));
                return Ok((linked, None));
            }
            restore.confirm(&linked, arguments.yes)?;
            let way_back = restore.keep(&linked)?;
            entry.set("way_back", way_back.display().to_string());
            restore
                .empty(&linked)
                .and_then(|()| restore.import(&linked))
                .and_then(|()| restore.compare(&linked))
                .map_err(|mut failure| {
                    failure.message =
                        format!("the restore of {} failed: {}", linked.name, failure.message);
                    failure.hint(format!(
                        "The way back: dokku-cli db {app} restore {} {} --yes",
                        way_back.display(),
                        linked.name
                    ))
                })?;
            ui.info(&format!(
                "What was there before is in {}",
                way_back.display()
            ));
            ui.success("Restore complete");
            Ok((linked, Some(way_back)))
        })
    })?;
    if ui.is_json() {
        ui.json(&json!({"app": app, "file": path, "service": linked.name.as_str(), "way_back": way_back}))?;
    }
    Ok(exit_codes::OK)
}

/// Both orders are taken: the word that is a file (or `latest`) is the file.
fn file_and_service(app: &AppName, words: &[String]) -> Result<(PathBuf, Option<String>), Failure> {
    let is_file = |word: &str| word == "latest" || Path::new(word).is_file();
    match words {
        [service, file] if !is_file(service) && is_file(file) => {
            Ok((local::file(app, file)?, Some(service.clone())))
        }
        [file, rest @ ..] => Ok((local::file(app, file)?, rest.first().cloned())),
        [] => Err(Failure::usage(
            "Usage: dokku-cli db APP restore FILE [SERVICE]",
        )),
    }
}

fn refuse_foreign(
    app: &AppName,
    path: &Path,
    checked: &Checked,
    arguments: &RestoreArguments,
) -> Result<(), Failure> {
    let by_name = path
        .file_name()
        .and_then(|name| BackupName::parse(&name.to_string_lossy()))
        .map(|name| name.app.to_string());
    let owner = checked
        .manifest
        .as_ref()
        .map(|manifest| manifest.app.clone())
        .or(by_name);
    match owner {
        Some(owner) if owner != app.as_str() && !arguments.other_app => {
            Err(Failure::refused(format!(
                "{} is a backup of {owner}, not of {app}: nothing was changed",
                path.display()
            ))
            .hint("If that is meant, add --other-app."))
        }
        _ => Ok(()),
    }
}

/// A locked app, and one that is being deployed, keeps its data.
fn refuse_busy(host: &SshHost, app: &AppName) -> Result<(), Failure> {
    let variables = config::read_export(&host.ask(&config::export(app))?)?
        .ok_or_else(|| missing(app, host.name()))?;
    let now = Timestamp::now();
    let state = LockState::of(&variables, now).map_err(|error| {
        Failure::refused(format!("whether {app} is locked is not known: {error}"))
    })?;
    if let LockState::Locked(lock) = state {
        return Err(Failure::refused(format!(
            "{app} is locked by {} since {}: {}",
            lock.by, lock.at, lock.reason
        ))
        .hint("Nothing was changed. Have it unlocked first."));
    }
    let journal =
        Journal::of(&variables.into_map()).map_err(|error| Failure::refused(error.to_string()))?;
    match journal {
        Some(journal) if !journal.is_expired(now) => Err(Failure::refused(format!(
            "{app} is being deployed by {} ({})",
            journal.by,
            journal.phase.as_str()
        ))
        .hint("Nothing was changed. Try again when that deploy has ended.")),
        _ => Ok(()),
    }
}

struct Restore<'a> {
    app: &'a AppName,
    path: &'a Path,
    checked: &'a Checked,
    host: &'a SshHost<'a>,
    interrupts: &'a dyn Interrupts,
    ui: &'a Ui,
}

impl Restore<'_> {
    fn confirm(&self, linked: &Linked, is_agreed: bool) -> Result<(), Failure> {
        let made = self.checked.manifest.as_ref().map_or_else(
            || "of unknown age".to_owned(),
            |manifest| format!("of {}", dokku_deploy::clock::stamp(manifest.started)),
        );
        let version = self
            .checked
            .dump
            .version
            .as_deref()
            .unwrap_or("of unknown version");
        self.ui.warning(&format!(
            "This replaces all data in {} ({}, on {}) by {} ({made}, {}, {} {version})",
            linked.name,
            linked.kind,
            self.host.name(),
            self.path.display(),
            size(self.checked.size),
            self.checked.dump.engine,
        ));
        if is_agreed {
            return Ok(());
        }
        let refused =
            |why: &str| Failure::refused(format!("Restore cancelled: {why}; nothing was changed"));
        if !io::stdin().is_terminal() {
            return Err(
                refused("nobody is there to confirm it").hint("With --yes it is not asked.")
            );
        }
        self.ui.warning("Type the app name to confirm:");
        let mut typed = String::new();
        io::stdin().lock().read_line(&mut typed)?;
        if typed.trim() == self.app.as_str() {
            Ok(())
        } else {
            Err(refused("that is not the app's name"))
        }
    }

    /// A checked copy of what is about to be replaced, beside the file that replaces it.
    fn keep(&self, linked: &Linked) -> Result<PathBuf, Failure> {
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let order = Order {
            app: self.app,
            linked,
            directory,
            is_gzip: true,
            reason: Reason::PreRestore,
        };
        let kept = order
            .take(self.host, self.interrupts, self.ui)
            .and_then(|(written, manifest)| order.publish(written, &manifest, None));
        let path = kept.map_err(|failure| {
            failure.hint(
                "Without a copy of the present data nothing is replaced: nothing was changed.",
            )
        })?;
        self.ui
            .info(&format!("The present data is kept in {}", path.display()));
        Ok(path)
    }

    /// Takes away all data, so that nothing newer than the dump stays behind.
    fn empty(&self, linked: &Linked) -> Result<(), Failure> {
        match linked.engine {
            Engine::Postgres => self.statements(linked, EMPTY_POSTGRES).map(drop),
            Engine::Mysql | Engine::Mariadb => {
                let said = self.statements(
                    linked,
                    "SELECT CONCAT_WS(' ', 'is', DATABASE(), @@character_set_database, @@collation_database);\n",
                )?;
                let fields: Vec<String> = said
                    .lines()
                    .find_map(|line| line.strip_prefix("is "))
                    .map(|line| line.split(' ').map(str::to_owned).collect())
                    .unwrap_or_default();
                let is_word = |word: &String| {
                    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                };
                match fields.as_slice() {
                    [database, set, collation] if fields.iter().all(is_word) => {
                        let make = format!(
                            "DROP DATABASE `{database}`;\nCREATE DATABASE `{database}` CHARACTER SET {set} COLLATE {collation};\n"
                        );
                        self.statements(linked, &make).map(drop)
                    }
                    _ => Err(Failure::new(
                        exit_codes::HOST,
                        format!("{} did not tell the name of its database", linked.name),
                    )),
                }
            }
            // An import replaces the whole data file.
            Engine::Redis => Ok(()),
        }
    }

    fn statements(&self, linked: &Linked, text: &str) -> Result<String, Failure> {
        let connect = DokkuCommand::new(format!("{}:connect", linked.kind))
            .arg(linked.name.as_str())
            .input(Secret::new(text));
        let answer = self.host.ask(&connect)?.accepted()?;
        Ok(answer.text()?.to_owned())
    }

    fn import(&self, linked: &Linked) -> Result<(), Failure> {
        self.ui.info(&format!(
            "Restoring {} from {}...",
            linked.name,
            self.path.display()
        ));
        let import = datastore::import(linked.kind, &linked.name);
        let answer = self
            .host
            .supply(&import, &|| backup::open(self.path), self.interrupts)?;
        Ok(answer.accepted().map(drop)?)
    }

    /// Dumps what is there now, and compares by name what it holds with what the file holds.
    fn compare(&self, linked: &Linked) -> Result<(), Failure> {
        let scratch = tempfile::tempdir()?;
        let order = Order {
            app: self.app,
            linked,
            directory: scratch.path(),
            is_gzip: true,
            reason: Reason::Manual,
        };
        let (written, _) = order.take(self.host, self.interrupts, self.ui)?;
        let now = backup::check(written.path())
            .map_err(|flaw| Failure::new(exit_codes::VERIFICATION, flaw.to_string()))?
            .dump
            .contents;
        let wanted = &self.checked.dump.contents;
        let list = |set: BTreeSet<&String>| {
            set.into_iter()
                .take(5)
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let lacking = list(wanted.difference(&now).collect());
        let surplus = list(now.difference(wanted).collect());
        if !lacking.is_empty() {
            return Err(Failure::new(
                exit_codes::VERIFICATION,
                format!("after the import {} lacks: {lacking}", linked.name),
            ));
        }
        if !surplus.is_empty() {
            self.ui.warning(&format!(
                "{} holds what the backup does not know: {surplus}",
                linked.name
            ));
        }
        Ok(())
    }
}

/// Schemas with everything in them, and large objects. The owner and rights of `public` become
/// those of a new database of that version.
const EMPTY_POSTGRES: &str = r"\set ON_ERROR_STOP on
SET client_min_messages = warning;
BEGIN;
DO $$
DECLARE name text;
BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
  CREATE SCHEMA public;
  IF current_setting('server_version_num')::int >= 150000 THEN
    ALTER SCHEMA public OWNER TO pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
  ELSE
    GRANT ALL ON SCHEMA public TO PUBLIC;
  END IF;
END $$;
COMMIT;
";
