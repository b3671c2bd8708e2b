//! Commands that show and change apps.

use crate::support::TestHost;

#[test]
fn apps_are_listed_as_text_as_names_and_as_json() {
    let host = TestHost::start();
    host.cli(&["list", "--json"]).prints("{\"apps\":[]}\n", "");
    host.create_app("shop");
    host.create_app("api.v2");
    host.cli(&["ls"]).prints("api.v2\nshop\n", "\nAll Apps\n\n");
    host.cli(&["-q", "list"]).prints("api.v2\nshop\n", "");
    host.cli(&["list", "--json"])
        .prints("{\"apps\":[\"api.v2\",\"shop\"]}\n", "");
}

#[test]
fn an_app_without_releases_says_so() {
    let host = TestHost::start();
    host.create_app("shop");
    host.cli(&["releases", "shop"]).prints(
        "No release tracking enabled for this app.\n\
         Releases are recorded from the first `dokku-cli deploy` on.\n\
         \n\
         Current Deployment:\n  No deployment info available\n",
        "\nReleases: shop\n\n",
    );
    host.cli(&["releases", "shop", "--json"])
        .prints("{\"app\":\"shop\",\"current\":null,\"releases\":[]}\n", "");
}

#[test]
fn a_missing_app_is_not_an_app_without_releases() {
    let host = TestHost::start();
    host.cli(&["releases", "shop"]).ends(
        5,
        "",
        "✗ there is no app shop on HOST\n  `dokku-cli list` shows the apps of the host.\n",
    );
}

#[test]
fn a_damaged_record_is_an_error_and_json_says_so_too() {
    let host = TestHost::start();
    host.create_app("shop");
    host.ssh("config:set --no-restart shop RELEASE_VERSION=1 RELEASE_HISTORY_B64=%%%");
    let ran = host.cli(&["releases", "shop", "--json"]).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    let error: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(error["error"]["exit_code"], 5);
    assert!(ran.stderr.contains("RELEASE_HISTORY_B64"), "{ran:?}");
}

#[test]
fn variables_are_set_shown_and_unset_without_a_trace_of_them_on_the_way() {
    let host = TestHost::start();
    host.create_app("shop");
    host.cli(&[
        "config:set",
        "shop",
        "MOTTO=it's \"a b\" --app x",
        "N=1",
        "--no-restart",
    ])
    .prints("", "ℹ Setting config for shop...\n✓ Config updated\n");
    assert!(
        !host
            .counts()
            .commands
            .iter()
            .any(|line| line.contains("a b")),
        "{:?}",
        host.counts().commands
    );
    host.cli(&["-q", "config", "shop", "--json"])
        .prints("{\"MOTTO\":\"it's \\\"a b\\\" --app x\",\"N\":\"1\"}\n", "");
    host.cli(&["-q", "config-unset", "shop", "N", "--no-restart"])
        .prints("", "");
    host.cli(&["config", "shop"]).prints(
        "MOTTO: it's \"a b\" --app x\n",
        "\nEnvironment Variables: shop\n\n",
    );
}

#[test]
fn a_value_that_the_store_would_corrupt_is_refused_before_anything_is_sent() {
    let host = TestHost::start();
    host.create_app("shop");
    for value in ["K=ends in \\", "K=ends in \"", "K=007"] {
        let ran = host.cli(&["config:set", "shop", value]).run();
        assert_eq!(ran.status, Some(2), "{ran:?}");
    }
    assert_eq!(host.counts().connections, 0);
}

#[test]
fn an_alias_leads_to_its_app_in_any_case() {
    let host = TestHost::start();
    host.create_app("shop-production");
    std::fs::write(
        host.home().join(".dokku-cli"),
        "ALIAS_PROD=\"shop-production\"\n",
    )
    .unwrap();
    let ran = host.cli(&["releases", "Prod", "--json"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("\"app\":\"shop-production\""));
}

#[test]
fn in_a_repository_the_app_may_be_left_out_before_what_is_no_apps_name() {
    let host = TestHost::start();
    host.create_app("shop");
    let top = host.home().join("shop");
    std::fs::create_dir_all(&top).unwrap();
    let made = std::process::Command::new("git")
        .args(["init", "--quiet"])
        .arg(&top)
        .status()
        .unwrap();
    assert!(made.success());
    let run = |words: &[&str]| host.cli(words).directory(&top).run();
    for words in [
        &["config:set", "GREETING=hi", "N=1"][..],
        &["config:unset", "GREETING"],
        &["scale", "worker=2"],
    ] {
        let ran = run(words);
        assert_eq!(ran.status, Some(0), "{ran:?}");
    }
    assert_eq!(run(&["config", "--json"]).stdout, "{\"N\":\"1\"}\n");
    assert!(host.ssh("ps:scale shop").contains("worker: 2"));
    for words in [&["config:set", "shop"][..], &["config:unset", "shop"]] {
        let ran = run(words);
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("no variable is given"), "{ran:?}");
    }
}
