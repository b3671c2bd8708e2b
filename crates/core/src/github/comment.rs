//! Comments on pull requests, and how ours are known again.

use std::time::Duration;

use super::{
    markdown::{code, plain},
    minutes,
};
use crate::app::Environment;

/// A deploy that a merged pull request led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed<'a> {
    /// Where to.
    pub environment: Environment,
    /// The app's address.
    pub url: Option<&'a str>,
    /// The commit, 40 digits.
    pub sha: &'a str,
    /// How long it took.
    pub took: Duration,
    /// The run that did it.
    pub run: Option<&'a str>,
}

/// What a merged pull request is told.
pub fn deployed_comment(deployed: &Deployed<'_>) -> String {
    let Deployed {
        environment,
        url,
        sha,
        took,
        run,
    } = *deployed;
    let by = match run {
        Some(run) => format!("[workflow run]({run})"),
        None => "dokku-cli".to_owned(),
    };
    format!(
        "{}\n\n{}\n\n**Commit:** {}\n**Duration:** {}\n**Environment:** {environment}\n\n---\n<sub>Deployed via {by}</sub>\n",
        deployed_heading(environment),
        table("✅ Deployed", url),
        code(sha.get(..7).unwrap_or(sha)),
        minutes(took),
    )
}

/// Whether this is a [`deployed_comment`] for that environment, of whatever version of the system.
pub fn is_deployed_comment(body: &str, environment: Environment) -> bool {
    begins(body, &deployed_heading(environment))
}

fn deployed_heading(environment: Environment) -> String {
    format!("## 🚀 Deployed to {environment}")
}

const PREVIEW_HEADING: &str = "## 🚀 Preview Environment";
const APPROVAL_HEADING: &str = "## 🔒 Preview Deployment Requires Approval";

/// What a deploy has made of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewState {
    /// The commit serves, and its health check passed.
    Healthy,
    /// The commit serves, and that is all that is known.
    Live,
    /// It does not, and an earlier one does.
    Earlier,
    /// It does not.
    Failed,
}

/// A preview as its pull request is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewComment<'a> {
    /// What serves.
    pub state: PreviewState,
    /// The preview's address.
    pub url: Option<&'a str>,
    /// The commit, 40 digits.
    pub sha: &'a str,
    /// The pull request's branch. Hostile text.
    pub branch: &'a str,
}

/// What a pull request is told of its preview.
pub fn preview_comment(preview: &PreviewComment<'_>) -> String {
    let verdict = match preview.state {
        PreviewState::Healthy => "✅ Deployed",
        PreviewState::Live => "⚠️ Deployed (check logs)",
        PreviewState::Earlier => "❌ Not deployed (check logs); an earlier commit serves",
        PreviewState::Failed => "❌ Not deployed (check logs)",
    };
    let url = preview
        .url
        .filter(|_| preview.state != PreviewState::Failed);
    format!(
        "{PREVIEW_HEADING}\n\n{}\n\n**Commit:** {}\n**Branch:** {}\n\n---\n<sub>This preview is destroyed when the pull request is closed or merged.</sub>\n",
        table(verdict, url),
        code(preview.sha),
        code(preview.branch),
    )
}

/// How a pull request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// With its commits on the base.
    Merged,
    /// Without.
    Unmerged,
    /// It is open still: somebody asked for the end of its preview.
    NotAtAll,
}

/// What the preview's comment becomes when nothing is left of the preview.
pub fn destroyed_comment(closed: Closed) -> String {
    let (how, why) = match closed {
        Closed::Merged => (" (PR merged)", "the pull request was merged"),
        Closed::Unmerged => (" (PR closed)", "the pull request was closed"),
        Closed::NotAtAll => ("", "somebody asked for it; the next push makes a new one"),
    };
    format!(
        "{PREVIEW_HEADING}\n\n{}\n\n---\n<sub>The preview was destroyed because {why}.</sub>\n",
        table(&format!("🗑️ Destroyed{how}"), None),
    )
}

/// Whether this is a [`preview_comment`] or a [`destroyed_comment`].
pub fn is_preview_comment(body: &str) -> bool {
    begins(body, PREVIEW_HEADING)
}

/// A pull request whose preview waits for somebody of the team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outsider<'a> {
    /// Who opened it: a login.
    pub author: &'a str,
    /// The workflow that a maintainer starts.
    pub workflow_url: &'a str,
    /// `owner/name` of the repository.
    pub repository: &'a str,
    /// The pull request.
    pub number: u64,
    /// The commit that an approval would hold for, 40 digits.
    pub sha: &'a str,
}

/// What the pull request of somebody outside of the team is told.
pub fn outsider_comment(outsider: &Outsider<'_>) -> String {
    let name = outsider.repository.rsplit('/').next().unwrap_or_default();
    format!(
        "{APPROVAL_HEADING}\n\nHi {}, thank you for the pull request. Its preview is not deployed on its own, because it comes from outside of the team.\n\nA maintainer who has read the change can deploy {} from [the workflow]({}) with these inputs:\n\n- `repo`: {}\n- `pr_number`: {}\n- `action`: `deploy`\n\n---\n<sub>The approval holds for that commit, not for later pushes.</sub>\n<!-- commit {} -->\n",
        mention(outsider.author),
        code(outsider.sha.get(..7).unwrap_or(outsider.sha)),
        outsider.workflow_url,
        code(name),
        code(&outsider.number.to_string()),
        outsider.sha,
    )
}

/// The commit that an [`outsider_comment`] was written for.
pub fn commit_of_approval(body: &str) -> Option<&str> {
    let (_, rest) = body.rsplit_once("<!-- commit ")?;
    let (sha, _) = rest.split_once(" -->")?;
    (sha.len() == 40 && sha.bytes().all(|c| c.is_ascii_hexdigit())).then_some(sha)
}

/// Whether this is an [`outsider_comment`].
pub fn is_approval_comment(body: &str) -> bool {
    begins(body, APPROVAL_HEADING)
}

/// Only what can be a login calls somebody.
fn mention(login: &str) -> String {
    let is_login = !login.is_empty()
        && login.len() <= 39
        && login.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_login {
        format!("@{login}")
    } else {
        plain(login)
    }
}

fn table(status: &str, url: Option<&str>) -> String {
    let link = match url {
        Some(url) => format!("[{url}]({url})"),
        None => "-".to_owned(),
    };
    format!("| Status | URL |\n|--------|-----|\n| {status} | {link} |")
}

/// A quotation of ours (`> ## …`) is not ours, nor is a longer heading that ours begins.
fn begins(body: &str, heading: &str) -> bool {
    let first = body.trim_start().lines().next().unwrap_or_default();
    first.trim_end() == heading
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_merged_pull_request_is_told_where_it_serves() {
        let body = deployed_comment(&Deployed {
            environment: Environment::Production,
            url: Some("https://shop.example.com"),
            sha: SHA,
            took: Duration::from_secs(154),
            run: Some("https://github.com/acme/shop/actions/runs/7"),
        });
        assert_eq!(
            body,
            "## 🚀 Deployed to production\n\n\
             | Status | URL |\n|--------|-----|\n\
             | ✅ Deployed | [https://shop.example.com](https://shop.example.com) |\n\n\
             **Commit:** `0123456`\n**Duration:** 2m 34s\n**Environment:** production\n\n\
             ---\n<sub>Deployed via [workflow run](https://github.com/acme/shop/actions/runs/7)</sub>\n"
        );
        assert!(is_deployed_comment(&body, Environment::Production));
        assert!(!is_deployed_comment(&body, Environment::Staging));
        assert!(is_deployed_comment(
            &body.replace('\n', "\r\n"),
            Environment::Production
        ));
    }

    #[test]
    fn a_quotation_is_not_ours() {
        assert!(!is_deployed_comment(
            "> ## 🚀 Deployed to production\n\nnice",
            Environment::Production
        ));
        assert!(!is_preview_comment("my Preview Environment does not start"));
    }

    #[test]
    fn a_hostile_branch_is_shown_and_does_nothing() {
        let body = preview_comment(&PreviewComment {
            state: PreviewState::Live,
            url: Some("https://shop-pr-7.example.com"),
            sha: SHA,
            branch: "x`$(id)`@acme/all\n## done",
        });
        assert!(body.contains("| ⚠️ Deployed (check logs) | [https://shop-pr-7"));
        assert!(
            body.contains("**Branch:** ``x`$(id)`@acme/all ## done``\n"),
            "{body}"
        );
        assert!(is_preview_comment(&body));
        let failed = preview_comment(&PreviewComment {
            state: PreviewState::Failed,
            url: Some("https://shop-pr-7.example.com"),
            sha: SHA,
            branch: "x",
        });
        assert!(
            failed.contains("| ❌ Not deployed (check logs) | - |"),
            "{failed}"
        );
        assert_eq!(body.lines().filter(|line| line.starts_with('#')).count(), 1);
    }

    #[test]
    fn a_destroyed_preview_keeps_its_comment() {
        let body = destroyed_comment(Closed::Merged);
        assert!(body.contains("| 🗑️ Destroyed (PR merged) | - |"), "{body}");
        assert!(is_preview_comment(&body));
        assert!(destroyed_comment(Closed::Unmerged).contains("(PR closed)"));
        assert!(body.lines().all(|line| !line.starts_with(' ')), "{body}");
    }

    #[test]
    fn an_outsiders_pull_request_names_the_inputs_and_calls_the_author_only() {
        let mut outsider = Outsider {
            author: "mallory",
            workflow_url: "https://github.com/acme/system/actions/workflows/preview.yml",
            repository: "acme/shop",
            number: 7,
            sha: SHA,
        };
        let body = outsider_comment(&outsider);
        assert!(body.contains("Hi @mallory,"), "{body}");
        assert!(body.contains("- `repo`: `shop`\n- `pr_number`: `7`\n"));
        assert!(is_approval_comment(&body));
        outsider.author = "a @all";
        assert!(outsider_comment(&outsider).contains("Hi a &#64;all,"));
    }
}
