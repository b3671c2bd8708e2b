//! Slack: Block Kit within an attachment, which has the colour.
//!
//! Limits: 50 blocks a message, 3,000 characters a text, 10 fields a section of 2,000 each, 10
//! elements a context. Slack decodes `&amp;`, `&lt;` and `&gt;` in every text object and takes nothing
//! for a mention or a link in which `<` is written so. What could be formatting is sent as
//! `plain_text`, which has none.

use serde_json::{Value, json};

use super::{
    message::{Field, Message, Tone},
    text::{fit, in_line, plain},
};

const TEXT: usize = 3000;
const FIELD: usize = 2000;
const FIELDS: usize = 10;
/// More of a commit message or a reason is not what a channel is for.
const LONG: usize = 1000;

pub(super) fn body(message: &Message, mentions: &[String]) -> Value {
    let mut blocks = vec![section(&json!({
        "type": "mrkdwn",
        "text": format!("*{}*", bold(&message.title, 300)),
        "verbatim": true,
    }))];
    if !message.text.is_empty() {
        blocks.push(section(&literal(&message.text, LONG)));
    }
    let mut short: Vec<Value> = Vec::new();
    for field in &message.fields {
        if field.is_short {
            short.push(pair(field, FIELD));
        } else {
            flush(&mut short, &mut blocks);
            blocks.push(section(&pair(field, LONG)));
        }
    }
    flush(&mut short, &mut blocks);
    let links: Vec<String> = message
        .links
        .iter()
        .map(|link| format!("<{}|{}>", escaped_url(&link.url), link.words))
        .collect();
    if !links.is_empty() {
        blocks.push(json!({
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": links.join(" | "), "verbatim": true}],
        }));
    }
    let color = match message.tone {
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Danger => "danger",
        Tone::Neutral => "#808080",
    };
    let mut body = json!({});
    if message.is_failure && !mentions.is_empty() {
        body["text"] = fit(&mentions.join(" "), 500, |c, to| to.push(c)).into();
    }
    body["attachments"] = json!([{
        "color": color,
        "fallback": fit(&message.title, 300, escaped_in_line),
        "blocks": blocks,
    }]);
    body
}

fn section(text: &Value) -> Value {
    json!({"type": "section", "text": text})
}

/// Short fields that have been gathered, ten to a section.
fn flush(short: &mut Vec<Value>, blocks: &mut Vec<Value>) {
    for fields in short.chunks(FIELDS) {
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    short.clear();
}

/// A name in bold with its value below, or all of it plain where the value could be formatting.
fn pair(field: &Field, most: usize) -> Value {
    let room = most.min(TEXT) - field.name.len() - 8;
    if field.is_url {
        // Without its own words a link shows its address.
        let url = escaped_url(&field.value);
        json!({
            "type": "mrkdwn",
            "text": format!("*{}*\n<{url}>", field.name),
            "verbatim": true,
        })
    } else if is_ordinary(&field.value) {
        json!({
            "type": "mrkdwn",
            "text": format!("*{}*\n{}", field.name, fit(&field.value, room, escaped)),
            "verbatim": true,
        })
    } else {
        literal(&format!("{}\n{}", field.name, field.value), most)
    }
}

/// A text in which nothing is formatting.
fn literal(text: &str, most: usize) -> Value {
    json!({"type": "plain_text", "text": fit(text, most.min(TEXT), escaped), "emoji": false})
}

/// Whether nothing in the text could be taken for formatting or an emoji.
fn is_ordinary(text: &str) -> bool {
    !text.contains(['*', '_', '~', '`', '<', '>', '&', '\n', '•'])
        && text.matches(':').count() < 2
        && !text.chars().any(crate::visible::is_hostile)
}

/// A title between asterisks: signs that format are replaced by ones that look alike.
fn bold(text: &str, most: usize) -> String {
    fit(text, most, |c, to| match c {
        '*' => to.push('∗'),
        '_' => to.push('＿'),
        '~' => to.push('∼'),
        '`' => to.push('ʼ'),
        c => escaped_in_line(c, to),
    })
}

fn escaped(c: char, to: &mut String) {
    match c {
        '&' => to.push_str("&amp;"),
        '<' => to.push_str("&lt;"),
        '>' => to.push_str("&gt;"),
        c => plain(c, to),
    }
}

fn escaped_in_line(c: char, to: &mut String) {
    match c {
        '&' | '<' | '>' => escaped(c, to),
        c => in_line(c, to),
    }
}

fn escaped_url(url: &str) -> String {
    url.replace('&', "&amp;")
}
