//! What cannot be deployed gets a clear error, and changes nothing.

use super::Shop;
use crate::support::TestHost;

/// Nothing was asked of the host, or nothing but questions.
fn nothing_changed(host: &TestHost) {
    assert_eq!(host.ssh("--quiet apps:list").trim(), "");
}

#[test]
fn outside_of_a_repository() {
    let host = TestHost::start();
    host.cli(&["deploy"]).ends(
        3,
        "",
        "✗ Not in a git repository\n  Run it in the repository of the app that is to be deployed.\n",
    );
    nothing_changed(&host);
}

#[test]
fn a_repository_without_a_commit() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.git(&["update-ref", "-d", "HEAD"]);
    let told = shop.fails(3, &["--yes"]);
    assert!(told.contains("The repository has no commit yet"), "{told}");
    nothing_changed(&host);
}

#[test]
fn a_detached_head_without_a_branch() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.git(&["checkout", "--quiet", "--detach"]);
    let told = shop.fails(3, &[]);
    assert!(told.contains("HEAD is detached at"), "{told}");
    nothing_changed(&host);
    shop.deployed(&["shop", "main"]);
}

#[test]
fn a_branch_that_deploys_nowhere_lists_those_that_do() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.git(&["checkout", "--quiet", "-b", "feature/x"]);
    let told = shop.fails(3, &[]);
    assert!(
        told.contains("feature/x")
            && told.contains("main → production")
            && told.contains("staging → staging"),
        "{told}"
    );
    nothing_changed(&host);
}

#[test]
fn names_and_environments_that_do_not_exist() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let told = shop.fails(2, &["My_App"]);
    assert!(told.contains("lower-case letter"), "{told}");
    let told = shop.fails(2, &["--env", "prod"]);
    assert!(
        told.contains("production, staging, development or preview"),
        "{told}"
    );
    let told = shop.fails(3, &["shop", "no-such-branch"]);
    assert!(told.contains("no-such-branch"), "{told}");
    nothing_changed(&host);
}

#[test]
fn broken_settings_point_at_the_place() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write(
        ".dokku/config.yml",
        "healthcheck:\n  atempts: 3\nscale: {web: many}\n",
    );
    shop.commit("Broken settings");
    let told = shop.fails(3, &[]);
    assert!(
        told.contains("config.yml:2:3") && told.contains("attempts"),
        "{told}"
    );
    assert!(
        told.contains("config.yml:3:"),
        "both faults in one run: {told}"
    );
    nothing_changed(&host);
}

#[test]
fn a_dirty_tree_is_not_deployed_without_a_yes() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write("forgotten", "x");
    let told = shop.fails(4, &[]);
    assert!(
        told.contains("uncommitted changes") && told.contains("forgotten"),
        "{told}"
    );
    nothing_changed(&host);
    shop.deployed(&["--yes"]);
}

#[test]
fn a_shallow_clone_is_refused_with_the_fix() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.release("2");
    let copy = host.home().join("copy");
    shop.git(&[
        "clone",
        "--quiet",
        "--depth=1",
        &format!("file://{}", shop.top().display()),
        &copy.display().to_string(),
    ]);
    let ran = host.cli(&["deploy", "shop"]).directory(&copy).run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("git fetch --unshallow"), "{ran:?}");
    nothing_changed(&host);
}

#[test]
fn variables_that_dokku_would_corrupt() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    for (variable, why) in [
        ("PATHS=c:\\", "cannot be stored by Dokku"),
        ("ZIP=007", "cannot be stored by Dokku"),
        ("DEPLOY_LOCKED=true", "this system's own state"),
        ("GIT_REV=x", "belongs to Dokku"),
    ] {
        let told = shop.fails(3, &["--var", variable]);
        assert!(told.contains(why), "{variable}: {told}");
    }
    nothing_changed(&host);
}

#[test]
fn an_app_that_never_binds_its_port() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.write("Procfile", "web: sleep 600\n");
    shop.write("app.json", r#"{"healthchecks": {"web": [{"type": "startup", "name": "up", "path": "/", "attempts": 1, "wait": 1, "timeout": 1}]}}"#);
    shop.commit("Never listens");
    let told = shop.fails(6, &[]);
    assert!(
        told.contains("nothing, no container of the app runs"),
        "{told}"
    );
}
