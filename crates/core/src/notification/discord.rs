//! Discord: one embed.
//!
//! Limits: 25 fields, 256 characters a title, 4,096 a description, 256 and 1,024 a field's name and
//! value, 2,048 a footer, 6,000 in all. A backslash before a sign of Markdown takes its meaning away,
//! and `allowed_mentions` lets nobody be pinged but who the settings name.

use serde_json::{Value, json};

use super::{
    message::{Message, Tone},
    text::{fit, in_line, length, plain},
};

const TITLE: usize = 256;
const DESCRIPTION: usize = 1024;
const FIELDS: usize = 25;
const VALUE: usize = 1024;
const FOOTER: usize = 256;
/// All texts of an embed together.
const TOTAL: usize = 6000;

pub(super) fn body(message: &Message, mentions: &[String]) -> Value {
    let title = escaped(&message.emoji_title.replace('\n', " "), TITLE);
    let footer = fit(&message.footer, FOOTER, in_line);
    let mut left = TOTAL - length(&title) - length(&footer);
    let mut embed = json!({"title": title});
    if !message.text.is_empty() {
        let description = escaped(&message.text, DESCRIPTION);
        left -= length(&description);
        embed["description"] = description.into();
    }
    embed["color"] = match message.tone {
        Tone::Good => 3_066_993,
        Tone::Warning => 16_776_960,
        Tone::Danger => 15_158_332,
        Tone::Neutral => 8_421_504,
    }
    .into();
    let mut fields = Vec::new();
    for field in message.discord_fields.iter().take(FIELDS) {
        let Some(room) = left
            .checked_sub(length(field.name))
            .filter(|room| *room > 1)
        else {
            break;
        };
        let most = VALUE.min(room);
        let value = if field.is_url && length(&field.value) <= most {
            field.value.clone()
        } else {
            escaped(&field.value, most)
        };
        left = room - length(&value);
        fields.push(json!({"name": field.name, "value": value, "inline": field.is_short}));
    }
    if let Some(link) = message.links.first() {
        embed["url"] = link.url.as_str().into();
    }
    embed["fields"] = fields.into();
    embed["footer"] = json!({"text": footer});
    if !message.timestamp.is_empty() {
        embed["timestamp"] = message.timestamp.as_str().into();
    }
    let mut body = json!({});
    let (mut users, mut roles, mut parse) = (Vec::new(), Vec::new(), Vec::new());
    if message.is_failure && !mentions.is_empty() {
        for mention in mentions {
            match mention
                .strip_prefix("<@")
                .and_then(|id| id.strip_suffix('>'))
            {
                Some(id) if id.starts_with('&') => {
                    roles.push(id.trim_start_matches('&').to_owned());
                }
                Some(id) => users.push(id.trim_start_matches('!').to_owned()),
                None if mention == "@everyone" || mention == "@here" => parse = vec!["everyone"],
                None => {}
            }
        }
        body["content"] = fit(&mentions.join(" "), 1000, |c, to| to.push(c)).into();
    }
    body["embeds"] = json!([embed]);
    let is_id = |id: &String| !id.is_empty() && id.bytes().all(|c| c.is_ascii_digit());
    users.retain(is_id);
    roles.retain(is_id);
    users.truncate(100);
    roles.truncate(100);
    body["allowed_mentions"] = json!({"parse": parse, "users": users, "roles": roles});
    body
}

/// Writes the signs that Markdown could take for its own with a backslash before them.
fn escaper(text: &str) -> impl FnMut(char, &mut String) {
    let has_emoji = has_emoji(text);
    let mut is_line_start = true;
    move |c, to| {
        let is_special = "\\*_~`|<[]".contains(c)
            || (is_line_start && "#>-+".contains(c))
            || (has_emoji && c == ':');
        if is_special {
            to.push('\\');
        }
        is_line_start = matches!(c, '\n' | ' ' | '\t') && (is_line_start || c == '\n');
        plain(c, to);
    }
}

/// Whether something stands between two colons as the name of an emoji does.
fn has_emoji(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let inner = parts
        .get(1..parts.len().saturating_sub(1))
        .unwrap_or_default();
    let is_name = |part: &&str| !part.is_empty() && !part.contains(char::is_whitespace);
    inner
        .iter()
        .any(|part| is_name(part) && part.contains(|c: char| c.is_ascii_alphabetic()))
}

fn escaped(text: &str, most: usize) -> String {
    fit(text, most, escaper(text))
}
