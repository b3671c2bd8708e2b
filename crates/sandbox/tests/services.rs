//! The datastores through the real OpenSSH client: round trips, and what happens when something breaks off.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's preparations may panic too"
)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dokku_sandbox::engine::{Handle, Identity};
use support::{Bed, feed, text};

/// Longer than anything here takes on a slow machine.
const LONG: Duration = Duration::from_secs(30);

struct Round {
    plugin: &'static str,
    variable: &'static str,
    /// Makes the data, statement by statement, on the client's standard input.
    write: String,
    /// Shows all of it in a form that two services can be compared by.
    read: &'static str,
    /// What an app would run, the address of its variable in place of `URL`.
    client: &'static [&'static str],
    /// First bytes of a dump.
    magic: &'static [u8],
}

fn rounds() -> Vec<Round> {
    let keys: Vec<String> = (0..2000)
        .map(|number| format!("set key:{number} \"v\\x00\\xff{number}\""))
        .collect();
    vec![
        Round {
            plugin: "postgres",
            variable: "DATABASE_URL",
            write: "create table t(i int primary key, s text, b bytea, g int generated always as (i * 2) stored);\n\
                    insert into t select n, 'ünï ' || n || E'\\t\\n', decode(md5(n::text), 'hex') || '\\x00' from generate_series(1, 20000) n;\n\
                    create table empty(x int); create view v as select count(*) from t;\n\
                    select lo_from_bytea(4711, '\\x00ff00');\n"
                .to_owned(),
            read: "select md5(string_agg(t::text, '|' order by i)), count(*) from t;\n\
                   select * from v; select * from empty; select lo_get(4711);\n",
            client: &["psql", "-X", "-q", "-t", "-A", "URL",
                "-c",
                "select count(*) from t",
            ],
            magic: b"PGDMP",
        },
        Round {
            plugin: "mysql",
            variable: "DATABASE_URL",
            write: mariadb_data(),
            read: MARIADB_READ,
            client: &[],
            magic: b"/*",
        },
        Round {
            plugin: "mariadb",
            variable: "DATABASE_URL",
            write: mariadb_data(),
            read: MARIADB_READ,
            client: &[],
            magic: b"/*",
        },
        Round {
            plugin: "redis",
            variable: "REDIS_URL",
            write: keys.join("\n") + "\nhset h a 1 b 2\nzadd z 1 x 2 y\n",
            read: "dbsize\nget key:17\nhgetall h\nzrange z 0 -1 withscores\nget key:2000\nstrlen key:1999\n",
            client: &["redis-cli", "-u", "URL", "dbsize"],
            magic: b"REDIS",
        },
    ]
}

const MARIADB_READ: &str = "select count(*), sum(i), md5(group_concat(concat(hex(b), s) order by i)) from t; select * from empty;\n";

fn mariadb_data() -> String {
    "create table t(i int primary key, s text, b blob) engine=InnoDB; create table empty(x int);\n\
     insert into t select seq, concat('ünï ', seq, '\\t\\n'), concat(unhex(md5(seq)), char(0)) from seq_1_to_20000;\n"
        .to_owned()
}

#[test]
fn data_written_through_a_link_survives_export_and_import_over_ssh() {
    let bed = Bed::start();
    assert!(bed.run("apps:create shop").status.success());
    for round in rounds() {
        let Round {
            plugin, variable, ..
        } = round;
        let ok = |line: &str, stdin: &[u8]| {
            let output = bed.run_with(line, stdin);
            assert!(
                output.status.success(),
                "{line}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            output.stdout
        };
        for service in ["from", "to"] {
            ok(&format!("{plugin}:create {service}"), b"");
        }
        ok(&format!("{plugin}:link from shop --no-restart"), b"");
        ok(&format!("{plugin}:connect from"), round.write.as_bytes());

        let url = ok(&format!("config:get shop {variable}"), b"");
        if let Some((program, arguments)) = round.client.split_first() {
            // From the app's side: nothing but the address.
            // redis-cli takes the empty user of `redis://:PASSWORD@` for one of that name.
            let url = text(&url).trim().replace("redis://:", "redis://default:");
            let address = |word: &&str| {
                if *word == "URL" {
                    url.clone()
                } else {
                    (*word).to_owned()
                }
            };
            let answer = Command::new(program)
                .args(arguments.iter().map(address))
                .output()
                .unwrap();
            let count = text(&answer.stdout).trim();
            assert!(
                ["20000", "2002"].contains(&count),
                "{plugin}: {count} {}",
                text(&answer.stderr)
            );
        }

        let dump = ok(&format!("{plugin}:export from"), b"");
        assert!(dump.starts_with(round.magic), "{plugin}: {:?}", &dump[..8]);
        assert_eq!(ok(&format!("{plugin}:import to"), &dump), b"", "{plugin}");
        let read = |service: &str| {
            ok(
                &format!("{plugin}:connect {service}"),
                round.read.as_bytes(),
            )
        };
        let (from, to) = (read("from"), read("to"));
        assert_eq!(
            String::from_utf8_lossy(&from),
            String::from_utf8_lossy(&to),
            "{plugin}"
        );
        assert!(!from.is_empty(), "{plugin}");
        ok(&format!("{plugin}:unlink from shop --no-restart"), b"");
        for service in ["from", "to"] {
            ok(&format!("{plugin}:destroy {service} --force"), b"");
        }
    }
}

/// A service whose dump is too large for all the buffers on the way.
fn large_postgres(bed: &Bed) {
    assert!(bed.run("postgres:create big").status.success());
    let rows = "create table t as select n, string_agg(md5(random()::text), '') from generate_series(1, 40000) n, generate_series(1, 20) group by n;";
    assert!(
        bed.run_with("postgres:connect big", rows.as_bytes())
            .status
            .success()
    );
}

/// An export whose output nobody reads beyond the first bytes, and the program behind it.
fn stuck_export(bed: &Bed) -> (Child, Identity) {
    let mut ssh = bed.ssh();
    ssh.arg("postgres:export big")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut ssh = ssh.spawn().unwrap();
    let mut magic = [0; 5];
    ssh.stdout.as_mut().unwrap().read_exact(&mut magic).unwrap();
    assert_eq!(&magic, b"PGDMP");
    let dsn = bed.run("postgres:info big --dsn");
    let port = text(&dsn.stdout)
        .trim()
        .rsplit_once(':')
        .unwrap()
        .1
        .split_once('/')
        .unwrap()
        .0
        .to_owned();
    (ssh, running("pg_dump", &port).expect("no pg_dump runs"))
}

/// The process of that program with that word among its arguments.
fn running(program: &str, word: &str) -> Option<Identity> {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .find_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let arguments = std::fs::read(entry.path().join("cmdline")).ok()?;
            let mut words = arguments
                .split(|byte| *byte == 0)
                .map(String::from_utf8_lossy);
            let is_it = Path::new(words.next()?.as_ref()).file_name()?.to_str()? == program;
            (is_it && words.any(|given| given == word))
                .then(|| Identity::of(pid))
                .flatten()
        })
}

fn has_ended(identity: Identity) -> bool {
    Handle::open(identity).is_none_or(|handle| handle.wait(LONG))
}

#[test]
fn killing_the_ssh_client_ends_the_dump_on_the_host() {
    let bed = Bed::start();
    large_postgres(&bed);
    let (mut ssh, dump) = stuck_export(&bed);
    assert!(dump.is_running());
    ssh.kill().unwrap();
    ssh.wait().unwrap();
    assert!(has_ended(dump));
    // The service goes on.
    let count = bed.run_with("postgres:connect big", b"select count(*) from t;\n");
    assert!(text(&count.stdout).contains("40000"));
}

#[test]
fn a_dump_that_is_killed_halfway_is_a_failed_export() {
    let bed = Bed::start();
    large_postgres(&bed);
    let (ssh, dump) = stuck_export(&bed);
    Handle::open(dump).unwrap().kill();
    let output = ssh.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(137));
}

#[test]
fn a_server_that_dies_halfway_is_a_failed_export() {
    let bed = Bed::start();
    large_postgres(&bed);
    let (ssh, _) = stuck_export(&bed);
    let pid = Identity::load(&bed.path().join("root/lib/services/postgres/big/pid")).unwrap();
    Handle::open(pid).unwrap().kill();
    // The server's children notice by themselves, the dump by its lost connection.
    let output = ssh.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        text(&bed.run("postgres:info big --status").stdout),
        "exited\n"
    );
    let started = bed.run("postgres:start big");
    assert!(
        started.status.success(),
        "{}",
        String::from_utf8_lossy(&started.stderr)
    );
    assert!(bed.run("postgres:export big").status.success());
}

#[test]
fn an_import_whose_client_is_killed_leaves_the_old_redis_data() {
    let bed = Bed::start();
    assert!(bed.run("redis:create cache").status.success());
    assert!(
        bed.run_with("redis:connect cache", b"set a 41\n")
            .status
            .success()
    );
    let mut ssh = bed.ssh();
    ssh.arg("redis:import cache")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut ssh = ssh.spawn().unwrap();
    let server = Identity::load(&bed.path().join("root/lib/services/redis/cache/pid")).unwrap();
    // The import stops the server once it has begun.
    assert!(has_ended(server));
    ssh.kill().unwrap();
    ssh.wait().unwrap();
    // Waits its turn behind the import.
    bed.run("redis:start cache");
    assert_eq!(
        text(&bed.run_with("redis:connect cache", b"get a\n").stdout),
        "41\n"
    );
}

struct Killed {
    process: Child,
    ready: serde_json::Value,
}

fn serve(directory: &Path) -> Killed {
    let mut process = Command::new(env!("CARGO_BIN_EXE_dokku-sandbox"))
        .args([
            "serve",
            "--ssh",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
            "--root",
        ])
        .arg(directory.join("root"))
        .arg("--authorized-key")
        .arg(directory.join("key.pub"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    Killed {
        ready: serde_json::from_str(&line).unwrap(),
        process,
    }
}

impl Killed {
    fn run(&self, directory: &Path, line: &str, stdin: &[u8]) -> std::process::Output {
        let mut command = Command::new("ssh");
        command
            .args(["-F", "none", "-p"])
            .arg(self.ready["ssh_port"].to_string())
            .arg("-i")
            .arg(directory.join("key"));
        for option in [
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        ] {
            command.args(["-o", option]);
        }
        feed(command.arg("dokku@127.0.0.1").arg(line), stdin)
    }
}

#[test]
fn no_server_outlives_a_killed_sandbox_and_the_data_is_there_again_under_the_next() {
    let directory = tempfile::tempdir().unwrap();
    support::make_key(&directory.path().join("key"), "admin");
    let mut first = serve(directory.path());
    let kinds = [
        (
            "postgres",
            "create table t(i int); insert into t values (41);",
            "select i from t;",
        ),
        (
            "mariadb",
            "create table t(i int); insert into t values (41);",
            "select i from t;",
        ),
        ("redis", "set a 41\nsave\n", "get a\n"),
    ];
    for (plugin, write, _) in kinds {
        assert!(
            first
                .run(directory.path(), &format!("{plugin}:create db"), b"")
                .status
                .success()
        );
        assert!(
            first
                .run(
                    directory.path(),
                    &format!("{plugin}:connect db"),
                    write.as_bytes()
                )
                .status
                .success()
        );
    }
    let pids = pids_of(directory.path());
    assert!(pids.iter().all(|pid| pid.is_running()));
    first.process.kill().unwrap();
    first.process.wait().unwrap();
    for pid in pids {
        assert!(has_ended(pid), "{pid:?}");
    }
    let mut second = serve(directory.path());
    for (plugin, _, read) in kinds {
        let answer = second.run(
            directory.path(),
            &format!("{plugin}:connect db"),
            read.as_bytes(),
        );
        assert!(
            text(&answer.stdout).contains("41"),
            "{plugin}: {}",
            text(&answer.stderr)
        );
    }
    // Even with the ground gone from under them nothing stays.
    let pids = pids_of(directory.path());
    std::fs::rename(
        directory.path().join("root/lib/services"),
        directory.path().join("gone"),
    )
    .unwrap();
    second.process.kill().unwrap();
    second.process.wait().unwrap();
    for pid in pids {
        assert!(has_ended(pid), "{pid:?}");
    }
}

fn pids_of(directory: &Path) -> [Identity; 3] {
    ["postgres", "mariadb", "redis"].map(|plugin| {
        Identity::load(&directory.join(format!("root/lib/services/{plugin}/db/pid"))).unwrap()
    })
}
