//! An engine that is installed here: preparing data, and the commands of server and clients.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::account::{self, Account};
use super::programs::Programs;
use super::{EngineError, Kind, Password, files, mariadb, postgres, redis};

/// How clients reach one service's server.
#[derive(Clone, Debug)]
pub struct Access {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The user that the service's address names; Redis has none.
    pub user: String,
    /// That user's password.
    pub password: Password,
    /// The password of MariaDB's `root`; none for the other engines.
    pub root_password: Option<Password>,
    /// The database that the service's address names; Redis has none.
    pub database: String,
}

/// An engine that was found on this machine.
pub struct Engine {
    kind: Kind,
    programs: Programs,
    account: Option<Account>,
    version: String,
    templates: PathBuf,
    template_making: Mutex<()>,
}

impl Engine {
    /// Finds the engine; its templates go to a directory of their own below `templates`.
    pub fn find(kind: Kind, templates: &Path) -> Result<Self, EngineError> {
        let programs = Programs::find(kind)?;
        let server = programs.path(programs.server())?;
        let mut ask = account::command(&server, None, "KILL");
        ask.arg("--version");
        let answer = run(ask, programs.server(), "")?;
        let version = version_in(&answer).ok_or_else(|| EngineError::Program {
            program: programs.server().to_string(),
            status: "no version in its answer".to_string(),
            output: answer.clone(),
        })?;
        let account = Account::for_engine(kind, templates)?;
        Ok(Self {
            kind,
            programs,
            account,
            version,
            templates: templates.to_path_buf(),
            template_making: Mutex::new(()),
        })
    }

    /// The engine's version, for example `15.18`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The unprivileged account that its servers run as, where they may not run as we do.
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Makes the data of a new service below `directory` (which exists).
    pub fn prepare(&self, directory: &Path, access: &Access) -> Result<(), EngineError> {
        let data = directory.join("data");
        match self.kind {
            Kind::Postgres => postgres::prepare(self, &self.template()?, &data, access),
            Kind::Mariadb => mariadb::prepare(self, &self.template()?, &data, access),
            Kind::Redis => redis::prepare(self, directory),
        }
    }

    /// The server of the service whose data is below `directory`.
    pub fn server(&self, directory: &Path, access: &Access) -> Result<Command, EngineError> {
        match self.kind {
            Kind::Postgres => postgres::server(self, directory, access),
            Kind::Mariadb => mariadb::server(self, directory, access),
            Kind::Redis => redis::server(self, directory, access),
        }
    }

    /// The interactive client, reading statements from its standard input.
    pub fn connect(&self, access: &Access) -> Result<Command, EngineError> {
        match self.kind {
            Kind::Postgres => {
                let mut psql = postgres::client(self, "psql", access)?;
                psql.args(["-X", "-v", "ON_ERROR_STOP=1"])
                    .arg(&access.database);
                Ok(psql)
            }
            Kind::Mariadb => {
                let mut client = mariadb::client(self, "mariadb", access, false)?;
                client.arg(format!("--database={}", access.database));
                Ok(client)
            }
            Kind::Redis => redis::client(self, access),
        }
    }

    /// Writes a dump to its standard output, as the plugins' export does. `as_root` matters to
    /// MariaDB only: the `mysql` plugin dumps as root.
    pub fn dump(&self, access: &Access, as_root: bool) -> Result<Command, EngineError> {
        match self.kind {
            Kind::Postgres => {
                let mut dump = postgres::client(self, "pg_dump", access)?;
                dump.args(["-Fc", "--no-acl", "--no-owner"])
                    .arg(&access.database);
                Ok(dump)
            }
            Kind::Mariadb => {
                let mut dump = mariadb::client(self, "mariadb-dump", access, as_root)?;
                if as_root {
                    dump.args(["--default-character-set=utf8mb4", "--single-transaction"]);
                    dump.args(["--no-tablespaces", "--quick"]);
                }
                dump.arg(&access.database);
                Ok(dump)
            }
            Kind::Redis => {
                let mut dump = redis::client(self, access)?;
                dump.args(["--rdb", "-"]);
                Ok(dump)
            }
        }
    }

    /// Reads a dump from its standard input, as the plugins' import does; none for Redis, whose
    /// file has to be replaced while the server is down.
    pub fn restore(&self, access: &Access, as_root: bool) -> Result<Option<Command>, EngineError> {
        match self.kind {
            Kind::Postgres => {
                let mut restore = postgres::client(self, "pg_restore", access)?;
                restore
                    .args(["-cO", "--if-exists", "-d"])
                    .arg(&access.database);
                Ok(Some(restore))
            }
            Kind::Mariadb => {
                let mut restore = mariadb::client(self, "mariadb", access, as_root)?;
                restore.arg(&access.database);
                Ok(Some(restore))
            }
            Kind::Redis => Ok(None),
        }
    }

    /// One of the engine's programs, run as its servers are.
    pub(super) fn command(
        &self,
        program: &'static str,
        signal: &str,
    ) -> Result<Command, EngineError> {
        Ok(account::command(
            &self.programs.path(program)?,
            self.account(),
            signal,
        ))
    }

    /// One of the engine's programs, run as we are, and ended when the calling thread ends.
    pub(super) fn client(&self, program: &'static str) -> Result<Command, EngineError> {
        Ok(account::command(
            &self.programs.path(program)?,
            None,
            "KILL",
        ))
    }

    /// An empty data directory, made once for each version and copied for each service.
    fn template(&self) -> Result<PathBuf, EngineError> {
        let _one_at_a_time = self
            .template_making
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let home = self
            .templates
            .join(format!("{}-{}", self.programs.server(), self.version));
        let template = home.join("data");
        if template.exists() {
            return Ok(template);
        }
        let unfinished = tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempdir_in(&self.templates)
            .map_err(EngineError::io("make a directory in", &self.templates))?;
        files::open_to_all(unfinished.path())?;
        let data = unfinished.path().join("data");
        files::make_private(&data, self.account())?;
        match self.kind {
            Kind::Postgres => postgres::make_template(self, &data)?,
            Kind::Mariadb => mariadb::make_template(self, &data)?,
            Kind::Redis => {}
        }
        fs_err::rename(unfinished.keep(), &home).map_err(EngineError::io("put in place", &home))?;
        Ok(template)
    }
}

/// Runs a program to its end with `input` on its standard input; its standard output, or an
/// error with what it said.
pub(super) fn run(mut command: Command, name: &str, input: &str) -> Result<String, EngineError> {
    let failed = |status: String, output: String| EngineError::Program {
        program: name.to_string(),
        status,
        output,
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed("could not be run".to_string(), error.to_string()))?;
    // At most a few hundred bytes: they fit into the pipe. One that ends without reading them
    // tells why by its status.
    let written = child
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
    let output = child
        .wait_with_output()
        .map_err(|error| failed("was lost".to_string(), error.to_string()))?;
    if !output.status.success() {
        let said = [output.stderr, output.stdout].concat();
        return Err(failed(
            output.status.to_string(),
            String::from_utf8_lossy(&said).trim().to_string(),
        ));
    }
    written.map_err(|error| failed("did not read its input".to_string(), error.to_string()))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first `digits.digits…` in what a server says about its version.
fn version_in(answer: &str) -> Option<String> {
    answer
        .split(|character: char| !character.is_ascii_digit() && character != '.')
        .find(|word| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit()))
        .map(|word| word.trim_end_matches('.').to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_each_servers_answer() {
        for (answer, version) in [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
                "15.18",
            ),
            (
                "mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64",
                "10.11.14",
            ),
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64",
                "7.0.15",
            ),
        ] {
            assert_eq!(version_in(answer).as_deref(), Some(version), "{answer}");
        }
    }

    #[test]
    fn a_failing_program_is_an_error_with_its_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo sorry >&2; exit 3"]);
        let error = run(command, "initdb", "").unwrap_err().to_string();
        assert_eq!(error, "initdb failed (exit status: 3): sorry");
    }
}
