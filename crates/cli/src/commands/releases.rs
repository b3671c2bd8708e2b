//! `dokku-cli releases`: what went live, when and by whom.

use clap::Args;
use dokku_deploy::{
    app::AppName,
    clock::stamp,
    dokku::config,
    host::Host,
    release::{History, Release, short},
    store::Variables,
};
use serde_json::json;

use super::{missing, with_host};
use crate::{exit_codes, failure::Failure, invocation::Invocation, ui::visible};

/// What `releases` takes.
#[derive(Debug, Args)]
pub struct ReleasesArguments {
    /// The app; otherwise the repository's name
    pub app: Option<String>,
}

/// Shows the releases of an app.
pub fn run(arguments: &ReleasesArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let app = invocation.app(arguments.app.as_deref())?;
    let variables = with_host(invocation, |host, _| {
        config::read_export(&host.ask(&config::export(&app))?)?
            .ok_or_else(|| missing(&app, host.name()))
    })?;
    let history = History::of(&variables)?;
    if invocation.ui.is_json() {
        invocation.ui.json(&as_json(&app, &history))?;
        return Ok(exit_codes::OK);
    }
    invocation.ui.header(&format!("Releases: {app}"));
    for line in lines(&history, &variables) {
        invocation.ui.result(&visible(&line))?;
    }
    Ok(exit_codes::OK)
}

fn as_json(app: &AppName, history: &History) -> serde_json::Value {
    let releases: Vec<_> = history
        .releases()
        .iter()
        .map(|release| {
            json!({
                "version": release.version,
                "sha": release.sha,
                "image": release.image,
                "timestamp": stamp(release.timestamp),
                "actor": release.actor,
                "message": release.message,
                "environment": release.environment,
            })
        })
        .collect();
    json!({ "app": app, "current": history.current().map(|release| release.version), "releases": releases })
}

fn lines(history: &History, variables: &Variables) -> Vec<String> {
    let Some(current) = history.current() else {
        return vec![
            "No release tracking enabled for this app.".to_owned(),
            "Releases are recorded from the first `dokku-cli deploy` on.".to_owned(),
            String::new(),
            "Current Deployment:".to_owned(),
            match variables.text("GIT_REV") {
                Some(sha) if !sha.is_empty() => format!("  Commit: {}", short(sha)),
                _ => "  No deployment info available".to_owned(),
            },
        ];
    };
    let mut lines = vec![
        format!("Current Release: v{}", current.version),
        format!("  Commit:   {}", short(&current.sha)),
        format!("  Deployed: {}", stamp(current.timestamp)),
        format!("  By:       {}", current.actor),
        String::new(),
        "Release History:".to_owned(),
        row("VERSION", "COMMIT", "DATE", "DEPLOYED BY", "MESSAGE"),
        format!("  {}", "─".repeat(74)),
    ];
    lines.extend(history.releases().iter().map(history_row));
    lines
}

fn history_row(release: &Release) -> String {
    let message: String = release.message.chars().take(40).collect();
    row(
        &format!("v{}", release.version),
        short(&release.sha),
        &release.timestamp.strftime("%Y-%m-%d").to_string(),
        &release.actor,
        &message,
    )
}

fn row(version: &str, commit: &str, date: &str, actor: &str, message: &str) -> String {
    format!("  {version:<8} {commit:<9} {date:<12} {actor:<15} {message}")
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use dokku_deploy::release::NextRelease;

    use super::*;

    fn history() -> History {
        let next = |sha: &str, message: &str| NextRelease {
            sha: sha.repeat(40),
            image: Some("sha256:1".into()),
            timestamp: "2026-11-23T10:20:30Z".parse().unwrap(),
            actor: "ada".into(),
            message: message.into(),
            environment: "production".into(),
        };
        History::default()
            .with(&next("a", "first"))
            .with(&next("b", &"long ".repeat(20)))
    }

    #[test]
    fn the_newest_release_comes_first_and_messages_are_cut() {
        insta::assert_snapshot!(lines(&history(), &Variables::default()).join("\n"), @r"
        Current Release: v2
          Commit:   bbbbbbb
          Deployed: 2026-11-23T10:20:30Z
          By:       ada

        Release History:
          VERSION  COMMIT    DATE         DEPLOYED BY     MESSAGE
          ──────────────────────────────────────────────────────────────────────────
          v2       bbbbbbb   2026-11-23   ada             long long long long long long long long
          v1       aaaaaaa   2026-11-23   ada             first
        ");
    }

    #[test]
    fn without_a_record_the_commit_that_was_pushed_is_shown() {
        let variables: Variables = [("GIT_REV".to_owned(), "c".repeat(40))]
            .into_iter()
            .collect();
        let lines = lines(&History::default(), &variables);
        assert_eq!(lines.last().unwrap(), "  Commit: ccccccc");
    }

    #[test]
    fn json_holds_every_release() {
        let app = AppName::new("shop").unwrap();
        let json = as_json(&app, &history());
        assert_eq!(json["app"], "shop");
        assert_eq!(json["current"], 2);
        assert_eq!(json["releases"][1]["message"], "first");
        assert_eq!(json["releases"][1]["timestamp"], "2026-11-23T10:20:30Z");
    }
}
