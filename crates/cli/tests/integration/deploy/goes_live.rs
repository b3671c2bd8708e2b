//! Deploys that succeed.

use serde_json::Value;

use super::Shop;
use crate::support::TestHost;

#[test]
fn the_first_deploy_serves_and_is_recorded_over_one_connection() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let commit = shop.git(&["rev-parse", "HEAD"]);
    let ran = shop.deploy(&["--json"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(host.counts().handshakes, 1, "{ran:?}");
    let result: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(result["outcome"]["result"], "live", "{result}");
    assert_eq!(result["serving"]["state"], "new", "{result}");
    assert_eq!(result["version"], 1);
    assert_eq!(result["commit"]["sha"], commit);
    assert!(
        result["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["seconds"].is_number())
    );
    assert_eq!(shop.answer(), (200, "1 -".to_owned()));
    let variables = shop.variables();
    assert_eq!(variables["RELEASE_VERSION"], "1");
    assert_eq!(variables["RELEASE_SHA"], commit);
    assert_eq!(variables["RELEASE_IMAGE"], result["serving"]["image"]);
    assert_eq!(variables["RELEASE_ACTOR"], "ada@example.com");
    assert_eq!(variables["APP_ENV"], "production");
    assert_eq!(variables["APP_URL"], "http://shop.localhost");
    shop.is_tidy();
}

#[test]
fn a_second_deploy_of_the_same_commit_changes_nothing_and_still_verifies() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let before = shop.variables();
    let ran = shop.deploy(&[]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("serves") && ran.stderr.contains("nothing had to be changed"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("answered 200"), "{ran:?}");
    let counts = host.counts();
    assert_eq!(counts.handshakes, 1);
    for changing in [
        "git-receive-pack",
        "config:import",
        "config:set",
        "config:unset",
        "ps:set",
        "ps:restart",
    ] {
        assert!(
            !counts
                .commands
                .iter()
                .any(|command| command.contains(changing)),
            "{changing}: {counts:?}"
        );
    }
    assert_eq!(shop.variables(), before);
}

#[test]
fn a_new_commit_replaces_the_old_one_and_history_grows() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let first = shop.git(&["rev-parse", "HEAD"]);
    shop.release("2");
    let ran = shop.deploy(&["--json"]).run();
    let result: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(result["previous_sha"], first);
    assert_eq!(result["version"], 2);
    assert_eq!(shop.answer(), (200, "2 -".to_owned()));
    shop.is_tidy();
}

#[test]
fn a_rewritten_branch_is_deployed_too() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.release("2");
    shop.deployed(&[]);
    shop.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    shop.release("3");
    shop.deployed(&[]);
    assert_eq!(shop.answer().1, "3 -");
}

#[test]
fn release_tasks_run_in_the_new_image_before_it_takes_traffic() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let seen = host.home().join("seen by the task");
    let router = host.http();
    // The task notes its own version, and what the router answers at that moment.
    let command = format!(
        "(cat version; echo; python3 -c \"import urllib.request as u; print(u.urlopen(u.Request('http://{router}/', headers={{'Host': 'shop.localhost'}})).read().decode())\") > '{}'",
        seen.display()
    );
    shop.tasks(&[("look", &command)]);
    shop.release("2");
    shop.deployed(&[]);
    let seen = std::fs::read_to_string(seen).unwrap();
    assert_eq!(seen.split_whitespace().collect::<Vec<_>>(), ["2", "1", "-"]);
    assert_eq!(shop.answer().1, "2 -");
    shop.is_tidy();
}

#[test]
fn commands_of_tasks_arrive_byte_for_byte() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let out = host.home().join("out");
    let awkward = "it's \"quoted\" $HOME  two  blanks --app other --force `id` | ; \\n é";
    let command = format!("cat > '{}' <<'END'\n{awkward}\nEND\n", out.display());
    shop.tasks(&[("write", &command)]);
    shop.commit("A task with everything awkward");
    shop.deployed(&[]);
    assert_eq!(
        std::fs::read_to_string(out).unwrap(),
        format!("{awkward}\n")
    );
}

#[test]
fn variables_alone_restart_and_only_a_given_source_unsets() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write(
        "../vars.json",
        r#"{"GREETING": "it's \"hi\" $x", "OTHER": "1"}"#,
    );
    shop.deployed(&["--vars-file", "../vars.json"]);
    assert_eq!(shop.answer().1, "1 it's \"hi\" $x");
    host.ssh("config:set --no-restart shop BY_HAND=kept");

    // A laptop without the file unsets nothing.
    shop.deployed(&[]);
    assert_eq!(shop.variables()["OTHER"], "1");

    // The file without a key unsets it; what was set by hand stays.
    shop.write("../vars.json", r#"{"GREETING": "bye"}"#);
    shop.deployed(&["--vars-file", "../vars.json"]);
    assert_eq!(shop.answer().1, "1 bye");
    let variables = shop.variables();
    assert!(variables.get("OTHER").is_none(), "{variables}");
    assert_eq!(variables["BY_HAND"], "kept");
}

#[test]
fn values_never_show_in_the_output_or_in_the_hosts_process_list() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let ran = shop.deploy(&["-v", "--var", "GREETING=hunter2"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        !ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"),
        "{ran:?}"
    );
    assert!(
        !host
            .counts()
            .commands
            .iter()
            .any(|command| command.contains("hunter2"))
    );
    assert_eq!(shop.answer().1, "1 hunter2");
}

#[test]
fn a_dry_run_shows_the_plan_and_changes_nothing() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let ran = shop.deploy(&["--dry-run"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(
        ran.stdout.lines().next(),
        Some("Creating the app shop"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("set APP_ENV=••••"), "{ran:?}");
    assert_eq!(host.ssh("--quiet apps:list").trim(), "");
}

#[test]
fn an_app_made_by_hand_is_taken_over_only_when_confirmed() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    host.create_app("shop");
    host.ssh("config:set --no-restart shop SECRET_KEY=x");
    let told = shop.fails(4, &[]);
    assert!(
        told.contains("variables that are left alone:  SECRET_KEY"),
        "{told}"
    );
    assert!(shop.variables().get("APP_ENV").is_none());
    shop.deployed(&["--yes"]);
    assert_eq!(shop.variables()["SECRET_KEY"], "x");
    assert_eq!(shop.answer().1, "1 -");
}

#[test]
fn a_commit_pushed_by_hand_is_built_again_so_that_what_runs_is_known() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    let commit = shop.release("2");
    shop.push_by_hand("main");
    let ran = shop.deploy(&[]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(shop.variables()["RELEASE_SHA"], commit);
    assert_eq!(shop.answer().1, "2 -");
}
