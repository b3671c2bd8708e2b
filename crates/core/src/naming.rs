//! From the branch to the environment, from the environment to the app's name.

use crate::app::{AppName, BadAppName, Environment};

/// Which branch deploys to which environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branches(Vec<(String, Environment)>);

impl Default for Branches {
    /// `main` and `master` → production, `staging` → staging, `develop` → development.
    fn default() -> Self {
        Self::new([
            ("main".to_owned(), Environment::Production),
            ("master".to_owned(), Environment::Production),
            ("staging".to_owned(), Environment::Staging),
            ("develop".to_owned(), Environment::Development),
        ])
    }
}

/// A branch that deploys nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the branch {branch:?} deploys to no environment: {}. Give the environment with --env, or map the branch under `branches:` in .dokku/config.yml",
    described(.known)
)]
pub struct UnknownBranch {
    /// The branch.
    pub branch: String,
    /// The branches that do, with their environments.
    pub known: Vec<(String, Environment)>,
}

fn described(known: &[(String, Environment)]) -> String {
    let known: Vec<String> = known
        .iter()
        .map(|(branch, environment)| format!("{branch} → {environment}"))
        .collect();
    if known.is_empty() {
        "no branch does".to_owned()
    } else {
        known.join(", ")
    }
}

impl Branches {
    /// Exactly these branches deploy.
    pub fn new(branches: impl IntoIterator<Item = (String, Environment)>) -> Self {
        Self(branches.into_iter().collect())
    }

    /// The branches and their environments, in the order in which they are listed to people.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Environment)> {
        self.0.iter().map(|(branch, to)| (branch.as_str(), *to))
    }

    /// The environment that `branch` (without `refs/heads/`) deploys to.
    pub fn environment(&self, branch: &str) -> Result<Environment, UnknownBranch> {
        self.iter()
            .find_map(|(known, environment)| (known == branch).then_some(environment))
            .ok_or_else(|| UnknownBranch {
                branch: branch.chars().take(200).collect(),
                known: self.0.clone(),
            })
    }
}

/// A repository from whose name no app's name can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no app can be named after the repository {repository:?}: {why}. Name the app yourself, as in `dokku-cli deploy my-app`",
    why = .cause.why
)]
pub struct UnusableRepositoryName {
    /// The repository's name.
    pub repository: String,
    /// The rule that the app's name would break.
    pub cause: BadAppName,
}

/// What an app is deployed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An environment that a branch deploys to.
    Production,
    /// As above.
    Staging,
    /// As above.
    Development,
    /// The pull request of this number.
    PullRequest(u64),
}

impl Target {
    /// The environment.
    pub fn environment(self) -> Environment {
        match self {
            Self::Production => Environment::Production,
            Self::Staging => Environment::Staging,
            Self::Development => Environment::Development,
            Self::PullRequest(_) => Environment::Preview,
        }
    }

    /// The target of an environment; a preview needs the number of its pull request.
    pub fn of(environment: Environment, pull_request: Option<u64>) -> Option<Self> {
        match environment {
            Environment::Production => Some(Self::Production),
            Environment::Staging => Some(Self::Staging),
            Environment::Development => Some(Self::Development),
            Environment::Preview => pull_request.map(Self::PullRequest),
        }
    }
}

/// The app of `repository` (its name alone, without owner) for `target`: `{repo}`,
/// `{repo}-staging`, `{repo}-dev` or `{repo}-pr-{number}`.
///
/// ```
/// use dokku_deploy::naming::{Target, app_of};
/// let app = app_of("shop", Target::PullRequest(7)).unwrap();
/// assert_eq!(app.as_str(), "shop-pr-7");
/// ```
pub fn app_of(repository: &str, target: Target) -> Result<AppName, UnusableRepositoryName> {
    let name = match target {
        Target::Production => repository.to_owned(),
        Target::Staging => format!("{repository}-staging"),
        Target::Development => format!("{repository}-dev"),
        Target::PullRequest(number) => format!("{repository}-pr-{number}"),
    };
    // An empty name would give the app `-staging`, whose fault is another.
    let checked = if repository.is_empty() { "" } else { &name };
    AppName::new(checked).map_err(|cause| UnusableRepositoryName {
        repository: repository.chars().take(80).collect(),
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_deploy_to_their_environments() {
        let branches = Branches::default();
        for (branch, environment) in [
            ("main", Environment::Production),
            ("master", Environment::Production),
            ("staging", Environment::Staging),
            ("develop", Environment::Development),
        ] {
            assert_eq!(branches.environment(branch), Ok(environment), "{branch}");
        }
    }

    #[test]
    fn an_unknown_branch_lists_the_known_ones() {
        let error = Branches::default().environment("Main").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the branch \"Main\" deploys to no environment: main → production, master → production, \
             staging → staging, develop → development. Give the environment with --env, or map the \
             branch under `branches:` in .dokku/config.yml"
        );
        let error = Branches::new([]).environment("main").unwrap_err();
        assert!(error.to_string().contains("no branch does"), "{error}");
    }

    #[test]
    fn apps_are_named_after_repository_and_target() {
        let app = |target| app_of("shop", target).map(|a| a.to_string());
        assert_eq!(app(Target::Production), Ok("shop".into()));
        assert_eq!(app(Target::Staging), Ok("shop-staging".into()));
        assert_eq!(app(Target::Development), Ok("shop-dev".into()));
        assert_eq!(app(Target::PullRequest(12)), Ok("shop-pr-12".into()));
    }

    #[test]
    fn the_name_gives_the_environment_back() {
        for target in [
            Target::Production,
            Target::Staging,
            Target::Development,
            Target::PullRequest(1),
        ] {
            let app = app_of("shop", target).unwrap();
            assert_eq!(Environment::of_app(&app), target.environment());
        }
    }

    #[test]
    fn a_repository_that_cannot_name_an_app_is_refused_with_the_rule() {
        for (repository, rule) in [
            ("MyShop", "begin with a lower-case letter"),
            ("my_shop", "only contain lower-case letters"),
            ("", "empty"),
            (&"a".repeat(60), "longer than 63"),
        ] {
            let error = app_of(repository, Target::Staging).unwrap_err().to_string();
            assert!(error.contains(rule), "{error}");
            assert!(error.contains("dokku-cli deploy my-app"), "{error}");
        }
    }
}
