//! `dokku-cli cleanup`, `destroy` and `create`: what goes, what stays, and that nothing goes without
//! a copy.

mod apps;
mod copies;
mod orphans;
mod services;

use std::fs;

use crate::support::{Ran, TestHost};

/// An app that says of itself what it is.
fn app(host: &TestHost, name: &str, environment: &str) {
    host.create_app(name);
    host.ssh(&format!(
        "config:set --no-restart {name} APP_ENV={environment}"
    ));
}

/// A service that is linked to these apps.
fn service(host: &TestHost, kind: &str, name: &str, apps: &[&str]) {
    host.ssh(&format!("{kind}:create {name}"));
    for app in apps {
        host.ssh(&format!("{kind}:link {name} {app} --no-restart"));
    }
}

fn apps(host: &TestHost) -> Vec<String> {
    lines(&host.ssh("--quiet apps:list"))
}

fn services(host: &TestHost, kind: &str) -> Vec<String> {
    lines(&host.ssh(&format!("{kind}:list")))
        .into_iter()
        .filter(|line| !line.starts_with('='))
        .collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Names of backups in the home directory, where the program runs.
fn backups(host: &TestHost) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(host.home())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".dump.gz"))
        .collect();
    names.sort();
    names
}

/// Runs the program, which has to end so.
fn ends(host: &TestHost, status: i32, words: &[&str]) -> Ran {
    let ran = host.cli(words).run();
    assert_eq!(ran.status, Some(status), "{words:?} {ran:?}");
    ran
}
