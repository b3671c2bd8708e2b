use proptest::prelude::*;

use super::*;
use crate::dashboard::{
    Deploy, Health, HealthStatus, Identity, Kind, LockShown, Processes, Release,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn deploy(second: i64, commit: &str) -> Deploy {
    Deploy {
        status: "success".into(),
        at: at(second),
        by: format!("by-{commit}"),
        commit: commit.repeat(40),
        attempted: None,
        message: "fix".into(),
        release: Some(Release(3)),
        duration: Some(60),
        workflow_url: None,
    }
}

fn with(name: &str, row: Row) -> Apps {
    let mut apps = Apps::default();
    apps.add(name, row);
    apps
}

/// Files as writers leave them: few apps and few moments, so that they meet and tie.
fn some() -> impl Strategy<Value = Apps> {
    let act = (0_u8..6, 0_u8..3, 0_i64..6, 0_u8..3);
    prop::collection::vec(act, 0..10).prop_map(|acts| {
        let mut apps = Apps::default();
        for (what, app, second, variant) in acts {
            let name = format!("app-{app}");
            let letter = ["a", "b", "c"][usize::from(variant)];
            let row = Row::default();
            match what {
                0 => apps.add(&name, row.with_deploy(&deploy(second, letter))),
                1 => apps.add(&name, row.with_processes(Processes::Running, at(second))),
                2 => {
                    let lock = LockShown {
                        reason: Some(letter.into()),
                        by: "ada".into(),
                        at: "now".into(),
                        until: None,
                    };
                    apps.add(
                        &name,
                        row.with_lock((variant > 0).then_some(&lock), at(second)),
                    );
                }
                3 => apps.remove(&name, at(second)),
                4 => {
                    let text = format!(
                        r#"{{"apps":[{{"name":"{name}","status":"running","last_deploy":"{}",
                        "last_deploy_by":"sync","team":"{letter}"}}],"of_{letter}":{second}}}"#,
                        stamp(at(second))
                    );
                    apps = apps.merge(Apps::read(&text).unwrap());
                }
                _ => {
                    let identity = Identity {
                        environment: Some("staging".into()),
                        url: Some(format!("https://{letter}.example.com")),
                        ..Identity::default()
                    };
                    apps.add(&name, row.with_identity(&identity, at(second)));
                }
            }
        }
        apps
    })
}

proptest! {
    #[test]
    fn merging_does_not_depend_on_who_comes_first(a in some(), b in some()) {
        prop_assert_eq!(a.clone().merge(b.clone()), b.merge(a));
    }

    #[test]
    fn merging_does_not_depend_on_who_meets_whom(a in some(), b in some(), c in some()) {
        prop_assert_eq!(
            a.clone().merge(b.clone()).merge(c.clone()),
            a.merge(b.merge(c))
        );
    }

    #[test]
    fn merging_twice_is_merging_once(a in some(), b in some()) {
        let once = a.merge(b.clone());
        prop_assert_eq!(once.clone().merge(b), once.clone());
        prop_assert_eq!(once.clone().merge(once.clone()), once);
    }

    #[test]
    fn what_is_written_is_read(apps in some()) {
        let text = apps.value().to_string();
        prop_assert_eq!(Apps::read(&text).unwrap().value(), apps.value());
    }

    #[test]
    fn a_sync_never_overwrites_a_deploy(apps in some(), second in 0_i64..10) {
        let before = apps.clone();
        let mut sync = Apps::default();
        for (name, _) in before.rows() {
            sync.add(name, Row::default().with_processes(Processes::Stopped, at(second)));
        }
        let after = apps.merge(sync);
        for (name, row) in before.rows() {
            let now = after.row(name).unwrap();
            for key in ["last_deploy", "last_deploy_by", "commit_sha", "release"] {
                prop_assert_eq!(now.get(key), row.get(key));
            }
            if row.as_of(Kind::Deploy).is_some() {
                prop_assert_eq!(now.get("status"), row.get("status"));
            }
        }
    }
}

#[test]
fn a_row_of_the_bash_writers_is_kept_and_added_to() {
    let text = r#"{"last_updated":"2023-11-14T22:00:00Z","apps":[
        {"name":"shop","status":"success","environment":"production","url":"https://shop.example.com",
         "last_deploy":"2023-11-14T22:00:00Z","last_deploy_by":"ada","commit_sha":"abc",
         "uptime":{"status":"healthy","uptime_seconds":0,"response_time_ms":12,
                   "last_check":"2023-11-14T22:01:00Z"},"team":"web"},
        {"name":"","status":"failure"}]}"#;
    let apps = Apps::read(text).unwrap();
    assert_eq!(apps.rows().count(), 1);
    let health = Health {
        status: HealthStatus::Unhealthy,
        uptime_seconds: 0,
        response_time_ms: None,
        at: at(0),
        since: at(0),
        reason: Some("connection refused".into()),
    };
    let merged = apps.merge(with("shop", Row::default().with_health(&health)));
    let row = &merged.value()["apps"][0];
    assert_eq!(row["uptime"]["status"], "unhealthy");
    assert_eq!(row["commit_sha"], "abc");
    assert_eq!(row["team"], "web");
    assert_eq!(row["status"], "success");
    assert_eq!(row["as_of"]["deploy"], "2023-11-14T22:00:00Z");
}

#[test]
fn a_bash_sync_is_no_deploy() {
    let text = r#"{"apps":[{"name":"shop","status":"running","last_deploy":"2030-01-01T00:00:00Z",
        "last_deploy_by":"sync"}]}"#;
    let merged = Apps::read(text)
        .unwrap()
        .merge(with("shop", Row::default().with_deploy(&deploy(1, "a"))));
    let row = &merged.value()["apps"][0];
    assert_eq!(row["last_deploy_by"], "by-a");
    assert_eq!(row["processes"], "running");
    assert_eq!(row["status"], "success");
}

#[test]
fn an_app_without_a_deploy_says_whether_it_runs() {
    let apps = with(
        "shop",
        Row::default().with_processes(Processes::Stopped, at(1)),
    );
    let row = &apps.value()["apps"][0];
    assert_eq!(row["status"], "stopped");
    assert!(row["last_deploy"].is_null() && row["uptime"].is_null());
}

#[test]
fn a_removed_app_stays_away_until_it_is_deployed_again() {
    let mut apps = with("shop", Row::default().with_deploy(&deploy(1, "a")));
    apps.remove("shop", at(5));
    let late = with("shop", Row::default().with_deploy(&deploy(4, "a")));
    let apps = apps.merge(late);
    assert_eq!(apps.rows().count(), 0);
    let again = with("shop", Row::default().with_deploy(&deploy(6, "b")));
    assert_eq!(apps.merge(again).rows().count(), 1);
}

#[test]
fn a_clock_that_ran_ahead_does_not_win_for_ever() {
    let mut apps = with("shop", Row::default().with_deploy(&deploy(1_000_000, "a")));
    apps.remove("other", at(1_000_000));
    apps.tidy(at(10));
    let apps = apps.merge(with("shop", Row::default().with_deploy(&deploy(11, "b"))));
    assert_eq!(
        apps.row("shop").unwrap().text("last_deploy_by"),
        Some("by-b")
    );
    let mut later = apps.clone();
    later.tidy(at(100 * 24 * 3600));
    assert_eq!(later.removed().count(), 0);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for text in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"apps":{}}"#,
        r#"{"apps":[1]}"#,
        r#"{"apps":[{"name":"a"}"#,
    ] {
        assert!(Apps::read(text).is_err(), "{text}");
    }
}
