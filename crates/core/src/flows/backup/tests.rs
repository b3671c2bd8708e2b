use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use super::*;
use crate::{
    app::AppName,
    backup::Reason,
    clock::Clock,
    command::DokkuCommand,
    dump::{self, Engine},
    host::{Answer, Follow, Host, HostError, Push, PushOutcome},
    interrupt::{Interrupts, Never},
    service::{ServiceKind, ServiceName},
    transfer::{StreamingHost, TransferError},
};

/// Answers by the line that is sent; everything else is no command of Dokku.
struct Script(&'static [(&'static str, i32, &'static str)]);

impl Host for Script {
    fn name(&self) -> &'static str {
        "h"
    }
    fn ask(&self, command: &DokkuCommand) -> Result<Answer, HostError> {
        let line = command.wire()?;
        let told = self.0.iter().find(|(known, ..)| *known == line);
        let (status, text) = told.map_or_else(
            || (1, format!(" !     `{line}` is not a dokku command.\n")),
            |(_, status, text)| (*status, (*text).to_owned()),
        );
        let (stdout, stderr) = if status == 0 {
            (text, String::new())
        } else {
            (String::new(), text)
        };
        Ok(Answer {
            command: line,
            status,
            stdout: stdout.into_bytes(),
            stderr: stderr.into_bytes(),
        })
    }
    fn follow(&self, _: &DokkuCommand, _: &mut dyn Follow) -> Result<i32, HostError> {
        unreachable!("nothing is followed here")
    }
    fn push(&self, _: &Push, _: &mut dyn Follow) -> Result<PushOutcome, HostError> {
        unreachable!("nothing is pushed here")
    }
}

impl StreamingHost for Script {
    fn receive(
        &self,
        command: &DokkuCommand,
        to: &mut (dyn Write + Send),
        _: &dyn Interrupts,
    ) -> Result<Answer, TransferError> {
        let answer = self.ask(command)?;
        to.write_all(&answer.stdout).map_err(TransferError::Write)?;
        Ok(answer)
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    fn wait(&self, _: Duration) {}
}

/// A store in memory that is full after so many bytes.
struct Memory(usize);

struct Bytes(Mutex<Vec<u8>>, usize);

impl BackupStore for Memory {
    type Draft = Bytes;
    fn begin(&self) -> Result<Bytes, StoreError> {
        Ok(Bytes(Mutex::default(), self.0))
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() + bytes.len() > self.1 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Draft for Bytes {
    type Sealed = Vec<u8>;
    fn seal(self) -> Result<Sealed<Vec<u8>>, StoreError> {
        let all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let facts = Facts {
            sha256: "f".into(),
            size: all.len() as u64,
            raw_sha256: "r".into(),
            raw_size: all.len() as u64,
            checks: vec!["in memory".into()],
            encrypted_to: Vec::new(),
        };
        let dump = dump::inspect(&mut &all[..]);
        Ok(Sealed {
            sealed: all,
            facts,
            dump,
        })
    }
}

const WHOLE: &str = "-- MariaDB dump 10.19\n-- Server version\t10.11.6-MariaDB\nCREATE TABLE `t` (\n);\n-- Dump completed on 2026-11-25\n";

fn try_take(
    script: &'static [(&str, i32, &str)],
    engine: Engine,
    room: usize,
) -> Result<Taken<Vec<u8>>, TakeError> {
    let (app, service) = (app("shop"), ServiceName::new("store").unwrap());
    let order = Order {
        app: &app,
        kind: ServiceKind::Mariadb,
        service: &service,
        engine,
        reason: Reason::PreDestroy,
        tool: "t",
    };
    take(&order, &Script(script), &Memory(room), &Noon, &Never)
}

fn app(name: &str) -> AppName {
    AppName::new(name).unwrap()
}

fn found(app_name: &str, kind: ServiceKind, service: &str) -> Found {
    Found {
        app: app(app_name),
        kind,
        service: ServiceName::new(service).unwrap(),
    }
}

#[test]
fn a_whole_dump_becomes_a_manifest() {
    let taken = try_take(&[("mariadb:export store", 0, WHOLE)], Engine::Mariadb, 1000).unwrap();
    assert_eq!(taken.sealed, WHOLE.as_bytes());
    let manifest = taken.manifest;
    assert_eq!(manifest.service, "store");
    assert_eq!(manifest.reason, Reason::PreDestroy);
    assert_eq!(manifest.engine_version.as_deref(), Some("10.11.6-MariaDB"));
    assert_eq!(manifest.checks[0], "in memory");
    assert_eq!(manifest.checks.len(), 2);
}

#[test]
fn each_failure_is_told_as_what_it_is() {
    let refused = try_take(
        &[("mariadb:export store", 1, "out of order")],
        Engine::Mariadb,
        1000,
    );
    assert!(matches!(
        refused,
        Err(TakeError::Host {
            why: HostError::Refused { status: 1, .. },
            ..
        })
    ));
    let empty = try_take(&[("mariadb:export store", 0, "")], Engine::Mariadb, 1000).unwrap_err();
    assert_eq!(
        empty.to_string(),
        "no backup of store on h: the export ended without an error and without a byte"
    );
    let cut = try_take(
        &[("mariadb:export store", 0, "-- MariaDB dump\n-- Host")],
        Engine::Mariadb,
        1000,
    );
    assert!(matches!(cut, Err(TakeError::NotWhole { .. })));
    let other = try_take(&[("mariadb:export store", 0, WHOLE)], Engine::Mysql, 1000).unwrap_err();
    assert!(
        other
            .to_string()
            .ends_with("a mariadb service sent a dump of MariaDB"),
        "{other}"
    );
    let full = try_take(&[("mariadb:export store", 0, WHOLE)], Engine::Mariadb, 10);
    assert!(matches!(full, Err(TakeError::Store { .. })));
}

#[test]
fn what_a_restore_may_have_half_replaced_is_no_backup() {
    let half = try_take(
        &[
            (
                "config:export --format json shop",
                0,
                r#"{"DEPLOY_LOCKED":"true","DEPLOY_LOCK_REASON":"restore of store from a.dump","DEPLOY_LOCK_BY":"ada"}"#,
            ),
            ("mariadb:export store", 0, WHOLE),
        ],
        Engine::Mariadb,
        1000,
    )
    .unwrap_err();
    assert!(half.to_string().contains("shop is locked by ada"), "{half}");
    // Another service of the app is whole, and so is one whose app is locked for another reason.
    for reason in ["restore of store-2 from a.dump", "incident"] {
        let locked: &'static str = format!(
            r#"{{"DEPLOY_LOCKED":"true","DEPLOY_LOCK_REASON":"{reason}","DEPLOY_LOCK_BY":"ada"}}"#
        )
        .leak();
        let script: &'static [(&str, i32, &str)] = vec![
            ("config:export --format json shop", 0, locked),
            ("mariadb:export store", 0, WHOLE),
        ]
        .leak();
        try_take(script, Engine::Mariadb, 1000).unwrap();
    }
}

#[test]
fn services_are_found_by_their_links_whatever_their_names() {
    let script = Script(&[
        ("--quiet apps:list", 0, "blog\nshop\nshop-pr-3\n"),
        (
            "--quiet postgres:list",
            0,
            "maindb\npostgres-blog\nunused\n",
        ),
        ("postgres:links maindb", 0, "shop\nshop-pr-3\nhidden\n"),
        ("postgres:links postgres-blog", 0, "blog\n"),
        ("postgres:links unused", 0, ""),
        ("postgres:app-links shop", 0, "maindb\n"),
        (
            "redis:app-links gone",
            20,
            " !     App gone does not exist\n",
        ),
    ]);
    let kinds = [ServiceKind::Postgres, ServiceKind::Redis];
    let postgres = ServiceKind::Postgres;
    assert_eq!(
        all(&script, &kinds).unwrap(),
        [
            found("blog", postgres, "postgres-blog"),
            found("shop", postgres, "maindb"),
            found("shop-pr-3", postgres, "maindb"),
        ]
    );
    assert_eq!(
        linked(&script, &app("shop"), &kinds).unwrap(),
        [found("shop", postgres, "maindb")]
    );
    let gone = linked(&script, &app("gone"), &kinds).unwrap_err();
    assert_eq!(gone.to_string(), "there is no app gone on h");
}

#[test]
fn previews_are_left_out_unless_named_and_nothing_else_is() {
    let all = [
        found("shop", ServiceKind::Postgres, "maindb"),
        found("shop", ServiceKind::Postgres, "postgres-shop"),
        found("shop", ServiceKind::Redis, "cache"),
        found("shop", ServiceKind::Rabbitmq, "queue"),
        found("shop-pr-3", ServiceKind::Postgres, "maindb"),
    ];
    let planned = plan(&all, &Only::default());
    let names: Vec<_> = planned
        .jobs
        .iter()
        .map(|job| job.name(Reason::Manual, Noon.now(), false).to_string())
        .collect();
    assert_eq!(
        names,
        [
            "postgres/shop/20261125_120000.maindb.gz",
            "postgres/shop/20261125_120000.gz",
            "redis/shop/20261125_120000.gz",
        ]
    );
    assert_eq!(planned.impossible.len(), 1);
    assert!(planned.impossible[0].why.contains("rabbitmq"));
    let preview = Only {
        app: Some(app("shop-pr-3")),
        ..Only::default()
    };
    assert_eq!(plan(&all, &preview).jobs.len(), 1);
    let cache = Only {
        service: Some(ServiceName::new("cache").unwrap()),
        ..Only::default()
    };
    assert_eq!(plan(&all, &cache).jobs[0].of.service.as_str(), "cache");
}
