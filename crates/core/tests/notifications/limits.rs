//! The limits of each service, and hostile text in every place.

use dokku_deploy::{
    audit::{Action, AuditEntry, Status, key},
    notification::body,
    settings::NotifiedService,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cases::{all, deploy, entry};

/// Puts a text into every place of an entry that holds one.
fn poisoned(mut entry: AuditEntry, poison: &str) -> AuditEntry {
    let text = || poison.to_owned();
    entry.app_name = text();
    entry.environment = text();
    entry.actor = text();
    entry.repository = text();
    entry.commit.sha = text();
    entry.commit.sha_full = text();
    entry.commit.message = text();
    entry.duration = text();
    entry.url = text();
    entry.note = text();
    entry.timestamp = text();
    entry.workflow.run_url = text();
    for value in entry.metadata.values_mut() {
        if value.is_array() {
            *value = json!([poison, poison, poison]);
        } else {
            *value = poison.into();
        }
    }
    for key in [
        key::BRANCH,
        key::COMMIT_URL,
        key::SERVICE,
        key::LOCK_REASON,
        key::PULL_REQUEST,
    ] {
        entry.metadata.insert(key.to_owned(), poison.into());
    }
    entry
}

/// Every text in a value with the key that it stands under.
fn texts<'v>(value: &'v Value, key: &'v str, found: &mut Vec<(&'v str, &'v str)>) {
    match value {
        Value::String(text) => found.push((key, text)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, key, found)),
        Value::Object(map) => map.iter().for_each(|(key, value)| texts(value, key, found)),
        _ => {}
    }
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn fits_slack(body: &Value) {
    let attachments = body["attachments"].as_array().unwrap();
    assert_eq!(attachments.len(), 1);
    let blocks = attachments[0]["blocks"].as_array().unwrap();
    assert!(!blocks.is_empty() && blocks.len() <= 50);
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "section" => {
                if let Some(fields) = block.get("fields") {
                    let fields = fields.as_array().unwrap();
                    assert!((1..=10).contains(&fields.len()));
                    for field in fields {
                        assert!((1..=2000).contains(&length(field["text"].as_str().unwrap())));
                    }
                } else {
                    assert!((1..=3000).contains(&length(block["text"]["text"].as_str().unwrap())));
                }
            }
            "context" => assert!((1..=10).contains(&block["elements"].as_array().unwrap().len())),
            other => panic!("{other}"),
        }
    }
    // Nothing but our own links may stand in angle brackets, and `&` only begins one of three.
    let mut all = Vec::new();
    texts(&body["attachments"], "", &mut all);
    for (_, text) in all {
        for part in text.split('<').skip(1) {
            let (inside, _) = part.split_once('>').unwrap();
            let (url, words) = inside.split_once('|').unwrap();
            assert!(
                url.starts_with("https://") && words.starts_with("View ")
                    || words == "Open Preview",
                "{text}"
            );
        }
        for part in text.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;"]
                    .iter()
                    .any(|end| part.starts_with(end)),
                "{text}"
            );
        }
    }
}

fn fits_discord(body: &Value) {
    let embed = &body["embeds"][0];
    let text = |value: &Value| length(value.as_str().unwrap_or_default());
    assert!((1..=256).contains(&text(&embed["title"])));
    assert!(text(&embed["description"]) <= 4096 && text(&embed["footer"]["text"]) <= 2048);
    let fields = embed["fields"].as_array().unwrap();
    assert!(fields.len() <= 25);
    let mut total =
        text(&embed["title"]) + text(&embed["description"]) + text(&embed["footer"]["text"]);
    for field in fields {
        assert!((1..=256).contains(&text(&field["name"])));
        assert!((1..=1024).contains(&text(&field["value"])));
        total += text(&field["name"]) + text(&field["value"]);
        let value = field["value"].as_str().unwrap();
        if field["name"] == "URL" && value.starts_with("https://") {
            continue;
        }
        // Every sign of Markdown has a backslash before it.
        let mut is_escaped = false;
        for c in value.chars() {
            if is_escaped {
                is_escaped = false;
            } else if c == '\\' {
                is_escaped = true;
            } else {
                assert!(!"*_~`|<[]".contains(c), "{value}");
            }
        }
        assert!(!is_escaped, "{value}");
    }
    assert!(total <= 6000, "{total}");
    assert_eq!(
        body["allowed_mentions"],
        json!({"parse": [], "users": [], "roles": []})
    );
}

fn fits(service: NotifiedService, body: &Value) {
    match service {
        NotifiedService::Slack => fits_slack(body),
        NotifiedService::Discord => fits_discord(body),
        NotifiedService::Webhook => assert!(body["event"].is_string()),
        NotifiedService::Datadog => {
            assert!(length(body["title"].as_str().unwrap()) <= 100);
            assert!(length(body["text"].as_str().unwrap()) <= 4000);
            for tag in body["tags"].as_array().unwrap() {
                assert!(length(tag.as_str().unwrap()) <= 200);
            }
        }
        NotifiedService::Pagerduty => {
            assert!((1..=255).contains(&length(body["dedup_key"].as_str().unwrap())));
            if body["event_action"] == "trigger" {
                assert!((1..=1024).contains(&length(body["payload"]["summary"].as_str().unwrap())));
            }
            assert!(body.to_string().len() <= 512 * 1024);
        }
    }
    if service != NotifiedService::Webhook {
        // Nothing that turns writing around or moves a cursor is left.
        let mut all = Vec::new();
        texts(body, "", &mut all);
        for (key, text) in all {
            if key != "timestamp" {
                assert!(
                    !text.chars().any(dokku_deploy::visible::is_hostile),
                    "{text:?}"
                );
            }
        }
    }
}

fn holds(poison: &str) {
    for (name, entry) in all() {
        // A megabyte in every place is tried where there are the most places.
        if poison.len() > 100_000 && !["deploy failed", "lock", "cleanup"].contains(&name) {
            continue;
        }
        let entry = poisoned(entry, poison);
        for service in NotifiedService::ALL {
            let Some(body) = body(service, &entry, &[]) else {
                continue;
            };
            let result = std::panic::catch_unwind(|| fits(service, &body));
            assert!(
                result.is_ok(),
                "{name} {service:?} {poison:.200?}\n{body:#.4000}"
            );
        }
    }
}

#[test]
fn hostile_texts_stay_texts_within_every_limit() {
    let long = |piece: &str, times| piece.repeat(times);
    for poison in [
        "say \"hi\" 'there' $(id) `id`",
        "<!channel> <!here|x> <@U123> <https://evil.example|click> & &lt;",
        "@everyone @here <@123> <@&456> <#789>",
        "*bold* _it_ ~no~ ```x``` > quote\n# head\n- item [l](https://evil.example) ||spoiler|| :tada: \\",
        "\u{202e}gnp.exe\u{2066}\u{200f}\u{0}\u{1b}[31m\u{7}\r\n\t",
        "",
        " ",
        "> quote",
        "- :tada: item\n# head\n-# small",
        "https://x.example/|>\"<!channel>",
        &long("a", 1_048_576),
        &long("🚧", 30_000),
        &long("<", 4_000),
        &long("*", 4_000),
        &long("\\", 4_000),
        &long("\n", 4_000),
        &long("e\u{301}", 3_000),
    ] {
        holds(poison);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn any_text_stays_text(poison in "(?s).{0,400}", times in prop::sample::select(vec![1usize, 3, 40])) {
        holds(&poison.repeat(times));
    }
}

#[test]
fn what_is_hostile_appears_as_what_it_is() {
    let mut fix = deploy(&Status::Success);
    fix.commit.message = "Fix \"login\" <!channel> *now* & @everyone".into();
    let slack = body(NotifiedService::Slack, &fix, &[]).unwrap().to_string();
    assert!(
        slack.contains(r#"Commit\nFix \"login\" &lt;!channel&gt; *now* &amp; @everyone"#),
        "{slack}"
    );
    let lock = entry(Action::Lock, Status::Success).note("Fix \"login\" <@1> *now* @everyone");
    let discord = body(NotifiedService::Discord, &lock, &[]).unwrap();
    assert_eq!(
        discord["embeds"][0]["fields"][0]["value"],
        r#"Fix "login" \<@1> \*now\* @everyone"#
    );
    let webhook = body(NotifiedService::Webhook, &lock, &[]).unwrap();
    assert_eq!(webhook["note"], "Fix \"login\" <@1> *now* @everyone");
}
