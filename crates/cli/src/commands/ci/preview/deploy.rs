//! Deploying a preview, once it is decided that it may be.

use std::env;

use dokku_deploy::{
    deployment::{Deployment, Outcome, Serving},
    github::{PreviewComment, PreviewState, is_preview_comment, preview_comment},
    rollout::Wish,
    settings::Inputs,
};

use super::{Subject, Surroundings, checkout, policy};
use crate::{
    ci::api,
    clock::RealClock,
    commands::{
        ci::announcement::Announcement,
        deploy::{self, DeployArguments, Onlooker, preview::PreviewOf},
    },
    failure::Failure,
    interrupt::Watch,
};

/// Fetches the commit, deploys it, and tells the pull request.
pub fn run(
    sha: &str,
    is_foreign: bool,
    subject: &Subject,
    surroundings: &Surroundings<'_>,
) -> Result<u8, Failure> {
    let arguments = surroundings.arguments;
    let ui = surroundings.invocation.ui;
    if is_foreign {
        ui.warning(&format!(
            "{} is the code of somebody outside of the team: it gets its own databases, none of the team's variables, {} release tasks",
            subject.app,
            if arguments.with_release_tasks { "and its" } else { "and no" }
        ));
    }
    let address = format!("{}/{}.git", api::server(), subject.repository);
    let number = subject.pull.number;
    let here = env::current_dir()?;
    let vars_file = arguments.vars_file.clone().filter(|_| !is_foreign);
    let vars_file = vars_file.map(|path| match path.as_os_str().to_str() {
        Some("-") => path,
        _ => here.join(path),
    });
    let policy = policy::of_base(subject, surroundings.hub)?;
    let directory = checkout::fetch(&address, number, sha, api::token().as_ref())?;
    env::set_current_dir(directory.path())?;
    let wanted = DeployArguments {
        branch: Some(sha.to_owned()),
        pr: Some(number),
        yes: true,
        vars_file,
        here: Some(here),
        repository: Some(subject.repository.name().to_owned()),
        inputs: Inputs {
            health_check_path: None,
            memory: arguments.memory.clone(),
            cpu: arguments.cpu.clone(),
        },
        refresh_database: arguments.refresh_database,
        preview: Some(PreviewOf {
            repository: subject.repository.to_string(),
            repository_id: subject.repository_id,
            number,
            branch: subject.pull.head.branch.clone(),
            is_foreign,
            runs_tasks: arguments.with_release_tasks,
            may_copy: arguments.with_clone,
            policy,
        }),
        ..DeployArguments::default()
    };
    let clock = RealClock::new(Watch::begin()?);
    let announcement = match surroundings.actions {
        Some(actions) => {
            let github = api::writer(actions, &subject.repository, &clock)?;
            Some(Announcement::new(ui, actions, github, Some(number)))
        }
        None => None,
    };
    let mut looking = Looking {
        announcement,
        ended: None,
    };
    let result = deploy::watched(&wanted, surroundings.invocation, &mut looking);
    if let Some(announcement) = &mut looking.announcement {
        announcement.close(result.as_ref().err());
    }
    // The directory is gone with this value; nothing may stand in it.
    env::set_current_dir("/")?;
    if let Some(ended) = looking.ended {
        let body = preview_comment(&PreviewComment {
            state: ended.state,
            url: ended.url.as_deref(),
            sha,
            branch: &subject.pull.head.branch,
        });
        subject.comment(&is_preview_comment, &body, surroundings.hub);
    }
    result
}

/// Looks on, for GitHub and for the comment.
struct Looking<'a> {
    announcement: Option<Announcement<'a>>,
    ended: Option<Ended>,
}

struct Ended {
    state: PreviewState,
    url: Option<String>,
}

impl Onlooker for Looking<'_> {
    fn begins(&mut self, wish: &Wish) {
        if let Some(announcement) = &mut self.announcement {
            announcement.begins(wish);
        }
    }

    fn ends(&mut self, deployment: &Deployment) {
        if let Some(announcement) = &mut self.announcement {
            announcement.ends(deployment);
        }
        self.ended = Some(Ended {
            state: match (&deployment.outcome, &deployment.serving) {
                (Outcome::Live | Outcome::Unchanged, _) => PreviewState::Healthy,
                (_, Serving::New { .. }) => PreviewState::Live,
                (_, Serving::Previous { .. }) => PreviewState::Earlier,
                (_, Serving::Nothing | Serving::Unknown { .. }) => PreviewState::Failed,
            },
            url: deployment.url.clone(),
        });
    }
}
