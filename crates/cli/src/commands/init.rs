//! `dokku-cli init`: what a project needs to be deployed.

mod environments;
mod files;
mod write;

use std::{env, path::PathBuf};

use clap::Args;

use crate::{
    exit_codes, failure::Failure, invocation::Invocation, repository::Repository, runtime::Runtime,
};

/// Where the workflows lie, as the build that made this program was told: `OWNER/NAME@COMMIT`.
const SYSTEM: Option<&str> = option_env!("DOKKU_DEPLOY_SYSTEM");

/// What `init` takes.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The project; otherwise the current directory
    dir: Option<PathBuf>,
    /// Where the workflows of the deploy system lie, best by its commit
    #[arg(long, value_name = "OWNER/NAME@REF")]
    system: Option<String>,
    /// Show what would be written and write nothing
    #[arg(long)]
    diff: bool,
    /// Replace files that are there without a question
    #[arg(long, short)]
    yes: bool,
    /// Set up the environments of the repository on GitHub too; needs a token in the environment
    #[arg(long)]
    environments: bool,
    /// Somebody who has to agree to a deploy to production; may be given several times
    #[arg(long, value_name = "LOGIN", requires = "environments")]
    reviewer: Vec<String>,
    /// Minutes between a push and its deploy to production
    #[arg(long, value_name = "MINUTES", requires = "environments", value_parser = clap::value_parser!(u32).range(0..=43200))]
    wait_minutes: Option<u32>,
}

/// Writes the files, and sets up the environments where that was asked for.
pub fn run(arguments: &InitArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let ui = invocation.ui;
    let root = match &arguments.dir {
        Some(directory) => directory.clone(),
        None => env::current_dir()?,
    };
    if !root.is_dir() {
        return Err(Failure::settings(format!(
            "{} is no directory",
            root.display()
        )));
    }
    let system = system(arguments.system.as_deref())?;
    let runtime = Runtime::of(&root)?;
    match runtime {
        Some(runtime) => ui.info(&format!(
            "This is a project of the kind: {}",
            runtime.name()
        )),
        None => ui.warning(
            "What this is written in is not known: there is no Procfile made; see docs/settings.md",
        ),
    }
    let branch = Repository::of(&root)?
        .map(|repository| repository.branch())
        .transpose()?
        .flatten();
    let files = files::of(&root, runtime, &system, branch.as_deref())?;
    if arguments.diff {
        return write::show(&root, &files, invocation);
    }
    write::all(&root, &files, arguments.yes, invocation)?;
    if arguments.environments {
        environments::set_up(
            &root,
            &arguments.reviewer,
            arguments.wait_minutes,
            invocation,
        )?;
    }
    ui.info("Next: commit the files, and give the repository the secrets DOKKU_HOST and DOKKU_SSH_PRIVATE_KEY and the variables BASE_DOMAIN and DOKKU_HOST_KEY (docs/ci.md)");
    Ok(exit_codes::OK)
}

/// `OWNER/NAME` and the commit, tag or branch.
#[derive(Debug, PartialEq, Eq)]
struct System {
    repository: String,
    reference: String,
}

fn system(given: Option<&str>) -> Result<System, Failure> {
    let Some(text) = given.or(SYSTEM) else {
        return Err(Failure::usage(
            "where the workflows of the deploy system lie is not known to a program built from source",
        )
        .hint("Give it with --system OWNER/NAME@COMMIT."));
    };
    let wrong = || Failure::usage(format!("--system is {text:?}: expected OWNER/NAME@REF"));
    let (name, reference) = text.split_once('@').ok_or_else(wrong)?;
    let repository = crate::ci::github::RepositoryName::parse(name).ok_or_else(wrong)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/');
    if reference.is_empty() || !reference.chars().all(is_plain) {
        return Err(wrong());
    }
    Ok(System {
        repository: repository.to_string(),
        reference: reference.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_a_repository_at_a_reference() {
        let system = system(Some("acme/dokku-deploy-system@v1.2.3")).unwrap();
        assert_eq!(system.repository, "acme/dokku-deploy-system");
        assert_eq!(system.reference, "v1.2.3");
        for wrong in [
            "acme/x",
            "acme@v1",
            "acme/x@",
            "acme/x@v1 # \n",
            "a/b@${{ x }}",
        ] {
            assert!(super::system(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
