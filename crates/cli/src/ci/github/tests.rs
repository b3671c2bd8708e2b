//! The client against a GitHub of the tests' own, over real HTTP.

use std::{
    cell::RefCell,
    sync::Mutex,
    time::{Duration, Instant},
};

use dokku_deploy::{
    app::Environment,
    clock::Clock,
    github::{self, is_deployed_comment},
    secret::Secret,
};
use github_sandbox::{Comment, Fault, GitHub, Pull as TheirPull, Selection, Token};
use jiff::Timestamp;

use super::{
    Client, Gate, GitHubError, RepositoryName, deployments::Progress, existence::Existence,
};

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const NOW: i64 = 1_795_600_000;
const ALL: &[&str] = &[
    "statuses:write",
    "deployments:write",
    "pull-requests:write",
    "administration:write",
];

/// A clock whose waits are written down and not waited.
struct TestClock {
    begun: Instant,
    waits: Mutex<RefCell<Vec<Duration>>>,
}

impl TestClock {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            waits: Mutex::default(),
        }
    }

    fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().borrow().clone()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }
    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
    fn wait(&self, duration: Duration) {
        self.waits.lock().unwrap().borrow_mut().push(duration);
    }
}

fn hub() -> GitHub {
    let hub = GitHub::start();
    {
        let mut state = hub.state();
        let repository = state.repository("acme/shop");
        repository.is_private = true;
        repository.commits.insert(SHA.into(), vec![7]);
        repository.pulls.insert(7, pull());
        state
            .tokens
            .insert("t".into(), Token::of_workflow("acme/shop", ALL));
    }
    hub
}

fn pull() -> TheirPull {
    TheirPull {
        is_open: false,
        is_merged: true,
        author: "ada".into(),
        head_repository: None,
        head_ref: "feature/`x`".into(),
        head_sha: SHA.into(),
        base_ref: "main".into(),
    }
}

fn shop() -> RepositoryName {
    RepositoryName::parse("acme/shop").unwrap()
}

fn client<'c>(hub: &GitHub, token: &str, clock: &'c TestClock) -> Client<'c> {
    Client::new(&hub.url(), Some(Secret::new(token)), clock).unwrap()
}

fn comment(author: &str, is_bot: bool, association: &'static str, body: &str) -> Comment {
    Comment {
        id: 1,
        author: author.into(),
        is_bot,
        association,
        body: body.into(),
    }
}

#[test]
fn a_status_and_a_deployment_are_taken_as_github_documents_them() {
    let (hub, clock) = (hub(), TestClock::new());
    let client = client(&hub, "t", &clock);
    let status = github::pending(Environment::Production, Some("https://run.example"));
    client.set_status(&shop(), SHA, &status).unwrap();
    let deployment = client
        .create_deployment(&shop(), SHA, Environment::Production, None)
        .unwrap();
    let url = Progress::Success(Some("https://shop.example.com"));
    client
        .set_deployment_status(&shop(), deployment, url, "https://run.example")
        .unwrap();
    let mut state = hub.state();
    let repository = state.repository("acme/shop");
    assert_eq!(repository.statuses[0].1["context"], "deploy/production");
    let made = &repository.deployments[0];
    assert_eq!(made.asked["production_environment"], true);
    assert_eq!(
        made.statuses[0]["environment_url"],
        "https://shop.example.com"
    );
    let request = &state.requests[0];
    assert_eq!(request.headers["x-github-api-version"], "2022-11-28");
    assert_eq!(request.headers["authorization"], "Bearer t");
}

#[test]
fn what_github_breaks_is_tried_again_and_then_told() {
    let (hub, clock) = (hub(), TestClock::new());
    let client = client(&hub, "t", &clock);
    let status = github::failed(Environment::Staging, None);
    let line = "POST /repos/acme/shop/statuses";
    hub.state()
        .faults
        .add(line, 2, Fault::Status(502, "Bad Gateway"));
    hub.state().faults.add(line, 1, Fault::HangUp);
    client.set_status(&shop(), SHA, &status).unwrap();
    assert_eq!(clock.waits(), [500, 1000, 2000].map(Duration::from_millis));
    hub.state()
        .faults
        .add(line, 9, Fault::Status(503, "Unavailable"));
    assert_eq!(
        client.set_status(&shop(), SHA, &status).unwrap_err(),
        GitHubError::Broken {
            what: format!("POST /repos/acme/shop/statuses/{SHA}"),
            status: 503,
            tries: 4,
        }
    );
}

#[test]
fn rate_limits_are_waited_for_as_long_as_they_say_and_no_longer_than_can_be() {
    let (hub, clock) = (hub(), TestClock::new());
    let client = client(&hub, "t", &clock);
    let status = github::failed(Environment::Staging, None);
    let line = "POST /repos/acme/shop/statuses";
    hub.state().faults.add(line, 1, Fault::RetryAfter(3));
    hub.state().faults.add(line, 1, Fault::ResetAt(NOW + 9));
    client.set_status(&shop(), SHA, &status).unwrap();
    assert_eq!(clock.waits(), [3, 10].map(Duration::from_secs));
    hub.state().faults.add(line, 1, Fault::ResetAt(NOW + 3000));
    assert!(matches!(
        client.set_status(&shop(), SHA, &status),
        Err(GitHubError::RateLimited { wait, .. }) if wait == Duration::from_secs(3001)
    ));
    assert_eq!(clock.waits().len(), 2);
}

#[test]
fn forbidden_gone_expired_and_unreachable_are_told_apart() {
    let (hub, clock) = (hub(), TestClock::new());
    let status = github::failed(Environment::Staging, None);
    hub.state()
        .tokens
        .insert("weak".into(), Token::of_workflow("acme/shop", &[]));
    hub.state().tokens.insert(
        "elsewhere".into(),
        Token::of_workflow("other/repository", ALL),
    );
    let ask = |token: &str| client(&hub, token, &clock).set_status(&shop(), SHA, &status);
    assert!(matches!(ask("weak"), Err(GitHubError::Forbidden { .. })));
    assert!(matches!(
        ask("elsewhere"),
        Err(GitHubError::NotFound { .. })
    ));
    assert!(matches!(
        ask("expired"),
        Err(GitHubError::Unauthorized { .. })
    ));
    let unknown = client(&hub, "t", &clock).set_status(&shop(), "abc", &status);
    let told = unknown.unwrap_err().to_string();
    assert!(
        told.ends_with("refused it (422): No commit found for SHA: abc"),
        "{told}"
    );
    let url = hub.url();
    drop(hub);
    let nobody = Client::new(&url, Some(Secret::new("t")), &clock).unwrap();
    assert!(matches!(
        nobody.set_status(&shop(), SHA, &status),
        Err(GitHubError::Unreachable { tries: 4, .. })
    ));
    // Whoever got no answer does not wait that long again.
    assert!(matches!(
        nobody.set_status(&shop(), SHA, &status),
        Err(GitHubError::Unreachable { tries: 1, .. })
    ));
}

#[test]
fn a_comment_of_ours_is_found_on_any_page_and_a_strangers_copy_is_not_ours() {
    let (hub, clock) = (hub(), TestClock::new());
    let client = client(&hub, "t", &clock);
    let ours = |body: &str| is_deployed_comment(body, Environment::Production);
    {
        let mut state = hub.state();
        let comments = state.repository("acme/shop").comments.entry(7).or_default();
        let fake = "## 🚀 Deployed to production\nfake";
        comments.push(comment("mallory", false, "NONE", fake));
        for number in 0..230 {
            let body = format!("comment {number}");
            comments.push(comment("ada", false, "MEMBER", &body));
        }
        comments.push(Comment {
            id: 99,
            ..comment(
                "github-actions[bot]",
                true,
                "NONE",
                "## 🚀 Deployed to production\nold",
            )
        });
    }
    client
        .put_comment(&shop(), 7, &ours, "## 🚀 Deployed to production\nnew")
        .unwrap();
    client
        .put_comment(&shop(), 7, &ours, "## 🚀 Deployed to production\nnew")
        .unwrap();
    let mut state = hub.state();
    let comments = &state.repository("acme/shop").comments[&7];
    assert_eq!(comments.len(), 232);
    assert_eq!(comments[231].body, "## 🚀 Deployed to production\nnew");
    assert!(comments[0].body.ends_with("fake"));
    let writes = state
        .asked()
        .iter()
        .filter(|line| !line.starts_with("GET"))
        .count();
    assert_eq!(writes, 1, "the second time there was nothing to change");
}

#[test]
fn a_comment_whose_answer_was_lost_is_not_written_twice() {
    let (hub, clock) = (hub(), TestClock::new());
    let client = client(&hub, "t", &clock);
    let line = "POST /repos/acme/shop/issues/7/comments";
    hub.state().faults.add(line, 1, Fault::HangUpAfter);
    let ours = |body: &str| body.starts_with("## x");
    client.put_comment(&shop(), 7, &ours, "## x").unwrap();
    assert_eq!(hub.state().repository("acme/shop").comments[&7].len(), 1);
}

#[test]
fn an_answer_that_is_no_json_and_a_link_to_elsewhere_are_errors() {
    let (hub, clock) = (hub(), TestClock::new());
    let client = client(&hub, "t", &clock);
    hub.state().faults.add("GET", 1, Fault::Nonsense);
    assert!(matches!(
        client.pulls_of(&shop(), SHA),
        Err(GitHubError::Unparsable { .. })
    ));
    let pulls = client.pulls_of(&shop(), SHA).unwrap();
    assert!(pulls[0].is_merged());
    assert_eq!(pulls[0].head.branch, "feature/`x`");
    assert_eq!(pulls[0].head.repo, None);
    assert_eq!(client.pull(&shop(), 7).unwrap(), pulls[0]);
}

#[test]
fn a_renamed_repository_is_followed_and_keeps_its_number() {
    let (hub, clock) = (hub(), TestClock::new());
    let client = client(&hub, "t", &clock);
    let id = {
        let mut state = hub.state();
        let mut repository = state.repositories.remove("acme/shop").unwrap();
        repository.former_names.push("acme/shop".into());
        repository.is_private = false;
        let id = repository.id;
        state.repositories.insert("acme/store".into(), repository);
        id
    };
    for asked in [None, Some(id)] {
        match client.existence(&shop(), asked).unwrap() {
            Existence::There(found) => {
                assert_eq!((found.id, found.full_name.as_str()), (id, "acme/store"));
            }
            other => panic!("{other:?}"),
        }
    }
    let status = github::failed(Environment::Staging, None);
    client.set_status(&shop(), SHA, &status).unwrap();
}

#[test]
fn gone_is_said_only_to_a_token_that_would_see_it() {
    let (hub, clock) = (hub(), TestClock::new());
    {
        let mut state = hub.state();
        let people = [("ada".to_owned(), true), ("bob".to_owned(), false)];
        state.organisations.insert("acme".into(), people.into());
        let person = |login: &str, scopes: &[&'static str]| Token::Classic {
            login: login.into(),
            scopes: scopes.to_vec(),
        };
        let app = |owner: &str, selection| Token::Installation {
            owner: owner.into(),
            selection,
            permissions: [].into(),
        };
        let tokens = &mut state.tokens;
        tokens.insert("owner".into(), person("ada", &["repo", "read:org"]));
        tokens.insert("narrow".into(), person("ada", &["read:org"]));
        tokens.insert("member".into(), person("bob", &["repo"]));
        tokens.insert("stranger".into(), person("eve", &["repo"]));
        tokens.insert("app".into(), app("acme", Selection::All));
        tokens.insert("foreign".into(), app("other", Selection::All));
    }
    let gone = RepositoryName::parse("acme/gone").unwrap();
    let ask = |token: &str| client(&hub, token, &clock).existence(&gone, Some(1));
    for token in ["owner", "app"] {
        assert_eq!(ask(token), Ok(Existence::Gone), "{token}");
    }
    for token in ["narrow", "member", "stranger", "foreign", "t"] {
        let answer = ask(token);
        assert!(
            matches!(answer, Ok(Existence::Unknown { .. })),
            "{token}: {answer:?}"
        );
    }
    assert!(matches!(
        ask("expired"),
        Err(GitHubError::Unauthorized { .. })
    ));
    hub.state()
        .faults
        .add("GET /repositories/1", 9, Fault::Status(500, "x"));
    assert!(matches!(ask("owner"), Err(GitHubError::Broken { .. })));
    // A rate limit at the last question, the one that proves, is no proof either.
    hub.state().faults.clear();
    hub.state()
        .faults
        .add("GET /user", 9, Fault::ResetAt(NOW + 9000));
    assert!(matches!(ask("owner"), Err(GitHubError::RateLimited { .. })));
}

#[test]
fn membership_is_known_from_inside_only() {
    let (hub, clock) = (hub(), TestClock::new());
    {
        let mut state = hub.state();
        let people = [("ada".to_owned(), true)];
        state.organisations.insert("acme".into(), people.into());
        let person = |login: &str| Token::Classic {
            login: login.into(),
            scopes: vec!["read:org"],
        };
        state.tokens.insert("ada".into(), person("ada"));
        state.tokens.insert("eve".into(), person("eve"));
    }
    let ask = |token: &str, login| client(&hub, token, &clock).is_member("acme", login);
    assert_eq!(ask("ada", "ada"), Ok(true));
    assert_eq!(ask("ada", "mallory"), Ok(false));
    assert!(matches!(
        ask("eve", "ada"),
        Err(GitHubError::Forbidden { .. })
    ));
}

#[test]
fn a_file_that_is_not_there_is_not_a_repository_that_is_not_there() {
    let (hub, clock) = (hub(), TestClock::new());
    let files = [(
        ".dokku/config.yml".to_owned(),
        b"scale: {web: 2}\n".to_vec(),
    )];
    hub.state().repository("acme/shop").files = files.into();
    let client = client(&hub, "t", &clock);
    let read = |repository: &RepositoryName, path| client.file(repository, path, "main");
    let text = read(&shop(), ".dokku/config.yml").unwrap();
    assert_eq!(text.as_deref(), Some(&b"scale: {web: 2}\n"[..]));
    assert_eq!(read(&shop(), "nothing"), Ok(None));
    let hidden = RepositoryName::parse("acme/hidden").unwrap();
    assert!(matches!(
        read(&hidden, "x"),
        Err(GitHubError::NotFound { .. })
    ));
}

#[test]
fn environments_get_their_gates_once() {
    let (hub, clock) = (hub(), TestClock::new());
    let client = client(&hub, "t", &clock);
    let gate = Gate {
        wait_minutes: Some(10),
        reviewers: Vec::new(),
        branches: Some(vec!["main".into(), "release/*".into()]),
    };
    for _ in 0..2 {
        client
            .put_environment(&shop(), "production", &gate)
            .unwrap();
    }
    client
        .put_environment(&shop(), "preview", &Gate::default())
        .unwrap();
    let mut state = hub.state();
    let (asked, branches) = &state.repository("acme/shop").environments["production"];
    assert_eq!(asked["wait_timer"], 10);
    assert_eq!(branches.len(), 2);
    let posts = state
        .asked()
        .iter()
        .filter(|line| line.starts_with("POST"))
        .count();
    assert_eq!(posts, 2);
}
