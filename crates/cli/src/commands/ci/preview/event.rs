//! What is asked for: by the event of the run, or by hand. Of an event only its kind and the pull
//! request's number are taken, and the commit, to tell runs of earlier pushes; everything else is asked
//! of GitHub.

use std::env;

use dokku_deploy::flows::preview::Asked;
use serde::Deserialize;

use super::CiPreviewArguments;
use crate::{
    ci::{actions::Actions, github::RepositoryName},
    failure::Failure,
    invocation::Invocation,
};

/// What is asked for, of which pull request.
pub struct Wanted {
    pub repository: RepositoryName,
    pub number: u64,
    pub asked: Asked,
    /// The commit that the event is about.
    pub pushed: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    action: Option<String>,
    pull_request: Option<Numbered>,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
    head: Option<Head>,
}

#[derive(Deserialize)]
struct Head {
    sha: Option<String>,
}

/// `None`: an event that changes nothing about a preview.
pub fn wanted(
    arguments: &CiPreviewArguments,
    actions: Option<&Actions>,
    invocation: &Invocation<'_>,
) -> Result<Option<Wanted>, Failure> {
    if let Some(number) = arguments.pr {
        return Ok(Some(Wanted {
            repository: repository(&arguments.repo, actions)?,
            number,
            asked: match arguments.action.as_str() {
                "destroy" => Asked::Destroy { by_hand: true },
                _ => Asked::ByHand,
            },
            pushed: None,
        }));
    }
    let Some(actions) = actions else {
        return Err(Failure::usage("Which pull request?")
            .hint("By hand: --repo OWNER/NAME --pr NUMBER --action deploy|destroy"));
    };
    let event = read()?;
    let (Some(pull), Some(action)) = (event.pull_request, event.action) else {
        return Err(
            Failure::usage("The event of this run is not about a pull request")
                .hint("By hand: --repo OWNER/NAME --pr NUMBER --action deploy|destroy"),
        );
    };
    let asked = match action.as_str() {
        "opened" | "synchronize" | "reopened" => Asked::ByEvent,
        "closed" => Asked::Destroy { by_hand: false },
        other => {
            invocation
                .ui
                .info(&format!("{other:?} changes nothing about a preview"));
            return Ok(None);
        }
    };
    Ok(Some(Wanted {
        repository: actions.repository.clone(),
        number: pull.number,
        asked,
        pushed: pull.head.and_then(|head| head.sha),
    }))
}

fn repository(given: &str, actions: Option<&Actions>) -> Result<RepositoryName, Failure> {
    let unknown =
        || Failure::usage(format!("{given:?} is no repository")).hint("It is written OWNER/NAME.");
    match (given, actions) {
        ("", Some(actions)) => Ok(actions.repository.clone()),
        (name, Some(actions)) if !name.contains('/') => {
            let full = format!("{}/{name}", actions.repository.owner());
            RepositoryName::parse(&full).ok_or_else(unknown)
        }
        (full, _) => RepositoryName::parse(full).ok_or_else(unknown),
    }
}

fn read() -> Result<Event, Failure> {
    let path = env::var("GITHUB_EVENT_PATH")
        .map_err(|_| Failure::settings("GITHUB_EVENT_PATH is not set: there is no event"))?;
    let text = fs_err::read_to_string(&path)
        .map_err(|error| Failure::settings(format!("the event cannot be read: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::settings(format!("the event is not understood: {error}")))
}
