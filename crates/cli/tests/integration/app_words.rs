//! `domains`, `ssl`, `shell`, results as JSON, and completions.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::TestHost;

/// The one object on standard output; nothing else may stand there.
fn json(host: &TestHost, words: &[&str]) -> serde_json::Value {
    let words: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
    let ran = host.cli(&words).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn domains_are_shown_added_and_removed_whichever_word_comes_first() {
    let host = TestHost::start();
    host.create_app("shop");
    host.cli(&["-q", "domains", "shop"])
        .prints("shop.localhost\n", "");
    host.cli(&["-q", "domains", "shop", "add", "www.example.com", "--json"])
        .prints("{\"app\":\"shop\",\"result\":\"domain added\"}\n", "");
    host.cli(&["-q", "domains", "add", "shop", "API.example.com", "--json"])
        .prints("{\"app\":\"shop\",\"result\":\"domain added\"}\n", "");
    let ran = host
        .cli(&["domains", "shop", "remove", "www.example.com"])
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stderr
            .contains("ℹ Removing domain www.example.com from shop...\n")
            && ran.stderr.ends_with("✓ Domain removed\n"),
        "{ran:?}"
    );
    assert_eq!(
        json(&host, &["domains", "shop"]),
        serde_json::json!({
            "app": "shop",
            "enabled": true,
            "domains": ["shop.localhost", "api.example.com"],
            "global": ["localhost"],
        })
    );
    for (words, status) in [
        (&["domains", "shop", "add", "https://x.y"][..], 2),
        (&["domains", "shop", "add"], 2),
        (&["domains", "shop", "ad", "x.y"], 2),
        (&["domains", "nosuch"], 5),
        (&["domains", "nosuch", "add", "x.y"], 5),
    ] {
        let ran = host.cli(words).run();
        assert_eq!(ran.status, Some(status), "{words:?}: {ran:?}");
    }
}

#[test]
fn a_certificate_is_got_shown_and_given_up() {
    let host = TestHost::start();
    host.create_app("shop");
    host.cli(&["-q", "ssl", "shop"])
        .prints("No SSL certificate\n", "");
    let ran = host.cli(&["ssl", "shop", "enable"]).run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(ran.stderr.contains("has no plugin letsencrypt"), "{ran:?}");
    host.install_letsencrypt();
    // Without an address for the authority's mail there is none.
    assert_eq!(host.cli(&["ssl", "shop", "enable"]).run().status, Some(6));
    host.ssh("letsencrypt:set shop email ada@example.com");
    let ran = host.cli(&["ssl", "enable", "shop"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.ends_with("✓ SSL enabled\n"), "{ran:?}");
    let ran = host.cli(&["ssl", "shop", "status", "--json"]).run();
    assert!(
        ran.stdout.contains("\"enabled\":true,") && ran.stdout.contains("\"letsencrypt\":true"),
        "{ran:?}"
    );
    assert_eq!(host.cli(&["ssl", "shop", "disable"]).run().status, Some(0));
    host.cli(&["-q", "ssl", "shop"])
        .prints("No SSL certificate\n", "");
    assert_eq!(host.cli(&["ssl", "nosuch"]).run().status, Some(5));
}

#[test]
fn a_shell_wants_a_terminal_and_gets_a_container() {
    let host = TestHost::start();
    host.create_app("shop");
    let ran = host.cli(&["shell", "shop"]).run();
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("a shell needs a terminal"), "{ran:?}");
    assert_eq!(host.counts().connections, 0);
    let output = host
        .cli(&["sh", "shop", "web.2"])
        .on_a_terminal()
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    // The app has no container: Dokku's own words, and its exit code.
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(shown.contains("No containers found"), "{shown}");
    assert_eq!(host.counts().commands, ["enter shop web.2"]);
    assert_eq!(host.runtime_entries(), Vec::<String>::new());
}

#[test]
fn what_changes_an_app_has_one_object_as_its_result() {
    let host = TestHost::start();
    host.create_app("shop");
    for (words, result) in [
        (
            &["scale", "shop", "worker=2"][..],
            serde_json::json!({"app": "shop", "result": "scaled"}),
        ),
        (
            &["config:set", "shop", "SECRET=hunter2"],
            serde_json::json!({"app": "shop", "result": "config updated", "keys": ["SECRET"]}),
        ),
        (
            &["alias", "add", "s", "shop"],
            serde_json::json!({"alias": "s", "app": "shop", "result": "added"}),
        ),
    ] {
        assert_eq!(json(&host, words), result, "{words:?}");
    }
    let scale = json(&host, &["scale", "shop"]);
    assert_eq!(scale["app"], "shop");
    assert_eq!(scale["scale"]["worker"], 2, "{scale}");
    let told = json(&host, &["doctor"]);
    assert_eq!(told["missing"], serde_json::json!(["letsencrypt"]));
    assert_eq!(told["features"]["ssl"], "letsencrypt");
    assert_eq!(told["features"]["domains"], serde_json::Value::Null);
}

#[test]
fn the_doctor_says_what_works_and_what_the_rest_lacks() {
    let host = TestHost::start();
    let ran = host.cli(&["doctor"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for text in [
        "\nLocal Tools\n  ✓ git: git version",
        "\nServer Connection\n  Host: HOST\n  SSH Key: ✓ HOME/my keys/id\n  Connection: ✓ Connected\n  Dokku Version: 0.38.27\n",
        "\nDokku Plugins\n  ✗ letsencrypt is not installed\n  ✓ postgres ",
        "! 1 recommended plugin(s) not installed. As root on the host:\n  dokku plugin:install ",
        "\nFeature Availability\n  list, info, logs     Available\n",
        "  ssl                  Unavailable (needs letsencrypt)\n",
    ] {
        assert!(ran.stdout.contains(text), "{text:?} in {}", ran.stdout);
    }
}

#[test]
fn the_names_of_apps_and_aliases_complete_a_command() {
    let host = TestHost::start();
    host.create_app("shop");
    fs::write(host.home().join(".dokku-cli"), "ALIAS_SHADY=other\n").unwrap();
    host.cli(&["completions", "apps"])
        .prints("shady\nshop\n", "");
    host.create_app("later");
    // Remembered: the host is not asked at each key.
    host.cli(&["completions", "apps"])
        .prints("shady\nshop\n", "");
    assert_eq!(host.counts().connections, 0);

    let other = TestHost::start();
    other.create_app("elsewhere");
    let cache = ".dokku-cli-apps-cache";
    fs::copy(host.home().join(cache), other.home().join(cache)).unwrap();
    other
        .cli(&["completions", "apps"])
        .prints("elsewhere\n", "");

    let script = host.cli(&["completions", "bash"]).run().stdout;
    fs::write(host.home().join("script"), script).unwrap();
    let cli = host.home().join("bin/dokku-cli");
    fs::write(&cli, "#!/bin/sh\nprintf 'shady\\nshop\\nother\\n'\n").unwrap();
    fs::set_permissions(&cli, fs::Permissions::from_mode(0o755)).unwrap();
    let complete = |line: &str| {
        let tester = r#"
            source "$HOME/script"
            COMP_LINE=$1 COMP_POINT=${#1}
            read -ra COMP_WORDS <<< "$1"; [[ $1 == *" " ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _dokku_cli_with_apps dokku-cli "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[@]}""#;
        let path = format!("{}/bin:/usr/bin:/bin", host.home().display());
        let output = Command::new("bash")
            .args(["-c", tester, "bash", line])
            .env_clear()
            .env("HOME", host.home())
            .env("PATH", path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(complete("dokku-cli logs sh"), "shady shop");
    assert_eq!(complete("dokku-cli config:set "), "shady shop other");
    assert!(complete("dokku-cli logs --n").contains("--num"));
    assert!(complete("dokku-cli domai").contains("domains"));
    assert!(!complete("dokku-cli validate sh").contains("shop"));
}
