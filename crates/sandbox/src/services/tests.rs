//! The verbs on real engines, in one process; the words are those of the recorded host.

use std::sync::Arc;

use super::*;
use crate::commands::{Caller, execute};
use crate::host::Addresses;
use crate::store::{App, Scope, Store};

struct Host {
    host: SandboxHost,
    root: tempfile::TempDir,
}

struct Answer {
    code: u8,
    bytes: Vec<u8>,
    stdout: String,
    stderr: String,
}

impl Host {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(root.path()).unwrap();
        store
            .create_app(&App {
                name: "shop".to_owned(),
                ..App::default()
            })
            .unwrap();
        let host = SandboxHost::new(root.path(), Addresses::default(), store);
        host.install_services(Arc::new(Datastores::open(root.path()).unwrap()));
        Self { host, root }
    }

    fn feed(&self, line: &str, stdin: &[u8]) -> Answer {
        let (mut io, stdout, stderr) = Io::captured(stdin);
        let code = execute(line, Caller::local(), &mut io, &self.host);
        Answer {
            code,
            bytes: stdout.bytes(),
            stdout: stdout.text(),
            stderr: stderr.text(),
        }
    }

    fn run(&self, line: &str) -> Answer {
        self.feed(line, b"")
    }

    /// The command succeeds and says this.
    fn says(&self, line: &str, stdout: &str) {
        let answer = self.run(line);
        assert_eq!(
            (answer.code, answer.stdout.as_str(), answer.stderr.as_str()),
            (0, stdout, ""),
            "{line}"
        );
    }

    /// The command fails with this on stderr and nothing on stdout.
    fn refuses(&self, line: &str, code: u8, stderr: &str) {
        let answer = self.run(line);
        assert_eq!(
            (answer.code, answer.stdout.as_str(), answer.stderr.as_str()),
            (code, "", stderr),
            "{line}"
        );
    }

    fn ok(&self, line: &str) -> String {
        let answer = self.run(line);
        assert_eq!(answer.code, 0, "{line}: {}", answer.stderr);
        answer.stdout
    }
}

#[test]
fn a_postgres_service_lives_and_dies_in_the_recorded_words() {
    let host = Host::new();
    host.refuses(
        "postgres:exists maindb",
        1,
        " !     Postgres service maindb does not exist\n",
    );
    host.refuses(
        "postgres:create bad.name!",
        1,
        " !     Please specify a valid name for the service. Valid characters are: [A-Za-z0-9_]+\n",
    );
    let created = host.ok("postgres:create my-db");
    let steps = "       Waiting for container to be ready\n       Creating container database\n       Securing connection to database\n=====> Postgres container created: my-db\n=====> my-db postgres service information\n       Config dir:          ";
    assert!(created.starts_with(steps), "{created}");
    assert!(
        created.contains("       Exposed ports:       -                        \n"),
        "{created}"
    );
    host.refuses(
        "postgres:create my-db",
        1,
        " !     Postgres service my-db already exists\n",
    );
    host.says("postgres:exists my-db", "-----> Service my-db exists\n");
    host.says("postgres:info my-db --status", "running\n");
    host.says("postgres:list", "=====> Postgres services\nmy-db\n");
    host.refuses("postgres:info my-db --format json", 1, " !     Invalid flag passed, valid flags: --config-dir --config-options --data-dir --dsn --exposed-ports --id --internal-ip --initial-network --links --post-create-network --post-start-network --service-root --status --version\n");

    let made = host.feed(
        "postgres:connect my-db",
        b"create table t(i int); insert into t values (1),(2); select * from t;\n",
    );
    assert_eq!(
        (made.code, made.stdout.as_str()),
        (
            0,
            "CREATE TABLE\nINSERT 0 2\n i \n---\n 1\n 2\n(2 rows)\n\n"
        )
    );
    let wrong = host.feed("postgres:connect my-db", b"select * from nosuch;\n");
    assert_eq!(wrong.code, 3);
    assert_eq!(
        wrong.stderr,
        "ERROR:  relation \"nosuch\" does not exist\nLINE 1: select * from nosuch;\n                      ^\n"
    );
    let log = host.ok("postgres:logs my-db --num 3");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(
        lines[0].ends_with("LOG:  database system is ready to accept connections"),
        "{log}"
    );
    assert!(
        lines[2].ends_with("STATEMENT:  select * from nosuch;"),
        "{log}"
    );

    host.says(
        "postgres:pause my-db",
        "=====> Pausing container\n       Container paused\n",
    );
    host.says("postgres:info my-db --status", "exited\n");
    let id = host.ok("postgres:info my-db --id");
    let gone = format!(
        "Error response from daemon: Container {} is not running\n",
        id.trim()
    );
    host.refuses("postgres:export my-db", 1, &gone);
    host.refuses("postgres:connect my-db", 1, &gone);
    host.says(
        "postgres:start my-db",
        "=====> Starting container\n=====> Container started\n",
    );
    assert_eq!(
        host.feed("postgres:connect my-db", b"select count(*) from t;\n")
            .stdout,
        " count \n-------\n     2\n(1 row)\n\n"
    );
    host.says(
        "postgres:stop my-db",
        "=====> Pausing container\n       Container paused\n       Removing container\n",
    );
    host.says("postgres:info my-db --status", "missing\n");
    assert!(
        host.ok("postgres:start my-db")
            .contains("       Already exists\n")
    );
    assert_ne!(host.ok("postgres:info my-db --id"), id);

    let unsure = host.feed("postgres:destroy my-db", b"mydb\n");
    assert_eq!(unsure.code, 1);
    assert_eq!(
        unsure.stderr,
        " !     WARNING: Potentially Destructive Action\n !     This command will destroy my-db Postgres service.\n !     To proceed, type \"my-db\"\n !     Confirmation did not match my-db. Aborted.\n"
    );
    let sure = host.feed("postgres:destroy my-db", b"my-db\n");
    assert_eq!(
        sure.stdout,
        "\n=====> Deleting my-db\n=====> Pausing container\n       Container paused\n       Removing container\n       Removing data\n=====> Postgres container deleted: my-db\n"
    );
    host.refuses(
        "postgres:info my-db",
        1,
        " !     Postgres service my-db does not exist\n",
    );
}

#[test]
fn links_set_and_unset_the_apps_variables() {
    let host = Host::new();
    host.ok("redis:create one");
    host.ok("redis:create two");
    let dsn = |name: &str| {
        host.ok(&format!("redis:info {name} --dsn"))
            .trim()
            .to_owned()
    };
    let (one, two) = (dsn("one"), dsn("two"));
    host.refuses(
        "redis:link one nope",
        20,
        " !     App nope does not exist\n",
    );
    host.refuses(
        "redis:linked one shop",
        1,
        " !     Service one is not linked to shop\n",
    );
    host.says(
        "redis:link one shop --no-restart",
        &format!("-----> Setting config vars\n       REDIS_URL:  {one}\n       Skipping restart of linked app\n"),
    );
    host.refuses(
        "redis:link one shop --no-restart",
        1,
        " !     Already linked as REDIS_URL\n",
    );
    host.says(
        "redis:linked one shop",
        "-----> Service one is linked to shop\n",
    );
    host.says("redis:links one", "shop\n");
    host.refuses(
        "redis:destroy one --force",
        1,
        " !     Cannot delete linked service\n",
    );
    assert!(
        host.ok("redis:link two shop --querystring ?a=b")
            .contains(&format!("DOKKU_REDIS_AQUA_URL:  {two}?a=b\n"))
    );
    host.says("redis:app-links shop", "one\ntwo\n");
    host.ok("redis:promote two shop");
    let env = host.host.store().env(Scope::App("shop")).unwrap();
    assert_eq!(env["REDIS_URL"], format!("{two}?a=b"));
    assert_eq!(env["DOKKU_REDIS_BLACK_URL"], one);
    host.says(
        "redis:unlink one shop --no-restart",
        "-----> Unsetting DOKKU_REDIS_BLACK_URL\n       Skipping restart of linked app\n",
    );
    host.refuses(
        "redis:unlink one shop",
        1,
        " !     Not linked to app shop\n",
    );
    let option = "--link dokku.redis.two:dokku-redis-two".to_owned();
    assert_eq!(
        host.host
            .store()
            .app("shop")
            .unwrap()
            .list("docker-options.run"),
        [option]
    );
}

#[test]
fn dumps_move_data_between_services_of_every_plugin() {
    let host = Host::new();
    for (plugin, write, read, rows) in [
        (
            "postgres",
            "create table t(s text); insert into t values ('é'), (E'a\\tb');",
            "\\t on\n\\a\nselect * from t order by s;",
            "a\tb\né\n",
        ),
        (
            "mysql",
            "create table t(s text); insert into t values ('é'), ('x');",
            "select * from t order by s;",
            "s\né\nx\n",
        ),
        (
            "mariadb",
            "create table t(b blob); insert into t values (x'00ff');",
            "select hex(b) from t;",
            "hex(b)\n00FF\n",
        ),
        ("redis", "set a \"x\\x00\\xff\"\n", "strlen a\n", "3\n"),
    ] {
        for service in ["from", "to"] {
            host.ok(&format!("{plugin}:create {service}"));
        }
        assert_eq!(
            host.feed(&format!("{plugin}:connect from"), write.as_bytes())
                .code,
            0,
            "{plugin}"
        );
        let dump = host.run(&format!("{plugin}:export from"));
        assert_eq!(dump.code, 0, "{plugin}: {}", dump.stderr);
        let restored = host.feed(&format!("{plugin}:import to"), &dump.bytes);
        assert_eq!(
            (restored.code, restored.stdout.as_str()),
            (0, ""),
            "{plugin}: {}",
            restored.stderr
        );
        assert!(
            host.feed(&format!("{plugin}:connect to"), read.as_bytes())
                .stdout
                .ends_with(rows),
            "{plugin}"
        );
        let cloned = host.ok(&format!("{plugin}:clone from copy"));
        assert!(
            cloned.ends_with("-----> Copying data from from to copy\n=====> Done\n"),
            "{cloned}"
        );
        assert!(
            host.feed(&format!("{plugin}:connect copy"), read.as_bytes())
                .stdout
                .ends_with(rows),
            "{plugin}"
        );
    }
}

#[test]
fn a_dump_that_is_none_is_refused() {
    let host = Host::new();
    host.ok("postgres:create db");
    let garbage = host.feed("postgres:import db", b"not a dump");
    assert_eq!(garbage.code, 1);
    assert_eq!(
        garbage.stderr,
        "pg_restore: error: input file does not appear to be a valid archive (too short?)\n"
    );
    let empty = host.run("postgres:import db");
    assert_eq!(
        (empty.code, empty.stderr.as_str()),
        (
            1,
            "pg_restore: error: input file is too short (read 0, expected 5)\n"
        )
    );
    host.ok("redis:create cache");
    let broken = host.feed("redis:import cache", b"not a dump");
    assert_eq!(broken.code, 1);
    assert!(
        broken.stderr.contains("Redis did not start"),
        "{}",
        broken.stderr
    );
    host.says("redis:info cache --status", "exited\n");
}

#[test]
fn services_run_again_under_the_next_sandbox() {
    let Host { host, root } = Host::new();
    let first = Host { host, root };
    first.ok("redis:create cache --password s3cret");
    first.ok("redis:create idle");
    first.ok("redis:pause idle");
    assert_eq!(
        first.feed("redis:connect cache", b"set a 41\n").stdout,
        "OK\n"
    );
    let dsn = first.ok("redis:info cache --dsn");
    let Host { host, root } = first;
    host.services().unwrap().stop(&host);
    drop(host);
    let stores = Datastores::open(root.path()).unwrap();
    assert_eq!(stores.resume(), Vec::<String>::new());
    let host = SandboxHost::new(
        root.path(),
        Addresses::default(),
        Store::open(root.path()).unwrap(),
    );
    host.install_services(Arc::new(stores));
    let second = Host { host, root };
    second.says("redis:info cache --dsn", &dsn);
    second.says("redis:info idle --status", "exited\n");
    assert_eq!(
        second.feed("redis:connect cache", b"get a\n").stdout,
        "41\n"
    );
}

#[test]
fn what_the_sandbox_does_not_do_is_refused() {
    let host = Host::new();
    host.ok("redis:create cache");
    host.refuses(
        "redis:backup cache bucket",
        1,
        " !     Missing AWS_ACCESS_KEY_ID file\n",
    );
    host.refuses(
        "redis:backup-schedule-cat cache",
        1,
        " !     There is no scheduled backup for cache.\n",
    );
    let refused = host.run("redis:upgrade cache");
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .starts_with(" !     The sandbox does not do redis:upgrade"),
        "{}",
        refused.stderr
    );
    let image = host.run("redis:create other --image-version 99.1");
    assert_eq!(image.code, 1);
    assert!(
        image.stderr.contains("it cannot run the image redis:99.1"),
        "{}",
        image.stderr
    );
    host.refuses(
        "redis:exists other",
        1,
        " !     Redis service other does not exist\n",
    );
}

#[test]
fn what_a_killed_sandbox_left_is_ended_and_its_debris_removed() {
    let first = Host::new();
    first.ok("redis:create cache");
    let services = first.root.path().join("lib/services/redis");
    let left = crate::engine::Identity::load(&services.join("cache/pid")).unwrap();
    // A service that was being made when the sandbox was killed has no record yet.
    std::fs::create_dir_all(services.join("half/data")).unwrap();
    // Never dropped: its servers go on, as if the kernel had not ended them.
    std::mem::forget(first.host.clone());
    let second = Datastores::open(first.root.path()).unwrap();
    assert!(!left.is_running());
    assert!(!services.join("half").exists());
    assert_eq!(second.resume(), Vec::<String>::new());
    let service = second
        .existing(plugin::named("redis").unwrap(), "cache")
        .unwrap();
    assert_eq!(second.status(&service), "running");
}
