//! What is locked.

use super::{host::somebody_locks, *};
use crate::lock::{Seen, Status, Verdict, group_id};

const LOCKED: &[(&str, &str)] = &[("DEPLOY_LOCKED", "true")];

fn status_of(host: &Script, name: &str) -> Result<Status, LockError> {
    let clock = Hourglass::default();
    status(&app(name), ground(host, &clock))
}

fn blocker(status: &Status) -> Option<String> {
    match status.verdict() {
        Verdict::Blocked(app, _) => Some(app.to_string()),
        Verdict::Free => None,
        Verdict::Unknown(app, why) => panic!("{app}: {why}"),
    }
}

#[test]
fn a_preview_is_asked_about_together_with_its_base_in_one_round() {
    let host = Script::with(&[("shop", LOCKED), ("shop-pr-7", &[]), ("shop-staging", &[])]);
    let status = status_of(&host, "shop-pr-7").unwrap();
    assert_eq!(blocker(&status).as_deref(), Some("shop"));
    assert_eq!(host.rounds(), 1);
    assert_eq!(blocker(&status_of(&host, "shop-staging").unwrap()), None);
}

#[test]
fn the_variable_names_another_base_than_the_name_does() {
    let host = Script::with(&[
        ("shop", LOCKED),
        ("shop-pr-7", &[("DEPLOY_BASE_APP", "other")]),
        ("other", &[]),
    ]);
    assert_eq!(blocker(&status_of(&host, "shop-pr-7").unwrap()), None);
    assert_eq!(host.rounds(), 2);
    host.change(|apps| somebody_locks(apps, &app("other")));
    assert_eq!(
        blocker(&status_of(&host, "shop-pr-7").unwrap()).as_deref(),
        Some("other")
    );
}

#[test]
fn only_a_base_that_dokku_says_is_not_there_locks_nothing() {
    let orphan = Script::with(&[("shop-pr-7", &[])]);
    let status = status_of(&orphan, "shop-pr-7").unwrap();
    assert_eq!((blocker(&status), status.base), (None, None));
    for host in [
        Script::with(&[("shop-pr-7", &[("DEPLOY_BASE_APP", "base")])])
            .silent_to("config:export --format json base"),
        Script::with(&[("shop", &[("DEPLOY_LOCKED", "TRUE")]), ("shop-pr-7", &[])]),
    ] {
        let status = status_of(&host, "shop-pr-7").unwrap();
        assert!(
            matches!(status.verdict(), Verdict::Unknown(..)),
            "{status:?}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for host in [
        Script::default(),
        Script::default().silent_to("config:export"),
        Script::default().answering("config:export", 1, "", "unterminated quoted value"),
        Script::default().answering("config:export", 0, "", ""),
        Script::with(&[("shop", &[("DEPLOY_LOCKED", "yes")])]),
        Script::with(&[("shop", &[("DEPLOY_BASE_APP", "Not An App")])]),
    ] {
        assert!(status_of(&host, "shop").is_err());
    }
}

#[test]
fn all_apps_take_two_rounds_and_one_that_cannot_be_read_is_unknown() {
    let host = Script::with(&[
        ("api", &[("DEPLOY_LOCKED", "maybe")]),
        ("api-pr-1", &[]),
        ("shop", LOCKED),
        ("shop-pr-7", &[]),
        ("shop-staging", &[]),
    ]);
    let clock = Hourglass::default();
    let all = statuses(PLAIN, ground(&host, &clock)).unwrap();
    assert_eq!(host.rounds(), 2);
    let verdicts: Vec<String> = all
        .iter()
        .map(|status| match status.verdict() {
            Verdict::Free => format!("{} free", status.app),
            Verdict::Blocked(by, _) => format!("{} blocked by {by}", status.app),
            Verdict::Unknown(of, _) => format!("{} unknown of {of}", status.app),
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            "api unknown of api",
            "api-pr-1 unknown of api",
            "shop blocked by shop",
            "shop-pr-7 blocked by shop",
            "shop-staging free"
        ]
    );
    let lockable: Vec<&str> = lockable(&all).map(|status| status.app.as_str()).collect();
    assert_eq!(lockable, ["api", "shop"]);
}

#[test]
fn an_app_that_is_destroyed_meanwhile_is_no_error() {
    let host = Script::with(&[("a", &[]), ("b", &[])]).before(1, |apps| {
        apps.remove("b");
    });
    let clock = Hourglass::default();
    let all = statuses(PLAIN, ground(&host, &clock)).unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(
        statuses(PLAIN, ground(&Script::default(), &clock)).unwrap(),
        []
    );
    let silent = Script::default().silent_to("--quiet apps:list");
    assert!(statuses(PLAIN, ground(&silent, &clock)).is_err());
}

#[test]
fn the_newest_run_of_lock_all_comes_first() {
    let host = Script::with(&[("a", &[]), ("b", &[]), ("c", &[]), ("d", LOCKED)]);
    let clock = Hourglass::default();
    for (group, apps) in [("1", &["a", "b"][..]), ("2", &["c"])] {
        let wishes: Vec<Lock> = apps
            .iter()
            .map(|name| wish(name, request("freeze", &group_id(group, name))))
            .collect();
        for result in lock(&wishes, PLAIN, Rivals::Possible, ground(&host, &clock)) {
            result.unwrap();
        }
    }
    let all = statuses(PLAIN, ground(&host, &clock)).unwrap();
    let groups: Vec<_> = groups(&all)
        .into_iter()
        .map(|group| {
            let apps: Vec<String> = group.locks.iter().map(|(app, _)| app.to_string()).collect();
            (group.id, apps)
        })
        .collect();
    assert_eq!(
        groups,
        [
            ("2".to_owned(), vec!["c".to_owned()]),
            ("1".to_owned(), vec!["a".to_owned(), "b".to_owned()])
        ]
    );
    assert!(
        all.iter()
            .all(|status| matches!(status.lock, Seen::Locked(_)))
    );
}

#[test]
fn the_way_is_asked_in_one_round() {
    let host = Script::default();
    assert_eq!(way(&host), Ok(PLAIN));
    assert_eq!(host.rounds(), 1);
    let plugins = r#"[{"name":"deploy-system","version":"0.1.0","enabled":true,"core":false}]"#;
    let host = Script::default().answering("plugin:list", 0, plugins, "");
    assert!(way(&host).unwrap().is_enforced());
    for host in [
        Script::default().silent_to("version"),
        Script::default().answering("plugin:list", 0, "", ""),
        Script::default().answering("version", 0, "dokku version 0.20.0", ""),
    ] {
        assert!(way(&host).is_err());
    }
}
