//! PostgreSQL: one cluster per service, because each service has its own password for the one
//! superuser `postgres` that the plugin's addresses name.

use std::path::Path;
use std::process::Command;

use super::engine::{Access, Engine, run};
use super::{EngineError, files};

/// Makes an empty cluster at `data`.
pub fn make_template(engine: &Engine, data: &Path) -> Result<(), EngineError> {
    let mut initdb = engine.command("initdb", "KILL")?;
    initdb
        .arg("-D")
        .arg(data)
        .args([
            "--no-sync",
            "--no-instructions",
            "--wal-segsize=1",
            "--username=postgres",
            "--encoding=UTF8",
        ])
        .args(["--locale=C.UTF-8", "--auth=trust"]);
    run(initdb, "initdb", "")?;
    // initdb sets up passwords only from a file. The template has none yet, each copy gets its own.
    let rules = data.join("pg_hba.conf");
    fs_err::write(&rules, "host all all 127.0.0.1/32 scram-sha-256\n")
        .map_err(EngineError::io("write", &rules))
}

/// Makes a service's cluster from the template, with its password and its database.
pub fn prepare(
    engine: &Engine,
    template: &Path,
    data: &Path,
    access: &Access,
) -> Result<(), EngineError> {
    files::copy_tree(template, data, engine.account())?;
    let password = access.password.expose().replace('\'', "''");
    let create = match access.database.as_str() {
        database if is_builtin(database) => String::new(),
        database => format!("CREATE DATABASE \"{database}\";\n"),
    };
    let statements = format!("ALTER USER postgres PASSWORD '{password}';\n{create}");
    let mut single = engine.command("postgres", "QUIT")?;
    single.arg("--single").arg("-D").arg(data);
    single.args([
        "-c",
        "fsync=off",
        "-c",
        "exit_on_error=on",
        "-c",
        "log_checkpoints=off",
        "postgres",
    ]);
    run(single, "postgres --single", &statements).map(drop)
}

/// Whether every cluster has a database of that name from the start.
pub fn is_builtin(database: &str) -> bool {
    ["postgres", "template0", "template1"].contains(&database)
}

/// The server. It writes nothing through to the disk by force: a sandbox's data has to survive
/// the end of the process, not of the machine.
pub fn server(engine: &Engine, directory: &Path, access: &Access) -> Result<Command, EngineError> {
    let mut server = engine.command("postgres", "QUIT")?;
    server.arg("-D").arg(directory.join("data"));
    for setting in [
        "listen_addresses=127.0.0.1",
        &format!("port={}", access.port),
        "unix_socket_directories=",
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        "shared_buffers=16MB",
        "log_timezone=UTC",
        "timezone=UTC",
        "log_line_prefix=%m [%p] ",
        "log_checkpoints=off",
        "logging_collector=off",
    ] {
        server.arg("-c").arg(setting);
    }
    Ok(server)
}

/// A client program, told the server and the password.
pub fn client(
    engine: &Engine,
    program: &'static str,
    access: &Access,
) -> Result<Command, EngineError> {
    let mut client = engine.client(program)?;
    client
        .env("PGPASSWORD", access.password.expose())
        .env("PGCONNECT_TIMEOUT", "10")
        .args([
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-w",
            "-p",
            &access.port.to_string(),
        ]);
    Ok(client)
}
