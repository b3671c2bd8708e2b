//! Previews that ask for a password: nobody ever sees one without.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::previews::Project;
use crate::{plugin::Guarded, support::TestHost};

/// What a visitor of the preview gets.
fn visit(router: SocketAddr, login: Option<&str>) -> u16 {
    let mut stream = TcpStream::connect(router).unwrap();
    let login = login.map_or_else(String::new, |login| {
        format!("Authorization: Basic {}\r\n", STANDARD.encode(login))
    });
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: shop-pr-7.localhost\r\n{login}Connection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Every status that a stranger got while `work` was done.
fn watched<T>(router: SocketAddr, work: impl FnOnce() -> T) -> (T, BTreeSet<u16>) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let stranger = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !is_over.load(Ordering::SeqCst) {
                seen.insert(visit(router, None));
                thread::sleep(Duration::from_millis(10));
            }
            seen
        });
        let done = work();
        is_over.store(true, Ordering::SeqCst);
        (done, stranger.join().unwrap())
    })
}

fn with_login<'a>(mut project: Project<'a>, user: &str, password: &str) -> Project<'a> {
    project.environment = vec![
        ("PREVIEW_AUTH_USER", user.to_owned()),
        ("PREVIEW_AUTH_PASSWORD", password.to_owned()),
    ];
    project
}

/// Opens the pull request, pushes to it with another login, and looks in all the while.
/// Returns the commands that the host was sent.
fn nobody_gets_in_without_the_password(host: &TestHost, first: &str, second: &str) -> Vec<String> {
    let router = host.http();
    let project = with_login(Project::start(host), "ada", first);
    let (ran, seen) = watched(router, || project.event("opened", "ada"));
    let mut commands = host.counts().commands;
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("without the password everybody is refused"),
        "{ran:?}"
    );
    assert!(
        seen.contains(&401) && !seen.contains(&200),
        "a stranger got {seen:?}"
    );
    assert_eq!(visit(router, Some(&format!("ada:{first}"))), 200);
    assert_eq!(visit(router, Some("ada:wrong")), 401);
    for text in [&ran.stdout, &ran.stderr] {
        let told = text
            .lines()
            .filter(|line| !line.starts_with("::add-mask::"));
        assert!(
            told.into_iter().all(|line| !line.contains(first)),
            "{ran:?}"
        );
    }
    assert!(!project.variables().to_string().contains(first));
    // The dashboard's checks, too, need the password.
    let row = json!({"name": "shop-pr-7", "environment": "preview", "url": format!("http://shop-pr-7.localhost:{}", router.port())});
    fs::create_dir_all(host.home().join("data")).unwrap();
    fs::write(
        host.home().join("data/apps.json"),
        json!({"apps": [row]}).to_string(),
    )
    .unwrap();
    let check = || {
        host.cli(&[
            "dashboard",
            "check",
            "--no-host",
            "--data",
            "data",
            "--path",
            "/",
        ])
    };
    let ran = check().run();
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert!(ran.stdout.contains("it asks for a password"), "{ran:?}");
    let asked = check()
        .env("PREVIEW_AUTH_USER", "ada")
        .env("PREVIEW_AUTH_PASSWORD", first);
    assert_eq!(asked.run().status, Some(0));

    project.shop.release("2");
    project.push();
    let project = with_login(project, "bob", second);
    let (ran, seen) = watched(router, || project.event("synchronize", "ada"));
    commands.extend(host.counts().commands);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!seen.contains(&200), "a stranger got {seen:?}");
    assert_eq!(visit(router, Some(&format!("bob:{second}"))), 200);
    assert_eq!(visit(router, Some(&format!("ada:{first}"))), 401);
    project.pull(|pull| pull.is_open = false);
    let ran = project.event("closed", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(project.apps().trim(), "");
    assert!(!host.home().join("root/home/shop-pr-7").exists());
    commands
}

#[test]
fn the_plugin_http_auth_lets_nobody_in_from_the_first_answer_on() {
    let host = TestHost::start();
    host.install_http_auth();
    nobody_gets_in_without_the_password(&host, "it's a $(long) \"one\"", "hunter2");
}

#[test]
fn our_own_plugin_does_so_too_and_no_command_line_ever_has_the_password() {
    let guarded = Guarded::start();
    let host = &guarded.host;
    let commands = nobody_gets_in_without_the_password(host, "x --app other 'y", "hunter2");
    let entries = guarded.audit();
    let told: Vec<(&str, &str)> = entries
        .iter()
        .filter_map(|entry| entry.get("entry"))
        .filter(|entry| entry["app_name"] == "shop-pr-7")
        .map(|entry| {
            let link = entry["metadata"]["pr_url"].as_str().unwrap_or_default();
            (entry["action"].as_str().unwrap(), link)
        })
        .collect();
    let link = "https://github.invalid/acme/shop/pull/7";
    assert_eq!(
        told,
        [
            ("preview", link),
            ("preview", link),
            ("preview-cleanup", link)
        ],
        "{entries:?}"
    );
    assert!(
        commands
            .iter()
            .any(|command| command.starts_with("deploy-system:protect")),
        "{commands:?}"
    );
    assert!(
        commands
            .iter()
            .all(|command| !command.contains("hunter2") && !command.contains("other 'y")),
        "{commands:?}"
    );
}

#[test]
fn where_nothing_can_ask_for_it_there_is_no_preview_and_the_way_is_told() {
    let host = TestHost::start();
    let project = with_login(Project::start(&host), "ada", "hunter2");
    let ran = project.event("opened", "ada");
    assert_ne!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("dokku plugin:install https://github.com/dokku/dokku-http-auth.git"),
        "{ran:?}"
    );
    assert_eq!(project.apps().trim(), "");

    let mut project = project;
    project.environment.pop();
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(
        ran.stderr.contains("PREVIEW_AUTH_PASSWORD is not"),
        "{ran:?}"
    );
    assert_eq!(project.apps().trim(), "");
}

/// Whatever undid the protection: it is noticed, and the preview is not left open.
#[test]
fn a_preview_that_answers_without_the_password_is_stopped() {
    let host = TestHost::start();
    host.install_http_auth();
    let home = host.home().join("root/home");
    host.plugin(
        "saboteur",
        "post-deploy",
        &format!("rm -f {}/$1/nginx.conf.d/http-auth.conf\n", home.display()),
    );
    let project = with_login(Project::start(&host), "ada", "hunter2");
    let ran = project.event("opened", "ada");
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert!(
        ran.stderr
            .contains("answers 200 without the password: shop-pr-7 was stopped"),
        "{ran:?}"
    );
    assert_eq!(visit(host.http(), None), 502);

    // Another proxy than nginx would never ask.
    fs::remove_file(host.home().join("root/plugins/saboteur/post-deploy")).unwrap();
    host.ssh("proxy:set shop-pr-7 type traefik");
    let ran = project.event("reopened", "ada");
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(ran.stderr.contains("served by traefik"), "{ran:?}");
    assert_eq!(visit(host.http(), None), 502);
    host.ssh("proxy:set shop-pr-7 type");
    let ran = project.event("reopened", "ada");
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(visit(host.http(), Some("ada:hunter2")), 200);
    assert_eq!(visit(host.http(), None), 401);
}
