//! `dokku-cli init`, and what becomes of what it writes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use github_sandbox::{GitHub, Token};

use crate::{
    deploy::Shop,
    support::{Ran, TestHost},
};

const SYSTEM: &str = "acme/dokku-deploy-system@0123456789abcdef0123456789abcdef01234567";

fn init(host: &TestHost, directory: &Path, words: &[&str]) -> Ran {
    let words: Vec<&str> = ["init", "--system", SYSTEM]
        .iter()
        .chain(words)
        .copied()
        .collect();
    host.cli(&words).directory(directory).run()
}

fn project(host: &TestHost, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = host.home().join(name);
    fs::create_dir_all(root.join(".git")).unwrap();
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

/// Files of a project, and the `Procfile` that fits; none where the image says how it starts.
type Kind = (
    &'static str,
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
);

const KINDS: [Kind; 9] = [
    (
        "node",
        &[(
            "package.json",
            "{\"scripts\": {\"start\": \"node x.js\"}, \"dependencies\": {\"pg\": \"8\"}}",
        )],
        Some("web: npm start\n"),
    ),
    (
        "python",
        &[("requirements.txt", "flask\nredis\n")],
        Some("web: gunicorn app:app --bind 0.0.0.0:$PORT\n"),
    ),
    (
        "django",
        &[
            ("requirements.txt", "django\n"),
            ("manage.py", ""),
            ("shop/wsgi.py", ""),
        ],
        Some("web: gunicorn shop.wsgi --bind 0.0.0.0:$PORT\n"),
    ),
    (
        "ruby",
        &[
            ("Gemfile", "gem \"pg\"\n"),
            ("config.ru", ""),
            ("bin/rails", ""),
        ],
        Some("web: bundle exec puma --port $PORT\n"),
    ),
    (
        "go",
        &[("go.mod", "module example.com/shop\n")],
        Some("web: bin/shop\n"),
    ),
    (
        "rust",
        &[("Cargo.toml", "[package]\nname = \"shop\"\n")],
        Some("web: target/release/shop\n"),
    ),
    (
        "php",
        &[("composer.json", "{}")],
        Some("web: heroku-php-apache2\n"),
    ),
    ("static", &[("index.html", "hi")], None),
    ("dockerfile", &[("Dockerfile", "FROM scratch\n")], None),
];

#[test]
fn what_it_writes_for_each_kind_of_project_is_valid_and_has_no_findings() {
    let host = TestHost::start();
    let mut workflows = Vec::new();
    let mut yaml = Vec::new();
    for (kind, files, procfile) in KINDS {
        let root = project(&host, kind, files);
        let ran = init(&host, &root, &[]);
        assert_eq!(ran.status, Some(0), "{kind}: {ran:?}");
        let found = fs::read_to_string(root.join("Procfile")).ok();
        assert_eq!(found.as_deref(), procfile, "{kind}");
        let valid = host.cli(&["validate", "--json"]).directory(&root).run();
        let said: serde_json::Value = serde_json::from_str(&valid.stdout).unwrap();
        assert_eq!(said["valid"], true, "{kind}: {valid:?}");
        assert_eq!(said["warnings"], serde_json::json!([]), "{kind}");
        let app: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(root.join("app.json")).unwrap()).unwrap();
        assert!(app["healthchecks"]["web"][0]["path"].is_string(), "{kind}");
        for name in ["deploy", "preview"] {
            workflows.push(root.join(format!(".github/workflows/{name}.yml")));
        }
        for name in ["config", "services"] {
            yaml.push(root.join(format!(".dokku/{name}.yml")));
        }
    }
    let services = |kind: &str| {
        fs::read_to_string(host.home().join(kind).join(".dokku/services.yml")).unwrap()
    };
    assert!(services("node").contains("enabled: true # DATABASE_URL"));
    assert!(services("python").contains("enabled: true # REDIS_URL"));
    assert!(services("go").contains("enabled: false # DATABASE_URL"));
    let config = fs::read_to_string(host.home().join("django/.dokku/config.yml")).unwrap();
    assert!(config.contains("command: python manage.py migrate --noinput"));
    yaml.extend(workflows.clone());
    linter(
        "zizmor",
        &["--offline", "--persona=auditor", "--no-progress", "--quiet"],
        &workflows,
    );
    linter(
        "check-jsonschema",
        &["--builtin-schema", "vendor.github-workflows"],
        &workflows,
    );
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.yamllint.yml");
    linter(
        "yamllint",
        &["--strict", "-c", rules.to_str().unwrap()],
        &yaml,
    );
}

/// A linter of `cargo xtask setup`, which has to find nothing.
fn linter(name: &str, options: &[&str], files: &[PathBuf]) {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        PathBuf::from,
    );
    let program = cache.join("dokku-deploy-system/linters/bin").join(name);
    assert!(
        program.is_file(),
        "{name} is not here: `cargo xtask setup` installs it"
    );
    let output = Command::new(program)
        .args(options)
        .args(files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn nothing_that_is_there_is_replaced_without_a_yes() {
    let host = TestHost::start();
    let root = project(
        &host,
        "shop",
        &[("package.json", "{}"), ("Procfile", "web: mine\n")],
    );
    let shown = init(&host, &root, &["--diff"]);
    assert_eq!(shown.status, Some(0), "{shown:?}");
    assert!(
        shown.stdout.contains(
            "--- a/Procfile\n+++ b/Procfile\n@@ -1 +1 @@\n-web: mine\n+web: node index.js"
        ),
        "{}",
        shown.stdout
    );
    assert!(
        shown
            .stdout
            .contains("--- /dev/null\n+++ b/.dokku/config.yml\n")
    );
    assert!(!root.join(".dokku").exists());

    let ran = init(&host, &root, &[]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("Procfile is there and was left as it is"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        fs::read_to_string(root.join("Procfile")).unwrap(),
        "web: mine\n"
    );
    assert!(root.join(".github/workflows/deploy.yml").is_file());

    let ran = init(&host, &root, &["--yes"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(
        fs::read_to_string(root.join("Procfile")).unwrap(),
        "web: node index.js\n"
    );
    let shown = init(&host, &root, &["--diff"]);
    assert_eq!(shown.stdout, "");
}

#[test]
fn a_system_that_is_not_known_and_one_that_would_break_the_file_are_refused() {
    let host = TestHost::start();
    let root = project(&host, "shop", &[]);
    for words in [
        &["init"][..],
        &["init", "--system", "a/b@${{ secrets.X }}"],
        &["init", "--system", "a/b"],
    ] {
        let ran = host.cli(words).directory(&root).run();
        assert_eq!(ran.status, Some(2), "{ran:?}");
    }
    assert!(!root.join(".dokku").exists());
    assert_eq!(init(&host, &root, &["no-such-directory"]).status, Some(3));
}

#[test]
fn environments_are_made_with_their_gates_and_those_that_are_there_are_left() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.git(&["remote", "add", "origin", "git@github.com:acme/shop.git"]);
    let hub = GitHub::start();
    {
        let mut state = hub.state();
        state.repository("acme/shop");
        state.users.insert("ada".into(), 17);
        state.tokens.insert(
            "t".into(),
            Token::of_workflow("acme/shop", &["administration:write"]),
        );
    }
    let set_up = |words: &[&str]| {
        let words: Vec<&str> = ["init", "--system", SYSTEM, "--environments"]
            .iter()
            .chain(words)
            .copied()
            .collect();
        host.cli(&words)
            .directory(shop.top())
            .env("GITHUB_API_URL", hub.url())
            .env("GITHUB_TOKEN", "t")
            .run()
    };
    let ran = set_up(&["--reviewer", "nobody-of-that-name"]);
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(hub.state().repository("acme/shop").environments.is_empty());
    let ran = set_up(&["--reviewer", "ada", "--wait-minutes", "10"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    {
        let mut state = hub.state();
        let environments = &state.repository("acme/shop").environments;
        let names: Vec<&String> = environments.keys().collect();
        assert_eq!(
            names,
            [
                "development",
                "maintenance",
                "preview",
                "production",
                "staging"
            ]
        );
        let (production, branches) = &environments["production"];
        assert_eq!(production["wait_timer"], 10);
        assert_eq!(production["reviewers"][0]["id"], 17);
        assert_eq!(
            branches.iter().cloned().collect::<Vec<_>>(),
            ["main", "master"]
        );
        assert!(environments["staging"].0.get("reviewers").is_none());
    }
    let before = hub.state().asked().len();
    let ran = set_up(&[]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("has the environment production, which was left as it is"),
        "{}",
        ran.stderr
    );
    assert!(
        hub.state().asked()[before..]
            .iter()
            .all(|line| line.starts_with("GET "))
    );
}
