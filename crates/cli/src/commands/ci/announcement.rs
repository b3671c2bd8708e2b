//! What GitHub is told of a deploy. Nothing here changes the deploy's result: what GitHub does not
//! take is a warning.

use std::time::Duration;

use dokku_deploy::{
    deployment::{Deployment, Outcome},
    github::{self, Deployed, deploy_summary, deployed_comment, is_deployed_comment},
    rollout::Wish,
    variables::looks_secret,
};

use crate::{
    ci::{
        actions::Actions,
        github::{Client, DeploymentId, GitHubError, Progress},
    },
    commands::deploy::Onlooker,
    failure::Failure,
    ui::Ui,
};

/// Tells GitHub, as the deploy goes on.
pub struct Announcement<'a> {
    ui: &'a Ui,
    actions: &'a Actions,
    github: Option<Client<'a>>,
    /// The pull request whose preview it is.
    pull: Option<u64>,
    begun: Option<Begun>,
    is_over: bool,
}

/// What was announced.
struct Begun {
    wish: Wish,
    deployment: Option<DeploymentId>,
}

impl<'a> Announcement<'a> {
    /// Nothing is told yet.
    pub fn new(
        ui: &'a Ui,
        actions: &'a Actions,
        github: Option<Client<'a>>,
        pull: Option<u64>,
    ) -> Self {
        Self {
            ui,
            actions,
            github,
            pull,
            begun: None,
            is_over: false,
        }
    }

    /// A deploy that was announced and never came to a result is told as failed.
    pub fn close(&mut self, failure: Option<&Failure>) {
        let Some(begun) = self.begun.take() else {
            return;
        };
        if self.is_over {
            return;
        }
        self.tell_failed(&begun);
        let message = failure.map_or("It was stopped.", |failure| failure.message.as_str());
        self.warn(self.actions.add_summary(&github::refusal_summary(
            begun.wish.app.as_str(),
            "deployed",
            message,
        )));
        let app = begun.wish.app.as_str();
        let environment = begun.wish.environment.as_str();
        let outputs = [
            ("app", app),
            ("environment", environment),
            ("result", "refused"),
        ];
        self.warn(self.actions.set_outputs(&outputs));
    }

    fn run(&self) -> &str {
        &self.actions.run_url
    }

    /// Asks GitHub for something that the deploy does not depend on.
    fn try_to<T>(
        &self,
        what: &str,
        act: impl FnOnce(&Client<'_>) -> Result<T, GitHubError>,
    ) -> Option<T> {
        match act(self.github.as_ref()?) {
            Ok(value) => Some(value),
            Err(error) => {
                let hint = match error {
                    GitHubError::Forbidden { .. } => {
                        ". The job needs the permissions statuses, deployments and pull-requests: write"
                    }
                    _ => "",
                };
                self.ui
                    .warning(&format!("GitHub was not told {what}: {error}{hint}"));
                None
            }
        }
    }

    fn warn(&self, result: Result<(), Failure>) {
        if let Err(failure) = result {
            self.ui.warning(&failure.message);
        }
    }

    fn tell_failed(&self, begun: &Begun) {
        let repository = &self.actions.repository;
        let status = github::failed(begun.wish.environment, Some(self.run()));
        self.try_to("that the deploy failed", |github| {
            github.set_status(repository, &begun.wish.commit.sha, &status)?;
            match begun.deployment {
                Some(id) => {
                    github.set_deployment_status(repository, id, Progress::Failure, self.run())
                }
                None => Ok(()),
            }
        });
    }

    fn tell_live(&self, begun: &Begun, deployment: &Deployment) {
        let repository = &self.actions.repository;
        let url = deployment.url.as_deref();
        let sha = &deployment.commit.sha;
        let status = github::succeeded(deployment.environment, url, Some(self.run()));
        self.try_to("that the commit is deployed", |github| {
            github.set_status(repository, sha, &status)
        });
        if let Some(id) = begun.deployment {
            self.try_to("where the deployment serves", |github| {
                let progress = Progress::Success(url);
                github.set_deployment_status(repository, id, progress, self.run())
            });
        }
        self.retire_previous(begun);
        self.comment(deployment);
    }

    /// GitHub takes those of previews for deployed for ever, unless it is told.
    fn retire_previous(&self, begun: &Begun) {
        let (Some(pull), Some(present)) = (self.pull, begun.deployment) else {
            return;
        };
        let repository = &self.actions.repository;
        self.try_to("what does not serve any more", |github| {
            let all = github.preview_deployments(repository, Some(pull))?;
            // Those before it were retired by it.
            let before = all.iter().skip_while(|(_, id)| *id != present).nth(1);
            match before {
                Some((_, id)) => github.retire_deployment(repository, *id),
                None => Ok(()),
            }
        });
    }

    /// One comment on each merged pull request of the commit.
    fn comment(&self, deployment: &Deployment) {
        let repository = &self.actions.repository;
        let environment = deployment.environment;
        let body = deployed_comment(&Deployed {
            environment,
            url: deployment.url.as_deref(),
            sha: &deployment.commit.sha,
            took: took(deployment),
            run: Some(self.run()),
        });
        let is_ours = |body: &str| is_deployed_comment(body, environment);
        self.try_to("on the merged pull requests where they serve", |github| {
            let pulls = github.pulls_of(repository, &deployment.commit.sha)?;
            for pull in pulls.iter().filter(|pull| pull.is_merged()) {
                github.put_comment(repository, pull.number, &is_ours, &body)?;
            }
            Ok(())
        });
    }
}

impl Onlooker for Announcement<'_> {
    fn begins(&mut self, wish: &Wish) {
        for (key, value) in wish.given.values().flatten() {
            if looks_secret(key) {
                self.ui.mask(value.expose());
            }
        }
        if let Some(credentials) = &wish.credentials {
            self.ui.mask(credentials.password().expose());
        }
        let repository = &self.actions.repository;
        let status = github::pending(wish.environment, Some(self.run()));
        let deployment = self
            .try_to("that the deploy has begun", |github| {
                github.set_status(repository, &wish.commit.sha, &status)
            })
            .and_then(|()| {
                self.try_to("of the deployment", |github| {
                    let id = github.create_deployment(
                        repository,
                        &wish.commit.sha,
                        wish.environment,
                        self.pull,
                    )?;
                    github.set_deployment_status(repository, id, Progress::Begun, self.run())?;
                    Ok(id)
                })
            });
        self.begun = Some(Begun {
            wish: wish.clone(),
            deployment,
        });
    }

    fn ends(&mut self, deployment: &Deployment) {
        self.is_over = true;
        self.ui.end_group();
        if let Some(begun) = &self.begun {
            match deployment.outcome {
                Outcome::Live | Outcome::Unchanged => self.tell_live(begun, deployment),
                _ => self.tell_failed(begun),
            }
        }
        self.warn(self.actions.add_summary(&deploy_summary(deployment)));
        self.warn(set_outputs(self.actions, deployment));
    }
}

/// What a deploy or rollback came to, for later steps.
pub fn set_outputs(actions: &Actions, deployment: &Deployment) -> Result<(), Failure> {
    let version = deployment.version.map(|v| v.to_string());
    actions.set_outputs(&[
        ("app", deployment.app.as_str()),
        ("environment", deployment.environment.as_str()),
        ("url", deployment.url.as_deref().unwrap_or_default()),
        ("commit", &deployment.commit.sha),
        (
            "previous",
            deployment.previous_sha.as_deref().unwrap_or_default(),
        ),
        ("version", version.as_deref().unwrap_or_default()),
        ("result", word(&deployment.outcome)),
    ])
}

fn took(deployment: &Deployment) -> Duration {
    let took = deployment.finished.duration_since(deployment.started);
    took.try_into().unwrap_or_default()
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Live => "live",
        Outcome::Unchanged => "unchanged",
        Outcome::Failed { .. } => "failed",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Refused { .. } => "refused",
        Outcome::Interrupted { .. } => "interrupted",
    }
}
