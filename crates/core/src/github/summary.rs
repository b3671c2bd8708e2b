//! The summary of a run, in Markdown.

use super::{
    markdown::{code, plain},
    minutes,
};
use crate::deployment::{Deployment, Outcome, Serving};

/// What a deploy came to.
pub fn deploy_summary(deployment: &Deployment) -> String {
    summary(deployment, "✅ Deployed", None)
}

/// What going back to release `again` came to.
pub fn rollback_summary(deployment: &Deployment, again: u64) -> String {
    summary(deployment, "⏪ Rolled back", Some(again))
}

fn summary(deployment: &Deployment, live: &str, again: Option<u64>) -> String {
    let Deployment {
        app,
        environment,
        commit,
        ..
    } = deployment;
    let mut lines = vec![
        format!(
            "## {} {app} ({environment})",
            verdict(&deployment.outcome, live)
        ),
        String::new(),
        "| | |".to_owned(),
        "|---|---|".to_owned(),
        format!(
            "| Commit | {} {} |",
            code(commit.short()),
            plain(&commit.subject)
        ),
    ];
    if let Some(branch) = &commit.branch {
        lines.push(format!("| Branch | {} |", cell(branch)));
    }
    if let Some(url) = &deployment.url {
        lines.push(format!("| URL | [{url}]({url}) |"));
    }
    if let Some(version) = deployment.version {
        let again = again.map(|again| format!(" (v{again} again)"));
        let again = again.unwrap_or_default();
        lines.push(format!("| Release | v{version}{again} |"));
    }
    if let Some(previous) = &deployment.previous_sha {
        let short = previous.get(..7).unwrap_or(previous);
        lines.push(format!("| Previous commit | {} |", code(short)));
    }
    lines.push(format!("| Serves now | {} |", serving(&deployment.serving)));
    lines.push(format!("| By | {} |", plain(&deployment.actor)));
    let took = deployment.finished.duration_since(deployment.started);
    let took = took.try_into().unwrap_or_default();
    lines.push(format!("| Duration | {} |", minutes(took)));
    if let Some(why) = why(&deployment.outcome) {
        lines.extend([String::new(), block(&why)]);
    }
    for warning in &deployment.warnings {
        lines.extend([String::new(), format!("> ⚠️ {}", plain(warning))]);
    }
    if !deployment.steps.is_empty() {
        lines.extend([
            String::new(),
            "| Step | Time |".to_owned(),
            "|---|---:|".to_owned(),
        ]);
        lines.extend(deployment.steps.iter().map(|step| {
            format!(
                "| {} | {:.1} s |",
                plain(&step.step),
                step.seconds.as_secs_f64()
            )
        }));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A run that ended before anything was `done`, such as `deployed`.
pub fn refusal_summary(app: &str, done: &str, message: &str) -> String {
    format!(
        "## ❌ {} was not {done}\n\n{}\n",
        plain(app),
        block(message)
    )
}

fn verdict<'l>(outcome: &Outcome, live: &'l str) -> &'l str {
    match outcome {
        Outcome::Live => live,
        Outcome::Unchanged => "✅ Serves already",
        Outcome::Failed { .. } => "❌ Failed",
        Outcome::Unknown { .. } => "❔ Outcome unknown",
        Outcome::Refused { .. } => "🔒 Refused",
        Outcome::Interrupted { .. } => "⏹️ Stopped",
    }
}

fn why(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Live | Outcome::Unchanged => None,
        Outcome::Failed { at, why } | Outcome::Unknown { at, why } => Some(format!("{at}: {why}")),
        Outcome::Refused { why } => Some(why.clone()),
        Outcome::Interrupted { at, .. } => Some(format!("stopped in {at}")),
    }
}

fn serving(serving: &Serving) -> String {
    match serving {
        Serving::New { .. } => "this commit".to_owned(),
        Serving::Previous { sha: Some(sha), .. } => {
            format!("the earlier version, {}", code(sha.get(..7).unwrap_or(sha)))
        }
        Serving::Previous { sha: None, .. } => "the earlier version".to_owned(),
        Serving::Nothing => "nothing".to_owned(),
        Serving::Unknown { why } => format!("not known: {}", plain(why)),
    }
}

/// Code in a table: a bar would end its cell even there.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// Text of several lines as a block of code, whatever fences it holds.
fn block(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        app::{AppName, Environment},
        deployment::{Commit, Stage, StepTime},
    };

    fn deployment(outcome: Outcome) -> Deployment {
        Deployment {
            app: AppName::new("shop").unwrap(),
            environment: Environment::Production,
            commit: Commit {
                sha: "0123456789abcdef0123456789abcdef01234567".into(),
                subject: "Fix | <img src=x> @all".into(),
                branch: Some("a|b`c".into()),
            },
            previous_sha: None,
            outcome,
            serving: Serving::New { image: "i".into() },
            version: Some(3),
            url: Some("https://shop.example.com".into()),
            actor: "ada".into(),
            started: "2026-11-25T10:00:00Z".parse().unwrap(),
            finished: "2026-11-25T10:01:05Z".parse().unwrap(),
            steps: vec![StepTime {
                step: "Pushed".into(),
                seconds: Duration::from_millis(1500),
            }],
            warnings: vec![],
        }
    }

    #[test]
    fn a_summary_says_what_serves_and_hostile_text_stays_text() {
        let text = deploy_summary(&deployment(Outcome::Live));
        assert_eq!(
            text,
            "## ✅ Deployed shop (production)\n\n| | |\n|---|---|\n\
             | Commit | `0123456` Fix \\| \\<img src\\=x\\> &#64;all |\n\
             | Branch | ``a\\|b`c`` |\n\
             | URL | [https://shop.example.com](https://shop.example.com) |\n\
             | Release | v3 |\n\
             | Serves now | this commit |\n\
             | By | ada |\n\
             | Duration | 1m 5s |\n\n\
             | Step | Time |\n|---|---:|\n| Pushed | 1.5 s |\n"
        );
    }

    #[test]
    fn a_failure_keeps_its_reason_in_a_block() {
        let text = deploy_summary(&deployment(Outcome::Failed {
            at: Stage::Build,
            why: "```\n</details> exit 1".into(),
        }));
        assert!(
            text.contains("\n````text\nthe build: ```\n</details> exit 1\n````\n"),
            "{text}"
        );
        assert!(text.starts_with("## ❌ Failed shop"));
    }
}
