//! Runs of schedules: noted, told to a heartbeat, and noticed where they do not come.

use std::path::PathBuf;

use serde_json::Value;

use super::publish::{git, published, repository};
use crate::support::{Ran, Receiver, TestHost};

struct Schedules<'a> {
    host: &'a TestHost,
    repository: PathBuf,
    people: Receiver,
    heartbeat: Receiver,
}

impl<'a> Schedules<'a> {
    fn new(host: &'a TestHost) -> Self {
        Self {
            host,
            repository: repository(host),
            people: Receiver::answering("200 OK"),
            heartbeat: Receiver::answering("200 OK"),
        }
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.host
            .cli(words)
            .env("DASHBOARD_REPOSITORY", &self.repository)
            .env("SLACK_WEBHOOK_URL", self.people.url("slack"))
            .env("HEARTBEAT_URL", self.heartbeat.url("beat"))
            .run()
    }

    /// As [`run`](Self::run), ended with 0; what was said.
    fn good(&self, words: &[&str]) -> String {
        let ran = self.run(words);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        ran.stderr
    }

    /// What the heartbeat was told since the last look.
    fn beats(&self, seen: &mut usize) -> Vec<String> {
        let got = self.heartbeat.got();
        let new: Vec<String> = got[*seen..].iter().map(|one| one.path.clone()).collect();
        *seen = got.len();
        new
    }

    /// As if the last run of `task` had been so many hours earlier.
    fn age(&self, task: &str, hours: i64) {
        let mut file = published(self.host, "schedules.json");
        let last = file["schedules"].as_array_mut().unwrap();
        let one = last.iter_mut().find(|one| one["task"] == task).unwrap();
        let at: jiff::Timestamp = one["at"].as_str().unwrap().parse().unwrap();
        let earlier = at - jiff::SignedDuration::from_hours(hours);
        one["at"] = Value::String(earlier.to_string());
        let clone = self.host.home().join("clone");
        git(
            self.host,
            &["clone", "--quiet", "--branch=gh-pages", "data.git", "clone"],
        );
        std::fs::write(clone.join("schedules.json"), file.to_string()).unwrap();
        let commit = ["commit", "--quiet", "--all", "-m", "as if it were later"];
        let who = ["-C", "clone", "-c", "user.name=a", "-c", "user.email=a@b.c"];
        git(self.host, &[&who[..], &commit].concat());
        git(self.host, &["-C", "clone", "push", "--quiet"]);
        std::fs::remove_dir_all(clone).unwrap();
    }
}

const DOCKER: [&str; 4] = ["maintain", "docker", "--every", "24h"];
const HEALTH: [&str; 5] = ["dashboard", "check", "--publish", "--every", "15m"];

#[test]
fn a_run_that_does_not_come_is_told_once_by_the_next_of_any_schedule() {
    let host = TestHost::start();
    let schedules = Schedules::new(&host);
    let mut seen = 0;
    schedules.good(&DOCKER);
    assert_eq!(
        schedules.beats(&mut seen),
        ["/beat/hunter2/start", "/beat/hunter2"]
    );
    schedules.good(&HEALTH);
    let noted = published(&host, "schedules.json");
    let tasks: Vec<&str> = noted["schedules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["task"].as_str().unwrap())
        .collect();
    assert_eq!(tasks, ["docker", "health"]);
    assert_eq!(noted["schedules"][0]["every_seconds"], 86_400);
    assert!(schedules.people.got().is_empty());

    schedules.age("docker", 27);
    let missing = "the schedule's run did not come: docker; the last one was at ";
    let said = schedules.good(&HEALTH);
    assert!(said.contains(missing), "{said}");
    let told = schedules.people.got();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].body.contains("Scheduled run missing: docker"),
        "{told:?}"
    );
    // It is still so, and people know.
    let said = schedules.good(&HEALTH);
    assert!(said.contains(missing), "{said}");
    assert_eq!(schedules.people.got().len(), 1);
    let said = schedules.good(&DOCKER);
    assert!(said.contains("the schedule runs again: docker"), "{said}");
    let told = schedules.people.got();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[1].body.contains("Scheduled run is back: docker"),
        "{told:?}"
    );

    // A gap that nobody else has seen is seen by the next run itself.
    schedules.age("health", 3);
    let said = schedules.good(&HEALTH);
    assert!(said.contains("did not come: health"), "{said}");
    assert_eq!(schedules.people.got().len(), 3);
}

#[test]
fn a_run_that_fails_is_a_run_and_the_heartbeat_hears_that_it_failed() {
    let host = TestHost::start();
    let schedules = Schedules::new(&host);
    let mut seen = 0;
    host.fail_next("cleanup", 1);
    let ran = schedules.run(&DOCKER);
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert_eq!(
        schedules.beats(&mut seen),
        ["/beat/hunter2/start", "/beat/hunter2/fail"]
    );
    let noted = published(&host, "schedules.json");
    assert_eq!(noted["schedules"][0]["is_good"], false);
    // Nothing of this system is there: GitHub need not be asked, and no token is needed.
    schedules.good(&["cleanup", "--orphans"]);
    host.create_app("shop");
    host.ssh("config:set --no-restart shop DEPLOY_MANAGED=x DEPLOY_REPOSITORY=acme/shop DEPLOY_REPOSITORY_ID=7");
    // Without a token it cannot be asked: that is no run that did what it should.
    let ran = schedules.run(&["cleanup", "--orphans", "--every=24h"]);
    assert_eq!(ran.status, Some(3), "{ran:?}");
    let noted = published(&host, "schedules.json");
    assert_eq!(noted["schedules"][1]["task"], "orphans");
    assert_eq!(noted["schedules"][1]["is_good"], false);

    // Nobody can note it: that is said, and the work was done.
    let ran = host.cli(&DOCKER).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("No data branch is named"), "{ran:?}");
    let ran = host
        .cli(&DOCKER)
        .env("DASHBOARD_REPOSITORY", host.home().join("nowhere.git"))
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("this run of the schedule is not noted"),
        "{ran:?}"
    );
    let ran = host.cli(&["cleanup", "shop", "--every=24h"]).run();
    assert_eq!(ran.status, Some(2), "{ran:?}");
}
