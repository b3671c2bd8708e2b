//! Titles, colours and footers: those that the bash system used, and like ones for what it never told.

use super::Tone;
use crate::{
    audit::{Action, AuditEntry, Status, key},
    settings::NotifiedEvent,
};

/// How a message begins and ends.
pub(super) struct Titles {
    pub plain: String,
    pub emoji: String,
    pub tone: Tone,
    pub footer: String,
    /// What it means, in place of the entry's note.
    pub text: Option<String>,
}

/// Title for Slack, title with emoji, colour, footer.
fn made(plain: impl Into<String>, emoji: impl Into<String>, tone: Tone, footer: &str) -> Titles {
    Titles {
        plain: plain.into(),
        emoji: emoji.into(),
        tone,
        footer: footer.to_owned(),
        text: None,
    }
}

impl Titles {
    fn with_text(self, text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..self
        }
    }
}

pub(super) fn titles(entry: &AuditEntry, event: NotifiedEvent) -> Titles {
    let is_good = entry.status == Status::Success;
    let mut titles = match entry.action {
        Action::Deploy | Action::Promote | Action::Preview | Action::PreviewCleanup => {
            deploy(entry, event)
        }
        Action::Lock
        | Action::Unlock
        | Action::LockRestored
        | Action::Permit
        | Action::BreakGlass => lock(entry, is_good),
        Action::Backup | Action::BackupOverdue | Action::Restore | Action::RestoreTest => {
            backup(entry, is_good)
        }
        Action::Cleanup | Action::Destroy => cleanup(entry, is_good),
        Action::ScheduleMissed => schedule(entry, is_good),
        _ => rest(entry, is_good),
    };
    let footers = ["Deploy Lock", "Backup", "Cleanup", "Rollback"];
    if !entry.workflow.run_id.is_empty() && footers.contains(&titles.footer.as_str()) {
        titles.footer.push_str(" Workflow");
    }
    titles
}

fn deploy(entry: &AuditEntry, event: NotifiedEvent) -> Titles {
    let by = format!("Deployed by {}", entry.actor);
    let same = |title: &str, tone| made(title, title, tone, &by);
    if event == NotifiedEvent::DeployStarted {
        return same("🚀 Deployment started", Tone::Neutral);
    }
    let is_good = entry.status == Status::Success;
    match (&entry.action, &entry.status) {
        (Action::Preview, Status::Success) => made(
            "🚀 Preview Deployed",
            "🚀 Preview Deployed",
            Tone::Good,
            "Preview Environment",
        ),
        (Action::PreviewCleanup, Status::Success) => made(
            "🗑️ Preview Destroyed",
            "🗑️ Preview Destroyed",
            Tone::Neutral,
            "Preview Environment",
        ),
        (Action::Preview | Action::PreviewCleanup, _) => made(
            "❌ Preview Failed",
            "❌ Preview Failed",
            Tone::Danger,
            "Preview Environment",
        ),
        (Action::Promote, _) if is_good => made(
            "✅ Promoted successfully",
            "✅ Environment Promoted",
            Tone::Good,
            &format!("Promoted by {}", entry.actor),
        ),
        (Action::Promote, _) => made(
            "❌ Promotion failed",
            "❌ Promotion Failed",
            Tone::Danger,
            &format!("Promoted by {}", entry.actor),
        ),
        (_, Status::Success) => made(
            "✅ Deployed successfully",
            "✅ Deployment Successful",
            Tone::Good,
            &by,
        ),
        (_, Status::Refused) => same("⛔ Deployment refused", Tone::Danger),
        (_, Status::Unknown) => same(
            "❌ Deployment failed: what became of it is not known",
            Tone::Danger,
        ),
        _ => made(
            "❌ Deployment failed",
            "❌ Deployment Failed",
            Tone::Danger,
            &by,
        ),
    }
}

fn lock(entry: &AuditEntry, is_good: bool) -> Titles {
    let footer = "Deploy Lock";
    let what = subject(entry);
    let pair = |emoji: &str, title: String, tone| {
        let with_emoji = format!("{emoji} {title}");
        made(title, with_emoji, tone, footer)
    };
    match entry.action {
        Action::Lock if is_good => pair("🔒", format!("App Locked: {what}"), Tone::Warning)
            .with_text("Deployments are now blocked"),
        Action::Lock => pair("🔒", format!("Lock failed: {what}"), Tone::Danger),
        Action::Unlock if is_good => pair("🔓", format!("App Unlocked: {what}"), Tone::Good)
            .with_text("Deployments are now allowed"),
        Action::Unlock => pair("🔓", format!("Unlock failed: {what}"), Tone::Danger),
        Action::LockRestored => pair("🔒", format!("App stays locked: {what}"), Tone::Warning)
            .with_text("Its lock had been wiped and was put back"),
        Action::Permit => pair(
            "🔑",
            format!("Deploy through a lock: {what}"),
            Tone::Warning,
        )
        .with_text("One commit may pass, or has passed, although the app is locked"),
        _ => pair("🧯", "Locks are not enforced".to_owned(), Tone::Danger)
            .with_text("Every deploy passes while the break-glass file is there"),
    }
}

fn backup(entry: &AuditEntry, is_good: bool) -> Titles {
    let footer = "Backup";
    match entry.action {
        Action::Backup if is_good => made(
            "Database Backup Complete",
            "💾 Database Backup Complete",
            Tone::Good,
            footer,
        )
        .with_text("1 database backed up"),
        Action::Backup => made(
            "❌ Database Backup Failed",
            "❌ Database Backup Failed",
            Tone::Danger,
            footer,
        ),
        Action::BackupOverdue => made(
            "⏰ Database Backup Overdue",
            "⏰ Database Backup Overdue",
            Tone::Danger,
            footer,
        )
        .with_text(&*entry.note),
        Action::RestoreTest if is_good => made(
            "✅ Backup Restore-Tested",
            "✅ Backup Restore-Tested",
            Tone::Good,
            footer,
        ),
        Action::RestoreTest => made(
            "❌ Backup Cannot Be Restored",
            "❌ Backup Cannot Be Restored",
            Tone::Danger,
            footer,
        ),
        _ if is_good => made(
            "♻️ Database Restored",
            "♻️ Database Restored",
            Tone::Warning,
            footer,
        ),
        _ => made(
            "❌ Database Restore Failed",
            "❌ Database Restore Failed",
            Tone::Danger,
            footer,
        ),
    }
}

fn cleanup(entry: &AuditEntry, is_good: bool) -> Titles {
    let what = subject(entry);
    let is_dry = entry.metadata.get(key::DRY_RUN) == Some(&true.into());
    let (title, tone) = match (is_good, is_dry) {
        (true, true) => (format!("Cleanup (Dry Run): {what}"), Tone::Warning),
        (true, false) => (format!("Cleanup Complete: {what}"), Tone::Good),
        (false, _) => (format!("Cleanup Failed: {what}"), Tone::Danger),
    };
    let emoji = format!("🗑️ {title}");
    made(title, emoji, tone, "Cleanup")
}

fn schedule(entry: &AuditEntry, is_good: bool) -> Titles {
    let task = entry.text(key::TASK);
    let (title, tone) = if is_good {
        (format!("⏰ Scheduled run is back: {task}"), Tone::Good)
    } else {
        (format!("⏰ Scheduled run missing: {task}"), Tone::Danger)
    };
    made(title.clone(), title, tone, "Schedules").with_text(&*entry.note)
}

fn rest(entry: &AuditEntry, is_good: bool) -> Titles {
    let what = subject(entry);
    let same = |title: String, tone, footer: &str| made(title.clone(), title, tone, footer);
    match (&entry.action, is_good) {
        (Action::Rollback, true) => same(
            "⏪ Rollback Successful".to_owned(),
            Tone::Warning,
            "Rollback",
        ),
        (Action::Rollback, false) if entry.status == Status::Unknown => same(
            "⚠️ Rollback Completed (verify manually)".to_owned(),
            Tone::Danger,
            "Rollback",
        ),
        (Action::Rollback, false) => same(
            "⚠️ Rollback Failed (verify manually)".to_owned(),
            Tone::Danger,
            "Rollback",
        ),
        (Action::Health, true) => {
            same(format!("💚 Up again: {what}"), Tone::Good, "Health Check").with_text(&*entry.note)
        }
        (Action::Health, false) => same(format!("🚨 Down: {what}"), Tone::Danger, "Health Check"),
        (Action::Certificate, true) => same(
            format!("🔐 Certificate renewed: {what}"),
            Tone::Good,
            "Certificates",
        )
        .with_text(&*entry.note),
        (Action::Certificate, false) => same(
            format!("🔐 Certificate expires soon: {what}"),
            Tone::Warning,
            "Certificates",
        )
        .with_text(&*entry.note),
        (Action::Maintenance, true) => same(
            "🌙 Nightly maintenance: all well".to_owned(),
            Tone::Good,
            "Scheduled Maintenance",
        )
        .with_text(&*entry.note),
        (Action::Maintenance, false) => same(
            "🌙 Nightly maintenance: something failed".to_owned(),
            Tone::Danger,
            "Scheduled Maintenance",
        )
        .with_text(&*entry.note),
        _ => same(
            "🔔 A test of notifications".to_owned(),
            Tone::Neutral,
            "dokku-cli notify test",
        )
        .with_text(&*entry.note),
    }
}

/// The app, or how many.
fn subject(entry: &AuditEntry) -> String {
    if !entry.app_name.is_empty() {
        return entry.app_name.clone();
    }
    match entry
        .metadata
        .get(key::APPS)
        .and_then(|apps| apps.as_array())
    {
        Some(apps) if apps.len() == 1 => entry.text(key::APPS),
        Some(apps) => format!("{} apps", apps.len()),
        None => entry.text(key::HOST),
    }
}
