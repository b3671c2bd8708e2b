//! Notifications from the program: to real receivers, and never at the cost of what was done.

use serde_json::Value;

use crate::{
    deploy::Shop,
    support::{Ran, Receiver, Test, TestHost},
};

/// All services lead to the receiver.
fn told<'a>(test: Test<'a>, to: &Receiver) -> Test<'a> {
    test.env("SLACK_WEBHOOK_URL", to.url("slack"))
        .env("DISCORD_WEBHOOK_URL", to.url("discord"))
        .env("DEPLOY_WEBHOOK_URLS", format!(" {} ,,", to.url("webhook")))
        .env("DEPLOY_WEBHOOK_SECRET", "hunter3")
        .env("DD_API_KEY", "hunter4")
        .env("DATADOG_EVENTS_URL", to.url("datadog"))
        .env("PAGERDUTY_ROUTING_KEY", "hunter5")
        .env("PAGERDUTY_EVENTS_URL", to.url("pagerduty"))
}

fn says_no_secret(ran: &Ran) {
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(
        !said.contains("hunter") && !said.contains("/slack"),
        "{said}"
    );
}

#[test]
fn a_deploy_is_told_to_everyone_once_and_signed() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let receiver = Receiver::answering("200 OK");
    let ran = told(shop.deploy(&["-v"]), &receiver).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    says_no_secret(&ran);
    let got = receiver.got();
    let mut paths: Vec<&str> = got.iter().map(|one| one.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            // Datadog is told of the beginning too.
            "/datadog/hunter2",
            "/datadog/hunter2",
            "/discord/hunter2",
            "/pagerduty/hunter2",
            "/slack/hunter2",
            "/webhook/hunter2"
        ]
    );
    let of = |path: &str| {
        got.iter()
            .filter(|one| one.path.contains(path))
            .collect::<Vec<_>>()
    };
    let datadog = of("datadog");
    assert_eq!(
        datadog[0].json()["title"],
        "🚀 Deploying: shop to production"
    );
    assert_eq!(
        datadog[1].json()["title"],
        "✅ Deployed: shop to production"
    );
    assert_eq!(datadog[0].header("dd-api-key"), "hunter4");
    let pager = of("pagerduty")[0].json();
    assert_eq!(
        (&pager["routing_key"], &pager["event_action"]),
        (&"hunter5".into(), &"resolve".into())
    );
    let webhook = of("webhook")[0];
    let body = webhook.json();
    assert_eq!(
        (&body["event"], &body["status"]),
        (&"deployment".into(), &"success".into())
    );
    assert_eq!(webhook.header("x-deploy-event"), "deployment");
    assert!(webhook.header("x-deploy-delivery").len() == 16);
    let signature_of = |text: &str| {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"hunter3").unwrap();
        mac.update(text.as_bytes());
        let digest = mac.finalize().into_bytes();
        let hex = digest
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        format!("sha256={hex}")
    };
    assert_eq!(
        webhook.header("x-deploy-signature"),
        signature_of(&webhook.body)
    );
    let stamped = format!("{}.{}", webhook.header("x-deploy-timestamp"), webhook.body);
    assert_eq!(
        webhook.header("x-deploy-signature-v2"),
        signature_of(&stamped)
    );
    assert!(of("slack")[0].body.contains("Deployed successfully"));
}

#[test]
fn who_cannot_be_told_is_warned_of_and_changes_no_result() {
    let host = TestHost::start();
    host.create_app("shop");
    let receiver = Receiver::answering("404 Not Found");
    let ran = told(
        host.cli(&["lock", "shop", "a <!channel> reason"]),
        &receiver,
    )
    .env("DISCORD_WEBHOOK_URL", "hunter2")
    .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    says_no_secret(&ran);
    assert!(
        ran.stderr
            .contains("⚠ Slack was not told of this lock: it answered 404"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr
            .contains("Discord is not told of anything: DISCORD_WEBHOOK_URL is not usable"),
        "{}",
        ran.stderr
    );
    // Datadog and PagerDuty are told nothing of locks.
    assert_eq!(receiver.got().len(), 2);
    let slack = receiver
        .got()
        .into_iter()
        .find(|one| one.path.contains("slack"));
    let slack = slack.unwrap().body;
    assert!(slack.contains("a &lt;!channel&gt; reason"), "{slack}");
    // What was not done is not told: the app is locked already, and nobody unlocked anything else.
    let ran = told(host.cli(&["unlock", "shop"]), &receiver).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(receiver.got().len(), 5);
}

#[test]
fn the_settings_choose_who_is_told_of_a_failed_deploy() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write(
        ".dokku/config.yml",
        "release: {tasks: [{name: migrate, command: exit 3}]}\nnotifications: {slack: {mention_on_failure: [\"<!here>\"]}, discord: {enabled: false}, webhook: {events: [lock]}, datadog: {environments: [staging]}}\n",
    );
    shop.release("2");
    let receiver = Receiver::answering("200 OK");
    let ran = told(shop.deploy(&[]), &receiver).run();
    assert_eq!(ran.status, Some(6), "{ran:?}");
    let got = receiver.got();
    assert_eq!(got.len(), 2, "{got:?}");
    let slack = got
        .iter()
        .find(|one| one.path.contains("slack"))
        .unwrap()
        .json();
    assert_eq!(slack["text"], "<!here>");
    let pager = got
        .iter()
        .find(|one| one.path.contains("pagerduty"))
        .unwrap()
        .json();
    assert_eq!(pager["event_action"], "trigger");
    assert_eq!(pager["dedup_key"], "deploy-shop-production");
    assert_eq!(
        pager["payload"]["custom_details"]["reason"],
        "its command failed with status 3"
    );
}

#[test]
fn a_sample_says_who_takes_it_and_what_is_malformed() {
    let host = TestHost::start();
    let ran = host.cli(&["notify", "test"]).run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(
        ran.stderr.contains("no secret for any service is set"),
        "{ran:?}"
    );
    let receiver = Receiver::answering("200 OK");
    let ran = told(host.cli(&["notify", "test", "--json"]), &receiver).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    says_no_secret(&ran);
    let told_of: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        told_of["services"].as_array().unwrap().len(),
        5,
        "{told_of}"
    );
    assert_eq!(receiver.got().len(), 5);
    let ran = told(host.cli(&["notify", "test", "slack"]), &receiver)
        .env("SLACK_WEBHOOK_URL", "htps://hunter2")
        .run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    says_no_secret(&ran);
    assert!(
        ran.stderr
            .contains("SLACK_WEBHOOK_URL is not usable: it is no address"),
        "{}",
        ran.stderr
    );
    let gone = Receiver::answering("410 Gone");
    let ran = told(host.cli(&["notify", "test", "discord"]), &gone).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr.contains("Discord was not told: it answered 410"),
        "{ran:?}"
    );
    assert_eq!((receiver.got().len(), gone.got().len()), (5, 1));
}
