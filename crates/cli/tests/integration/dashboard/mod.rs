//! The dashboard's commands, against a sandbox, real web servers and a real git.

mod check;
mod publish;
mod schedules;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    path::Path,
};

use serde_json::Value;

use crate::support::TestHost;

/// A data file that was written somewhere.
fn file(directory: &Path, name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(directory.join(name)).unwrap()).unwrap()
}

/// A host with an app that is locked, and the settings of a project whose data is private.
fn host() -> TestHost {
    let host = TestHost::start();
    host.create_app("shop");
    host.ssh("config:set --no-restart shop DEPLOY_LOCKED=true DEPLOY_LOCK_REASON=migration DEPLOY_LOCK_BY=ada@example.com APP_URL=http://shop.localhost APP_ENV=production");
    host
}

fn make_private(host: &TestHost) {
    fs::create_dir(host.home().join(".dokku")).unwrap();
    fs::write(
        host.home().join(".dokku/config.yml"),
        "dashboard:\n  public: false\n",
    )
    .unwrap();
}

#[test]
fn build_writes_the_page_and_what_the_host_says() {
    let host = host();
    let site = host.home().join("site");
    let ran = host.cli(&["dashboard", "build", "--out", "site"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for name in [
        "index.html",
        "app.js",
        "style.css",
        "metrics.json",
        "deploys.json",
    ] {
        assert!(site.join(name).is_file(), "{name}");
    }
    let public = fs::read_to_string(site.join("apps.json")).unwrap();
    for private in ["migration", "ada@example.com"] {
        assert!(!public.contains(private), "{public}");
    }
    let row = &file(&site, "apps.json")["apps"][0];
    assert_eq!(row["name"], "shop");
    assert_eq!(row["url"], "http://shop.localhost");
    assert_eq!(row["environment"], "production");
    assert_eq!(row["processes"], "stopped");
    assert!(row["lock"].is_object(), "{row}");
    assert!(row["last_deploy"].is_null(), "{row}");

    make_private(&host);
    let ran = host.cli(&["dashboard", "build", "--out", "site"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let row = &file(&site, "apps.json")["apps"][0];
    assert_eq!(row["lock"]["reason"], "migration");
    assert_eq!(row["lock"]["by"], "ada@example.com");
}

#[test]
fn a_host_that_cannot_be_asked_is_an_error_and_nothing_is_written() {
    let host = host();
    host.fail_next("apps:list", 1);
    let ran = host.cli(&["dashboard", "build", "--out", "site"]).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(!host.home().join("site").exists());
    let ran = host
        .cli(&["dashboard", "build", "--out", "site", "--no-host"])
        .run();
    assert_eq!(ran.status, Some(2), "{ran:?}");
    fs::create_dir(host.home().join("data")).unwrap();
    fs::write(host.home().join("data/apps.json"), "<html>").unwrap();
    let ran = host
        .cli(&["dashboard", "build", "--out", "site", "--data", "data"])
        .run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr
            .contains("apps.json is not what this program writes"),
        "{ran:?}"
    );
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn serve_shows_everything_here_and_ends_with_ctrl_c() {
    let host = host();
    let mut command = host.cli(&["dashboard", "serve", "--every", "1h"]).command();
    let mut child = command.process_group(0).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let address = line
        .trim()
        .strip_prefix("http://")
        .unwrap()
        .trim_end_matches('/');
    assert!(address.starts_with("127.0.0.1:"), "{line}");
    assert!(get(address, "/").contains("<title>Apps</title>"));
    let apps = get(address, "/apps.json");
    for words in ["\"live\":true", "migration", "ada@example.com"] {
        assert!(apps.contains(words), "{apps}");
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process_group(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
