//! A run of GitHub Actions, as its variables describe it, and the files that it reads.

use std::{env, io::Write, path::PathBuf};

use dokku_deploy::{clock::Clock, secret::Secret};

use super::github::{Client, RepositoryName};
use crate::failure::Failure;

/// A run of GitHub Actions.
#[derive(Debug)]
pub struct Actions {
    /// The repository that the run belongs to.
    pub repository: RepositoryName,
    /// The branch that was pushed; `None` for a tag or a pull request.
    pub branch: Option<String>,
    /// The page of the run.
    pub run_url: String,
    api_url: String,
    token: Option<Secret>,
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
}

impl Actions {
    /// The run that this program is part of; `None` elsewhere.
    pub fn here() -> Result<Option<Self>, Failure> {
        Self::read(|name| env::var(name).ok())
    }

    fn read(get: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Failure> {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        if get("GITHUB_ACTIONS").as_deref() != Some("true") {
            return Ok(None);
        }
        let need = |name: &str| {
            get(name).ok_or_else(|| {
                Failure::settings(format!(
                    "GITHUB_ACTIONS is true, but {name} is not set: this is no run of GitHub Actions"
                ))
            })
        };
        let given = need("GITHUB_REPOSITORY")?;
        let repository = RepositoryName::parse(&given).ok_or_else(|| {
            Failure::settings(format!(
                "GITHUB_REPOSITORY is {given:?}: expected OWNER/NAME"
            ))
        })?;
        let server = get("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
        let run_url = format!(
            "{server}/{repository}/actions/runs/{}",
            need("GITHUB_RUN_ID")?
        );
        let is_branch = get("GITHUB_REF").is_some_and(|full| full.starts_with("refs/heads/"));
        Ok(Some(Self {
            branch: get("GITHUB_REF_NAME").filter(|_| is_branch),
            run_url,
            api_url: get("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned()),
            token: get("GITHUB_TOKEN").map(Secret::new),
            output: get("GITHUB_OUTPUT").map(PathBuf::from),
            summary: get("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            repository,
        }))
    }

    /// GitHub's API with the run's token; `None` without one.
    pub fn github<'c>(&self, clock: &'c dyn Clock) -> Result<Option<Client<'c>>, Failure> {
        let Some(token) = self.token.clone() else {
            return Ok(None);
        };
        Client::new(&self.api_url, Some(token), clock)
            .map(Some)
            .map_err(|error| Failure::settings(format!("GITHUB_API_URL: {error}")))
    }

    /// Outputs of the step, for later steps and jobs.
    pub fn set_outputs(&self, outputs: &[(&str, &str)]) -> Result<(), Failure> {
        let text: String = outputs
            .iter()
            .map(|(name, value)| output(name, value, rand::random::<u128>()))
            .collect();
        append(self.output.as_ref(), "GITHUB_OUTPUT", &text)
    }

    /// Adds Markdown to the summary of the run.
    pub fn add_summary(&self, markdown: &str) -> Result<(), Failure> {
        append(
            self.summary.as_ref(),
            "GITHUB_STEP_SUMMARY",
            &format!("{}\n", markdown.trim_end()),
        )
    }
}

/// One output. Its end is a line that nobody who wrote the value could know.
fn output(name: &str, value: &str, random: u128) -> String {
    let end = format!("end-{random:032x}");
    format!("{name}<<{end}\n{value}\n{end}\n")
}

/// The runner made the file before the step began.
fn append(path: Option<&PathBuf>, name: &str, text: &str) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    fs_err::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::internal(format!("{name} cannot be written: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Actions>, Failure> {
        Actions::read(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    const RUN: [(&str, &str); 5] = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_REF", "refs/heads/feature/x"),
        ("GITHUB_REF_NAME", "feature/x"),
    ];

    #[test]
    fn a_run_is_known_by_its_variables() {
        let actions = read(&RUN).unwrap().unwrap();
        assert_eq!(actions.branch.as_deref(), Some("feature/x"));
        assert_eq!(
            actions.run_url,
            "https://github.com/acme/shop/actions/runs/7"
        );
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[("GITHUB_ACTIONS", "false")]).unwrap().is_none());
    }

    #[test]
    fn half_a_run_is_an_error() {
        let error = read(&RUN[..1]).unwrap_err();
        assert!(error.message.contains("GITHUB_REPOSITORY"), "{error:?}");
        let mut bad = RUN;
        bad[1].1 = "acme/../shop";
        assert!(read(&bad).unwrap_err().message.contains("OWNER/NAME"));
    }

    #[test]
    fn a_tag_is_no_branch() {
        let mut tag = RUN;
        tag[3].1 = "refs/tags/main";
        assert_eq!(read(&tag).unwrap().unwrap().branch, None);
    }

    #[test]
    fn a_value_cannot_end_its_output() {
        assert_eq!(
            output("url", "a\nEOF\nadmin=true", 0xab),
            "url<<end-000000000000000000000000000000ab\na\nEOF\nadmin=true\nend-000000000000000000000000000000ab\n"
        );
    }
}
