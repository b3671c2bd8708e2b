//! The commit is not here: it is fetched, over git's own HTTP server.

use std::{fs, net::TcpListener, path::PathBuf, process::Command};

use github_sandbox::GitServer;
use rustix::process::Signal;

use super::two_releases;
use crate::{
    deploy::Shop,
    support::{Ran, TestHost},
};

/// `x-access-token:ghs_read`, as git sends it.
const LOGIN: &str = "Basic eC1hY2Nlc3MtdG9rZW46Z2hzX3JlYWQ=";

/// GitHub with the private repository `acme/shop`.
struct Hub<'a> {
    host: &'a TestHost,
    http: GitServer,
}

impl<'a> Hub<'a> {
    fn new(host: &'a TestHost) -> Self {
        let root = host.home().join("hub");
        fs::create_dir(&root).unwrap();
        let http = GitServer::start(&root);
        http.require(LOGIN);
        let hub = Self { host, http };
        hub.git(&[
            "init",
            "--quiet",
            "--bare",
            "-b",
            "main",
            "hub/acme/shop.git",
        ]);
        hub
    }

    fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(words)
            .current_dir(self.host.home())
            .env("HOME", self.host.home())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn push(&self, shop: &Shop<'_>, branch: &str) {
        let to = self.host.home().join("hub/acme/shop.git");
        let to = to.display().to_string();
        shop.git(&["push", "--quiet", &to, &format!("HEAD:refs/heads/{branch}")]);
    }

    /// A clone, as an action makes it: without a login in its settings.
    fn clone(&self, name: &str, options: &[&str]) -> PathBuf {
        let from = self.host.home().join("hub/acme/shop.git");
        let from = format!("file://{}", from.display());
        self.git(&[&["clone", "--quiet"], options, &[&from, name]].concat());
        let url = format!("{}/acme/shop.git", self.http.url());
        self.git(&["-C", name, "remote", "set-url", "origin", &url]);
        self.host.home().join(name)
    }

    fn rollback(&self, directory: &std::path::Path, token: &str, words: &[&str]) -> Ran {
        let words = [&["rollback", "shop"], words].concat();
        self.host
            .cli(&words)
            .directory(directory)
            .env("GITHUB_SERVER_URL", self.http.url())
            .env("GITHUB_TOKEN", token)
            .run()
    }
}

fn settings_of(clone: &std::path::Path) -> String {
    fs::read_to_string(clone.join(".git/config")).unwrap()
}

#[test]
fn a_shallow_clone_is_enough_and_stays_as_it_is() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.tasks(&[("migrate", "true")]);
    let second = shop.release("2");
    shop.deployed(&[]);
    let hub = Hub::new(&host);
    hub.push(&shop, "main");
    let clone = hub.clone("checkout", &["--depth=1"]);
    let before = settings_of(&clone);

    let wrong = hub.rollback(&clone, "ghs_expired", &["v1", "--yes"]);
    assert_eq!(wrong.status, Some(3), "{wrong:?}");
    for expected in [
        "this clone is shallow; it could not be fetched from http://127.0.0.1:",
        "could not read Username",
        "give GITHUB_TOKEN the right to read the repository",
    ] {
        assert!(wrong.stderr.contains(expected), "{expected:?} {wrong:?}");
    }
    assert_eq!(shop.answer().1, "2 -");

    let ran = hub.rollback(&clone, "ghs_read", &["v1", "--yes"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for expected in [
        "Commits that are taken back: 1",
        &second[..7],
        "v2 migrate: true",
        "as release v3 (v1 again)",
    ] {
        assert!(ran.stderr.contains(expected), "{expected:?} {ran:?}");
    }
    assert_eq!(shop.answer().1, "1 -");
    assert!(hub.http.logins().contains(&Some(LOGIN.to_owned())));
    assert_eq!(settings_of(&clone), before);
    let count = ["-C", "checkout", "rev-list", "--count", "--all"];
    assert_eq!(hub.git(&count), "1");
    let text = format!("{wrong:?} {ran:?}");
    assert!(
        !text.contains("ghs_read") && !text.contains("eC1hY2Nlc3M"),
        "{text}"
    );
    shop.is_tidy();
}

#[test]
fn without_a_clone_of_the_app_its_own_record_says_where_the_commit_is() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let [first, _] = two_releases(&shop);
    let hub = Hub::new(&host);
    hub.push(&shop, "main");
    let elsewhere = host.home().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let ran = hub.rollback(&elsewhere, "ghs_read", &["v1", "--yes"]);
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(
        ran.stderr.contains("the app records no repository"),
        "{ran:?}"
    );
    host.ssh("config:set --no-restart shop DEPLOY_REPOSITORY=acme/shop");
    let ran = hub.rollback(&elsewhere, "ghs_read", &["v1", "--dry-run"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(shop.answer().1, "2 -");
    let ran = hub.rollback(&elsewhere, "ghs_read", &["v1", "--yes"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("Commits that are taken back: 1"),
        "{ran:?}"
    );
    assert_eq!(shop.answer().1, "1 -");
    assert_eq!(shop.variables()["GIT_REV"], first.as_str());
}

#[test]
fn a_complete_clone_gets_the_one_commit_and_no_name_for_it() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.git(&["checkout", "--quiet", "-b", "feature"]);
    let feature = shop.release("feature");
    shop.deployed(&["--env", "production"]);
    shop.git(&["checkout", "--quiet", "main"]);
    shop.release("2");
    shop.deployed(&[]);
    let hub = Hub::new(&host);
    hub.push(&shop, "main");
    let clone = hub.clone("clone", &["--single-branch"]);
    let names = || hub.git(&["-C", "clone", "for-each-ref"]);
    let before = names();

    // Nobody has it: it was never pushed there.
    let ran = hub.rollback(&clone, "ghs_read", &["v1", "--yes"]);
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(
        ran.stderr
            .contains("it is not in this repository; it could not be fetched"),
        "{ran:?}"
    );
    assert_eq!(shop.answer().1, "2 -");

    shop.git(&["checkout", "--quiet", "feature"]);
    hub.push(&shop, "feature");
    let ran = hub.rollback(&clone, "ghs_read", &["v1", "--yes"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("brought back: 1"), "{ran:?}");
    assert_eq!(shop.answer().1, "feature -");
    assert_eq!(names(), before);
    assert!(!clone.join(".git/FETCH_HEAD").exists());
    assert_eq!(shop.variables()["GIT_REV"], feature.as_str());
}

#[test]
fn what_served_goes_live_again_out_of_what_was_fetched() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let alive = host.home().join("alive");
    fs::write(&alive, "").unwrap();
    let app = fs::read_to_string(shop.top().join("app.py")).unwrap();
    let asks = format!("os.path.exists('{}')", alive.display());
    let dependent = app.replace("not os.path.exists(\"sick\")", &asks);
    assert_ne!(dependent, app);
    shop.write("app.py", &dependent);
    shop.release("1");
    shop.deployed(&[]);
    shop.write("app.py", &app);
    shop.release("2");
    shop.deployed(&[]);
    fs::remove_file(&alive).unwrap();
    let hub = Hub::new(&host);
    hub.push(&shop, "main");
    let clone = hub.clone("checkout", &["--depth=1"]);
    let ran = hub.rollback(&clone, "ghs_read", &["v1", "--yes"]);
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert!(ran.stderr.contains("failed in the health check"), "{ran:?}");
    assert_eq!(shop.answer().1, "2 -");
    assert_eq!(shop.newest_image(), "2");
    shop.is_tidy();
}

#[test]
fn who_stops_a_fetch_that_does_not_end_stops_before_anything_was_changed() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    two_releases(&shop);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", silent.local_addr().unwrap());
    host.ssh("config:set --no-restart shop DEPLOY_REPOSITORY=acme/shop");
    let elsewhere = host.home().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let running = host
        .cli(&["rollback", "shop", "v1", "--yes"])
        .directory(&elsewhere)
        .env("GITHUB_SERVER_URL", server)
        .start();
    let _asked = silent.accept().unwrap();
    rustix::process::kill_process(running.pid(), Signal::INT).unwrap();
    let ran = running.finish();
    assert_eq!(ran.status, Some(130), "{ran:?}");
    assert_eq!(shop.answer().1, "2 -");
    assert_eq!(shop.variables()["RELEASE_VERSION"], "2");
    shop.is_tidy();
}
