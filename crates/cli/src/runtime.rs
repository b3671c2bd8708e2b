//! Which language a project is written in, by the files that it has.

use std::path::Path;

use crate::failure::Failure;

/// A language or a way to be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// `Dockerfile`
    Dockerfile,
    /// `package.json`
    Node,
    /// `requirements.txt`, `pyproject.toml` or `Pipfile`
    Python,
    /// `Gemfile`
    Ruby,
    /// `go.mod`
    Go,
    /// `Cargo.toml`
    Rust,
    /// `composer.json` or `index.php`
    Php,
    /// `index.html`
    Static,
}

/// Files by which a runtime is known, the most telling first: a project of Ruby or Python often has
/// a `package.json` for its pages, and many have an `index.html`.
const SIGNS: [(&str, Runtime); 11] = [
    ("Dockerfile", Runtime::Dockerfile),
    ("Gemfile", Runtime::Ruby),
    ("requirements.txt", Runtime::Python),
    ("pyproject.toml", Runtime::Python),
    ("Pipfile", Runtime::Python),
    ("go.mod", Runtime::Go),
    ("Cargo.toml", Runtime::Rust),
    ("composer.json", Runtime::Php),
    ("index.php", Runtime::Php),
    ("package.json", Runtime::Node),
    ("index.html", Runtime::Static),
];

impl Runtime {
    /// What the project in `root` is; `None` if nothing there tells.
    pub fn of(root: &Path) -> Result<Option<Self>, Failure> {
        for (name, runtime) in SIGNS {
            if root.join(name).try_exists()? {
                return Ok(Some(runtime));
            }
        }
        Ok(None)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dockerfile => "Dockerfile",
            Self::Node => "Node.js",
            Self::Python => "Python",
            Self::Ruby => "Ruby",
            Self::Go => "Go",
            Self::Rust => "Rust",
            Self::Php => "PHP",
            Self::Static => "static site",
        }
    }

    /// How such a project is usually tested; `None` if there is no usual way.
    pub fn test_command(self, root: &Path) -> Option<String> {
        let has = |name: &str| root.join(name).exists();
        let command = match self {
            Self::Node if has("pnpm-lock.yaml") => {
                "corepack enable && pnpm install --frozen-lockfile && pnpm test"
            }
            Self::Node if has("yarn.lock") => {
                "corepack enable && yarn install --frozen-lockfile && yarn test"
            }
            Self::Node if has("package-lock.json") => "npm ci && npm test --if-present",
            Self::Node => "npm install && npm test --if-present",
            Self::Python => return Some(python(root)),
            Self::Ruby if has("bin/rails") => "bundle install && bin/rails test",
            Self::Ruby => "bundle install && bundle exec rake",
            Self::Go => "go vet ./... && go test ./...",
            Self::Rust => "cargo test --locked",
            Self::Php if has("composer.json") => {
                "composer install --no-interaction && composer run-script test"
            }
            Self::Php | Self::Static | Self::Dockerfile => return None,
        };
        Some(command.to_owned())
    }
}

/// In an environment of its own, as Debian's Python wants it. "No tests" (5) is a failure to find
/// tests, not a failed test; but a project that has tests and does not find them must not pass.
fn python(root: &Path) -> String {
    let has = |name: &str| root.join(name).exists();
    let dependencies = if has("requirements.txt") {
        "-r requirements.txt"
    } else if has("pyproject.toml") {
        "."
    } else {
        "pipenv"
    };
    let venv = "python3 -m venv \"${RUNNER_TEMP:-/tmp}/test-venv\" && . \"${RUNNER_TEMP:-/tmp}/test-venv/bin/activate\"";
    let run = if has("manage.py") {
        "python manage.py test"
    } else {
        "python -m pytest"
    };
    let install = if dependencies == "pipenv" {
        "pip install --quiet pipenv pytest && pipenv install --system --dev"
    } else {
        return format!("{venv} && pip install --quiet pytest {dependencies} && {run}");
    };
    format!("{venv} && {install} && {run}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[&str]) -> (tempfile::TempDir, Option<Runtime>) {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(directory.path().join(file), "").unwrap();
        }
        let runtime = Runtime::of(directory.path()).unwrap();
        (directory, runtime)
    }

    #[test]
    fn the_most_telling_file_decides() {
        assert_eq!(of(&["package.json", "index.html"]).1, Some(Runtime::Node));
        assert_eq!(of(&["Gemfile", "package.json"]).1, Some(Runtime::Ruby));
        assert_eq!(of(&["Dockerfile", "go.mod"]).1, Some(Runtime::Dockerfile));
        assert_eq!(of(&["README.md"]).1, None);
    }

    #[test]
    fn the_usual_test_follows_the_lock_file() {
        let (directory, runtime) = of(&["package.json", "package-lock.json"]);
        let command = runtime.unwrap().test_command(directory.path());
        assert_eq!(command.as_deref(), Some("npm ci && npm test --if-present"));
        let (directory, runtime) = of(&["pyproject.toml"]);
        let command = runtime.unwrap().test_command(directory.path()).unwrap();
        assert!(command.ends_with("pip install --quiet pytest . && python -m pytest"));
        let (directory, runtime) = of(&["index.html"]);
        assert_eq!(runtime.unwrap().test_command(directory.path()), None);
    }
}
