//! From the command line, the repository and the settings to what is to be deployed.

use dokku_deploy::{
    app::{AppName, Environment},
    deployment::Commit,
    naming::{Branches, Target, app_of},
    rollout::Wish,
    secret::Secret,
    settings::Resolved,
    variables::Source,
};

use super::{
    DeployArguments, given,
    preview::{self, Policy},
};
use crate::{
    access, actor,
    failure::Failure,
    invocation::Invocation,
    origin,
    project::Project,
    repository::{Head, Repository},
    ui::Reply,
};

/// Gathers what is to be deployed. Asks no host.
pub fn build(arguments: &DeployArguments, invocation: &Invocation<'_>) -> Result<Wish, Failure> {
    let repository = Repository::here()?.ok_or_else(|| {
        Failure::settings("Not in a git repository")
            .hint("Run it in the repository of the app that is to be deployed.")
    })?;
    let name = arguments
        .repository
        .clone()
        .unwrap_or_else(|| repository.name());
    let mut given = given::read(arguments)?;
    if let Some(of) = &arguments.preview {
        given.extend(of.variables());
    } else {
        given.extend(origin::recorded());
        if let Some(number) = arguments.pr {
            let recorded = given.entry(Source::Repository).or_default();
            recorded.insert("PR_NUMBER".to_owned(), Secret::new(number.to_string()));
        }
    }
    let settings = Project::at(repository.top())?.settings()?;
    let checked_out = repository.branch()?;
    let (head, branch) = commit(arguments, &repository, checked_out.as_deref())?;
    let named = arguments
        .app
        .as_deref()
        .map(|given| invocation.named_app(given))
        .transpose()?;
    let environment = environment(
        arguments,
        named.as_ref(),
        &name,
        &settings.branches(),
        branch.as_deref(),
    )?;
    let app = match named {
        Some(app) => app,
        None => app_by_name_of(&name, environment, arguments.pr)?,
    };
    let mut resolved: Resolved = settings
        .resolve(environment)
        .with_inputs(&arguments.inputs)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let mut copy = None;
    if environment == Environment::Preview {
        let of = arguments.preview.as_ref();
        let policy = match of {
            Some(of) => of.policy.clone(),
            None => Policy::new(resolved.preview.clone(), |path| {
                repository.file_in(&head.sha, path)
            })?,
        };
        let renews = arguments.refresh_database;
        copy = preview::databases(policy, of, &name, renews, &mut resolved)?;
    }
    if let Some(of) = &arguments.preview {
        of.restrict(&mut resolved, &mut given);
    }
    if !arguments.abort {
        repository.refuse_shallow()?;
        let is_checked_out = matches!(arguments.branch.as_deref(), None | Some("HEAD"))
            || arguments.branch == checked_out;
        if is_checked_out && !arguments.dry_run {
            refuse_dirty(arguments, invocation, &repository)?;
        }
    }
    Ok(Wish {
        app,
        environment,
        commit: Commit {
            sha: head.sha,
            subject: head.subject,
            branch: arguments
                .preview
                .as_ref()
                .map(|of| of.branch.clone())
                .or(branch),
        },
        settings: resolved,
        base_domain: invocation.base_domain()?,
        given,
        credentials: access::credentials(environment)?,
        copy,
        actor: actor::name(Some(&repository))?,
        run_id: format!("{:016x}", rand::random::<u64>()),
        entry: None,
    })
}

fn commit(
    arguments: &DeployArguments,
    repository: &Repository,
    checked_out: Option<&str>,
) -> Result<(Head, Option<String>), Failure> {
    // What is checked out, as the original says it.
    if let Some(branch) = arguments.branch.as_ref().filter(|name| *name != "HEAD") {
        let head = repository.commit(branch)?.ok_or_else(|| {
            Failure::settings(format!(
                "There is no branch or commit {branch:?} in this repository"
            ))
            .hint("`git branch --all` lists the branches; `git fetch` gets new ones.")
        })?;
        return Ok((head, Some(branch.clone())));
    }
    let head = repository.commit("HEAD")?.ok_or_else(|| {
        Failure::settings("The repository has no commit yet").hint("Commit something first.")
    })?;
    if checked_out.is_none()
        && arguments.env.is_none()
        && arguments.pr.is_none()
        && !arguments.abort
    {
        return Err(Failure::settings(format!(
            "HEAD is detached at {}: no branch says where to deploy",
            head.sha.get(..7).unwrap_or_default()
        ))
        .hint("Name the branch (`dokku-cli deploy APP BRANCH`) or the environment (--env)."));
    }
    Ok((head, checked_out.map(str::to_owned)))
}

/// `--env`, else what the named app's name says, else what the branch says.
fn environment(
    arguments: &DeployArguments,
    named: Option<&AppName>,
    repository: &str,
    branches: &Branches,
    branch: Option<&str>,
) -> Result<Environment, Failure> {
    if arguments.pr.is_some() {
        return Ok(Environment::Preview);
    }
    if let Some(environment) = arguments.env {
        return Ok(environment);
    }
    // A repository called `api-dev` has a production app of that name.
    let is_main_app = named.is_some_and(|app| app.as_str() == repository);
    let by_name = named.map(Environment::of_app).filter(|_| !is_main_app);
    match (by_name, branch) {
        (Some(environment), _) if environment != Environment::Production => Ok(environment),
        (_, Some(branch)) => branches.environment(branch).map_err(Failure::from),
        (_, None) if named.is_some() => Ok(Environment::Production),
        (_, None) => Err(Failure::settings("No branch and no environment is known")
            .hint("Name the environment with --env.")),
    }
}

/// The app of a repository in an environment, with a person's hint where there is none.
pub fn app_by_name_of(
    repository: &str,
    environment: Environment,
    pull_request: Option<u64>,
) -> Result<AppName, Failure> {
    let target = Target::of(environment, pull_request).ok_or_else(|| {
        Failure::usage("A preview belongs to a pull request, whose number is not known here")
            .hint("Give it with --pr NUMBER.")
    })?;
    app_of(repository, target).map_err(|error| Failure::settings(error.to_string()))
}

/// How many files of a dirty tree are named.
const NAMED: usize = 5;

fn refuse_dirty(
    arguments: &DeployArguments,
    invocation: &Invocation<'_>,
    repository: &Repository,
) -> Result<(), Failure> {
    let dirty = repository.dirty_files()?;
    if dirty.is_empty() {
        return Ok(());
    }
    let named = dirty
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let more = if dirty.len() > NAMED {
        format!(" and {} more", dirty.len() - NAMED)
    } else {
        String::new()
    };
    invocation.ui.warning(&format!(
        "You have uncommitted changes, which are not deployed: {named}{more}"
    ));
    if arguments.yes {
        return Ok(());
    }
    match invocation.ui.confirm("Continue anyway?")? {
        Reply::Yes => Ok(()),
        Reply::No => Err(Failure::refused("Nothing was changed.")),
        Reply::Nobody => Err(Failure::refused(
            "There are uncommitted changes, and nobody is there to confirm",
        )
        .hint("Commit them, or deploy without them with --yes.")),
    }
}
