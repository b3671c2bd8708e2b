//! `dokku-cli ci test`.

use crate::{
    deploy::Shop,
    support::{Ran, TestHost},
};

fn test(shop: &Shop<'_>) -> Ran {
    let directory = shop.top();
    shop.host().cli(&["ci", "test"]).directory(directory).run()
}

#[test]
fn a_declared_test_that_fails_blocks() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let config = |command: &str| {
        let test = serde_json::json!({"test": {"command": command}});
        shop.write(".dokku/config.yml", &test.to_string());
    };
    config("echo one && touch ran");
    let ran = test(&shop);
    assert_eq!(
        (ran.status, ran.stdout.as_str()),
        (Some(0), "one\n"),
        "{ran:?}"
    );
    assert!(shop.top().join("ran").exists());
    // Neither a pipe nor a later line hides a failure.
    for failing in ["false | cat", "false\ntrue", "exit 3"] {
        config(failing);
        let ran = test(&shop);
        assert_eq!(ran.status, Some(6), "{failing}: {ran:?}");
        assert!(
            ran.stderr.contains("the tests failed (exit status: "),
            "{}",
            ran.stderr
        );
    }
    config("");
    assert_eq!(test(&shop).status, Some(3));
}

#[test]
fn without_a_declared_test_the_languages_own_runs() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    let ran = test(&shop);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr.contains("There is nothing to test"),
        "{}",
        ran.stderr
    );
    // A stand-in for the language's own program, first in the PATH of the tests.
    shop.write("go.mod", "module shop\n");
    let go = host.home().join("bin/go");
    std::fs::write(&go, "#!/bin/sh\necho \"go $*\"\n[ \"$1\" = vet ]\n").unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&go, executable).unwrap();
    let ran = test(&shop);
    assert_eq!(ran.status, Some(6), "{ran:?}");
    assert_eq!(ran.stdout, "go vet ./...\ngo test ./...\n");
}
