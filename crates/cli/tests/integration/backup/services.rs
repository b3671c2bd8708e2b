//! `db create`, `connect`, `info`, `url` and `promote`.

use std::{io::Write, process::Stdio};

use serde_json::Value;

use super::host_with;
use crate::support::TestHost;

fn variables(host: &TestHost) -> Value {
    serde_json::from_str(&host.ssh("config:export --format json shop")).unwrap()
}

#[test]
fn a_service_is_made_shown_and_used() {
    let host = TestHost::start();
    let missing = host.cli(&["db", "shop", "create", "redis"]).run();
    assert_eq!(missing.status, Some(5), "{missing:?}");
    let commands = host.counts().commands;
    assert!(
        !commands.iter().any(|line| line.contains("redis:create")),
        "{commands:?}"
    );
    host.create_app("shop");
    let made = host.cli(&["db", "shop", "create", "redis"]).run();
    assert_eq!(made.status, Some(0), "{made:?}");
    assert!(
        made.stderr.contains("Creating redis database: redis-shop")
            && made.stderr.contains("Database created and linked"),
        "{made:?}"
    );
    let url = variables(&host)["REDIS_URL"].as_str().unwrap().to_owned();
    let again = host.cli(&["db", "shop", "create", "redis", "--json"]).run();
    assert_eq!(again.status, Some(0), "{again:?}");
    let told: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&told["is_new"], &told["is_newly_linked"]),
        (&Value::Bool(false), &Value::Bool(false))
    );

    host.cli(&["db", "shop", "url"])
        .prints(&format!("{url}\n"), "");
    let info = host.cli(&["db", "shop", "info", "redis"]).run();
    assert_eq!(info.status, Some(0), "{info:?}");
    assert!(info.stdout.contains("running"), "{info:?}");
    let password = url.split([':', '@']).nth(2).unwrap();
    assert!(password.len() > 8, "{url}");
    for ran in [&made, &again, &info] {
        assert!(
            !(ran.stdout.clone() + &ran.stderr).contains(password),
            "{ran:?}"
        );
    }

    let mut child = host
        .cli(&["-q", "db", "shop", "connect", "redis-shop"])
        .command()
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"SET greeting hello\nGET greeting\n")
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout)
        ),
        (Some(0), "OK\nhello\n".into())
    );
}

#[test]
fn another_service_is_promoted_and_the_way_back_works() {
    let host = host_with("redis");
    host.ssh("redis:create fresh");
    let url = |host: &TestHost| variables(host)["REDIS_URL"].as_str().unwrap().to_owned();
    let before = url(&host);
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=true");
    let locked = host.cli(&["db", "shop", "promote", "fresh"]).run();
    assert_eq!(locked.status, Some(4), "{locked:?}");
    host.ssh("config:unset --no-restart shop DEPLOY_LOCKED");
    assert_eq!(url(&host), before);

    let promoted = host.cli(&["db", "shop", "promote", "fresh"]).run();
    assert_eq!(promoted.status, Some(0), "{promoted:?}");
    let after = url(&host);
    assert_ne!(after, before);
    let kept = variables(&host)
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, value)| value.as_str() == Some(&before))
        .map(|(key, _)| key.clone())
        .unwrap();
    for told in [
        kept.as_str(),
        "dokku-cli db shop promote store",
        "it was not restarted",
    ] {
        assert!(promoted.stderr.contains(told), "{told}: {promoted:?}");
    }
    assert!(!promoted.stderr.contains("redis://"), "{promoted:?}");
    let again = host.cli(&["db", "shop", "promote", "fresh"]).run();
    assert_eq!(again.status, Some(0), "{again:?}");
    assert!(again.stderr.contains("already"), "{again:?}");

    let back = host.cli(&["db", "shop", "promote", "store"]).run();
    assert_eq!(back.status, Some(0), "{back:?}");
    assert_eq!(url(&host), before);
    let nobody = host.cli(&["db", "shop", "promote", "nobody"]).run();
    assert_eq!(nobody.status, Some(5), "{nobody:?}");
}
