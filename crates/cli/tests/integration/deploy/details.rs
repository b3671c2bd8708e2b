//! Ports, limits, counts, certificates, and tasks in their rarer forms.

use rustix::process::Signal;
use serde_json::Value;

use super::Shop;
use crate::support::{TestHost, await_until};

fn report(host: &TestHost, line: &str) -> Value {
    serde_json::from_str(&host.ssh(&format!("{line} --format json"))).unwrap()
}

#[test]
fn an_image_that_exposes_another_port_is_mapped_to_80_and_that_is_said() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write(
        "Dockerfile",
        "FROM scratch\nEXPOSE 5000\nCMD [\"python3\", \"app.py\"]\n",
    );
    shop.commit("A Dockerfile");
    let ran = shop.deploy(&[]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("the image only exposes port 5000: port 80 is mapped to it"),
        "{ran:?}"
    );
    assert_eq!(report(&host, "ports:report shop")["map"], "http:80:5000");
    assert_eq!(shop.answer().1, "1 -");
}

#[test]
fn limits_and_counts_are_set_once_and_take_effect() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write("Procfile", "web: python3 app.py\nworker: sleep 600\n");
    shop.write(
        ".dokku/config.yml",
        "resources: {memory: 256m, cpu: '0.5'}\nscale: {web: 1, worker: 2}\nhealthcheck: {attempts: 2}\n",
    );
    shop.commit("Limits and counts");
    shop.deployed(&[]);
    let limits = report(&host, "resource:report shop").to_string();
    assert!(limits.contains("256") && limits.contains("0.5"), "{limits}");
    let scale = host.ssh("ps:scale shop");
    assert!(
        scale.contains("worker: 2") && scale.contains("web:"),
        "{scale}"
    );
    assert_eq!(report(&host, "ps:report shop")["processes"], "3");

    // Said again, nothing is to be done.
    let ran = shop.deploy(&[]).run();
    assert!(ran.stderr.contains("nothing had to be changed"), "{ran:?}");

    // Another count alone restarts, without a build.
    shop.write(
        ".dokku/config.yml",
        "resources: {memory: 256m, cpu: '0.5'}\nscale: {web: 1, worker: 1}\nhealthcheck: {attempts: 2}\n",
    );
    let ran = shop.deploy(&["--yes"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        !host
            .counts()
            .commands
            .iter()
            .any(|command| command.contains("git-receive-pack"))
    );
    assert!(
        report(&host, "ps:report shop")
            .get("status-worker-2")
            .is_none()
    );
    shop.is_tidy();
}

#[test]
fn no_certificate_is_a_warning_and_not_a_failed_deploy() {
    let host = TestHost::start();
    host.install_letsencrypt();
    let shop = Shop::new(&host);
    host.fail_next("letsencrypt:enable", 1);
    let ran = shop.deploy(&[]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("⚠ no certificate for shop"), "{ran:?}");
    assert_eq!(shop.variables()["RELEASE_VERSION"], "1");
    assert_eq!(shop.answer().1, "1 -");
}

#[test]
fn a_task_whose_container_is_killed_from_outside_has_failed() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let begun = host.home().join("begun");
    shop.tasks(&[(
        "hang",
        &format!("touch '{}'; exec sleep 600", begun.display()),
    )]);
    shop.release("2");
    let running = shop.deploy(&[]).start();
    await_until("the task", || begun.exists());
    host.ssh("run:stop --app shop");
    let ran = running.finish();
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert!(
        ran.stderr.contains("its container was killed (status 137)"),
        "{ran:?}"
    );
    assert_eq!(shop.answer().1, "1 -");
    assert_eq!(shop.newest_image(), "1");
    shop.is_tidy();
}

#[test]
fn tasks_after_traffic_that_fail_bring_the_old_version_back() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.write(
        ".dokku/config.yml",
        "healthcheck: {attempts: 2}\nrelease: {when: after_traffic, tasks: [{name: warm, command: exit 4}]}\n",
    );
    shop.release("2");
    let told = shop.fails(6, &[]);
    assert!(
        told.contains("failed in the release task \"warm\""),
        "{told}"
    );
    assert_eq!(shop.answer().1, "1 -");
    shop.is_tidy();
}

#[test]
fn a_termination_while_the_health_is_checked_keeps_the_new_version() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.write("sick", "");
    shop.write(
        ".dokku/config.yml",
        "healthcheck: {attempts: 50, wait: 30s}\n",
    );
    shop.release("2");
    let mut running = shop.deploy(&[]).start();
    running.await_stderr("attempt 1 of 50");
    running.signal_group(Signal::TERM);
    let ran = running.finish();
    assert_eq!(ran.status, Some(143), "{ran:?}");
    assert!(ran.stderr.contains("the new version."), "{ran:?}");
    assert_eq!(shop.answer().0, 500);
    assert_eq!(shop.variables()["RELEASE_VERSION"], "1");
    shop.is_tidy();
}

/// Deploys with a time limit that ends in `stage`: on a busy machine a short one ends before.
fn overdue_in(shop: &Shop<'_>, stage: &str) -> String {
    let expected = format!("was stopped in {stage}: it took longer than --timeout gives");
    let mut told = String::new();
    for limit in ["3s", "9s", "27s", "81s"] {
        told = shop.fails(6, &["--timeout", limit]);
        if told.contains(&expected) {
            return told;
        }
        shop.is_tidy();
    }
    panic!("never {expected:?}: {told}");
}

#[test]
fn the_whole_deploy_may_have_a_time_limit() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.tasks(&[("slow", "exec sleep 600")]);
    shop.release("2");
    overdue_in(&shop, "the release task \"slow\"");
    assert_eq!(shop.answer().1, "1 -");
    shop.is_tidy();
}

#[test]
fn an_app_that_names_another_version_is_not_healthy() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write(
        ".dokku/config.yml",
        "healthcheck: {attempts: 1, version_header: X-Version}\n",
    );
    shop.commit("Ask for the version");
    let told = shop.fails(6, &[]);
    assert!(
        told.contains("the answer has no header x-version"),
        "{told}"
    );
}

#[test]
fn the_deploy_branch_of_the_host_is_the_one_pushed_to() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    host.create_app("shop");
    host.ssh("git:set shop deploy-branch production");
    shop.deployed(&["--yes"]);
    assert_eq!(shop.answer().1, "1 -");
    shop.release("2");
    shop.deployed(&[]);
    assert_eq!(shop.answer().1, "2 -");
    assert_eq!(
        report(&host, "git:report shop")["deploy-branch"],
        "production"
    );
}

#[test]
fn previews_share_a_service_where_the_settings_say_so() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write(
        ".dokku/services.yml",
        "services:\n  redis: {enabled: true, environments: {preview: {shared: true}}}\n",
    );
    shop.commit("A shared cache");
    shop.deployed(&["shop-pr-1"]);
    shop.git(&["checkout", "--quiet", "--detach"]);
    shop.deployed(&["--pr", "2"]);
    assert_eq!(
        host.ssh("redis:links redis-preview-shared")
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["shop-pr-1", "shop-pr-2"]
    );
    let variables: Value =
        serde_json::from_str(&host.ssh("config:export --format json shop-pr-2")).unwrap();
    assert_eq!(variables["APP_ENV"], "preview");
    assert!(
        variables["REDIS_URL"]
            .as_str()
            .unwrap()
            .starts_with("redis://")
    );
}

#[test]
fn a_deadline_during_the_health_check_goes_back_as_a_failed_check_does() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.write("sick", "");
    shop.write(
        ".dokku/config.yml",
        "healthcheck: {attempts: 100, wait: 1s}\n",
    );
    shop.release("2");
    let told = overdue_in(&shop, "the health check");
    assert!(
        told.contains("What serves now: the earlier version"),
        "{told}"
    );
    assert_eq!(shop.answer(), (200, "1 -".to_owned()));
    shop.is_tidy();
}

#[test]
fn an_app_that_the_host_has_scaled_to_zero_is_deployed_without_a_check() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    host.ssh("ps:scale shop web=0");
    shop.release("2");
    let ran = shop.deploy(&[]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("✓ nothing to check: no web process (")
            && !ran.stderr.contains("healthy"),
        "{ran:?}"
    );
    shop.is_tidy();
}

/// A web app whose `/health` leads to what the file `leads-to` says.
const LEADING_ON: &str = r#"
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302 if self.path == "/health" else 200)
        if self.path == "/health":
            self.send_header("Location", open("leads-to").read().strip())
        self.end_headers()

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"#;

#[test]
fn the_health_check_follows_redirects_on_its_own_host_and_no_further() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write("app.py", LEADING_ON);
    shop.write(
        ".dokku/config.yml",
        "healthcheck: {path: /health, attempts: 1, wait: 1s}\nrelease: {on_failure: keep}\n",
    );
    shop.write("leads-to", "/well");
    shop.commit("Well");
    let ran = shop.deploy(&[]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let hop = format!(
        "http://shop.localhost:{0}/health redirects to http://shop.localhost:{0}/well (status 302)",
        host.http().port()
    );
    assert!(ran.stderr.contains(&hop), "{ran:?}");
    shop.write("leads-to", "http://elsewhere.localhost/");
    shop.commit("Elsewhere");
    let told = shop.fails(6, &[]);
    assert!(
        told.contains(
            "status 302 (redirects to http://elsewhere.localhost/, which is not followed)"
        ),
        "{told}"
    );
}

#[test]
fn a_plan_for_somebody_elses_app_shows_what_a_deploy_would_take_over() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    host.create_app("shop");
    host.ssh("config:set --no-restart shop THEIRS=1");
    let ran = shop.deploy(&["--dry-run", "--json"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("⚠ shop was not made by this system. From now on:\n")
            && ran
                .stderr
                .contains("  variables that are left alone:  THEIRS\n"),
        "{ran:?}"
    );
    let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["adoption"]["leaves"], serde_json::json!(["THEIRS"]));
    assert_eq!(shop.variables(), serde_json::json!({"THEIRS": "1"}));
}

#[test]
fn what_went_live_is_said_even_where_the_result_finds_no_place() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let ended = |words: &[&str]| {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let mut command = shop.deploy(words).command();
        let output = command.stdout(full.unwrap()).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), told)
    };
    let (code, told) = ended(&["--json"]);
    assert_eq!(code, Some(70), "{told}");
    let live = told.find("✓ Deployed! shop serves ").unwrap();
    let unwritten = told.find("✗ cannot write the result: ").unwrap();
    assert!(live < unwritten, "{told}");
    let (code, told) = ended(&["--json", "--quiet"]);
    assert_eq!(code, Some(70), "{told}");
    assert!(told.contains("What serves now: "), "{told}");
    shop.tasks(&[("migrate", "exit 3")]);
    shop.release("2");
    let (code, told) = ended(&["--json"]);
    assert_eq!(code, Some(6), "{told}");
    assert!(
        told.contains("failed in the release task") && told.contains("cannot write the result: "),
        "{told}"
    );
}
