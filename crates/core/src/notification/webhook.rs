//! Addresses of people's own: every fact, in a shape that stays.
//!
//! The first twelve keys and their order are those that the bash system sent of a deploy. Texts are
//! those of the entry, as they are: what they mean is the receiver's business.

use serde_json::{Map, Value, json};

use crate::audit::{Action, AuditEntry, Status, key};

/// The word for an entry in `event` and in the header `X-Deploy-Event`.
pub fn event_name(entry: &AuditEntry) -> &str {
    match &entry.action {
        Action::Deploy => "deployment",
        action => action.as_str(),
    }
}

pub(super) fn body(entry: &AuditEntry) -> Value {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| {
        body.insert(key.to_owned(), value);
    };
    put("event", event_name(entry).into());
    put("app", entry.app_name.as_str().into());
    put("environment", entry.environment.as_str().into());
    put("status", status(entry).into());
    put("commit_sha", entry.commit.sha_full.as_str().into());
    put("commit_sha_short", entry.commit.sha.as_str().into());
    put("deployed_by", entry.actor.as_str().into());
    put("branch", entry.text(key::BRANCH).into());
    put("app_url", entry.url.as_str().into());
    put("workflow_url", entry.workflow.run_url.as_str().into());
    put("repository", entry.repository.as_str().into());
    put("timestamp", entry.timestamp.as_str().into());
    if entry.action != Action::Deploy {
        put("note", entry.note.as_str().into());
        put("details", json!(entry.metadata));
    }
    Value::Object(body)
}

/// Of a deploy one of the words that receivers know: what nobody knows the end of has not succeeded,
/// and what was refused was not done.
fn status(entry: &AuditEntry) -> &str {
    match (&entry.action, &entry.status) {
        (Action::Deploy, Status::Unknown) => "failure",
        (Action::Deploy, Status::Refused) => "skipped",
        (_, status) => status.as_str(),
    }
}
