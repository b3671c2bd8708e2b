//! The command line, and settings that name no host.

use crate::support::TestHost;

#[test]
fn the_version_is_one_line() {
    let host = TestHost::start();
    let version = format!("dokku-cli v{}\n", env!("CARGO_PKG_VERSION"));
    for arguments in [["--version"], ["version"], ["-v"], ["-V"]] {
        host.cli(&arguments).prints(&version, "");
    }
    assert_eq!(host.counts().connections, 0);
}

#[test]
fn what_is_not_understood_is_named_with_what_comes_near() {
    let host = TestHost::start();
    host.cli(&["lsit"]).ends(
        2,
        "",
        "✗ Unknown command: lsit\n  Did you mean 'list'?\n  Run 'dokku-cli help' for usage\n",
    );
    host.cli(&["list", "--jsno"]).ends(
        2,
        "",
        "✗ Unknown option: --jsno\n  Did you mean '--json'?\n  Run 'dokku-cli help' for usage\n",
    );
}

#[test]
fn without_a_host_nothing_is_guessed() {
    let host = TestHost::start();
    host.cli(&["list"]).env("DOKKU_HOST", "").ends(
        3,
        "",
        "✗ No Dokku host is set\n  Name it with --host, with the variable DOKKU_HOST, or once and for all in ~/.dokku-cli: DOKKU_HOST=\"dokku.example.com\"\n",
    );
}

#[test]
fn a_host_that_could_be_an_option_is_refused() {
    let host = TestHost::start();
    let test = host
        .cli(&["list"])
        .env("DOKKU_HOST", "-oProxyCommand=touch /tmp/pwned");
    let ran = test.run();
    assert_eq!(ran.status, Some(3), "{ran:?}");
    assert!(
        ran.stderr.contains("must not begin with a hyphen"),
        "{ran:?}"
    );
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let host = TestHost::start();
    host.create_app("shop");
    let right = format!("127.0.0.1:{}", host.port());
    let file = host.home().join(".dokku-cli");
    std::fs::write(&file, format!("DOKKU_HOST=\"{right}\"\n")).unwrap();
    host.cli(&["list", "-q"])
        .env("DOKKU_HOST", "")
        .prints("shop\n", "");
    std::fs::write(&file, "DOKKU_HOST=nowhere.invalid\n").unwrap();
    host.cli(&["list", "-q"]).prints("shop\n", "");
    host.cli(&["list", "-q", "--host", &right])
        .env("DOKKU_HOST", "nowhere.invalid")
        .prints("shop\n", "");
}

#[test]
fn a_settings_file_is_read_and_never_run() {
    let host = TestHost::start();
    let marker = host.home().join("ran");
    std::fs::write(
        host.home().join(".dokku-cli"),
        format!("# mine\nBASE_DOMAIN=$(touch '{}')\n", marker.display()),
    )
    .unwrap();
    host.cli(&["list"]).env("DOKKU_HOST", "").ends(
        3,
        "",
        "✗ HOME/.dokku-cli:2: of all variables only $HOME is known in this file\n",
    );
    assert!(!marker.exists());
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let host = TestHost::start();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_dokku-cli"))
        .arg("version")
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .env_clear()
        .env("HOME", host.home())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(70));
}
