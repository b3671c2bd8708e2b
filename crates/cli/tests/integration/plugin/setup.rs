//! `server setup`, with a stand-in for ssh that runs what it is given on this machine, and one for
//! `dokku` that does what `plugin:install` and its like do. No real Dokku is here.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{Ran, Test, TestHost, await_until};

const DOKKU_STAND_IN: &str = r#"#!/bin/sh
plugins=$DOKKU_LIB_ROOT/plugins
echo "$*" >>"$DOKKU_LIB_ROOT/calls"
case "$1" in
    version) echo "dokku version 0.38.27" ;;
    plugin:install)
        mkdir "$plugins/available/$4" || exit 1
        tar -xzf "${2#file://}" -C "$plugins/available/$4" || exit 1
        ln -s "$plugins/available/$4" "$plugins/enabled/$4"
        "$plugins/enabled/$4/install"
        ;;
    plugin:enable) ln -s "$plugins/available/$2" "$plugins/enabled/$2" ;;
    plugin:uninstall)
        if [ -e "$DOKKU_LIB_ROOT/hold" ]; then
            touch "$DOKKU_LIB_ROOT/held"
            sleep 600
        fi
        rm -r "$plugins/enabled/$2" "$plugins/available/$2" ;;
    deploy-system:backup) ;;
    deploy-system:record) exec "$plugins/available/deploy-system/subcommands/record" "$@" ;;
    *) exit 1 ;;
esac
"#;

struct Server {
    host: TestHost,
    top: PathBuf,
}

fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Server {
    fn new() -> Self {
        let host = TestHost::start();
        let top = host.home().join("a server");
        for directory in ["lib/plugins/available", "lib/plugins/enabled", "lib/data"] {
            fs::create_dir_all(top.join(directory)).unwrap();
        }
        script(&top.join("sbin/dokku"), DOKKU_STAND_IN);
        let shown = top.display();
        script(
            &top.join("bin/ssh"),
            &format!(
                "#!/bin/sh\nfor word; do before=$last; last=$word; done\necho \"$before\" >>'{shown}/targets'\n\
                 [ ! -e '{shown}/unplugged' ] || {{ echo 'No route to host' >&2; exit 255; }}\n\
                 exec env DOKKU_LIB_ROOT='{shown}/lib' DOKKU_SYSTEM_USER=\"$(id -un)\" DOKKU_SYSTEM_GROUP=\"$(id -gn)\" \
                 DOKKU_DEPLOY_SYSTEM_UNITS='{shown}/units' PATH='{shown}/sbin:/usr/bin:/bin' sh -c \"$last\"\n"
            ),
        );
        Self { host, top }
    }

    fn server(&self, verb: &str, words: &[&str]) -> Ran {
        self.test(verb, words).run()
    }

    fn test(&self, verb: &str, words: &[&str]) -> Test<'_> {
        let backups = self.top.join("backups").display().to_string();
        let mut all = vec![
            "server",
            verb,
            "--root-ssh",
            "root@h",
            "--backups",
            &backups,
        ];
        all.extend(words);
        self.host.cli(&all).env(
            "PATH",
            format!("{}:/usr/bin:/bin", self.top.join("bin").display()),
        )
    }

    fn schedule(&self, words: &[&str]) -> Ran {
        self.server("schedule", words)
    }

    fn ok(&self, verb: &str, words: &[&str]) -> Ran {
        let ran = self.server(verb, words);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        ran
    }

    /// What a line of a crontab or of a unit says is run, in as bare an environment as there is.
    fn runs(&self, command: &str) {
        let calls = self.top.join("lib/calls");
        drop(fs::remove_file(&calls));
        let ran = Command::new("/bin/sh")
            .args(["-c", command])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("DOKKU_LIB_ROOT", self.top.join("lib"))
            .status();
        assert!(ran.unwrap().success(), "{command}");
        let called = fs::read_to_string(calls).unwrap();
        assert_eq!(called, "deploy-system:backup --scheduled\n", "{command}");
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.top.join("lib/calls")).unwrap_or_default();
        text.lines()
            .filter(|line| *line != "version" && !line.starts_with("deploy-system:record"))
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn setup_installs_once_upgrades_in_place_and_removal_says_what_stays() {
    let server = Server::new();
    let ran = server.ok("setup", &["--dry-run"]);
    assert!(
        ran.stderr
            .contains("install the plugin deploy-system 0.1.0"),
        "{}",
        ran.stderr
    );
    assert!(!server.top.join("backups").exists() && server.calls().is_empty());

    server.ok("setup", &[]);
    let plugin = server.top.join("lib/plugins/available/deploy-system");
    let backups = server.top.join("backups");
    assert_eq!(fs::read_dir(&backups).unwrap().count(), 7);
    let calls = server.calls();
    assert!(
        calls.len() == 1 && calls[0].starts_with("plugin:install file:///"),
        "{calls:?}"
    );
    let status: Value = serde_json::from_str(&server.ok("status", &["--json"]).stdout).unwrap();
    assert_eq!(
        (&status["plugin"], &status["enabled"]),
        (&"0.1.0".into(), &true.into())
    );

    // Again: nothing to do.
    let ran = server.ok("setup", &[]);
    assert!(
        ran.stderr.contains("has everything already"),
        "{}",
        ran.stderr
    );

    // Another version, in place: no uninstall, no moment without the gate's file.
    let gate = fs::read(plugin.join("core-post-extract")).unwrap();
    fs::write(plugin.join("core-post-extract"), "#!/bin/sh\nexit 1\n").unwrap();
    let toml = fs::read_to_string(plugin.join("plugin.toml")).unwrap();
    fs::write(plugin.join("plugin.toml"), toml.replace("0.1.0", "0.9.0")).unwrap();
    fs::write(plugin.join("digest"), "another").unwrap();
    fs::remove_file(server.top.join("lib/plugins/enabled/deploy-system")).unwrap();
    let ran = server.ok("setup", &[]);
    assert!(
        ran.stderr
            .contains("replace the plugin deploy-system 0.9.0 by 0.1.0"),
        "{}",
        ran.stderr
    );
    assert_eq!(fs::read(plugin.join("core-post-extract")).unwrap(), gate);
    assert_eq!(server.calls()[1..], ["plugin:enable deploy-system"]);

    fs::write(backups.join("redis/kept"), "").unwrap();
    let ran = server.ok("remove", &[]);
    assert!(!plugin.exists() && !backups.join("postgres").exists());
    assert!(backups.join("redis/kept").exists());
    assert!(
        ran.stderr.contains("backups stays") && ran.stderr.contains("data/deploy-system stays"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_set_up_is_refused_and_left_alone() {
    let server = Server::new();
    let refused = |code: i32, told: &str| {
        let ran = server.server("setup", &[]);
        assert_eq!(ran.status, Some(code), "{ran:?}");
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
        assert!(server.calls().is_empty() && !server.top.join("backups").exists());
    };
    script(&server.top.join("sbin/uname"), "#!/bin/sh\necho riscv64\n");
    refused(4, "is a riscv64, and this program is for");
    fs::remove_file(server.top.join("sbin/uname")).unwrap();
    script(&server.top.join("sbin/id"), "#!/bin/sh\necho 1000\n");
    refused(4, "is not root there");
    fs::remove_file(server.top.join("sbin/id")).unwrap();
    fs::write(server.top.join("unplugged"), "").unwrap();
    refused(5, "cannot reach root@h: No route to host");
    fs::remove_file(server.top.join("unplugged")).unwrap();
    fs::remove_file(server.top.join("sbin/dokku")).unwrap();
    refused(5, "there is no Dokku on root@h");

    script(&server.top.join("sbin/dokku"), DOKKU_STAND_IN);
    script(
        &server.top.join("sbin/sudo"),
        "#!/bin/sh\nshift\nexec \"$@\"\n",
    );
    server.ok("setup", &["--sudo-user", "ada"]);
    let targets = fs::read_to_string(server.top.join("targets")).unwrap();
    assert!(targets.ends_with("ada@h\n"), "{targets}");
}

/// A gate that does not run would refuse every deploy.
#[test]
fn a_program_that_does_not_run_there_is_no_success() {
    let server = Server::new();
    let program = server.top.join("not a program");
    fs::write(&program, "\u{7f}ELF of another world").unwrap();
    let ran = server.server("setup", &["--program", &program.display().to_string()]);
    assert_eq!(ran.status, Some(5), "{ran:?}");
    assert!(
        ran.stderr.contains("does not run on this machine"),
        "{}",
        ran.stderr
    );
    assert!(server.calls().is_empty());
    let available = server.top.join("lib/plugins/available");
    assert_eq!(fs::read_dir(available).unwrap().count(), 0);
}

/// A crontab that is a file.
const CRONTAB: &str = r#"#!/bin/sh
file=$DOKKU_LIB_ROOT/crontab
[ "$1" = -u ] && shift 2
case "$1" in
    -l) cat "$file" 2>/dev/null || { echo "no crontab" >&2; exit 1; } ;;
    -) cat >"$file" ;;
esac
"#;

#[test]
fn a_timer_is_switched_on_changed_and_off_and_leaves_other_entries_alone() {
    let server = Server::new();
    let too_early = server.schedule(&[]);
    assert_eq!(too_early.status, Some(5), "{too_early:?}");
    assert!(too_early.stderr.contains("server setup"), "{too_early:?}");
    server.ok("setup", &[]);
    script(&server.top.join("sbin/crontab"), CRONTAB);
    script(
        &server.top.join("sbin/systemctl"),
        "#!/bin/sh\necho offline\nexit 1\n",
    );
    let crontab = server.top.join("lib/crontab");
    fs::write(&crontab, "@daily mine\n").unwrap();
    fs::create_dir_all(server.host.home().join(".dokku")).unwrap();
    fs::write(
        server.host.home().join(".dokku/config.yml"),
        "backup:\n  retention_days: 9\n  heartbeat_url: https://hc.example/ping\n",
    )
    .unwrap();
    let on = server.schedule(&["--at", "03:30", "--json"]);
    assert_eq!(on.status, Some(0), "{on:?}");
    let told: Value = serde_json::from_str(&on.stdout).unwrap();
    assert_eq!(
        (&told["by"], &told["to"]),
        (&Value::from("cron"), &Value::from("server"))
    );
    let entries = fs::read_to_string(&crontab).unwrap();
    assert!(entries.starts_with("@daily mine\n"), "{entries}");
    assert_eq!(
        entries
            .matches("deploy-system:backup --scheduled\n")
            .count(),
        1,
        "{entries}"
    );
    let entry = entries.lines().nth(1).unwrap();
    let (when, command) = entry.split_once(" * * * ").unwrap();
    let local = Command::new("date")
        .args(["-d", "03:30 UTC", "+%M %H"])
        .output()
        .unwrap();
    assert_eq!(when, String::from_utf8(local.stdout).unwrap().trim());
    server.runs(command);
    let settings = server.top.join("lib/data/deploy-system/backup.json");
    assert_eq!(
        fs::metadata(&settings).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let kept: Value = serde_json::from_str(&fs::read_to_string(&settings).unwrap()).unwrap();
    assert_eq!(kept["rule"]["days"], 9);
    assert_eq!(kept["restore_tests"]["days"], 7);
    assert_eq!(told["restore_test_days"], 7);
    assert_eq!(kept["at"], "03:30");

    assert_eq!(server.schedule(&[]).status, Some(0));
    let entries = fs::read_to_string(&crontab).unwrap();
    assert_eq!(entries.lines().count(), 2, "{entries}");
    let off = server.schedule(&["--remove"]);
    assert_eq!(off.status, Some(0), "{off:?}");
    assert_eq!(fs::read_to_string(&crontab).unwrap(), "@daily mine\n");
    assert!(!settings.exists());
    for wrong in ["25:00", "02:00;id", "now"] {
        assert_eq!(server.schedule(&["--at", wrong]).status, Some(2), "{wrong}");
    }
}

#[test]
fn a_removal_that_is_stopped_is_recorded_as_such() {
    let server = Server::new();
    server.ok("setup", &[]);
    let lib = server.top.join("lib");
    fs::write(lib.join("hold"), "").unwrap();
    let running = server.test("remove", &[]).start();
    await_until("the removal", || lib.join("held").exists());
    running.signal_group(rustix::process::Signal::INT);
    let ran = running.finish();
    assert_eq!(ran.status, Some(130), "{ran:?}");
    let log = fs::read_to_string(lib.join("data/deploy-system/audit.jsonl")).unwrap();
    let told: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].take())
        .map(|entry| format!("{} {}", entry["action"], entry["status"]).replace('"', ""))
        .collect();
    assert_eq!(told, ["server-setup success", "server-remove cancelled"]);
}

/// systemd's own judgement of the units, with a stand-in for what would switch them on.
#[test]
fn the_units_are_what_systemd_takes_and_run_what_cron_would() {
    let server = Server::new();
    server.ok("setup", &[]);
    script(
        &server.top.join("sbin/systemctl"),
        "#!/bin/sh\necho \"$*\" >>\"$DOKKU_LIB_ROOT/systemctl\"\n[ \"$1\" != is-system-running ] || echo running\n",
    );
    let units = server.top.join("units");
    fs::create_dir(&units).unwrap();
    let on = server.ok("schedule", &["--at", "03:30", "--json"]);
    let told: Value = serde_json::from_str(&on.stdout).unwrap();
    assert_eq!(told["by"], "systemd");
    let names = [
        "dokku-deploy-system-backup.service",
        "dokku-deploy-system-backup.timer",
    ];
    let analyze = |words: &[&str]| {
        let ran = Command::new("systemd-analyze").args(words).output();
        let ran = ran.expect("systemd-analyze, of Debian's systemd");
        let said = String::from_utf8([ran.stdout, ran.stderr].concat()).unwrap();
        (ran.status.success(), said)
    };
    for name in names {
        let path = units.join(name).display().to_string();
        let (is_good, said) = analyze(&["verify", "--man=no", &path]);
        assert!(is_good && !said.contains("dokku"), "{said}");
    }
    let value = |name: &str, key: &str| {
        let text = fs::read_to_string(units.join(name)).unwrap();
        let mut lines = text.lines();
        lines
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap_or_else(|| panic!("{key} in {text}"))
            .to_owned()
    };
    let (is_good, said) = analyze(&["calendar", &value(names[1], "OnCalendar")]);
    assert!(is_good && said.contains("03:30:00 UTC"), "{said}");
    server.runs(&value(names[0], "ExecStart"));
    let calls = fs::read_to_string(server.top.join("lib/systemctl")).unwrap();
    assert!(
        calls.contains(&format!("enable --now {}", names[1])),
        "{calls}"
    );

    server.ok("schedule", &["--remove"]);
    assert_eq!(fs::read_dir(&units).unwrap().count(), 0);
}
