//! Datadog: an event of its stream. Limits: 100 characters a title, 4,000 a text, 200 a tag.

use serde_json::{Value, json};

use super::{
    message::{Message, Tone},
    text::{fit, in_line, plain},
};
use crate::{
    audit::{Action, AuditEntry, Status},
    settings::NotifiedEvent,
};

const TITLE: usize = 100;
const TEXT: usize = 4000;
const TAG: usize = 200;

pub(super) fn body(message: &Message, entry: &AuditEntry) -> Value {
    let (app, environment) = (&entry.app_name, &entry.environment);
    let title = match (&entry.action, message.event) {
        (Action::Deploy, NotifiedEvent::DeployStarted) => {
            format!("🚀 Deploying: {app} to {environment}")
        }
        (Action::Deploy, NotifiedEvent::DeploySucceeded) => {
            format!("✅ Deployed: {app} to {environment}")
        }
        (Action::Deploy, _) => format!("❌ Deploy Failed: {app} to {environment}"),
        _ => message.emoji_title.clone(),
    };
    let mut lines = Vec::new();
    if entry.action == Action::Deploy {
        let done = match entry.status {
            Status::Started => "Deploying",
            Status::Success => "Deployed",
            _ => "Failed to deploy",
        };
        lines.push(format!("{done} {} by {}", entry.commit.sha, entry.actor));
        if !entry.url.is_empty() {
            lines.push(format!("URL: {}", entry.url));
        }
    } else {
        let fields = message.fields.iter();
        lines.extend(fields.map(|field| format!("{}: {}", field.name, field.value)));
    }
    if !message.text.is_empty() {
        lines.push(message.text.clone());
    }
    let is_deploy = matches!(entry.action, Action::Deploy | Action::Preview);
    let kind = if is_deploy {
        "deploy"
    } else {
        entry.action.as_str()
    };
    let tags = [
        format!("app:{app}"),
        format!("env:{environment}"),
        kind.to_owned(),
        format!("status:{}", entry.status),
    ];
    let tags = tags.map(|tag| fit(&tag, TAG, in_line));
    json!({
        "title": fit(&title, TITLE, in_line),
        "text": fit(&lines.join("\n"), TEXT, plain),
        "tags": tags,
        "alert_type": match message.tone {
            Tone::Danger => "error",
            Tone::Warning => "warning",
            Tone::Good | Tone::Neutral => "info",
        },
        "source_type_name": "github",
    })
}
