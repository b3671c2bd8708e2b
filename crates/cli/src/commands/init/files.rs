//! What the files of a project say, by what the project is.

use std::path::Path;

use serde_json::json;

use super::System;
use crate::{failure::Failure, runtime::Runtime};

/// A file to be written.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Where, from the project's top.
    pub path: &'static str,
    /// What it says.
    pub text: String,
}

const CONFIG: &str = include_str!("../../../../../template/config.yml");
const SERVICES: &str = include_str!("../../../../../template/services.yml");
const EXAMPLE: &str = include_str!("../../../../../template/env.example");
const DEPLOY: &str = include_str!("../../../../../template/deploy.yml");
const PREVIEW: &str = include_str!("../../../../../template/preview.yml");

/// Files that name what a project depends on.
const DEPENDENCIES: [&str; 8] = [
    "package.json",
    "requirements.txt",
    "pyproject.toml",
    "Pipfile",
    "Gemfile",
    "go.mod",
    "Cargo.toml",
    "composer.json",
];

/// The files for the project in `root`.
pub fn of(
    root: &Path,
    runtime: Option<Runtime>,
    system: &System,
    branch: Option<&str>,
) -> Result<Vec<File>, Failure> {
    let mut dependencies = String::new();
    for name in DEPENDENCIES {
        dependencies.push_str(&read(root, name)?);
    }
    let uses = |words: &[&str]| words.iter().any(|word| has_word(&dependencies, word));
    let has_postgres = uses(&[
        "pg",
        "psycopg",
        "psycopg2",
        "psycopg2-binary",
        "asyncpg",
        "pgx",
        "pq",
        "tokio-postgres",
        "postgres",
    ]);
    let has_redis = uses(&["redis", "ioredis", "sidekiq", "bullmq", "celery"]);
    let health = match runtime {
        Some(Runtime::Static | Runtime::Php) => "/",
        _ if root.join("config.ru").exists() && root.join("bin/rails").exists() => "/up",
        _ => "/health",
    };
    let workflow = |template: &str| {
        let main = match branch {
            Some("master") => "master",
            _ => "main",
        };
        template
            .replace("{branches}", &format!("{main}, staging, develop"))
            .replace("{system}", &system.repository)
            .replace("{reference}", &system.reference)
    };
    let mut files = vec![
        File {
            path: ".dokku/config.yml",
            text: CONFIG
                .replace("{health_path}", health)
                .replace("{release}", &release(root, runtime)),
        },
        File {
            path: ".dokku/services.yml",
            text: SERVICES
                .replace("{postgres}", &has_postgres.to_string())
                .replace("{redis}", &has_redis.to_string()),
        },
        File {
            path: ".github/workflows/deploy.yml",
            text: workflow(DEPLOY),
        },
        File {
            path: ".github/workflows/preview.yml",
            text: workflow(PREVIEW),
        },
        File {
            path: "app.json",
            text: app_json(health),
        },
        File {
            path: ".env.example",
            text: example(has_postgres, has_redis),
        },
    ];
    if let Some(text) = procfile(root, runtime)? {
        files.push(File {
            path: "Procfile",
            text,
        });
    }
    if runtime == Some(Runtime::Static) {
        // The sign by which the buildpack for static sites knows one.
        files.push(File {
            path: ".static",
            text: String::new(),
        });
    }
    Ok(files)
}

fn example(has_postgres: bool, has_redis: bool) -> String {
    let mut text = EXAMPLE.to_owned();
    if has_postgres {
        text.push_str("DATABASE_URL=postgres://localhost:5432/app_development\n");
    }
    if has_redis {
        text.push_str("REDIS_URL=redis://localhost:6379/0\n");
    }
    text
}

/// Dokku's own check of a container before it takes traffic; ours asks through the router afterwards.
fn app_json(health: &str) -> String {
    let value = json!({
        "healthchecks": {
            "web": [{
                "type": "startup",
                "name": "answers",
                "path": health,
                "attempts": 5,
                "wait": 3,
                "timeout": 10,
            }],
        },
    });
    format!("{value:#}\n")
}

fn release(root: &Path, runtime: Option<Runtime>) -> String {
    let command = match runtime {
        Some(Runtime::Ruby) if root.join("bin/rails").exists() => "bin/rails db:migrate",
        Some(Runtime::Python) if root.join("manage.py").exists() => {
            "python manage.py migrate --noinput"
        }
        _ => return String::new(),
    };
    format!(
        "\nrelease:\n  tasks: # in the new image, before it takes traffic; the first that fails fails the deploy\n    - name: Migrate\n      command: {command}\n      timeout: 5m\n"
    )
}

/// How the app is started; `None` where the image says it.
fn procfile(root: &Path, runtime: Option<Runtime>) -> Result<Option<String>, Failure> {
    let has = |name: &str| root.join(name).exists();
    let web = match runtime {
        None | Some(Runtime::Dockerfile | Runtime::Static) => return Ok(None),
        Some(Runtime::Node) => node(&read(root, "package.json")?),
        Some(Runtime::Python) if has("manage.py") => {
            format!("gunicorn {}.wsgi --bind 0.0.0.0:$PORT", django(root)?)
        }
        Some(Runtime::Python) => "gunicorn app:app --bind 0.0.0.0:$PORT".to_owned(),
        Some(Runtime::Ruby) => "bundle exec puma --port $PORT".to_owned(),
        Some(Runtime::Go) => format!("bin/{}", module(&read(root, "go.mod")?)),
        Some(Runtime::Rust) => format!("target/release/{}", package(&read(root, "Cargo.toml")?)),
        Some(Runtime::Php) => "heroku-php-apache2".to_owned(),
    };
    Ok(Some(format!("web: {web}\n")))
}

fn node(package: &str) -> String {
    let package: serde_json::Value = serde_json::from_str(package).unwrap_or_default();
    if package["scripts"]["start"].is_string() {
        return "npm start".to_owned();
    }
    let main = package["main"].as_str().filter(|main| is_plain(main));
    format!("node {}", main.unwrap_or("index.js"))
}

/// The directory with `wsgi.py`, which is the project's own.
fn django(root: &Path) -> Result<String, Failure> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(root).map_err(|error| Failure::settings(error.to_string()))? {
        let entry = entry.map_err(|error| Failure::settings(error.to_string()))?;
        if entry.path().join("wsgi.py").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    let first = names.into_iter().find(|name| is_plain(name));
    Ok(first.unwrap_or_else(|| "config".to_owned()))
}

/// The last part of the module's path, which Go names the program after.
fn module(go_mod: &str) -> &str {
    let path = go_mod.lines().find_map(|line| line.strip_prefix("module "));
    let name = path.and_then(|path| {
        let parts = path.trim().rsplit('/');
        // A major version is no name.
        parts.into_iter().find(|part| {
            part.strip_prefix('v')
                .is_none_or(|n| n.parse::<u32>().is_err())
        })
    });
    name.filter(|name| is_plain(name)).unwrap_or("app")
}

fn package(cargo_toml: &str) -> &str {
    let name = cargo_toml
        .lines()
        .find_map(|line| line.strip_prefix("name"))
        .and_then(|rest| rest.split('"').nth(1));
    name.filter(|name| is_plain(name)).unwrap_or("app")
}

/// Whether a text from the project may stand in a command as it is.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
}

fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, found)| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + found.len()..)
            .and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

fn read(root: &Path, name: &str) -> Result<String, Failure> {
    match fs_err::read(root.join(name)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::settings(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_follows_from_the_projects_own_files() {
        assert_eq!(node("{\"scripts\": {\"start\": \"x\"}}"), "npm start");
        assert_eq!(node("{\"main\": \"server.js\"}"), "node server.js");
        assert_eq!(node("{\"main\": \"$(id)\"}"), "node index.js");
        assert_eq!(node("not json"), "node index.js");
        assert_eq!(module("module github.com/acme/shop/v2\n"), "shop");
        assert_eq!(module("module a; rm -rf /\n"), "app");
        assert_eq!(package("[package]\nname = \"shop\"\n"), "shop");
        assert_eq!(package(""), "app");
    }

    #[test]
    fn a_dependency_is_a_word_of_its_own() {
        assert!(has_word("gem \"pg\", \"~> 1\"", "pg"));
        assert!(!has_word("\"jpg-tools\": \"1\"", "pg"));
        assert!(has_word("redis==5", "redis"));
    }
}
