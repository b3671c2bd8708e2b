//! Third-party plugins: what they are given, what they may call, what their failures do.

#![allow(clippy::unwrap_used, reason = "a test's preparations may panic too")]

mod support;

use std::os::unix::fs::PermissionsExt;

use support::{Bed, text};

/// Puts a plugin with one script into the sandbox.
fn install(bed: &Bed, plugin: &str, script: &str, body: &str) {
    let path = bed.path().join("root/plugins").join(plugin).join(script);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, format!("#!/bin/bash\n{body}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_plugin_calls_dokku_on_the_running_host() {
    let bed = Bed::start();
    install(
        &bed,
        "ask",
        "subcommands/set",
        "cat | dokku --quiet config:import --no-restart \"$2\" -",
    );
    assert!(bed.run("apps:create a").status.success());
    let value = "x".repeat(300_000);
    let output = bed.run_with("ask:set a", format!("KEY={value}\n").as_bytes());
    assert_eq!(
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr)
        ),
        (Some(0), "", "")
    );
    assert_eq!(text(&bed.run("config:get a KEY").stdout).trim(), value);
}

#[test]
fn a_plugin_gets_the_exit_code_and_both_streams_of_its_call() {
    let bed = Bed::start();
    install(
        &bed,
        "ask",
        "subcommands/create",
        "dokku apps:create a; echo \"code $?\"; dokku apps:create a; exit $?",
    );
    let output = bed.run("ask:create");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).contains("-----> Creating a...\n")
            && text(&output.stdout).ends_with("code 0\n")
    );
    assert!(text(&output.stderr).ends_with(" !     Name is already taken\n"));
}

#[test]
fn config_export_tells_missing_from_unreadable_and_config_get_does_not() {
    let bed = Bed::start();
    let body = "for app in a b nope; do plugn trigger config-export \"$app\" false false json 2>/dev/null; echo \"$?\"; \
                plugn trigger config-get \"$app\" K; echo \" $?\"; done";
    install(&bed, "ask", "subcommands/state", body);
    for line in [
        "apps:create a",
        "apps:create b",
        "config:set --no-restart a K=v",
        r"config:set --no-restart b K=v\\",
    ] {
        assert!(bed.run(line).status.success(), "{line}");
    }
    let output = bed.run("ask:state");
    assert_eq!(
        text(&output.stdout),
        "{\"K\":\"v\"}\n0\nv 0\n1\n 0\n20\n 0\n"
    );
}

#[test]
fn user_auth_app_decides_which_apps_are_seen() {
    let bed = Bed::start();
    for name in ["a", "b"] {
        assert!(bed.run(&format!("apps:create {name}")).status.success());
    }
    install(
        &bed,
        "filter",
        "user-auth-app",
        "shift 2; for app; do [ \"$app\" = b ] || echo \"$app\"; done",
    );
    assert_eq!(text(&bed.run("apps:list").stdout), "=====> My Apps\na\n");
    assert_eq!(bed.run("apps:exists b").status.code(), Some(20));
}

#[test]
fn user_auth_sees_the_words_and_refuses() {
    let bed = Bed::start();
    install(
        &bed,
        "guard",
        "user-auth",
        "echo \"[$*]\" >&2; [ \"$3\" != apps:create ]",
    );
    let output = bed.run("apps:create 'x'");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "[dokku admin apps:create x]\n !     Access denied\n"
    );
    assert!(bed.run("apps:list").status.success());
    // A quote in a flag breaks the shell that hands the environment over.
    let output = bed.run(r"version --env=FOO=a\ b");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).ends_with(" !     Access denied\n"));
}

#[test]
fn commands_of_a_plugin_takes_what_it_knows_and_passes_the_rest_on() {
    let bed = Bed::start();
    let body = "case \"$1\" in mine:*) echo \"$DOKKU_COMMAND\"; exit 9;; *) exit \"$DOKKU_NOT_IMPLEMENTED_EXIT\";; esac";
    install(&bed, "mine", "commands", body);
    let output = bed.run("mine:thing");
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(9), "mine:thing\n")
    );
    assert!(text(&bed.run("other:thing").stderr).contains("is not a dokku command"));
}
