//! Messages of every event for every service: as they are sent, within the services' limits, and with
//! hostile text in every place.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod cases;
mod limits;

use dokku_deploy::{
    app::AppName,
    audit::{Action, AuditEntry, Status},
    notification::{body, event, is_wanted},
    settings::{NotifiedEvent, NotifiedService, Settings, Source, Told},
};
use serde_json::{Value, json};

use self::cases::{all, deploy, origin};

fn rendered(service: NotifiedService) -> Value {
    let messages = all().into_iter().map(|(name, entry)| {
        let body = body(service, &entry, &[]).unwrap_or(Value::Null);
        (name.to_owned(), body)
    });
    Value::Object(messages.collect())
}

#[test]
fn slack_is_told() {
    insta::assert_json_snapshot!(rendered(NotifiedService::Slack));
}

#[test]
fn discord_is_told() {
    insta::assert_json_snapshot!(rendered(NotifiedService::Discord));
}

#[test]
fn webhooks_are_told() {
    insta::assert_json_snapshot!(rendered(NotifiedService::Webhook));
}

#[test]
fn datadog_is_told() {
    insta::assert_json_snapshot!(rendered(NotifiedService::Datadog));
}

#[test]
fn pagerduty_is_told() {
    insta::assert_json_snapshot!(rendered(NotifiedService::Pagerduty));
}

#[test]
fn every_event_that_settings_can_name_is_told_of() {
    let told: Vec<NotifiedEvent> = all().iter().filter_map(|(_, entry)| event(entry)).collect();
    for name in [
        "deploy_started",
        "deploy_succeeded",
        "deploy_failed",
        "lock",
        "unlock",
        "backup_done",
        "backup_failed",
        "backup_overdue",
        "restore",
        "rollback",
        "cleanup",
        "preview",
        "health_down",
        "health_up",
        "certificate_expiring",
        "summary",
        "schedule_missed",
    ] {
        let text = format!("notifications: {{events: [{name}]}}");
        let source = Source {
            path: "c",
            text: &text,
        };
        let settings = Settings::parse(Some(source), None).unwrap();
        let events = settings.told(NotifiedService::Slack).events.unwrap();
        assert!(told.contains(&events[0]), "{name}");
    }
}

/// Which of all these a service is told, by name.
fn wanted(service: NotifiedService, told: &Told) -> Vec<&'static str> {
    let all = all().into_iter();
    all.filter(|(_, entry)| is_wanted(entry, service, told))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn without_settings_a_channel_stays_readable() {
    let told = Told::default();
    let slack = wanted(NotifiedService::Slack, &told);
    for quiet in [
        "deploy started",
        "preview ready",
        "preview removed",
        "backup done",
    ] {
        assert!(!slack.contains(&quiet), "{quiet}");
    }
    assert_eq!(slack.len(), all().len() - 4);
    let staging = AppName::new("shop-staging").unwrap();
    let of = |status| AuditEntry::of_app(Action::Deploy, &staging, status, &origin());
    assert!(!is_wanted(
        &of(Status::Success),
        NotifiedService::Slack,
        &told
    ));
    assert!(is_wanted(
        &of(Status::Failure),
        NotifiedService::Slack,
        &told
    ));
    assert!(!is_wanted(
        &of(Status::Failure),
        NotifiedService::Pagerduty,
        &told
    ));
    assert!(is_wanted(
        &of(Status::Started),
        NotifiedService::Datadog,
        &told
    ));
    let kept_only = AuditEntry::of_app(Action::ConfigSet, &staging, Status::Failure, &origin());
    assert!(!is_wanted(&kept_only, NotifiedService::Slack, &told));
}

#[test]
fn settings_choose_by_service_event_and_environment() {
    let text = "notifications:\n  environments: [staging]\n  mention_on_failure: [\"@here\"]\n  slack: {events: [deploy_succeeded], environments: [production, staging], mention_on_failure: [\"<@U1>\"]}\n  discord: {enabled: false}\n  webhook: {events: [backup_done]}\n";
    let source = Source { path: "c", text };
    let settings = Settings::parse(Some(source), None).unwrap();
    let told = |service| settings.told(service);
    assert_eq!(
        wanted(NotifiedService::Slack, &told(NotifiedService::Slack)),
        ["deploy succeeded", "first deploy", "sample"]
    );
    assert_eq!(told(NotifiedService::Slack).mentions, ["<@U1>"]);
    assert_eq!(told(NotifiedService::Pagerduty).mentions, ["@here"]);
    assert!(wanted(NotifiedService::Discord, &told(NotifiedService::Discord)).is_empty());
    // Production is not among the environments; what is about the whole host is.
    assert_eq!(
        wanted(NotifiedService::Datadog, &told(NotifiedService::Datadog)),
        Vec::<&str>::new()
    );
    assert!(wanted(NotifiedService::Webhook, &told(NotifiedService::Webhook)).is_empty());
    let staging = AppName::new("shop-staging").unwrap();
    let failed = AuditEntry::of_app(Action::Deploy, &staging, Status::Failure, &origin());
    assert!(is_wanted(
        &failed,
        NotifiedService::Pagerduty,
        &told(NotifiedService::Pagerduty)
    ));
}

#[test]
fn people_are_mentioned_on_failures_alone_and_nobody_else_is() {
    let mentions = [
        "<@123>".to_owned(),
        "<@&456>".to_owned(),
        "@here".to_owned(),
    ];
    let good = body(
        NotifiedService::Discord,
        &deploy(&Status::Success),
        &mentions,
    )
    .unwrap();
    assert_eq!(
        good["allowed_mentions"],
        json!({"parse": [], "users": [], "roles": []})
    );
    assert!(good.get("content").is_none());
    let bad = body(
        NotifiedService::Discord,
        &deploy(&Status::Failure),
        &mentions,
    )
    .unwrap();
    assert_eq!(bad["content"], "<@123> <@&456> @here");
    assert_eq!(
        bad["allowed_mentions"],
        json!({"parse": ["everyone"], "users": ["123"], "roles": ["456"]})
    );
    let slack = body(
        NotifiedService::Slack,
        &deploy(&Status::Failure),
        &["<!here>".to_owned()],
    )
    .unwrap();
    assert_eq!(slack["text"], "<!here>");
    let slack = body(
        NotifiedService::Slack,
        &deploy(&Status::Success),
        &["<!here>".to_owned()],
    )
    .unwrap();
    assert!(slack.get("text").is_none());
}

#[test]
fn a_success_resolves_what_a_failure_of_another_run_had_triggered() {
    let mut later = deploy(&Status::Success);
    later.workflow.run_id = "78".into();
    let failed = body(NotifiedService::Pagerduty, &deploy(&Status::Failure), &[]).unwrap();
    let resolved = body(NotifiedService::Pagerduty, &later, &[]).unwrap();
    assert_eq!(failed["event_action"], "trigger");
    assert_eq!(resolved["event_action"], "resolve");
    assert_eq!(failed["dedup_key"], "deploy-shop-production");
    assert_eq!(resolved["dedup_key"], failed["dedup_key"]);
    assert_eq!(
        body(NotifiedService::Pagerduty, &deploy(&Status::Cancelled), &[]),
        None
    );
}
