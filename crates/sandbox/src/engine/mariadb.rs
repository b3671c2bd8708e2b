//! MariaDB: one server per service. It stands behind both plugins, `mariadb` and `mysql`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::engine::{Access, Engine, run};
use super::{EngineError, files};

/// Settings that make a server small and quick to start.
const SMALL: [&str; 6] = [
    "--innodb-log-file-size=8M",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-method=nosync",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-use-native-aio=0",
    "--performance-schema=OFF",
];

/// Makes an empty data directory at `data`.
pub fn make_template(engine: &Engine, data: &Path) -> Result<(), EngineError> {
    let (plain, _alias) = plain_path(data)?;
    let mut install =
        with_own_temporary_files(engine.command("mariadb-install-db", "KILL")?, data)?;
    install
        .arg("--no-defaults")
        .args(as_root())
        .arg(path_option("--datadir", &plain));
    install.args([
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
    ]);
    install.args(&SMALL[..3]);
    run(install, "mariadb-install-db", "").map(drop)
}

/// Makes a service's data from the template, with its users and its database.
pub fn prepare(
    engine: &Engine,
    template: &Path,
    data: &Path,
    access: &Access,
) -> Result<(), EngineError> {
    files::copy_tree(template, data, engine.account())?;
    let mut bootstrap = with_own_temporary_files(engine.command("mariadbd", "KILL")?, data)?;
    bootstrap
        .arg("--no-defaults")
        .args(as_root())
        .arg(path_option("--datadir", data));
    bootstrap.args(SMALL).arg("--bootstrap");
    let password = quoted(access.password.expose());
    let root = quoted(
        access
            .root_password
            .as_ref()
            .unwrap_or(&access.password)
            .expose(),
    );
    let (user, database) = (&access.user, &access.database);
    // In a grant `_` stands for any character unless it is escaped.
    let pattern = database.replace('_', "\\_");
    let statements = [
        "FLUSH PRIVILEGES;".to_string(),
        "DELETE FROM mysql.global_priv WHERE User = '' OR User = 'root';".to_string(),
        "FLUSH PRIVILEGES;".to_string(),
        format!("CREATE USER 'root'@'%' IDENTIFIED BY {root};"),
        "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;".to_string(),
        format!(
            "CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;"
        ),
        format!("CREATE USER '{user}'@'%' IDENTIFIED BY {password};"),
        format!("GRANT ALL ON `{pattern}`.* TO '{user}'@'%';"),
    ];
    run(
        bootstrap,
        "mariadbd --bootstrap",
        &(statements.join("\n") + "\n"),
    )
    .map(drop)
}

/// The server.
pub fn server(engine: &Engine, directory: &Path, access: &Access) -> Result<Command, EngineError> {
    let data = directory.join("data");
    let mut server = with_own_temporary_files(engine.command("mariadbd", "KILL")?, &data)?;
    server.arg("--no-defaults").args(as_root());
    server.arg(path_option("--datadir", &data));
    server.arg(format!("--port={}", access.port)).args(SMALL);
    // Relative to the data directory: a path of any length fits.
    server.args([
        "--bind-address=127.0.0.1",
        "--socket=server.sock",
        "--pid-file=server.pid",
    ]);
    server.args([
        "--skip-name-resolve",
        "--skip-log-bin",
        "--default-time-zone=+00:00",
    ]);
    server.args([
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_unicode_ci",
    ]);
    Ok(server)
}

/// A client program as `user`, told the server and the password.
pub fn client(
    engine: &Engine,
    program: &'static str,
    access: &Access,
    is_root: bool,
) -> Result<Command, EngineError> {
    let mut client = engine.client(program)?;
    let (user, password) = match &access.root_password {
        Some(password) if is_root => ("root", password),
        _ => (access.user.as_str(), &access.password),
    };
    client
        .env("MYSQL_PWD", password.expose())
        .args(["--no-defaults", "--protocol=tcp", "--host=127.0.0.1"])
        .arg(format!("--port={}", access.port))
        .arg(format!("--user={user}"));
    Ok(client)
}

/// A path to the same directory that `mariadb-install-db`, a shell script without quotes, can
/// handle; the link that it may go through lives as long as the second value.
fn plain_path(data: &Path) -> Result<(PathBuf, Option<tempfile::TempDir>), EngineError> {
    let is_plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
    };
    if data.to_str().is_some_and(is_plain) {
        return Ok((data.to_path_buf(), None));
    }
    let temporary = std::env::temp_dir();
    let alias = || -> std::io::Result<_> {
        let directory = tempfile::Builder::new()
            .prefix("dokku-sandbox-")
            .tempdir_in(&temporary)?;
        let link = directory.path().join("link");
        fs_err::os::unix::fs::symlink(data, &link)?;
        Ok((link, Some(directory)))
    };
    alias().map_err(EngineError::io("make a link in", &temporary))
}

/// A server that starts removes every `#sql…` from its directory of temporary files, those of
/// other servers too: each has one of its own, beside its data.
fn with_own_temporary_files(mut command: Command, data: &Path) -> Result<Command, EngineError> {
    let directory = data.with_file_name("tmp");
    if !directory.is_dir() {
        // MariaDB runs as we do, so its files are ours.
        files::make_private(&directory, None)?;
    }
    command.env("TMPDIR", directory);
    Ok(command)
}

/// MariaDB runs as root only when it is told so.
fn as_root() -> Option<&'static str> {
    rustix::process::geteuid()
        .is_root()
        .then_some("--user=root")
}

fn path_option(option: &str, path: &Path) -> std::ffi::OsString {
    let mut text = std::ffi::OsString::from(option);
    text.push("=");
    text.push(path);
    text
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_password_with_quotes_stays_one_string() {
        assert_eq!(quoted(r"a'b\c"), r"'a''b\\c'");
    }
}
