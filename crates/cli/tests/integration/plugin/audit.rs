//! The audit log through kills, and its verification by the program.

use std::{fs, process::Stdio, time::Duration};

use super::Guarded;

const COMMIT: &str = "0123456789012345678901234567890123456789";

#[test]
fn a_plugin_killed_at_any_moment_leaves_a_log_that_verifies_and_goes_on() {
    let host = Guarded::start();
    host.ok("apps:create shop");
    host.ok(&format!("config:set --no-restart shop GIT_REV={COMMIT}"));
    let gate = || host.entry("core-post-extract", &["shop", "/tmp", COMMIT], "git-hook");
    let data = host.data().display().to_string();
    let mut killed = 0;
    for number in 0..40u64 {
        let program = host.program();
        let mut child = gate();
        // The program itself, so that the kill hits no shell before it.
        let mut command = std::process::Command::new(program);
        command
            .args(["plugin", "core-post-extract", "shop", "/tmp", COMMIT])
            .env_clear()
            .envs(
                child
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child_process = command.spawn().unwrap();
        std::thread::sleep(Duration::from_micros(number * 600));
        child_process.kill().unwrap();
        killed += u32::from(child_process.wait().unwrap().code().is_none());
        if number % 8 == 7 {
            assert!(child.status().unwrap().success(), "the next one goes on");
            let ran = host.host.cli(&["audit", "verify", &data]).run();
            assert_eq!(ran.status, Some(0), "{ran:?}");
        }
    }
    assert!(killed > 0, "nothing was killed");
}

#[test]
fn the_program_tells_a_whole_log_from_a_changed_and_a_cut_one() {
    let host = Guarded::start();
    host.ok("apps:create shop");
    for reason in ["one", "two", "three"] {
        host.ok(&format!("deploy-system:lock shop {reason}"));
        host.ok("deploy-system:unlock shop");
    }
    let data = host.data().display().to_string();
    let verify = |words: &[&str]| {
        let words: Vec<&str> = ["audit", "verify", &data]
            .iter()
            .chain(words)
            .copied()
            .collect();
        host.host.cli(&words).run()
    };
    let ran = verify(&[]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let last = ran.stdout.trim().to_owned();
    assert_eq!(last.len(), 64);
    assert_eq!(verify(&["--known", &last]).status, Some(0));
    let path = host.data().join("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let cut: Vec<&str> = text.lines().take(4).collect();
    fs::write(&path, cut.join("\n") + "\n").unwrap();
    assert_eq!(verify(&[]).status, Some(0));
    let ran = verify(&["--known", &last]);
    assert_eq!(ran.status, Some(7), "{ran:?}");
    assert!(ran.stderr.contains("its tail was cut"), "{}", ran.stderr);
    fs::write(&path, text.replace("two", "2wo")).unwrap();
    let ran = verify(&[]);
    assert_eq!(ran.status, Some(7));
    assert!(
        ran.stderr.contains("line 4: entry 4 does not continue"),
        "{}",
        ran.stderr
    );
}
