use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    deployment::{Commit, Deployment, Outcome, Serving, Stage},
    lock::Lock,
};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn origin() -> Origin {
    Origin {
        time: time("2026-11-23T12:00:00Z"),
        nonce: 0xab_cdef,
        actor: "ada@example.com".into(),
        host: "dokku.example.com".into(),
        repository: "acme/shop".into(),
        repository_url: "https://github.com/acme/shop".into(),
        workflow: Workflow {
            run_id: "77".into(),
            run_url: "https://github.com/acme/shop/actions/runs/77".into(),
        },
    }
}

fn deployment(outcome: Outcome) -> Deployment {
    Deployment {
        app: AppName::new("shop").unwrap(),
        environment: Environment::Production,
        commit: Commit {
            sha: "0123456789012345678901234567890123456789".into(),
            subject: "say \"hi\" $(id)".into(),
            branch: Some("main".into()),
        },
        previous_sha: Some("abcdef7890123456789012345678901234567890".into()),
        outcome,
        serving: Serving::Previous {
            sha: None,
            version: Some(4),
        },
        version: None,
        url: Some("https://shop.example.com".into()),
        actor: "ada@example.com".into(),
        started: time("2026-11-23T11:57:26Z"),
        finished: time("2026-11-23T12:00:00Z"),
        steps: Vec::new(),
        warnings: Vec::new(),
    }
}

#[test]
fn a_failed_deploy_in_the_shape_of_the_file() {
    let outcome = Outcome::Failed {
        at: Stage::Health,
        why: "it answers 500".into(),
    };
    let entry = AuditEntry::of_deployment(&deployment(outcome), &origin());
    insta::assert_json_snapshot!(entry, @r#"
    {
      "id": "audit-1795435200-abcdef",
      "timestamp": "2026-11-23T12:00:00Z",
      "action": "deploy",
      "app_name": "shop",
      "environment": "production",
      "status": "failure",
      "actor": "ada@example.com",
      "repository": "acme/shop",
      "commit": {
        "sha": "0123456",
        "sha_full": "0123456789012345678901234567890123456789",
        "message": "say \"hi\" $(id)"
      },
      "duration": "2m 34s",
      "url": "https://shop.example.com",
      "note": "it answers 500",
      "workflow": {
        "run_id": "77",
        "run_url": "https://github.com/acme/shop/actions/runs/77"
      },
      "metadata": {
        "host": "dokku.example.com",
        "commit_url": "https://github.com/acme/shop/commit/0123456789012345678901234567890123456789",
        "branch": "main",
        "duration_seconds": 154,
        "finished": "2026-11-23T12:00:00.000Z",
        "previous_sha": "abcdef7890123456789012345678901234567890",
        "stage": "the health check",
        "serving": "release v4, as before"
      }
    }
    "#);
    assert!(is_id(&entry.id));
}

#[test]
fn every_end_of_a_deploy_has_a_status_of_its_own() {
    let why = || "x".to_owned();
    for (outcome, status) in [
        (Outcome::Live, Status::Success),
        (Outcome::Unchanged, Status::Success),
        (Outcome::Refused { why: why() }, Status::Refused),
        (
            Outcome::Unknown {
                at: Stage::Build,
                why: why(),
            },
            Status::Unknown,
        ),
        (
            Outcome::Interrupted {
                at: Stage::Build,
                by: crate::interrupt::Signal::Interrupt,
            },
            Status::Cancelled,
        ),
    ] {
        let entry = AuditEntry::of_deployment(&deployment(outcome), &origin());
        assert_eq!(entry.status, status);
    }
}

#[test]
fn a_lock_says_why_and_an_unlock_whose_it_was() {
    let app = AppName::new("shop-staging").unwrap();
    let lock = Lock {
        reason: "migration".into(),
        by: "bob".into(),
        at: "2026-11-23T11:00:00Z".into(),
        until: Some(time("2026-11-23T14:00:00Z")),
        id: None,
        has_stray_end: false,
    };
    let entry = AuditEntry::of_lock(&app, &lock, None, &origin());
    assert_eq!(
        (entry.note.as_str(), entry.environment.as_str()),
        ("migration", "staging")
    );
    assert_eq!(entry.text(key::UNTIL), "2026-11-23T14:00:00Z");
    let entry = AuditEntry::of_unlock(&app, Some(&lock), &origin());
    assert_eq!(entry.text(key::LOCKED_BY), "bob");
    assert_eq!(entry.text(key::LOCK_REASON), "migration");
}

#[test]
fn entries_of_the_bash_system_are_read_and_kept_as_they_are() {
    let old = json!({
        "id": "audit-1700000000-0a1b2c", "timestamp": "2023-11-14T22:13:20Z", "action": "canary-deploy",
        "app_name": "shop", "environment": "production", "status": "success", "actor": "ada",
        "repository": "acme/shop", "commit": {"sha": "0123456", "sha_full": "01", "message": null},
        "duration": null, "url": 7, "note": "", "workflow": {"run_id": 12, "run_url": ""},
        "metadata": null, "colour": "blue"
    });
    let entry: AuditEntry = serde_json::from_value(old).unwrap();
    assert_eq!(entry.action, Action::Other("canary-deploy".into()));
    assert_eq!(entry.workflow.run_id, "12");
    let back = serde_json::to_value(&entry).unwrap();
    assert_eq!(back["action"], "canary-deploy");
    assert_eq!(back["colour"], "blue");
    assert_eq!(back["url"], "7");
    assert!(serde_json::from_value::<AuditEntry>(json!({"id": "x"})).is_err());
}

#[test]
fn long_texts_are_cut_between_characters() {
    let long = "ä🚧".repeat(1_000_000);
    let mut entry =
        AuditEntry::of_host(Action::ServerSetup, Status::Success, &origin()).note(&long);
    entry.set_commit("01", &long, &origin());
    entry.set(key::SERVICE, long.as_str());
    assert_eq!(entry.note.chars().count(), 4000);
    assert!(entry.note.ends_with('…') && entry.commit.message.ends_with('…'));
    assert!(serde_json::to_string(&entry).unwrap().len() < 32 * 1024);
    assert_eq!(cut("abc", 3), "abc");
    assert_eq!(cut("abcd", 3), "ab…");
}

#[test]
fn times_are_told_as_people_do() {
    let told = |seconds| duration(Duration::from_secs(seconds));
    assert_eq!(
        [told(0), told(45), told(154), told(3723)],
        ["0s", "45s", "2m 34s", "1h 2m 3s"]
    );
}

fn log_of(entries: Vec<AuditEntry>) -> AuditLog {
    AuditLog {
        entries,
        ..AuditLog::default()
    }
}

fn entry(second: i64, nonce: u32, note: &str) -> AuditEntry {
    let origin = Origin {
        time: Timestamp::from_second(second).unwrap(),
        nonce,
        ..Origin::default()
    };
    AuditEntry::of_host(Action::Deploy, Status::Success, &origin).note(note)
}

prop_compose! {
    fn entries()(seeds in prop::collection::vec((0..30i64, 0..3u32, 0..3usize), 0..30)) -> Vec<AuditEntry> {
        let entries = seeds.into_iter().map(|(second, nonce, more)| {
            // One id may come with several contents and even several times.
            let mut made = entry(second, nonce, &"x".repeat(more));
            made.timestamp = stamp(Timestamp::from_second(second + i64::from(more == 2)).unwrap());
            made
        });
        entries.collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn writers_may_merge_in_any_order(a in entries(), b in entries(), c in entries()) {
        // Few enough are kept that some fall off on the way.
        let merge = |one: &[AuditEntry], other: &[AuditEntry]| {
            merge::newest([one, other].concat(), 12)
        };
        let whole = merge(&merge(&a, &b), &c);
        prop_assert_eq!(&whole, &merge(&c, &merge(&b, &a)));
        prop_assert_eq!(&whole, &merge(&merge(&c, &a), &b));
        prop_assert_eq!(&whole, &merge(&whole, &whole));
        prop_assert_eq!(merge(&a, &b), merge(&b, &a));
    }
}

#[test]
fn the_newest_thousand_stay_and_each_once() {
    let old = log_of((0..900).map(|n| entry(n, 1, "")).collect());
    let new = log_of((500..1400).map(|n| entry(n, 1, "")).collect());
    let merged = old.merge(new);
    assert_eq!(merged.entries.len(), KEPT);
    assert_eq!(merged.entries[0], entry(1399, 1, ""));
    assert_eq!(merged.entries[999], entry(400, 1, ""));
    assert_eq!(
        merged.stats,
        Stats {
            total_deploys: 1000,
            successful: 1000,
            failed: 0
        }
    );
}

#[test]
fn of_each_host_the_end_of_its_log_that_was_seen_last_is_noted() {
    let seen = |host: &str, at: &str, seq| AuditLog {
        chains: vec![Chained {
            host: host.into(),
            at: at.into(),
            seq,
            hash: "h".into(),
        }],
        ..AuditLog::default()
    };
    let (one, two) = (seen("a", "2026-11-23", 9), seen("a", "2026-11-24", 3));
    let merged = one
        .clone()
        .merge(two.clone())
        .merge(seen("b", "2026-11-20", 1));
    assert_eq!(merged, seen("b", "2026-11-20", 1).merge(two).merge(one));
    let told: Vec<_> = merged
        .chains
        .iter()
        .map(|chain| (chain.host.as_str(), chain.seq))
        .collect();
    assert_eq!(told, [("a", 3), ("b", 1)]);
}

#[test]
fn anything_but_success_counts_as_failed_and_only_deploys_count() {
    let mut failed = entry(1, 1, "");
    failed.status = Status::Cancelled;
    let mut preview = entry(2, 1, "");
    preview.action = Action::Preview;
    let mut lock = entry(3, 1, "");
    lock.action = Action::Lock;
    let stats = Stats::of(&[failed, preview, lock]);
    assert_eq!(
        stats,
        Stats {
            total_deploys: 2,
            successful: 1,
            failed: 1
        }
    );
}

#[test]
fn nothing_in_the_report_breaks_out_of_its_cell() {
    let hostile = "a|b\n# h <img src=x onerror=alert(1)> [l](javascript:x) `c` \u{202e}rtl @team";
    let log = log_of(vec![entry(1_795_435_200, 1, hostile)]);
    let text = report(&log, time("2026-11-24T00:00:00Z"));
    insta::assert_snapshot!(text, @r"
    # Audit report

    Generated 2026-11-24T00:00:00Z

    ## Statistics

    | | |
    | --- | --- |
    | Deploys | 1 |
    | Successful | 1 |
    | Failed | 0 |
    | Entries | 1 of at most 1000 |

    ## Last entries

    | Time | Action | App | Environment | Status | By | Commit | Note |
    | --- | --- | --- | --- | --- | --- | --- | --- |
    | 2026-11-23T12:00:00Z | deploy |  |  | success |  |  | a&#124;b�&#35; h &#60;img src&#61;x onerror&#61;alert(1)&#62; &#91;l&#93;(javascript:x) &#96;c&#96; �rtl &#64;team |
    ");
}
