//! The plugin killed at each of its writes: stopped by the kernel at the entrance of the system call,
//! so that everything before it has happened and nothing of it. (What a write cut in the middle leaves
//! of the log is tried byte by byte beside the log itself.)

use std::{os::unix::process::CommandExt, process::Command};

use nix::{
    sys::{
        ptrace,
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::{Guarded, ways::running};

/// Whether a system call leaves something behind: one that writes, names, cuts or removes a file, or
/// opens a new one.
fn leaves_something(call: u64, third: u64) -> bool {
    const O_CREAT: u64 = 0o100;
    const WRITES: [u64; 10] = [
        1,   // write
        18,  // pwrite64
        77,  // ftruncate
        82,  // rename
        83,  // mkdir
        87,  // unlink
        263, // unlinkat
        264, // renameat
        316, // renameat2
        75,  // fdatasync
    ];
    WRITES.contains(&call) || (call == 257 && third & O_CREAT != 0)
}

/// Runs the command and kills it before its nth write; `false` if it ended without so many.
#[allow(clippy::zombie_processes, reason = "`waitpid` waits for it")]
fn is_killed_before(mut command: Command, nth: usize) -> bool {
    let program = command.get_program().to_owned();
    let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let envs: Vec<_> = command
        .get_envs()
        .filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())))
        .collect();
    command = Command::new("sh");
    command
        .args(["-c", "kill -STOP $$; exec \"$@\"", "sh"])
        .arg(program)
        .args(words)
        .env_clear()
        .envs(envs)
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .process_group(0);
    let child = command.spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
    ptrace::seize(pid, ptrace::Options::PTRACE_O_TRACESYSGOOD).unwrap();
    kill(pid, Signal::SIGCONT).unwrap();
    let (mut seen, mut is_entrance) = (0, false);
    loop {
        match waitpid(pid, None).unwrap() {
            WaitStatus::PtraceSyscall(_) => {
                is_entrance = !is_entrance;
                let at = ptrace::getregs(pid).unwrap();
                if is_entrance && leaves_something(at.orig_rax, at.rdx) {
                    seen += 1;
                    if seen == nth {
                        kill(pid, Signal::SIGKILL).unwrap();
                    }
                }
                if seen < nth {
                    ptrace::syscall(pid, None).unwrap();
                }
            }
            WaitStatus::PtraceEvent(..) => ptrace::syscall(pid, None).unwrap(),
            WaitStatus::Stopped(_, signal) => ptrace::syscall(pid, signal).unwrap(),
            WaitStatus::Exited(..) => return false,
            WaitStatus::Signaled(_, signal, _) => {
                assert_eq!(signal, Signal::SIGKILL);
                return true;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Whether the app is locked, as everybody sees it.
fn is_locked(host: &Guarded) -> bool {
    let variables = host.variables("shop");
    variables
        .get("DEPLOY_LOCKED")
        .is_some_and(|word| word == "true")
}

/// Whether the log's last word about the lock is that there is one.
fn is_locked_by_the_log(host: &Guarded) -> bool {
    let audit = host.audit();
    let last = audit.iter().rev().find_map(|entry| {
        let event = entry["event"].as_str().unwrap();
        ["lock", "unlock", "restored"]
            .contains(&event)
            .then_some(event)
    });
    last.is_some_and(|event| event != "unlock")
}

/// A call of the program as the plugin's scripts make it.
fn plugin(host: &Guarded, words: &[&str]) -> Command {
    let mut command = Command::new(host.program());
    let shim = host.entry("core-post-extract", &[], "git-hook");
    command.arg("plugin").args(words).env_clear().envs(
        shim.get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    command
}

fn verified(host: &Guarded) {
    let data = host.data().display().to_string();
    let ran = host.host.cli(&["audit", "verify", &data]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
}

#[test]
fn a_lock_or_unlock_killed_at_any_write_is_understood_by_the_next_run() {
    let host = running();
    let subcommand = |words: &[&str]| plugin(&host, &[&["subcommand"], words].concat());
    for words in [
        &["deploy-system:lock", "shop", "incident"][..],
        &["deploy-system:unlock", "shop"],
    ] {
        let wants_lock = words.len() == 3;
        let mut nth = 0;
        loop {
            nth += 1;
            // From the other state.
            let other = if wants_lock { "unlock" } else { "lock" };
            let verb = format!("deploy-system:{other}");
            let ended = subcommand(&[&verb, "shop"]).output().unwrap();
            assert!(matches!(ended.status.code(), Some(0 | 4)), "{ended:?}");
            let was_killed = is_killed_before(subcommand(words), nth);
            let what = format!("{words:?}, killed at write {nth}");
            verified(&host);
            // What is seen now stays: nothing vanishes or comes back with the next change.
            let seen = is_locked(&host);
            host.ok(&format!("config:set --no-restart shop TOUCHED={nth}"));
            assert_eq!(is_locked(&host), seen, "{what}");
            // The same again, in full: it is done, or was done already.
            let ended = subcommand(words).output().unwrap();
            assert!(
                matches!(ended.status.code(), Some(0 | 4)),
                "{what}: {ended:?}"
            );
            assert_eq!(is_locked(&host), wants_lock, "{what}");
            assert_eq!(is_locked_by_the_log(&host), wants_lock, "{what}");
            host.ok(&format!("config:set --no-restart shop TOUCHED=again-{nth}"));
            assert_eq!(is_locked(&host), wants_lock, "{what}");
            verified(&host);
            if !was_killed {
                break;
            }
        }
        assert!(nth > 10, "only {nth} writes were found");
    }
    // What was locked and unlocked through all this is enforced as before.
    host.ok("deploy-system:lock shop incident");
    host.commit();
    assert_eq!(host.push("shop").code, 1);
    host.ok("deploy-system:unlock shop");
    assert_eq!(host.push("shop").code, 0);
}

#[test]
fn a_gate_killed_at_any_write_has_let_nothing_pass_and_the_next_one_puts_everything_back() {
    let host = running();
    let tip = host.tip("shop").unwrap();
    host.ok("deploy-system:lock shop incident");
    let refused = "0123456789012345678901234567890123456789";
    let revision = || host.variables("shop")["GIT_REV"].clone();
    let words = ["core-post-extract", "shop", "/tmp", refused];
    let mut nth = 0;
    loop {
        nth += 1;
        host.ok(&format!("config:set --no-restart shop GIT_REV={refused}"));
        let was_killed = is_killed_before(plugin(&host, &words), nth);
        verified(&host);
        assert!(is_locked(&host), "killed at write {nth}");
        let ended = plugin(&host, &words).output().unwrap();
        assert_eq!(ended.status.code(), Some(4), "{ended:?}");
        assert_eq!(
            (revision(), host.last_event().as_str()),
            (tip.as_str().into(), "denied")
        );
        if !was_killed {
            break;
        }
    }
    assert!(nth > 5, "only {nth} writes were found");
}

#[test]
fn a_lock_that_was_wiped_comes_back_although_whoever_puts_it_back_is_killed_at_any_write() {
    let host = running();
    host.ok("deploy-system:lock shop incident");
    let file = host.host.home().join("root/config/shop/ENV");
    let mut nth = 0;
    loop {
        nth += 1;
        // What `config:clear` does before it tells the plugin.
        let text = std::fs::read_to_string(&file).unwrap();
        let left = text.lines().filter(|line| !line.starts_with("DEPLOY_LOCK"));
        let left = left.collect::<Vec<_>>().join("\n") + "\n";
        std::fs::write(&file, left).unwrap();
        assert!(!is_locked(&host));
        let words = ["post-config-update", "shop", "clear"];
        let was_killed = is_killed_before(plugin(&host, &words), nth);
        verified(&host);
        host.ok(&format!("config:set --no-restart shop TOUCHED={nth}"));
        assert!(is_locked(&host), "killed at write {nth}");
        verified(&host);
        if !was_killed {
            break;
        }
    }
    assert!(nth > 5, "only {nth} writes were found");
}
