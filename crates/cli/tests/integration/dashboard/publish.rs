//! What is published on the data branch.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use super::{host, make_private};
use crate::{
    deploy::Shop,
    support::{Receiver, TestHost},
};

pub fn git(host: &TestHost, words: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(host.home())
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "git {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// An empty repository for the data.
pub fn repository(host: &TestHost) -> PathBuf {
    git(host, &["init", "--quiet", "--bare", "data.git"]);
    host.home().join("data.git")
}

pub fn published(host: &TestHost, name: &str) -> Value {
    let text = git(
        host,
        &["-C", "data.git", "show", &format!("gh-pages:{name}")],
    );
    serde_json::from_str(&text).unwrap()
}

fn names(host: &TestHost) -> Vec<String> {
    let names = git(
        host,
        &["-C", "data.git", "ls-tree", "--name-only", "gh-pages"],
    );
    names.lines().map(str::to_owned).collect()
}

#[test]
fn every_operation_tells_the_branch_of_itself() {
    let host = TestHost::start();
    host.create_app("shop");
    let repository = repository(&host);
    make_private(&host);
    let cli = |words: &[&str]| {
        host.cli(words)
            .env("DASHBOARD_REPOSITORY", &repository)
            .run()
    };
    let ran = cli(&["lock", "shop", "big migration", "--by", "ada"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let apps = published(&host, "apps.json");
    assert_eq!(apps["apps"][0]["name"], "shop");
    assert_eq!(apps["apps"][0]["lock"]["reason"], "big migration");
    let log = published(&host, "audit-log.json");
    assert_eq!(log["entries"][0]["action"], "lock");
    assert!(names(&host).contains(&"audit-report.md".to_owned()));
    assert!(names(&host).contains(&"index.html".to_owned()));
    let ran = cli(&["unlock", "shop", "--by", "ada"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(published(&host, "apps.json")["apps"][0]["lock"].is_null());
    assert_eq!(
        published(&host, "audit-log.json")["entries"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let subjects = git(&host, &["-C", "data.git", "log", "--format=%s", "gh-pages"]);
    assert_eq!(
        subjects,
        "Update dashboard: shop unlock\nUpdate dashboard: shop lock\n"
    );

    // Who has no settings leaves it as it is.
    let settings = host.home().join(".dokku/config.yml");
    fs::remove_file(&settings).unwrap();
    let ran = cli(&["lock", "shop", "still private", "--by", "ada"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let apps = published(&host, "apps.json");
    assert_eq!(apps["apps"][0]["lock"]["reason"], "still private");
    assert!(names(&host).contains(&"audit-log.json".to_owned()));
    let ran = cli(&["unlock", "shop", "--by", "ada"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");

    // Made public, it keeps what strangers may see.
    fs::write(&settings, "dashboard: {public: true}\n").unwrap();
    let ran = cli(&["lock", "shop", "hidden reason", "--by", "ada@example.com"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(!names(&host).iter().any(|name| name.starts_with("audit")));
    let apps = published(&host, "apps.json").to_string();
    assert!(
        !apps.contains("hidden reason") && !apps.contains("ada@example"),
        "{apps}"
    );

    let nowhere = host.home().join("nowhere.git");
    let ran = host
        .cli(&["unlock", "shop", "--by", "ada", "--force"])
        .env("DASHBOARD_REPOSITORY", nowhere)
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("the dashboard does not tell of this unlock"),
        "{ran:?}"
    );
}

#[test]
fn a_deploy_tells_where_the_app_is_asked_for_its_health() {
    let host = TestHost::start();
    let repository = repository(&host);
    let shop = Shop::new(&host);
    let ran = shop
        .deploy(&[])
        .env("DASHBOARD_REPOSITORY", &repository)
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let apps = published(&host, "apps.json");
    assert_eq!(apps["apps"][0]["health_path"], "/health", "{apps}");
    // A look at the host, which does not know it, leaves it.
    let words = ["dashboard", "publish", "--repository"];
    let ran = host
        .cli(&[&words[..], &[repository.to_str().unwrap()]].concat())
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let apps = published(&host, "apps.json");
    assert_eq!(apps["apps"][0]["health_path"], "/health", "{apps}");
}

#[test]
fn publish_merges_with_what_is_there_and_leaves_other_branches_alone() {
    let host = host();
    let repository = repository(&host);
    let repository = repository.to_str().unwrap();
    let publish = |more: &[&str]| {
        let words = ["dashboard", "publish", "--repository", repository];
        host.cli(&[&words[..], more].concat()).run()
    };
    let ran = publish(&[]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    host.create_app("docs");
    host.ssh("apps:destroy shop --force");
    let ran = publish(&[]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let apps = published(&host, "apps.json");
    let names: Vec<&str> = apps["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| app["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["docs"]);
    assert!(apps["removed"]["shop"].is_string(), "{apps}");

    // An app's own pages.
    git(&host, &["clone", "--quiet", "data.git", "clone"]);
    fs::write(host.home().join("clone/CNAME"), "shop.example.com").unwrap();
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b"];
    git(
        &host,
        &["-C", "clone", "checkout", "--quiet", "--orphan", "pages"],
    );
    git(&host, &["-C", "clone", "add", "CNAME"]);
    git(
        &host,
        &[
            &["-C", "clone"],
            &identity[..],
            &["commit", "--quiet", "-m", "x"],
        ]
        .concat(),
    );
    git(
        &host,
        &["-C", "clone", "push", "--quiet", "origin", "pages"],
    );
    let before = git(&host, &["-C", "data.git", "rev-parse", "pages"]);
    let ran = publish(&["--branch", "pages"]);
    assert_eq!(ran.status, Some(4), "{ran:?}");
    assert_eq!(
        git(&host, &["-C", "data.git", "rev-parse", "pages"]),
        before
    );
    let ran = publish(&["--branch", "pages", "--adopt"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let kept = git(&host, &["-C", "data.git", "show", "pages:CNAME"]);
    assert_eq!(kept, "shop.example.com");
    let ran = host.cli(&["dashboard", "publish"]).run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("DASHBOARD_REPOSITORY"), "{ran:?}");
}

#[test]
fn two_failing_checks_in_a_row_call_once_and_an_app_that_is_up_again_is_told() {
    let host = TestHost::start();
    let repository = repository(&host);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let data = host.home().join("data");
    fs::create_dir_all(&data).unwrap();
    let url = format!("http://shop.localhost:{port}");
    let rows =
        serde_json::json!({"apps": [{"name": "shop", "environment": "production", "url": url}]});
    fs::write(data.join("apps.json"), rows.to_string()).unwrap();
    let first = host
        .cli(&["dashboard", "publish", "--no-host", "--data", "data"])
        .env("DASHBOARD_REPOSITORY", &repository)
        .run();
    assert_eq!(first.status, Some(0), "{first:?}");
    let receiver = Receiver::answering("200 OK");
    let check = |more: &[&str], status: i32, told: usize| {
        let ran = host
            .cli(&[&["dashboard", "check", "--no-host"], more].concat())
            .env("DASHBOARD_REPOSITORY", &repository)
            .env("SLACK_WEBHOOK_URL", receiver.url("slack"))
            .run();
        assert_eq!(ran.status, Some(status), "{ran:?}");
        let got = receiver.got();
        assert_eq!(got.len(), told, "{got:?}");
        got.last().map(|one| one.body.clone()).unwrap_or_default()
    };
    // What is not written is not remembered, and calls nobody however often it is asked.
    check(&[], 6, 0);
    check(&[], 6, 0);
    check(&["--publish"], 6, 0);
    // Two who find it at the same moment call once.
    let both = [(); 2].map(|()| {
        host.cli(&["dashboard", "check", "--no-host", "--publish"])
            .env("DASHBOARD_REPOSITORY", &repository)
            .env("SLACK_WEBHOOK_URL", receiver.url("slack"))
            .start()
    });
    for one in both {
        let ran = one.finish();
        assert_eq!(ran.status, Some(6), "{ran:?}");
    }
    let down = check(&["--publish"], 6, 1);
    assert!(down.contains("Down: shop"), "{down}");
    check(&["--publish"], 6, 1);
    let back = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in back.incoming() {
            use std::io::{Read, Write};
            let mut stream = stream.unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).unwrap();
        }
    });
    let up = check(&["--publish"], 0, 2);
    assert!(up.contains("Up again: shop"), "{up}");
    check(&["--publish"], 0, 2);
    assert_eq!(
        published(&host, "apps.json")["apps"][0]["alarm"]["is_down"],
        false
    );
}
