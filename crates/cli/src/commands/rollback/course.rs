//! What lies between the release that serves and the one that is gone back to, as far as this
//! repository knows.

use std::collections::BTreeSet;

use dokku_deploy::{
    app::Environment,
    dokku::git::is_commit,
    release::{History, Release, short},
    settings::Settings,
};
use serde::Serialize;

use crate::{
    failure::Failure,
    project::Project,
    repository::{Head, Repository},
};

/// Most commits that are listed.
const LISTED: usize = 20;

/// A release task that has run since, and that nothing undoes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoneTask {
    /// The release that it ran for.
    pub version: u64,
    /// Its name.
    pub name: String,
    /// Its command.
    pub command: String,
}

/// The way from one release to another.
#[derive(Debug, Default)]
pub struct Course {
    /// The settings of the release that is gone back to: they say what healthy means.
    pub settings: Settings,
    /// Commits that the present release has and the other has not, newest first.
    pub taken_back: Vec<Head>,
    /// The other way round.
    pub brought_back: Vec<Head>,
    /// Release tasks of releases that are gone back behind.
    pub tasks: Vec<DoneTask>,
    /// What is not known, and what that means.
    pub notes: Vec<String>,
}

impl Course {
    /// Looks into the repository, where there is one.
    pub fn between(
        history: &History,
        target: &Release,
        environment: Environment,
        repository: Option<&Repository>,
    ) -> Result<Self, Failure> {
        let mut course = Self::default();
        let Some(repository) = repository else {
            course.notes.push(
                "this is no git repository: the commits between and their release tasks are not known, \
                 and the health check asks the usual path"
                    .to_owned(),
            );
            return Ok(course);
        };
        course.look_at_target(target, repository)?;
        if let Some(current) = history.current() {
            course.look_between(&current.sha, &target.sha, repository)?;
        }
        course.look_for_tasks(history, target, environment, repository)?;
        Ok(course)
    }

    fn look_at_target(&mut self, target: &Release, repository: &Repository) -> Result<(), Failure> {
        match settings_at(repository, &target.sha)? {
            Some(Ok(settings)) => self.settings = settings,
            Some(Err(())) => self.notes.push(format!(
                "the settings of {} cannot be read by this version: its health is asked at the usual path",
                short(&target.sha)
            )),
            None => self.notes.push(format!(
                "{} is not in this repository: its health is asked at the usual path",
                short(&target.sha)
            )),
        }
        Ok(())
    }

    fn look_between(
        &mut self,
        current: &str,
        target: &str,
        repository: &Repository,
    ) -> Result<(), Failure> {
        for sha in [current, target] {
            if !is_commit(sha) || repository.commit(sha)?.is_none() {
                self.notes.push(format!(
                    "{} is not in this repository: the commits between are not known",
                    short(sha)
                ));
                return Ok(());
            }
        }
        if repository.is_shallow()? {
            self.notes.push(
                "this clone is shallow: there may be more commits between than are listed"
                    .to_owned(),
            );
        }
        self.taken_back = repository.between(target, current)?;
        self.brought_back = repository.between(current, target)?;
        Ok(())
    }

    fn look_for_tasks(
        &mut self,
        history: &History,
        target: &Release,
        environment: Environment,
        repository: &Repository,
    ) -> Result<(), Failure> {
        let mut looked_at = BTreeSet::from([target.sha.as_str()]);
        for release in history.releases() {
            if release.version <= target.version || !looked_at.insert(&release.sha) {
                continue;
            }
            match settings_at(repository, &release.sha)? {
                Some(Ok(settings)) => {
                    let tasks = settings.resolve(environment).release.tasks;
                    self.tasks.extend(tasks.into_iter().map(|task| DoneTask {
                        version: release.version,
                        name: task.name,
                        command: task.command,
                    }));
                }
                Some(Err(())) | None => self.notes.push(format!(
                    "which release tasks ran for v{} is not known: the settings of {} cannot be read here",
                    release.version,
                    short(&release.sha)
                )),
            }
        }
        Ok(())
    }

    /// All of it for people, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        list(&mut lines, "taken back", &self.taken_back);
        list(&mut lines, "brought back", &self.brought_back);
        if !self.tasks.is_empty() {
            lines.push("  Release tasks that have run since and are not undone:".to_owned());
            lines.extend(self.tasks.iter().map(|task| {
                let command = task.command.lines().next().unwrap_or_default();
                format!("    v{} {}: {command}", task.version, task.name)
            }));
        }
        lines
    }
}

fn list(lines: &mut Vec<String>, what: &str, commits: &[Head]) {
    if commits.is_empty() {
        return;
    }
    lines.push(format!("  Commits that are {what}: {}", commits.len()));
    lines.extend(
        commits
            .iter()
            .take(LISTED)
            .map(|head| format!("    {} {}", short(&head.sha), head.subject)),
    );
    if commits.len() > LISTED {
        lines.push(format!("    and {} more", commits.len() - LISTED));
    }
}

/// The settings as they were at a commit; `None`: it is not here.
fn settings_at(
    repository: &Repository,
    sha: &str,
) -> Result<Option<Result<Settings, ()>>, Failure> {
    if !is_commit(sha) || repository.commit(sha)?.is_none() {
        return Ok(None);
    }
    let project = Project::of_commit(repository, sha)?;
    Ok(Some(project.settings().map_err(drop)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_of_commits_is_cut_and_counted() {
        let commits = |count| {
            vec![
                Head {
                    sha: "a".repeat(40),
                    subject: "Fix \"it\" $(now)".into(),
                };
                count
            ]
        };
        let course = Course {
            taken_back: commits(22),
            brought_back: commits(1),
            tasks: vec![DoneTask {
                version: 3,
                name: "migrate".into(),
                command: "bin/migrate\nmore".into(),
            }],
            ..Course::default()
        };
        let lines = course.lines();
        assert_eq!(lines[0], "  Commits that are taken back: 22");
        assert_eq!(lines[1], "    aaaaaaa Fix \"it\" $(now)");
        assert_eq!(lines[21], "    and 2 more");
        assert_eq!(lines[22], "  Commits that are brought back: 1");
        assert_eq!(lines.last().unwrap(), "    v3 migrate: bin/migrate");
    }
}
