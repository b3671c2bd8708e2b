//! The settings file as the program writes it, and what `doctor` and `info` find.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::support::TestHost;

fn file(host: &TestHost) -> String {
    fs::read_to_string(host.home().join(".dokku-cli")).unwrap()
}

#[test]
fn aliases_come_and_go_and_leave_the_rest_of_the_file_alone() {
    let host = TestHost::start();
    host.cli(&["alias"]).prints(
        "",
        "\nApp Aliases\n\n  No aliases configured\n\n  Add with: dokku-cli alias add <name> <app>\n",
    );
    fs::write(
        host.home().join(".dokku-cli"),
        "# mine\nBASE_DOMAIN=x.org\nALIAS_PROD=old\n",
    )
    .unwrap();
    host.cli(&["alias", "add", "Prod", "shop-production"])
        .prints(
            "",
            "✓ Alias 'Prod' -> 'shop-production' added\nℹ Now you can use: dokku-cli logs Prod\n",
        );
    assert_eq!(
        file(&host),
        "# mine\nBASE_DOMAIN=x.org\nALIAS_PROD=\"shop-production\"\n"
    );
    host.cli(&["-q", "alias", "list"])
        .prints("  prod -> shop-production\n", "");
    host.cli(&["alias", "--json"])
        .prints("{\"aliases\":{\"prod\":\"shop-production\"}}\n", "");
    host.cli(&["alias", "remove", "PROD"])
        .prints("", "✓ Alias 'PROD' removed\n");
    assert_eq!(file(&host), "# mine\nBASE_DOMAIN=x.org\n");
    host.cli(&["alias", "rm", "prod"])
        .ends(2, "", "✗ Alias 'prod' not found\n");
}

#[test]
fn what_would_break_the_file_never_gets_into_it() {
    let host = TestHost::start();
    for (name, app) in [
        ("my-app", "shop"),
        ("a/b", "shop"),
        ("ok", "$(id)"),
        ("", "shop"),
    ] {
        let ran = host.cli(&["alias", "add", name, app]).run();
        assert_eq!(ran.status, Some(2), "{ran:?}");
    }
    assert!(!host.home().join(".dokku-cli").exists());
}

#[test]
fn setup_writes_what_it_is_given_and_keeps_the_aliases() {
    let host = TestHost::start();
    let path = host.home().join(".dokku-cli");
    fs::write(&path, "DOKKU_HOST=old.example.com\nALIAS_PROD=shop\n").unwrap();
    let address = format!("127.0.0.1:{}", host.port());
    host.cli(&["setup", "--host", &address, "--base-domain", "example.com"]).prints(
        "",
        "\nDokku CLI Setup\n\n✓ Configuration saved to HOME/.dokku-cli\nℹ Testing connection...\n✓ Connected to Dokku 0.38.27!\n",
    );
    assert_eq!(
        file(&host)
            .replace(&address, "HOST")
            .replace(&host.home().display().to_string(), "HOME"),
        "DOKKU_HOST=\"HOST\"\nALIAS_PROD=shop\nSSH_KEY=\"HOME/my keys/id\"\nBASE_DOMAIN=\"example.com\"\n"
    );
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn setup_writes_nothing_for_a_host_that_is_none() {
    let host = TestHost::start();
    let ran = host.cli(&["setup", "--host", "-oProxyCommand=id"]).run();
    assert_eq!(ran.status, Some(2), "{ran:?}");
    let ran = host.cli(&["setup", "--host=-oProxyCommand=id"]).run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(!host.home().join(".dokku-cli").exists());
}

#[test]
fn doctor_looks_here_and_there() {
    let host = TestHost::start();
    let ran = host.cli(&["doctor"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for line in [
        "✓ git: git version",
        "✓ ssh: OpenSSH",
        "  Host: HOST\n",
        "  SSH Key: ✓ HOME/my keys/id\n",
        "  Connection: ✓ Connected\n",
        "  Dokku Version: 0.38.27\n",
        "✓ postgres ",
    ] {
        assert!(ran.stdout.contains(line), "{line:?}: {ran:?}");
    }
    assert_eq!(host.counts().connections, 1);
}

#[test]
fn an_app_at_a_glance_takes_one_connection() {
    let host = TestHost::start();
    host.create_app("shop");
    host.cli(&["info", "shop"]).prints(
        "Status\n  Not deployed\n\nDomains\n  shop.localhost\n\nSSL\n  No SSL certificate\n\nResources\n  Default resources\n",
        "\nApp Info: shop\n\n",
    );
    let counts = host.counts();
    assert_eq!(
        (counts.connections, counts.commands.len()),
        (1, 4),
        "{counts:?}"
    );
    host.cli(&["info", "nothere"]).ends(
        5,
        "",
        "✗ there is no app nothere on HOST\n  `dokku-cli list` shows the apps of the host.\n",
    );
}

#[test]
fn completions_are_a_script_for_the_shell() {
    let host = TestHost::start();
    for (shell, words) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef dokku-cli"),
        ("fish", "complete -c dokku-cli"),
    ] {
        let ran = host.cli(&["completions", shell]).run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert!(ran.stdout.contains(words), "{shell}");
    }
}

#[test]
fn an_alias_that_cannot_be_one_is_warned_of_and_can_be_removed() {
    let host = TestHost::start();
    host.create_app("shop");
    let path = host.home().join(".dokku-cli");
    fs::write(&path, "ALIAS_PROD=shop\nALIAS_MY-APP=x\n").unwrap();
    let warning = "⚠ HOME/.dokku-cli:2: \"MY-APP\" cannot be an alias: letters, digits and underscores only; `dokku-cli alias remove 'MY-APP'` removes the line\n";
    host.cli(&["-q", "domains", "prod"])
        .prints("shop.localhost\n", warning);
    host.cli(&["-q", "alias", "remove", "my-app"])
        .prints("", warning);
    assert_eq!(file(&host), "ALIAS_PROD=shop\n");
    host.cli(&["-q", "domains", "prod"])
        .prints("shop.localhost\n", "");
}

#[test]
fn environment_and_file_choose_the_form_of_results_where_no_flag_does() {
    let host = TestHost::start();
    host.create_app("shop");
    let path = host.home().join(".dokku-cli");
    let (narration, text) = ("\nDomains: shop\n\n", "shop.localhost\n");
    let domains = || host.cli(&["domains", "shop"]);
    let json = host.cli(&["domains", "shop", "--json"]).run().stdout;
    domains().prints(text, narration);
    domains()
        .env("OUTPUT_FORMAT", "json")
        .env("QUIET_MODE", "true")
        .prints(&json, "");
    fs::write(&path, "OUTPUT_FORMAT=json\nQUIET_MODE=\"true\"\n").unwrap();
    domains().prints(&json, "");
    domains().env("OUTPUT_FORMAT", "text").prints(text, "");
    domains().env("QUIET_MODE", "false").prints(&json, "");
    let ran = host.cli(&["domains", "shop", "add", "a.b", "-v"]).run();
    assert!(ran.stderr.contains("ℹ Adding domain a.b"), "{ran:?}");
    fs::write(&path, "OUTPUT_FORMAT=text\nQUIET_MODE=false\n").unwrap();
    let ran = host.cli(&["domains", "shop", "--json", "-q"]).run();
    assert!(ran.stdout.starts_with('{'), "{ran:?}");
    // A mistake on the command line is one in JSON too.
    let ran = host.cli(&["domainz"]).env("OUTPUT_FORMAT", "json").run();
    assert_eq!(ran.status, Some(2), "{ran:?}");
    assert!(ran.stdout.starts_with("{\"error\":"), "{ran:?}");
}

#[test]
fn a_form_that_does_not_exist_is_an_error_that_names_its_place() {
    let host = TestHost::start();
    host.cli(&["alias"]).env("OUTPUT_FORMAT", "xml").ends(
        3,
        "",
        "✗ the variable OUTPUT_FORMAT is \"xml\"; it has to be json or text\n",
    );
    let path = host.home().join(".dokku-cli");
    fs::write(&path, "# mine\nQUIET_MODE=yes\n").unwrap();
    host.cli(&["alias"]).ends(
        3,
        "",
        "✗ HOME/.dokku-cli:2: QUIET_MODE is \"yes\"; it has to be true or false\n",
    );
}
