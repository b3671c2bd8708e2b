//! Previews that get a copy of staging's databases: masked before anybody sees it, and never half.

use std::fs;

use rustix::process::{Signal, kill_process};

use super::previews::Project;
use crate::{
    backup::say_to,
    support::{Ran, TestHost, await_until},
};

const BY_HAND: [&str; 6] = ["--repo", "shop", "--pr", "7", "--action", "deploy"];

/// A project whose branch `main` says that previews get copies of staging's services of these kinds,
/// which are there.
pub(super) fn project<'a>(
    host: &'a TestHost,
    kinds: &[&str],
    masking: Option<&str>,
) -> Project<'a> {
    host.create_app("shop-staging");
    for kind in kinds {
        host.ssh(&format!("{kind}:create {kind}-of-staging"));
        host.ssh(&format!(
            "{kind}:link {kind}-of-staging shop-staging --no-restart"
        ));
    }
    let mut project = Project::start(host);
    let services: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{kind}: {{enabled: true}}"))
        .collect();
    project.shop.write(
        ".dokku/services.yml",
        &format!("services: {{{}}}\n", services.join(", ")),
    );
    // The pull request itself has it without masking.
    project.shop.write(
        ".dokku/config.yml",
        "healthcheck: {attempts: 2, wait: 1s}\npreview: {database: clone}\n",
    );
    project.shop.release("1");
    project.push();
    base(&project, masking);
    let scratch = host.home().join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    project.environment = vec![("TMPDIR", scratch.display().to_string())];
    project
}

/// What the branch `main` says.
fn base(project: &Project<'_>, masking: Option<&str>) {
    let mut state = project.hub.state();
    let files = &mut state.repository("acme/shop").files;
    let config = match masking {
        Some(sql) => {
            files.insert(".dokku/mask.sql".into(), sql.into());
            "preview: {database: clone, masking_sql: .dokku/mask.sql}\n"
        }
        None => "preview: {database: clone}\n",
    };
    files.insert(".dokku/config.yml".into(), config.into());
}

fn opened(project: &Project<'_>, status: i32) -> Ran {
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(status), "{ran:?}");
    // No dump stays on the machine that deploys.
    let left = fs::read_dir(project.host.home().join("scratch")).unwrap();
    assert_eq!(left.count(), 0, "{ran:?}");
    ran
}

fn fill(host: &TestHost) {
    say_to(
        host,
        "postgres",
        "postgres-of-staging",
        b"CREATE TABLE people (id int PRIMARY KEY, email text);\nINSERT INTO people SELECT n, 'person' || n || '@example.com' FROM generate_series(1, 500) AS n;\n",
    );
}

fn emails(host: &TestHost, service: &str) -> String {
    say_to(
        host,
        "postgres",
        service,
        b"\\t\\a\nSELECT string_agg(DISTINCT regexp_replace(email, '[0-9]+', ''), ' ' ORDER BY regexp_replace(email, '[0-9]+', '')) || ' ' || count(*) FROM people;\n",
    )
    .lines()
    .find(|line| line.contains("500") || line.contains("501"))
    .unwrap_or_default()
    .to_owned()
}

fn exists(host: &TestHost, kind: &str, service: &str) -> bool {
    let list = host.ssh(&format!("{kind}:list"));
    list.lines().any(|line| line.trim() == service)
}

const MASK: &str = "UPDATE people SET email = 'masked' || id;\n";

#[test]
fn a_preview_gets_a_masked_copy_keeps_it_and_gets_a_new_one_when_asked() {
    let host = TestHost::start();
    let project = project(&host, &["postgres"], Some(MASK));
    fill(&host);
    let ran = opened(&project, 0);
    assert!(
        ran.stderr.contains("is masked by .dokku/mask.sql"),
        "{ran:?}"
    );
    let copy = "postgres-shop-pr-7";
    assert_eq!(emails(&host, copy), "masked 500");
    assert_eq!(
        emails(&host, "postgres-of-staging"),
        "person@example.com 500"
    );
    let url = project.variables()["DATABASE_URL"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        url.contains("postgres_shop_pr_7") || url.contains(copy),
        "{url}"
    );

    // What was written to it stays, whatever is pushed.
    say_to(
        &host,
        "postgres",
        copy,
        b"INSERT INTO people VALUES (501, 'masked501');\n",
    );
    project.shop.release("2");
    project.push();
    let ran = project.event("synchronize", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(emails(&host, copy), "masked 501");

    let words = [&BY_HAND[..], &["--refresh-database"]].concat();
    let ran = project.run("ada", &words);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(emails(&host, copy), "masked 500");
    let kept = fs::read_dir(host.home().join("vault")).unwrap();
    let mut kept = kept.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(kept.any(|name| name.starts_with("pre-destroy_shop-pr-7-")));

    project.pull(|pull| pull.is_open = false);
    let ran = project.event("closed", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(project.apps().trim(), "shop-staging");
    assert!(!exists(&host, "postgres", copy));
    assert_eq!(
        emails(&host, "postgres-of-staging"),
        "person@example.com 500"
    );
}

#[test]
fn without_masking_to_its_end_there_is_no_copy_and_no_preview() {
    let host = TestHost::start();
    let copy = "postgres-shop-pr-7";
    let project = project(
        &host,
        &["postgres"],
        Some("UPDATE nobody SET email = 'x';\n"),
    );
    fill(&host);
    for (mask, told) in [
        (
            "UPDATE people SET email = 'x';\nUPDATE nobody SET email = 'x';\n",
            "relation \"nobody\" does not exist",
        ),
        ("\\q\n", "it did not come to its end"),
        (" \n", "is not there, or empty"),
    ] {
        base(&project, Some(mask));
        let ran = project.event("opened", "ada");
        assert_ne!(ran.status, Some(0), "{mask:?} {ran:?}");
        assert!(ran.stderr.contains(told), "{told:?} {ran:?}");
        assert!(!exists(&host, "postgres", copy), "{mask:?}");
        assert!(!ran.stderr.contains("person1@"), "{ran:?}");
    }
    assert!(project.variables().get("DATABASE_URL").is_none());
    // The host refuses the import: nothing of it stays either.
    base(&project, Some(MASK));
    host.fail_next("postgres:import", 1);
    let ran = project.event("opened", "ada");
    assert_ne!(ran.status, Some(0), "{ran:?}");
    assert!(!exists(&host, "postgres", copy));
    host.heal();
    opened(&project, 0);
    assert_eq!(emails(&host, copy), "masked 500");
}

/// kill -9 when all data is there and none of it is masked.
#[test]
fn a_copy_that_was_killed_half_way_is_begun_anew_and_needs_no_backup() {
    let host = TestHost::start();
    let copy = "postgres-shop-pr-7";
    let (begun, go) = (host.home().join("begun"), host.home().join("go"));
    let mask = format!(
        "\\! touch '{}'; until [ -e '{}' ]; do sleep 0.05; done\n{MASK}",
        begun.display(),
        go.display()
    );
    let project = project(&host, &["postgres"], Some(&mask));
    fill(&host);
    let killed = |project: &Project<'_>| {
        drop(fs::remove_file(&begun));
        drop(fs::remove_file(&go));
        let running = project.started("ada", &BY_HAND);
        await_until("the masking", || begun.exists());
        kill_process(running.pid(), Signal::KILL).unwrap();
        drop(running.finish());
        assert_eq!(emails(&host, copy), "person@example.com 500");
    };
    killed(&project);
    // Closed in this state: what nobody ever saw needs no backup.
    fs::write(&go, "").unwrap();
    host.ssh("config:unset --no-restart shop-pr-7 DEPLOY_RUN_ID");
    project.pull(|pull| pull.is_open = false);
    let ran = project.event("closed", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!exists(&host, "postgres", copy));
    assert!(!host.home().join("vault").exists());

    // Ctrl-C leaves nothing.
    project.pull(|pull| pull.is_open = true);
    drop(fs::remove_file(&begun));
    drop(fs::remove_file(&go));
    let running = project.started("ada", &BY_HAND);
    await_until("the masking", || begun.exists());
    running.signal_group(Signal::INT);
    let ran = running.finish();
    assert_eq!(ran.status, Some(130), "{ran:?}");
    assert!(!exists(&host, "postgres", copy), "{ran:?}");
    fs::write(&go, "").unwrap();

    killed(&project);
    fs::write(&go, "").unwrap();
    host.ssh("config:unset --no-restart shop-pr-7 DEPLOY_RUN_ID");
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(emails(&host, copy), "masked 500");
}

#[test]
fn an_outsiders_preview_begins_empty_unless_a_maintainer_says_otherwise() {
    let host = TestHost::start();
    let copy = "postgres-shop-pr-7";
    let project = project(&host, &["postgres"], Some(MASK));
    fill(&host);
    project.pull(|pull| {
        pull.author = "mallory".into();
        pull.head_repository = Some("mallory/shop".into());
    });
    opened(&project, 0);
    let ran = project.run("ada", &BY_HAND);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let tables = say_to(&host, "postgres", copy, b"\\dt\n");
    assert!(!tables.contains("people"), "{tables}");
    let words = [&BY_HAND[..], &["--refresh-database"]].concat();
    assert_eq!(project.run("ada", &words).status, Some(2));
    let words = [&words[..], &["--with-clone"]].concat();
    let ran = project.run("ada", &words);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(emails(&host, copy), "masked 500");
}

#[test]
fn mariadb_is_masked_and_redis_copied_only_where_nothing_has_to_be_masked() {
    let host = TestHost::start();
    let mask = "UPDATE people SET email = 'masked';\n";
    let project = project(&host, &["mariadb", "redis"], Some(mask));
    say_to(
        &host,
        "mariadb",
        "mariadb-of-staging",
        b"CREATE TABLE people (email text);\nINSERT INTO people VALUES ('ada@example.com');\n",
    );
    say_to(&host, "redis", "redis-of-staging", b"SET key secret\n");
    let ran = opened(&project, 0);
    assert!(ran.stderr.contains("begins empty"), "{ran:?}");
    let people = || {
        say_to(
            &host,
            "mariadb",
            "mariadb-shop-pr-7",
            b"SELECT email FROM people;\n",
        )
    };
    assert!(people().contains("masked") && !people().contains("ada"));
    let key = || say_to(&host, "redis", "redis-shop-pr-7", b"GET key\n");
    assert!(!key().contains("secret"));

    base(&project, None);
    host.ssh("redis:unlink redis-shop-pr-7 shop-pr-7 --no-restart");
    // Nobody knows what such a service holds.
    let ran = project.run("ada", &BY_HAND);
    assert_ne!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("not known to be a masked copy"),
        "{ran:?}"
    );
    host.ssh("redis:destroy redis-shop-pr-7 --force");
    let ran = project.run("ada", &BY_HAND);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(key().contains("secret"));
}

#[test]
fn what_cannot_be_copied_is_refused_before_anything_is_made() {
    let host = TestHost::start();
    let project = project(&host, &["postgres"], Some(MASK));
    host.ssh("postgres:unlink postgres-of-staging shop-staging --no-restart");
    let ran = opened(&project, 3);
    assert!(
        ran.stderr
            .contains("shop-staging is linked to no postgres service"),
        "{ran:?}"
    );
    host.ssh("apps:destroy shop-staging --force");
    let ran = opened(&project, 3);
    assert!(
        ran.stderr.contains("there is no app shop-staging"),
        "{ran:?}"
    );
    assert_eq!(project.apps().trim(), "");
}
