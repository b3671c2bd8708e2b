//! Tests of the module above.

use proptest::prelude::*;

use super::*;
use crate::store::storable;

fn next(sha: &str, message: &str) -> NextRelease {
    NextRelease {
        sha: sha.to_owned(),
        image: Some("sha256:f163".to_owned()),
        timestamp: "2026-11-23T12:00:00Z".parse().unwrap(),
        actor: "ada".to_owned(),
        message: message.to_owned(),
        environment: "production".to_owned(),
    }
}

fn sha(number: usize) -> String {
    format!("a{number:039x}")
}

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().copied().collect()
}

fn b64(json: &str) -> String {
    STANDARD.encode(json)
}

#[test]
fn an_app_without_record_has_no_releases_and_starts_at_one() {
    let history = History::of(&variables(&[("GIT_REV", "x"), ("PORT", "5000")])).unwrap();
    assert!(history.is_empty());
    assert_eq!(history.next_version(), 1);
    assert!(history.variables().is_empty());
}

#[test]
fn versions_go_up_and_the_last_ten_are_kept() {
    let mut history = History::default();
    for number in 1..=13 {
        let stored: Variables = history
            .record(&next(&sha(number), "subject\n\nbody"))
            .into();
        history = History::of(&stored).unwrap();
    }
    let versions: Vec<_> = history.releases().iter().map(|r| r.version).collect();
    assert_eq!(versions, (4..=13).rev().collect::<Vec<_>>());
    assert_eq!(history.current().unwrap().sha, sha(13));
    assert_eq!(history.releases()[1].sha, sha(12));
}

#[test]
fn the_variables_have_the_shape_of_the_documents() {
    let stored: Variables = History::default()
        .record(&next(&sha(1), "Fix \"login\""))
        .into();
    let text = |key| stored.text(key).unwrap();
    assert_eq!(text("RELEASE_VERSION"), "1");
    assert_eq!(text("RELEASE_SHA"), sha(1));
    assert_eq!(text("RELEASE_IMAGE"), "sha256:f163");
    assert_eq!(text("RELEASE_TIMESTAMP"), "2026-11-23T12:00:00Z");
    assert_eq!(text("RELEASE_ACTOR"), "ada");
    let json = STANDARD.decode(text("RELEASE_HISTORY_B64")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(
        json,
        serde_json::json!([{
            "version": 1, "sha": sha(1), "short": "a000000",
            "timestamp": "2026-11-23T12:00:00Z", "actor": "ada",
            "message": "Fix \"login\"", "environment": "production", "image": "sha256:f163"
        }])
    );
    assert!(stored.keys().all(|key| KEYS.contains(&key.as_str())));
}

#[test]
fn what_the_bash_system_wrote_is_read() {
    let history = b64(
        r#"[{"version":1,"sha":"abc1234def","short":"abc1234","timestamp":"2025-12-10T09:00:00Z","actor":"bob","message":"Fix \\\"login\\\" bug caf�","environment":"production"}]"#,
    );
    let stored = variables(&[
        ("RELEASE_VERSION", "1"),
        ("RELEASE_SHA", "abc1234def"),
        ("RELEASE_TIMESTAMP", "2025-12-10T09:00:00Z"),
        ("RELEASE_ACTOR", "bob"),
        ("RELEASE_HISTORY_B64", &history),
    ]);
    let history = History::of(&stored).unwrap();
    assert_eq!(history.releases().len(), 1);
    let release = history.current().unwrap();
    assert_eq!(release.message, "Fix \"login\" bug caf");
    assert_eq!((release.actor.as_str(), &release.image), ("bob", &None));
    assert_eq!(history.next_version(), 2);
}

#[test]
fn single_variables_without_history_are_one_release() {
    let stored = variables(&[
        ("RELEASE_VERSION", "7"),
        ("RELEASE_SHA", "abc"),
        ("RELEASE_TIMESTAMP", "2025-12-10T09:00:00Z"),
    ]);
    let history = History::of(&stored).unwrap();
    assert_eq!(history.next_version(), 8);
    assert_eq!(history.current().unwrap().sha, "abc");
}

#[test]
fn a_damaged_record_is_an_error_that_says_what_to_do() {
    let good = ("RELEASE_TIMESTAMP", "2025-12-10T09:00:00Z");
    for pairs in [
        [("RELEASE_HISTORY_B64", "!!"), good],
        [("RELEASE_HISTORY_B64", &b64("[{}]")), good],
        [("RELEASE_HISTORY_B64", &b64("{}")), good],
        [("RELEASE_HISTORY_B64", "W3siYSI6"), good],
        [("RELEASE_VERSION", "three"), good],
        [("RELEASE_VERSION", "3"), ("RELEASE_TIMESTAMP", "")],
    ] {
        let error = History::of(&variables(&pairs)).unwrap_err().to_string();
        assert!(
            error.contains("config:unset") && error.contains("RELEASE_"),
            "{error}"
        );
    }
}

#[test]
fn messages_are_cut_between_characters() {
    assert_eq!(subject("one\ntwo"), "one");
    assert_eq!(subject("\n  \n"), "");
    assert_eq!(subject("\u{1b}[2Jfix"), "[2Jfix");
    let long = "é日".repeat(60);
    let cut = subject(&long);
    assert_eq!(cut.chars().count(), LONGEST_MESSAGE);
    assert!(long.starts_with(&cut));
}

proptest! {
    #[test]
    fn every_record_is_storable_and_reads_back(
        actor in r#"[a"\\0-9]{0,5}|\PC{0,20}"#,
        message in r#"[a"\\]{0,9}|\PC{0,99}"#,
    ) {
        let next = NextRelease { actor: actor.clone(), ..next(&sha(1), &message) };
        let stored = History::default().record(&next);
        for value in stored.values() {
            prop_assert_eq!(storable(value.expose()), Ok(()));
        }
        let history = History::of(&stored.into()).unwrap();
        let release = history.current().unwrap();
        prop_assert_eq!(&release.message, &subject(&message));
        prop_assert_eq!(&release.actor, &actor);
        prop_assert_eq!(release.image.as_deref(), Some("sha256:f163"));
    }
}
