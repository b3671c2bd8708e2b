//! Redis: one server per service.

use std::path::Path;
use std::process::Command;

use super::EngineError;
use super::engine::{Access, Engine};
use super::files::{make_private, write_atomically};

/// The settings file of a service, below its directory. The password is in it, not among the
/// server's arguments.
const SETTINGS: &str = "config/redis.conf";

/// Makes a service's empty data directory.
pub fn prepare(engine: &Engine, directory: &Path) -> Result<(), EngineError> {
    make_private(&directory.join("data"), engine.account())?;
    make_private(&directory.join("config"), engine.account())
}

/// The server.
pub fn server(engine: &Engine, directory: &Path, access: &Access) -> Result<Command, EngineError> {
    let settings = directory.join(SETTINGS);
    let mut text = settings_text(&directory.join("data"), access);
    // TERM writes the data set to disk first, as `docker stop` would make it do. A data set that
    // cannot be written must not keep the server alive: Redis 7 can be told so, an older one is
    // killed with the sandbox and loses what it had not saved yet.
    let signal = if can_be_forced(engine.version()) {
        text.push_str("shutdown-on-sigterm force\n");
        "TERM"
    } else {
        "KILL"
    };
    write_atomically(&settings, text.as_bytes(), 0o600)?;
    let mut server = engine.command("redis-server", signal)?;
    server.arg(settings);
    Ok(server)
}

/// `redis-cli`, told the server and the password.
pub fn client(engine: &Engine, access: &Access) -> Result<Command, EngineError> {
    let mut client = engine.client("redis-cli")?;
    client.env("REDISCLI_AUTH", access.password.expose()).args([
        "-h",
        "127.0.0.1",
        "-p",
        &access.port.to_string(),
    ]);
    Ok(client)
}

fn can_be_forced(version: &str) -> bool {
    version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= 7)
}

fn settings_text(data: &Path, access: &Access) -> String {
    // Without "diskless" a full copy is written to disk before it is sent, with its length known:
    // a dump that cannot be finished is never mistaken for a whole one.
    format!(
        "bind 127.0.0.1\nport {}\ndir {}\nrequirepass {}\ndbfilename dump.rdb\nrepl-diskless-sync no\n\
         rdb-save-incremental-fsync no\ndaemonize no\nsave 3600 1 300 100 60 10000\n",
        access.port,
        quoted(&data.to_string_lossy()),
        quoted(access.password.expose()),
    )
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::{can_be_forced, quoted};

    #[test]
    fn forced_shutdown_begins_with_redis_7() {
        assert!(can_be_forced("7.0.15") && can_be_forced("10.1"));
        assert!(!can_be_forced("6.2.7"));
    }

    #[test]
    fn a_value_with_quotes_and_blanks_stays_one_word() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
    }
}
