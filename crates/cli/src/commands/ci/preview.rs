//! `dokku-cli ci preview`: the app of a pull request, from its opening to its end.

mod checkout;
mod deploy;
mod destroy;
mod event;
mod people;
mod policy;
mod reconcile;

use clap::Args;
use dokku_deploy::{
    app::{AppName, Environment},
    flows::preview::{self, Asked, Decision, Facts},
    github::{self, Outsider, commit_of_approval, is_approval_comment, outsider_comment},
};

pub use self::reconcile::reconcile;
use super::announce;
use crate::{
    ci::{
        actions::Actions,
        api,
        github::{Client, GitHubError, Pull, PullState, RepositoryName},
    },
    clock::RealClock,
    commands::deploy::wish,
    exit_codes,
    failure::Failure,
    interrupt::Watch,
    invocation::Invocation,
    ui::Ui,
};

/// What `ci preview` takes. In a run for a pull request's event nothing has to be given.
#[derive(Debug, Args)]
pub struct CiPreviewArguments {
    /// The repository, as NAME or OWNER/NAME; otherwise the run's
    #[arg(long, default_value = "", requires = "pr")]
    repo: String,
    /// The pull request, by hand
    #[arg(long, value_name = "NUMBER")]
    pr: Option<u64>,
    /// What to do, by hand
    #[arg(long, value_parser = ["deploy", "destroy"], default_value = "deploy")]
    action: String,
    /// The commit that was looked at: an approval holds for it alone
    #[arg(long, value_name = "SHA", requires = "pr")]
    sha: Option<String>,
    /// Run the release tasks of somebody outside of the team, too
    #[arg(long, requires = "pr")]
    with_release_tasks: bool,
    /// Give somebody outside of the team a copy of the database, too, if previews get copies
    #[arg(long, requires = "pr")]
    with_clone: bool,
    /// Copy the databases anew that are copies; what they hold is backed up before
    #[arg(long, requires = "pr")]
    refresh_database: bool,
    /// Memory of each process, such as 256m; empty is not given
    #[arg(long, value_name = "AMOUNT")]
    memory: Option<String>,
    /// Processors of each process, such as 0.5; empty is not given
    #[arg(long, value_name = "NUMBER")]
    cpu: Option<String>,
    /// A JSON object with the team's variables; - reads standard input. Foreign code never gets them
    #[arg(long, value_name = "FILE")]
    vars_file: Option<std::path::PathBuf>,
}

/// A pull request, as GitHub's API has it now.
struct Subject {
    repository: RepositoryName,
    repository_id: u64,
    pull: Pull,
    app: AppName,
}

/// Everything that a preview is made with.
struct Surroundings<'a> {
    arguments: &'a CiPreviewArguments,
    invocation: &'a Invocation<'a>,
    actions: Option<&'a Actions>,
    hub: Hub<'a>,
}

/// GitHub.
#[derive(Clone, Copy)]
struct Hub<'a> {
    /// As it is asked.
    github: &'a Client<'a>,
    /// As it is told.
    writer: &'a Client<'a>,
    ui: &'a Ui,
}

/// Does what the event, or the person, asks for, if it may be done.
pub fn run(arguments: &CiPreviewArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let mut actions = Actions::here()?;
    announce(invocation, actions.as_ref());
    let Some(wanted) = event::wanted(arguments, actions.as_ref(), invocation)? else {
        return Ok(exit_codes::OK);
    };
    let watch = Watch::begin()?;
    let clock = RealClock::new(watch);
    let github = api::client(&clock)?;
    let of_run = match &actions {
        Some(actions) => api::writer(actions, &wanted.repository, &clock)?,
        None => None,
    };
    if let Some(actions) = &mut actions {
        actions.repository = wanted.repository.clone();
    }
    let surroundings = Surroundings {
        arguments,
        invocation,
        actions: actions.as_ref(),
        hub: Hub {
            github: &github,
            writer: of_run.as_ref().unwrap_or(&github),
            ui,
        },
    };
    let unknown = |error: GitHubError| {
        api::failure(&error).hint("What GitHub does not say counts as no: nothing was done.")
    };
    let repository = github.repository(&wanted.repository).map_err(unknown)?;
    let pull = github
        .pull(&wanted.repository, wanted.number)
        .map_err(unknown)?;
    let name = wanted.repository.name();
    let app = wish::app_by_name_of(name, Environment::Preview, Some(wanted.number))?;
    let subject = Subject {
        repository: wanted.repository,
        repository_id: repository.id,
        pull,
        app,
    };
    let facts = facts(wanted.asked, wanted.pushed, &subject, &surroundings).map_err(unknown)?;
    match preview::decide(wanted.asked, &facts) {
        Decision::Nothing { why } => {
            ui.info(&format!("Nothing to do for {}: {why}", subject.app));
            Ok(exit_codes::OK)
        }
        Decision::Refuse { why } => Err(Failure::refused(format!(
            "{}: {why}. Nothing was done.",
            subject.app
        ))),
        Decision::AskForApproval { why } => {
            ask(&why, wanted.asked, &facts, &subject, &surroundings)
        }
        Decision::Deploy { is_foreign } => {
            deploy::run(&facts.head, is_foreign, &subject, &surroundings)
        }
        Decision::Destroy => {
            let gone = destroy::run(&subject, surroundings.hub, invocation)?;
            gone.tell(invocation)?;
            Ok(exit_codes::OK)
        }
    }
}

fn facts(
    asked: Asked,
    pushed: Option<String>,
    subject: &Subject,
    surroundings: &Surroundings<'_>,
) -> Result<Facts, GitHubError> {
    let pull = &subject.pull;
    let own = subject.repository.to_string();
    let head = pull.head.repo.as_ref();
    let mut facts = Facts {
        is_open: pull.state == PullState::Open,
        head: pull.head.sha.clone().unwrap_or_default(),
        is_own_branch: head.is_some_and(|head| head.full_name.eq_ignore_ascii_case(&own)),
        author_is_member: false,
        actor_is_member: false,
        pushed,
        asked_for: None,
        named: surroundings.arguments.sha.clone(),
    };
    // A closed pull request loses its preview, whoever closed it.
    if asked == (Asked::Destroy { by_hand: false }) {
        return Ok(facts);
    }
    let people = people::People {
        owner: subject.repository.owner(),
        github: surroundings.hub.github,
    };
    facts.actor_is_member = people.are_members(&people::actors())?;
    if let Some(author) = &pull.user {
        facts.author_is_member = people.are_members(std::slice::from_ref(&author.login))?;
    }
    if asked == Asked::ByHand {
        let told = surroundings.hub.github.comment(
            &subject.repository,
            pull.number,
            &is_approval_comment,
        )?;
        facts.asked_for = told
            .as_deref()
            .and_then(commit_of_approval)
            .map(str::to_owned);
    }
    Ok(facts)
}

/// Tells the pull request, once for each commit, what a maintainer has to do.
fn ask(
    why: &str,
    asked: Asked,
    facts: &Facts,
    subject: &Subject,
    surroundings: &Surroundings<'_>,
) -> Result<u8, Failure> {
    let ui = surroundings.invocation.ui;
    let author = subject.pull.user.as_ref();
    let workflow = surroundings.actions.map_or_else(String::new, |actions| {
        let run = &actions.run_url;
        let repository = run
            .split_once("/actions/")
            .map_or(run.as_str(), |(page, _)| page);
        format!("{repository}/actions/workflows/preview.yml")
    });
    let repository = subject.repository.to_string();
    let body = outsider_comment(&Outsider {
        author: author.map_or("", |author| author.login.as_str()),
        workflow_url: &workflow,
        repository: &repository,
        number: subject.pull.number,
        sha: &facts.head,
    });
    subject.comment(&is_approval_comment, &body, surroundings.hub);
    let told = format!(
        "{} is not deployed: {why}. A maintainer who has read {} may deploy it by hand",
        subject.app,
        github::code(facts.head.get(..7).unwrap_or_default()),
    );
    if asked == Asked::ByHand {
        return Err(Failure::refused(told).hint(format!(
            "Look at {} and start again, or name it: --sha {}",
            facts.head, facts.head
        )));
    }
    ui.warning(&told);
    Ok(exit_codes::OK)
}

impl Subject {
    /// The one comment of ours. What GitHub does not take is a warning; whether it did.
    fn comment(&self, is_ours: &dyn Fn(&str) -> bool, body: &str, hub: Hub<'_>) -> bool {
        let number = self.pull.number;
        let put = hub
            .writer
            .put_comment(&self.repository, number, is_ours, body);
        if let Err(error) = &put {
            hub.ui
                .warning(&format!("the pull request was not told: {error}"));
        }
        put.is_ok()
    }
}
