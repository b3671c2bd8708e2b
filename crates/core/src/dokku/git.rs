//! `git:*`. These verbs know no quoting on the wire.

use super::report::{self, Form, Report};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// What Dokku says of an app's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitReport {
    /// The branch whose pushes are deployed.
    pub deploy_branch: String,
    /// Whether the branch was set for this app, by somebody or by its first push.
    pub is_deploy_branch_set: bool,
    /// HEAD of the repository; `None` before the first deploy and where the deploy branch is not
    /// `master`, where Dokku answers with the word HEAD. No proof of what runs.
    pub sha: Option<String>,
    /// The image that the app was made from instead of a push.
    pub source_image: Option<String>,
}

/// The branch that HEAD of every app's repository points to, whatever its deploy branch is.
const HEAD: &str = "master";

impl GitReport {
    /// The commit that the deploy branch is at, where Dokku tells it: with another deploy branch
    /// the reported one may be what was pushed to `master` long ago.
    pub fn deployed(&self) -> Option<&str> {
        self.sha.as_deref().filter(|_| self.deploy_branch == HEAD)
    }
}

/// Asks about the repository of an app.
pub fn report(app: &AppName, form: Form) -> DokkuCommand {
    report::ask("git", app, form)
}

/// Reads the answer to [`report()`]; `None` when the app does not exist.
pub fn read_report(answer: &Answer) -> Result<Option<GitReport>, HostError> {
    let Some(report) = Report::read("git", answer)? else {
        return Ok(None);
    };
    let own = report.want("deploy-branch")?;
    let (deploy_branch, is_deploy_branch_set) = match report.get("computed-deploy-branch") {
        Some(computed) => (computed, !own.is_empty()),
        // Before 0.38.22 an unset branch is reported as its default, `master`: when the host's
        // default is another one, the report cannot tell which of the two counts.
        None => match report.get("global-deploy-branch") {
            Some(global) if own == "master" && global != own && !global.is_empty() => {
                return Err(report.broken("deploy-branch (set it with git:set)"));
            }
            _ => (own, own != "master"),
        },
    };
    if deploy_branch.is_empty() {
        return Err(report.broken("deploy-branch"));
    }
    let sha = match report.want("sha")? {
        "" | "HEAD" => None,
        sha if is_commit(sha) => Some(sha.to_owned()),
        _ => return Err(report.broken("sha")),
    };
    let source_image = report.get("source-image").unwrap_or_default();
    Ok(Some(GitReport {
        deploy_branch: deploy_branch.to_owned(),
        is_deploy_branch_set,
        sha,
        source_image: (!source_image.is_empty()).then(|| source_image.to_owned()),
    }))
}

/// Whether `text` is a whole commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
pub fn is_commit(text: &str) -> bool {
    [40, 64].contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Sets the branch whose pushes are deployed.
pub fn set_deploy_branch(app: &AppName, branch: &str) -> DokkuCommand {
    DokkuCommand::on("git:set", app)
        .flag("deploy-branch")
        .arg(branch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    fn read(text: &str) -> Result<Option<GitReport>, HostError> {
        read_report(&answer(0, text, ""))
    }

    #[test]
    fn the_commands_on_the_wire() {
        let app = app("myapp");
        assert_eq!(
            report(&app, Form::Json).wire().unwrap(),
            "git:report myapp --format json"
        );
        assert_eq!(
            set_deploy_branch(&app, "feature/x").wire().unwrap(),
            "git:set myapp deploy-branch feature/x"
        );
        assert!(set_deploy_branch(&app, "it's").wire().is_err());
    }

    #[test]
    fn the_recorded_reports_are_read() {
        let pushed = read_report(&recorded("git-report-json")).unwrap().unwrap();
        assert_eq!(pushed.deploy_branch, "master");
        assert!(!pushed.is_deploy_branch_set);
        assert_eq!(
            pushed.sha.as_deref(),
            Some("d1de60fc192416d51febbdd84bf2a96bcf9185f5")
        );
        assert_eq!(pushed.source_image, None);
        let image = read_report(&recorded("git-report-img")).unwrap().unwrap();
        assert_eq!(image.source_image.as_deref(), Some("local/prebuilt:1"));
        assert!(image.is_deploy_branch_set);
    }

    #[test]
    fn the_word_head_is_no_commit() {
        let report = |sha: &str| {
            read(&format!(
                r#"{{"computed-deploy-branch":"main","deploy-branch":"main","sha":"{sha}"}}"#
            ))
        };
        assert_eq!(report("HEAD").unwrap().unwrap().sha, None);
        assert_eq!(report("").unwrap().unwrap().sha, None);
        assert!(report("fatal: bad").is_err());
    }

    #[test]
    fn the_text_of_an_older_dokku_is_read() {
        let text = |own: &str, global: &str| {
            format!(
                "=====> myapp git information\n       Git deploy branch:    {own}   \n       Git global deploy branch:   {global}\n       Git sha:      HEAD\n"
            )
        };
        assert_eq!(
            read(&text("main", "master"))
                .unwrap()
                .unwrap()
                .deploy_branch,
            "main"
        );
        assert_eq!(
            read(&text("master", "master"))
                .unwrap()
                .unwrap()
                .deploy_branch,
            "master"
        );
        assert!(read(&text("master", "trunk")).is_err());
    }
}
