//! The repository that a commit is pushed out of: the one here, or what is fetched where that lacks it.

use std::path::Path;

use dokku_deploy::{
    flows::{cleanup::REPOSITORY, rollback::Seen},
    interrupt::Interrupts,
    release::{History, Release, short},
};
use tempfile::TempDir;

use crate::{
    ci::{api, github::RepositoryName},
    failure::Failure,
    invocation::Invocation,
    repository::{Fetch, NotFetched, Repository},
};

/// What is known of the app's history, and what can be pushed.
pub enum Source<'a> {
    /// The repository here, if this is one.
    Here(Option<&'a Repository>),
    /// One made for this rollback, which ends with it.
    Fetched(Repository, TempDir),
}

impl Source<'_> {
    /// The repository.
    pub fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Here(repository) => *repository,
            Self::Fetched(repository, _) => Some(repository),
        }
    }

    /// The git directory to push out of, where it is not the one here.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Here(_) => None,
            Self::Fetched(_, directory) => Some(directory.path()),
        }
    }
}

/// Where a commit can come from.
struct Place {
    from: String,
    url: String,
}

/// Fetches what a push of `target` needs and is not here.
pub struct Fetching<'a> {
    /// The releases.
    pub history: &'a History,
    /// The one whose commit is pushed.
    pub target: &'a Release,
    /// What the host knows of the app.
    pub seen: &'a Seen,
    /// Whether to stop.
    pub interrupts: &'a dyn Interrupts,
    /// Who is told.
    pub invocation: &'a Invocation<'a>,
}

impl Fetching<'_> {
    /// The repository here where it has the commit with its history. Else the commit is fetched: into
    /// it, where nothing but that commit is missing, or into one of its own, where this clone is
    /// shallow or no clone of the app at all.
    pub fn source<'r>(&self, here: Option<&'r Repository>) -> Result<Source<'r>, Failure> {
        let sha = &self.target.sha;
        let mut tried = Vec::new();
        let mut origin = None;
        let mut is_shallow = false;
        if let Some(repository) = here {
            is_shallow = repository.is_shallow()?;
            if !is_shallow && repository.commit(sha)?.is_some() {
                return Ok(Source::Here(here));
            }
            origin = repository.origin()?;
            if let (false, Some(url)) = (is_shallow, &origin) {
                let place = Place {
                    from: "origin".to_owned(),
                    url: url.clone(),
                };
                if self.fetch(sha, repository, &place, &mut tried)? {
                    self.fetch_between(repository, &place)?;
                    return Ok(Source::Here(here));
                }
            }
        }
        let recorded = self.recorded();
        let places = origin.filter(|_| is_shallow).into_iter().chain(recorded);
        for url in places {
            let directory = TempDir::new()?;
            let name = here.map_or_else(String::new, Repository::name);
            let repository = Repository::bare(directory.path(), name)?;
            let place = Place {
                from: url.clone(),
                url,
            };
            if self.fetch(sha, &repository, &place, &mut tried)? {
                self.fetch_between(&repository, &place)?;
                return Ok(Source::Fetched(repository, directory));
            }
        }
        Err(self.absent(here, is_shallow, &tried))
    }

    /// The repository that the app was deployed from, as the app says itself.
    fn recorded(&self) -> Option<String> {
        let app = self.seen.observed.app.as_ref()?;
        let name = RepositoryName::parse(app.variables.text(REPOSITORY)?)?;
        let server = api::server();
        Some(format!("{}/{name}.git", server.trim_end_matches('/')))
    }

    /// Whether the commit came; else it is said in `tried` why not.
    fn fetch(
        &self,
        sha: &str,
        into: &Repository,
        place: &Place,
        tried: &mut Vec<String>,
    ) -> Result<bool, Failure> {
        let (token, server) = (api::token(), api::server());
        let shown = shown(&place.url);
        let what = format!("Fetching {} from {shown}", short(sha));
        self.invocation.ui.info(&what);
        let fetch = Fetch {
            from: &place.from,
            url: &place.url,
            token: token.as_ref().map(|token| (token, server.as_str())),
            interrupts: self.interrupts,
        };
        match into.fetch(sha, &fetch) {
            Ok(()) => Ok(true),
            Err(NotFetched::Failed(failure)) => Err(failure),
            Err(NotFetched::Refused(why)) => {
                tried.push(format!(
                    "{shown}: {}",
                    why.trim().replace(&place.url, &shown)
                ));
                Ok(false)
            }
        }
    }

    /// The commits of the releases that are gone back behind, for what is told about them. What does
    /// not come is said where it would be told.
    fn fetch_between(&self, repository: &Repository, place: &Place) -> Result<(), Failure> {
        let later = self.history.releases().iter();
        for release in later.filter(|release| release.version > self.target.version) {
            if repository.commit(&release.sha)?.is_none()
                && !self.fetch(&release.sha, repository, place, &mut Vec::new())?
            {
                // The others would not come either, or only after as long a wait.
                break;
            }
        }
        Ok(())
    }

    fn absent(&self, here: Option<&Repository>, is_shallow: bool, tried: &[String]) -> Failure {
        let sha = &self.target.sha;
        let lack = match here {
            None => "this is no git repository",
            Some(_) if is_shallow => "this clone is shallow",
            Some(_) => "it is not in this repository",
        };
        let mut failure = Failure::settings(format!(
            "The host has not kept the image of v{}, so its commit {} has to be pushed, and {lack}",
            self.target.version,
            short(sha)
        ));
        if tried.is_empty() {
            let why = "There is no remote `origin` here and the app records no repository to fetch it from.";
            failure.hints.push(why.to_owned());
        }
        for place in tried {
            failure.message.push_str("; it could not be fetched from ");
            failure.message.push_str(place);
        }
        failure.hint(format!(
            "Run it in a complete clone that has the commit (`git fetch origin {sha}`), or give GITHUB_TOKEN the right to read the repository."
        ))
    }
}

/// An address without the login in it.
fn shown(url: &str) -> String {
    let without = url.split_once("://").and_then(|(scheme, rest)| {
        let (host, path) = rest.split_once('/')?;
        let (_, host) = host.rsplit_once('@')?;
        Some(format!("{scheme}://{host}/{path}"))
    });
    without.unwrap_or_else(|| url.to_owned())
}
