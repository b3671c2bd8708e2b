//! What is told of an entry: title, colour, fields and links, before any service's syntax.

use super::{event::event, titles::titles};
use crate::{
    audit::{Action, AuditEntry, Status, key},
    backup::size,
    settings::NotifiedEvent,
};

const URL: &str = "URL";

/// What a message looks like from afar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Green.
    Good,
    /// Yellow.
    Warning,
    /// Red.
    Danger,
    /// Grey.
    Neutral,
}

/// A fact with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, from this program.
    pub name: &'static str,
    /// Hostile text.
    pub value: String,
    /// Whether it may stand beside another.
    pub is_short: bool,
    /// Whether it is an address that can be followed, checked as [`Link::url`] is.
    pub is_url: bool,
}

/// An address with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// From this program.
    pub words: &'static str,
    /// Checked: `http` or `https`, and nothing in it that could end a link.
    pub url: String,
}

/// What is told of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is to those who choose what they are told.
    pub event: NotifiedEvent,
    /// Its colour.
    pub tone: Tone,
    /// For Slack, which had no emoji in some of them.
    pub title: String,
    /// For Discord and others.
    pub emoji_title: String,
    /// What went wrong, or what it means. Hostile text.
    pub text: String,
    /// The facts for Slack, in order.
    pub fields: Vec<Field>,
    /// The facts for Discord, in order.
    pub discord_fields: Vec<Field>,
    /// Where to look further.
    pub links: Vec<Link>,
    /// By whom or what.
    pub footer: String,
    /// When.
    pub timestamp: String,
    /// Whether it is a failure, of which somebody may want to be mentioned.
    pub is_failure: bool,
}

impl Message {
    /// What is told of an entry; `None` for what is only kept in the record.
    pub fn of(entry: &AuditEntry) -> Option<Self> {
        let event = event(entry)?;
        let titles = titles(entry, event);
        let is_deploy = matches!(
            entry.action,
            Action::Deploy | Action::Preview | Action::Promote
        );
        let fields = fields(entry);
        let mut links = vec![
            link("View Workflow", &entry.workflow.run_url),
            link("View Commit", &entry.text(key::COMMIT_URL)),
        ];
        if matches!(entry.action, Action::Preview) && entry.status == Status::Success {
            links.insert(0, link("Open Preview", &entry.url));
        }
        links.push(link(
            "View Pull Request",
            &entry.text(key::PULL_REQUEST_URL),
        ));
        Some(Self {
            event,
            tone: titles.tone,
            title: titles.plain,
            emoji_title: titles.emoji,
            text: titles.text.unwrap_or_else(|| {
                if is_deploy || entry.status != Status::Success {
                    entry.note.clone()
                } else {
                    String::new()
                }
            }),
            discord_fields: if is_deploy {
                fields_of_deploy_on_discord(entry)
            } else {
                fields.clone()
            },
            fields,
            links: links.into_iter().flatten().collect(),
            footer: titles.footer,
            timestamp: entry.timestamp.clone(),
            is_failure: matches!(titles.tone, Tone::Danger),
        })
    }
}

/// A link, if the address is one that can be followed and cannot break out of where it is put.
fn link(words: &'static str, url: &str) -> Option<Link> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_clean = url
        .chars()
        .all(|c| c.is_ascii_graphic() && !"<>|\"'`\\()[]*{}^".contains(c));
    (is_web && is_clean && url.len() <= 1000).then(|| Link {
        words,
        url: url.to_owned(),
    })
}

/// The facts of an entry that are known, in order.
fn fields(entry: &AuditEntry) -> Vec<Field> {
    let text = |key| entry.text(key);
    let app = ("App", entry.app_name.clone(), true);
    let environment = ("Environment", entry.environment.clone(), true);
    let actor = |name| (name, entry.actor.clone(), true);
    let url = (URL, entry.url.clone(), false);
    let service = ("Service", text(key::SERVICE), true);
    let all = match entry.action {
        Action::Deploy | Action::Promote => vec![
            app,
            environment,
            ("Duration", entry.duration.clone(), true),
            ("Files Changed", text(key::FILES_CHANGED), true),
            ("Version", version(entry), true),
            actor("Actor"),
            ("Commit", entry.commit.message.clone(), false),
            url,
        ],
        Action::Preview | Action::PreviewCleanup => vec![
            app,
            ("Status", preview_status(entry).to_owned(), true),
            ("PR", pull_request(entry), true),
            actor("Actor"),
            ("Commit", entry.commit.message.clone(), false),
            url,
        ],
        Action::Lock | Action::LockRestored => vec![
            ("Reason", entry.note.clone(), false),
            actor("Locked by"),
            ("Until", text(key::UNTIL), true),
            ("Apps", text(key::APPS), false),
        ],
        Action::Unlock => vec![
            ("Previously locked by", text(key::LOCKED_BY), true),
            actor("Unlocked by"),
            ("Reason was", text(key::LOCK_REASON), false),
            ("Apps", text(key::APPS), false),
        ],
        Action::Permit | Action::BreakGlass => vec![
            app,
            ("Commit", entry.commit.sha.clone(), true),
            actor("By"),
            ("Reason", entry.note.clone(), false),
        ],
        Action::Backup | Action::BackupOverdue | Action::Restore | Action::RestoreTest => vec![
            app,
            service,
            ("Backup", text(key::BACKUP), false),
            ("Size", size_of(entry), true),
            ("Duration", entry.duration.clone(), true),
            actor("Triggered by"),
        ],
        Action::Cleanup | Action::Destroy => vec![
            ("Apps Destroyed", text(key::APPS), false),
            ("Services Destroyed", text(key::SERVICES), false),
            actor("Triggered by"),
            ("Trigger", text(key::SOURCE), true),
        ],
        Action::Rollback => vec![
            app,
            environment,
            ("Rolled back to", rolled_back_to(entry), true),
            (
                "From version",
                number("v", &text(key::PREVIOUS_RELEASE)),
                true,
            ),
            actor("Triggered by"),
            url,
        ],
        Action::Health => vec![app, environment, url],
        Action::Certificate => vec![app, ("Days left", text(key::DAYS_LEFT), true), url],
        Action::Maintenance => vec![
            ("Host", text(key::HOST), true),
            ("Apps", text(key::APPS), false),
            ("Duration", entry.duration.clone(), true),
        ],
        Action::ScheduleMissed => vec![
            ("Task", text(key::TASK), true),
            ("Host", text(key::HOST), true),
        ],
        _ => vec![app, environment, actor("Actor")],
    };
    made(all)
}

fn fields_of_deploy_on_discord(entry: &AuditEntry) -> Vec<Field> {
    let branch = entry.text(key::BRANCH);
    made(match entry.action {
        Action::Preview => vec![
            ("App", entry.app_name.clone(), true),
            ("PR", pull_request(entry), true),
            ("Actor", entry.actor.clone(), true),
            (URL, entry.url.clone(), false),
        ],
        _ => vec![
            ("App", entry.app_name.clone(), true),
            ("Environment", entry.environment.clone(), true),
            ("Branch", branch, true),
            (URL, entry.url.clone(), false),
        ],
    })
}

fn made(all: Vec<(&'static str, String, bool)>) -> Vec<Field> {
    all.into_iter()
        .filter(|(_, value, _)| !value.trim().is_empty())
        .map(|(name, value, is_short)| Field {
            name,
            is_url: name == URL && link(name, &value).is_some(),
            value,
            is_short,
        })
        .collect()
}

/// `abc1234 → def5678`, or `def5678 (first deploy)`.
fn version(entry: &AuditEntry) -> String {
    let previous: String = entry.text(key::PREVIOUS_SHA).chars().take(7).collect();
    match (entry.commit.sha.as_str(), previous.as_str()) {
        ("", _) => String::new(),
        (sha, "") => format!("{sha} (first deploy)"),
        (sha, previous) => format!("{previous} → {sha}"),
    }
}

fn rolled_back_to(entry: &AuditEntry) -> String {
    let release = number("v", &entry.text(key::RELEASE));
    match (release.as_str(), entry.commit.sha.as_str()) {
        (release, "") => release.to_owned(),
        ("", sha) => sha.to_owned(),
        (release, sha) => format!("{release} ({sha})"),
    }
}

fn pull_request(entry: &AuditEntry) -> String {
    number("#", &entry.text(key::PULL_REQUEST))
}

fn preview_status(entry: &AuditEntry) -> &'static str {
    match (&entry.action, &entry.status) {
        (Action::PreviewCleanup, Status::Success) => "Cleaned up",
        (_, Status::Success) => "Ready",
        _ => "Failed",
    }
}

fn number(sign: &str, number: &str) -> String {
    if number.is_empty() {
        String::new()
    } else {
        format!("{sign}{number}")
    }
}

fn size_of(entry: &AuditEntry) -> String {
    entry.number(key::SIZE).map_or_else(String::new, size)
}
