//! Giving up root rights for an engine that refuses them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{EngineError, Kind};

/// The program of util-linux that changes the user and ties a child's life to ours.
const SETPRIV: &str = "setpriv";

/// An unprivileged user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// Whether the process keeps the right to pass closed directories (only those rights, and
    /// only where the data directory cannot be reached without).
    passes_closed_directories: bool,
}

impl Account {
    /// The account to run `kind` as with its data below `directory`: none where the engine may
    /// run as we do.
    pub fn for_engine(kind: Kind, directory: &Path) -> Result<Option<Self>, EngineError> {
        if kind != Kind::Postgres || !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = Path::new("/etc/passwd");
        let text = fs_err::read_to_string(passwd).map_err(EngineError::io("read", passwd))?;
        let mut account = ["postgres", "nobody"]
            .iter()
            .find_map(|name| parse(&text, name))
            .ok_or_else(|| EngineError::NoAccount {
                kind,
                reason: "this machine has neither a user `postgres` nor a user `nobody`"
                    .to_string(),
            })?;
        for passes in [false, true] {
            account.passes_closed_directories = passes;
            if account.can_enter(kind, directory)? {
                return Ok(Some(account));
            }
        }
        Err(EngineError::Unreachable {
            kind,
            account: account.name,
            path: directory.to_path_buf(),
            closed: closed_directory(directory),
        })
    }

    fn can_enter(&self, kind: Kind, directory: &Path) -> Result<bool, EngineError> {
        // `stat DIR/.` needs the right to pass every directory on the way, DIR included.
        Command::new(SETPRIV)
            .args(self.arguments())
            .args(["--", "stat"])
            .arg(directory.join("."))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map(|status| status.success())
            .map_err(|error| EngineError::NoAccount {
                kind,
                reason: format!("`setpriv` (Debian package util-linux), which changes the user, cannot be run: {error}"),
            })
    }

    /// The options of `setpriv` that make a process this user.
    fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--reuid={}", self.uid),
            format!("--regid={}", self.gid),
            "--clear-groups".to_string(),
        ];
        if self.passes_closed_directories {
            arguments.push("--inh-caps=+dac_override".to_string());
            arguments.push("--ambient-caps=+dac_override".to_string());
        }
        arguments
    }
}

/// A command that runs `program` as `account` and that the kernel ends with `signal` (a name as
/// `kill -l` knows it) when the thread that spawns it ends, however that happens.
pub fn command(program: &Path, account: Option<&Account>, signal: &str) -> Command {
    let mut command = Command::new(SETPRIV);
    command.args(account.map(Account::arguments).unwrap_or_default());
    command
        .arg("--pdeathsig")
        .arg(signal)
        .arg("--")
        .arg(program);
    // Nothing of the caller's environment may turn a client to another server.
    command.env_clear().current_dir("/");
    command.env(
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    );
    command
        .env("LC_ALL", "C.UTF-8")
        .env("LANG", "C.UTF-8")
        .env("HOME", "/");
    command
}

/// The last directory on the way that other users may not pass.
fn closed_directory(path: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    path.ancestors()
        .filter(|ancestor| {
            fs_err::metadata(ancestor)
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0)
        })
        .last()
        .unwrap_or(path)
        .to_path_buf()
}

fn parse(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account {
            name: name.to_string(),
            uid,
            gid,
            passes_closed_directories: false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_passwd_by_its_whole_name() {
        let passwd = "postgresql:x:9:9::/:/bin/sh\npostgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash\n";
        let account = parse(passwd, "postgres").unwrap();
        assert_eq!((account.uid, account.gid), (101, 104));
        assert_eq!(parse(passwd, "nobody"), None);
    }

    #[test]
    fn the_outermost_closed_directory_is_named() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        fs_err::set_permissions(base.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let inner = base.path().join("open/data");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(closed_directory(&inner), base.path());
    }
}
