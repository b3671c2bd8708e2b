//! `ci preview`: from the opening of a pull request to its end, and who may have one.

use std::{fs, process::Command};

use github_sandbox::{Fault, GitHub, Token};
use serde_json::{Value, json};

use super::{hub, know, step};
use crate::{
    deploy::Shop,
    support::{Ran, Started, TestHost},
};

/// Where the repositories are, says the run; git looks for them elsewhere.
pub(super) const SERVER: &str = "https://github.invalid";

/// A repository at GitHub, whose pull request 7 is open.
pub(super) struct Project<'a> {
    pub(super) host: &'a TestHost,
    pub(super) shop: Shop<'a>,
    pub(super) hub: GitHub,
    /// Further variables of the run.
    pub(super) environment: Vec<(&'static str, String)>,
}

impl<'a> Project<'a> {
    pub(super) fn start(host: &'a TestHost) -> Self {
        let shop = Shop::new(host);
        shop.write(
            ".dokku/services.yml",
            "services: {redis: {enabled: true}}\n",
        );
        let sha = shop.release("1");
        let hub = hub(&sha);
        let mut state = hub.state();
        let members = [("ada".to_owned(), true), ("bob".to_owned(), false)];
        state.organisations.insert("acme".into(), members.into());
        let token = Token::Classic {
            login: "ada".into(),
            scopes: vec!["repo"],
        };
        state.tokens.insert("ghp_all".into(), token);
        drop(state);
        let repositories = host.home().join("hub");
        fs::create_dir_all(repositories.join("acme/shop.git")).unwrap();
        fs::write(
            host.home().join(".gitconfig"),
            format!(
                "[url \"file://{}/\"]\n\tinsteadOf = {SERVER}/\n",
                repositories.display()
            ),
        )
        .unwrap();
        let project = Self {
            host,
            shop,
            hub,
            environment: Vec::new(),
        };
        project.git(&["init", "--quiet", "--bare"]);
        project.push();
        project.pull(|pull| {
            pull.is_open = true;
            pull.is_merged = false;
        });
        project
    }

    fn git(&self, words: &[&str]) {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.host.home().join("hub/acme/shop.git"))
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// What is committed in the shop becomes the pull request's newest commit.
    pub(super) fn push(&self) -> String {
        let sha = self.shop.git(&["rev-parse", "HEAD"]);
        let bare = self.host.home().join("hub/acme/shop.git");
        let to = bare.display().to_string();
        self.shop
            .git(&["push", "--quiet", "--force", &to, "HEAD:refs/pull/7/head"]);
        know(&self.hub, &sha);
        self.pull(|pull| pull.head_sha.clone_from(&sha));
        sha
    }

    pub(super) fn pull(&self, change: impl FnOnce(&mut github_sandbox::Pull)) {
        let mut state = self.hub.state();
        change(state.repository("acme/shop").pulls.get_mut(&7).unwrap());
    }

    pub(super) fn run(&self, actor: &str, words: &[&str]) -> Ran {
        self.started(actor, words).finish()
    }

    pub(super) fn started(&self, actor: &str, words: &[&str]) -> Started<'a> {
        let all: Vec<&str> = ["ci", "preview"].iter().chain(words).copied().collect();
        let mut test = step(&self.shop, &self.hub, &all);
        for (name, value) in &self.environment {
            test = test.env(name, value);
        }
        test.env("GITHUB_SERVER_URL", SERVER)
            .env("GITHUB_ACTOR", actor)
            .env("GH_ORG_TOKEN", "ghp_all")
            .env("GITHUB_EVENT_PATH", self.host.home().join("event"))
            .env("DOKKU_BACKUP_DIR", self.host.home().join("vault"))
            .start()
    }

    /// What GitHub tells a run of an event; also in the file `event`.
    pub(super) fn told(&self, action: &str) -> Value {
        // All but the number, the action and the commit is what somebody outside could have made up.
        let sha = self.shop.git(&["rev-parse", "HEAD"]);
        let event = json!({"action": action, "number": 7, "repository": {"name": "shop"}, "pull_request": {
            "number": 7, "user": {"login": "ada"}, "head": {"ref": "x$(touch pwned)", "sha": sha, "repo": {"full_name": "acme/shop"}}}});
        fs::write(self.host.home().join("event"), event.to_string()).unwrap();
        event
    }

    pub(super) fn event(&self, action: &str, actor: &str) -> Ran {
        self.told(action);
        let variables = self.host.home().join("variables.json");
        fs::write(&variables, r#"{"TEAM_SECRET": "hunter2"}"#).unwrap();
        self.run(actor, &["--vars-file", &variables.display().to_string()])
    }

    pub(super) fn comments(&self) -> Vec<String> {
        let mut state = self.hub.state();
        let comments = state.repository("acme/shop").comments.get(&7).cloned();
        let comments = comments.unwrap_or_default().into_iter();
        comments.map(|comment| comment.body).collect()
    }

    pub(super) fn apps(&self) -> String {
        self.host.ssh("--quiet apps:list")
    }

    pub(super) fn variables(&self) -> Value {
        serde_json::from_str(&self.host.ssh("config:export --format json shop-pr-7")).unwrap()
    }
}

#[test]
fn a_pull_request_has_its_preview_until_it_is_closed_and_then_nothing_is_left() {
    let host = TestHost::start();
    let project = Project::start(&host);
    project.pull(|pull| pull.head_ref = "x`id`$(touch pwned)".into());
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let variables = project.variables();
    assert_eq!(variables["PR_NUMBER"], "7");
    assert_eq!(variables["APP_ENV"], "preview");
    assert_eq!(variables["DEPLOY_REPOSITORY"], "acme/shop");
    assert_eq!(variables["TEAM_SECRET"], "hunter2");
    let id = project.hub.state().repository("acme/shop").id;
    assert_eq!(variables["DEPLOY_REPOSITORY_ID"], id.to_string());
    assert!(host.ssh("redis:list").contains("redis-shop-pr-7"));
    let comments = project.comments();
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(
        comments[0].contains("✅ Deployed") && comments[0].contains("shop-pr-7.localhost"),
        "{comments:?}"
    );

    project.shop.release("2");
    let second = project.push();
    // The run of a push waits for its turn, and somebody pushes again.
    project.pull(|pull| pull.head_sha = "b".repeat(40));
    let ran = project.event("synchronize", "bob");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("a newer commit"), "{ran:?}");
    assert_ne!(project.variables()["RELEASE_SHA"], second.as_str());
    project.pull(|pull| pull.head_sha.clone_from(&second));
    let ran = project.event("synchronize", "bob");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(project.variables()["RELEASE_SHA"], second.as_str());

    // Somebody outside of the team may close what they opened; it is the end all the same.
    project.pull(|pull| pull.is_open = false);
    let ran = project.event("closed", "mallory");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(project.apps().trim(), "");
    assert!(!host.ssh("redis:list").contains("redis-shop-pr-7"));
    let comments = project.comments();
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(
        comments[0].contains("Destroyed (PR closed)"),
        "{comments:?}"
    );
    let copies = fs::read_dir(host.home().join("vault"))
        .unwrap()
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            let name = name.to_string_lossy();
            name.starts_with("pre-destroy_shop-pr-7-") && name.ends_with(".dump.gz")
        })
        .count();
    assert_eq!(copies, 1);
    let again = project.event("closed", "ada");
    assert_eq!(again.status, Some(0), "{again:?}");
    assert!(!project.shop.top().join("pwned").exists());
}

#[test]
fn the_code_of_an_outsider_waits_for_a_maintainer_and_gets_nothing_of_the_team() {
    let host = TestHost::start();
    let project = Project::start(&host);
    project.shop.tasks(&[("steal", "touch stolen")]);
    project.shop.release("1");
    let first = project.push();
    project.pull(|pull| {
        pull.author = "mallory".into();
        pull.head_repository = Some("mallory/shop".into());
    });
    for _ in 0..2 {
        let ran = project.event("synchronize", "ada");
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(ran.stderr.contains("is not deployed"), "{ran:?}");
    }
    assert_eq!(project.apps().trim(), "");
    let comments = project.comments();
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(
        comments[0].contains("Requires Approval") && comments[0].contains(&first),
        "{comments:?}"
    );

    // The approval of a commit that is not the newest any more holds for nothing.
    project.shop.release("2");
    let second = project.push();
    let by_hand = ["--repo", "shop", "--pr", "7", "--action", "deploy"];
    let ran = project.run("ada", &by_hand);
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert_eq!(project.apps().trim(), "");
    let ran = project.run("mallory", &by_hand);
    assert_eq!(ran.status, Some(4), "{ran:?}");
    let variables = host.home().join("variables.json");
    let variables = variables.display().to_string();
    let ran = project.run(
        "bob",
        &[&by_hand[..], &["--vars-file", &variables]].concat(),
    );
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!ran.stderr.contains("Release task"), "{ran:?}");
    let told = project.variables();
    assert_eq!(told["RELEASE_SHA"], second.as_str());
    assert!(told.get("TEAM_SECRET").is_none(), "{told}");
}

#[test]
fn what_github_does_not_say_and_a_lock_of_the_base_keep_a_preview_from_being_deployed() {
    let host = TestHost::start();
    let project = Project::start(&host);
    let failing = Fault::Status(403, "Must have admin rights");
    project
        .hub
        .state()
        .faults
        .add("GET /orgs/acme/members", 1, failing);
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(ran.stderr.contains("counts as no"), "{ran:?}");

    host.create_app("shop");
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=freeze");
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert!(ran.stderr.contains("shop is locked: freeze"), "{ran:?}");
    assert_eq!(project.apps().trim(), "shop");

    // An app of that name that is no preview stays, whatever is closed.
    host.create_app("shop-pr-7");
    host.ssh("config:set --no-restart shop-pr-7 APP_ENV=production");
    project.pull(|pull| pull.is_open = false);
    let ran = project.event("closed", "ada");
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert!(project.apps().contains("shop-pr-7"));
}
