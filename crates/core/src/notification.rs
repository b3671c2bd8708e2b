//! What happened, as messages for people and machines: pure functions of one entry of the record.
//!
//! [`Message`] says what is told, in which order and in which colour; each service's file renders it
//! within that service's limits. Every text of an entry is hostile and appears as what it is: it
//! cannot mention, link or format anything.

mod datadog;
mod discord;
mod event;
mod message;
mod night;
mod pagerduty;
mod sample;
mod slack;
mod text;
mod titles;
mod webhook;

use serde_json::Value;

use crate::{audit::AuditEntry, settings::NotifiedService};

pub use self::{
    event::{event, is_wanted},
    message::{Field, Link, Message, Tone},
    night::{QUIET, overdue, summary},
    sample::sample,
    webhook::event_name,
};

/// The body of a request to a service, byte for byte; `None` where the service is not told of such a
/// thing at all. `mentions` are said where something failed.
///
/// `PagerDuty` wants its key within the body: it is the caller's, who adds it last.
pub fn body(service: NotifiedService, entry: &AuditEntry, mentions: &[String]) -> Option<Value> {
    let message = Message::of(entry)?;
    match service {
        NotifiedService::Slack => Some(slack::body(&message, mentions)),
        NotifiedService::Discord => Some(discord::body(&message, mentions)),
        NotifiedService::Webhook => Some(webhook::body(entry)),
        NotifiedService::Datadog => Some(datadog::body(&message, entry)),
        NotifiedService::Pagerduty => pagerduty::body(&message, entry),
    }
}

/// What a service is sent besides [`body`], if anything.
pub fn further(service: NotifiedService, entry: &AuditEntry) -> Option<Value> {
    match service {
        NotifiedService::Pagerduty => pagerduty::further(entry),
        _ => None,
    }
}
