//! The engines themselves, as Debian's packages install them.

use std::io::Write;
use std::process::Stdio;

use super::*;

struct Bench {
    engines: Engines,
    root: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        Self {
            engines: Engines::open(root.path()).unwrap(),
            root,
        }
    }

    fn service(&self, kind: Kind, name: &str) -> (PathBuf, Access) {
        let directory = self.root.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        open_to_all(&directory).unwrap();
        let access = Access {
            port: choose_port().unwrap(),
            user: if kind == Kind::Postgres {
                "postgres"
            } else {
                "mariadb"
            }
            .to_string(),
            password: Password::new("it's \"odd\""),
            root_password: (kind == Kind::Mariadb).then(|| Password::random(8)),
            database: "shop_db".to_string(),
        };
        self.engines
            .engine(kind)
            .unwrap()
            .prepare(&directory, &access)
            .unwrap();
        self.engines.start(kind, &directory, &access).unwrap();
        (directory, access)
    }

    fn ask(&self, kind: Kind, access: &Access, statements: &str) -> (String, bool) {
        let command = self.engines.engine(kind).unwrap().connect(access).unwrap();
        let output = feed(command, statements.as_bytes());
        (
            String::from_utf8(output.stdout).unwrap(),
            output.status.success(),
        )
    }
}

fn feed(mut command: std::process::Command, input: &[u8]) -> std::process::Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn postgres_moves_a_table_from_one_service_to_another() {
    let bench = Bench::new();
    let (_, one) = bench.service(Kind::Postgres, "one");
    let (_, two) = bench.service(Kind::Postgres, "two");
    let made = bench.ask(
        Kind::Postgres,
        &one,
        "create table t(i int, s text);insert into t values (1,'é'),(2,'x');",
    );
    assert!(made.1);
    let engine = bench.engines.engine(Kind::Postgres).unwrap();
    let dump = feed(engine.dump(&one, false).unwrap(), b"");
    assert!(dump.stdout.starts_with(b"PGDMP"));
    let restored = feed(engine.restore(&two, false).unwrap().unwrap(), &dump.stdout);
    assert!(
        restored.status.success(),
        "{}",
        String::from_utf8_lossy(&restored.stderr)
    );
    let (rows, _) = bench.ask(
        Kind::Postgres,
        &two,
        "\\t on\n\\a\nselect * from t order by i;",
    );
    assert!(rows.ends_with("1|é\n2|x\n"), "{rows}");
}

#[test]
fn mariadb_moves_a_table_from_one_service_to_another() {
    let bench = Bench::new();
    let (_, one) = bench.service(Kind::Mariadb, "one");
    let (_, two) = bench.service(Kind::Mariadb, "two");
    assert!(
        bench
            .ask(
                Kind::Mariadb,
                &one,
                "create table t(i int, s text);insert into t values (1,'é'),(2,'x');"
            )
            .1
    );
    let engine = bench.engines.engine(Kind::Mariadb).unwrap();
    for as_root in [false, true] {
        let dump = feed(engine.dump(&one, as_root).unwrap(), b"");
        assert!(
            dump.status.success(),
            "{}",
            String::from_utf8_lossy(&dump.stderr)
        );
        assert!(
            feed(
                engine.restore(&two, as_root).unwrap().unwrap(),
                &dump.stdout
            )
            .status
            .success()
        );
        assert_eq!(
            bench
                .ask(Kind::Mariadb, &two, "select * from t order by i;")
                .0,
            "i\ts\n1\té\n2\tx\n"
        );
    }
}

#[test]
fn redis_dumps_a_file_that_another_server_loads() {
    let bench = Bench::new();
    let (_, one) = bench.service(Kind::Redis, "one");
    let (directory, two) = bench.service(Kind::Redis, "two");
    assert_eq!(
        bench.ask(Kind::Redis, &one, "set a 1\nset b \"x\\x00y\"\n"),
        ("OK\nOK\n".to_string(), true)
    );
    let engine = bench.engines.engine(Kind::Redis).unwrap();
    let dump = feed(engine.dump(&one, false).unwrap(), b"");
    assert!(dump.status.success());
    assert!(dump.stdout.starts_with(b"REDIS"));
    bench.engines.stop(&directory).unwrap();
    std::fs::write(directory.join("data/dump.rdb"), &dump.stdout).unwrap();
    bench.engines.start(Kind::Redis, &directory, &two).unwrap();
    assert_eq!(
        bench.ask(Kind::Redis, &two, "dbsize\nstrlen b\n").0,
        "2\n3\n"
    );
}

#[test]
fn data_survives_stop_and_start_under_a_new_sandbox() {
    for kind in [Kind::Postgres, Kind::Mariadb, Kind::Redis] {
        let (write, read) = match kind {
            Kind::Redis => ("set a 41\n", "get a\n"),
            _ => (
                "create table t(i int);insert into t values (41);",
                "select i from t;",
            ),
        };
        let Bench { engines, root } = Bench::new();
        let bench = Bench { engines, root };
        let (directory, access) = bench.service(kind, "one");
        assert!(bench.ask(kind, &access, write).1);
        let pid = Identity::load(&directory.join("pid")).unwrap();
        let Bench { engines, root } = bench;
        drop(engines);
        assert!(!pid.is_running(), "{kind} outlived its sandbox");
        let bench = Bench {
            engines: Engines::open(root.path()).unwrap(),
            root,
        };
        bench.engines.start(kind, &directory, &access).unwrap();
        assert!(bench.ask(kind, &access, read).0.contains("41"), "{kind}");
    }
}

#[test]
fn a_wrong_password_is_refused() {
    let bench = Bench::new();
    for kind in [Kind::Postgres, Kind::Mariadb] {
        let (_, mut access) = bench.service(kind, &kind.to_string());
        access.password = Password::new("wrong");
        assert!(!bench.ask(kind, &access, "select 1;").1, "{kind}");
    }
}

#[test]
fn a_damaged_redis_file_is_an_error_with_the_servers_words() {
    let bench = Bench::new();
    let (directory, access) = bench.service(Kind::Redis, "one");
    bench.engines.stop(&directory).unwrap();
    std::fs::write(directory.join("data/dump.rdb"), "not a dump at all").unwrap();
    let error = bench
        .engines
        .start(Kind::Redis, &directory, &access)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Redis did not start") && error.contains("Wrong signature"),
        "{error}"
    );
    assert!(!bench.engines.is_running(&directory));
    assert!(!directory.join("pid").exists());
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let bench = Bench::new();
    let (directory, access) = bench.service(Kind::Redis, "one");
    bench.engines.stop(&directory).unwrap();
    let _squatter = std::net::TcpListener::bind(("127.0.0.1", access.port)).unwrap();
    let error = bench
        .engines
        .start(Kind::Redis, &directory, &access)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("port {} on 127.0.0.1", access.port)),
        "{error}"
    );
}

#[test]
fn postgres_works_below_a_directory_that_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let outer = tempfile::tempdir().unwrap();
    std::fs::set_permissions(outer.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let root = tempfile::tempdir_in(outer.path()).unwrap();
    let bench = Bench {
        engines: Engines::open(root.path()).unwrap(),
        root,
    };
    let (_, access) = bench.service(Kind::Postgres, "one");
    assert!(bench.ask(Kind::Postgres, &access, "select 1;").1);
}

#[test]
fn a_root_with_blanks_and_quotes_in_its_path_works() {
    let outer = tempfile::tempdir().unwrap();
    let root = tempfile::Builder::new()
        .prefix("it's a \"root\" ")
        .tempdir_in(outer.path())
        .unwrap();
    let bench = Bench {
        engines: Engines::open(root.path()).unwrap(),
        root,
    };
    for (kind, statement) in [
        (Kind::Postgres, "select 1;"),
        (Kind::Mariadb, "select 1;"),
        (Kind::Redis, "ping\n"),
    ] {
        let (_, access) = bench.service(kind, &kind.to_string());
        assert!(bench.ask(kind, &access, statement).1, "{kind}");
    }
}
