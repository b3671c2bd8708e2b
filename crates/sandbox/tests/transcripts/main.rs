//! Replays the recorded answers of a real host against the sandbox, in the order in which they were recorded.
//!
//! `docs/sandbox.md` lists every recording that is not matched, with a reason; this test holds the list to the
//! truth in both directions. `SANDBOX_UPDATE=1` rewrites the table, `SANDBOX_SHOW=ID` (or `all`) prints differences.

#![allow(clippy::unwrap_used, reason = "a test's preparations may panic too")]

mod normal;
mod recording;
mod scenario;
#[path = "../support/mod.rs"]
mod support;
mod unmatched;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use base64::Engine;

use normal::Rules;
use recording::{Action, Recording, Stream};
use scenario::Step;
use support::{Bed, Master, feed};

/// Recordings whose lines come in the order of a Go map, or from the client and the host at once.
const UNORDERED: &[&str] = &["config-clear", "push-fail-user-auth"];

struct Replay {
    bed: Bed,
    master: Master,
    rules: Rules,
    root: String,
}

impl Replay {
    fn start() -> Self {
        let bed = Bed::start();
        let root = bed.running.host().root().to_owned();
        scenario::install_probe(&root);
        let master = bed.master();
        Self {
            bed,
            master,
            rules: Rules::new(),
            root: root.display().to_string(),
        }
    }

    fn steps(&self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Run(line) => drop(self.line(line, b"")),
                Step::Fail(trigger) => scenario::fail(self.root.as_ref(), trigger),
                Step::Push(app) => {
                    drop(self.git(&["push", &format!("dokku@127.0.0.1:{app}"), "master:master"]));
                }
                Step::File(name, text) => {
                    let path = self.bed.path().join("sample").join(name);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    if text.is_empty() {
                        std::fs::remove_file(path).unwrap();
                    } else {
                        std::fs::write(&path, text).unwrap();
                        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
                            .unwrap();
                    }
                }
                Step::Heal => scenario::fail(self.root.as_ref(), ""),
            }
        }
    }

    fn line(&self, line: &str, stdin: &[u8]) -> Output {
        let mut command = Command::new("timeout");
        command
            .args(["20", "ssh", "-F", "none", "-S"])
            .arg(&self.master.socket)
            .args(["--", "dokku@127.0.0.1", line]);
        feed(&mut command, stdin)
    }

    /// `git` in the repository of the sample app, over the master connection.
    fn git(&self, words: &[&str]) -> Output {
        let ssh = format!("ssh -F none -S {}", self.master.socket.display());
        let mut command = Command::new("timeout");
        command
            .args(["60", "git", "-C"])
            .arg(self.bed.path().join("sample"))
            .args(words)
            .env("GIT_SSH_COMMAND", ssh)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{role}_NAME"), "Sample")
                .env(format!("GIT_{role}_EMAIL"), "sample@example.com");
        }
        feed(&mut command, b"")
    }

    fn make_sample(&self) {
        let directory = self.bed.path().join("sample");
        std::fs::create_dir(&directory).unwrap();
        self.git(&["init", "-q", "-b", "master"]);
        for (name, text) in scenario::SAMPLE {
            std::fs::write(directory.join(name), text).unwrap();
        }
        self.git(&["add", "."]);
        for number in 0..6 {
            let made = self.git(&["commit", "-q", "--allow-empty", "-m", &number.to_string()]);
            assert!(made.status.success(), "{made:?}");
        }
    }

    /// The differences between what was recorded and what the sandbox answers; empty if there are none.
    fn differences(&self, recording: &Recording) -> Vec<String> {
        let output = match recording.action() {
            Action::Line(line) => self.line(&line, &recording.stdin()),
            Action::Git(words) => {
                if !scenario::WITHOUT_COMMIT.contains(&recording.id.as_str()) {
                    self.git(&["add", "-A"]);
                    self.git(&["commit", "-q", "--allow-empty", "-m", &recording.id]);
                }
                self.git(&words.iter().map(String::as_str).collect::<Vec<_>>())
            }
        };
        let mut differences = Vec::new();
        if recording.exit != output.status.code().unwrap_or(-1) {
            differences.push(format!(
                "exit: recorded {}, answered {:?}",
                recording.exit,
                output.status.code()
            ));
        }
        match &recording.stdout {
            Stream::Text(text) => {
                differences.extend(self.compare(recording, "stdout", text, &output.stdout));
            }
            Stream::Binary { b64_head, len } => {
                let head = base64::engine::general_purpose::STANDARD
                    .decode(b64_head)
                    .unwrap();
                // A dump carries dates and the engine's version: only its magic is compared.
                let is_same = if recording.id.ends_with("-export") {
                    output.stdout.starts_with(&head[..5])
                } else {
                    output.stdout.starts_with(&head) && output.stdout.len() == *len
                };
                if !is_same {
                    differences.push(format!(
                        "stdout: {} bytes, recorded {len}",
                        output.stdout.len()
                    ));
                }
            }
        }
        differences.extend(self.compare(recording, "stderr", &recording.stderr, &output.stderr));
        differences
    }

    fn compare(
        &self,
        recording: &Recording,
        stream: &str,
        recorded: &str,
        answered: &[u8],
    ) -> Option<String> {
        let answered = String::from_utf8_lossy(answered)
            .replace(&format!("PATH={}/bin:", self.root), "PATH=")
            .replace(
                &format!("{}/services", self.root),
                "/var/lib/dokku/services",
            )
            .replace(&format!("{}/home", self.root), "/home/dokku")
            .replace(&format!("{}/lib", self.root), "/var/lib/dokku")
            .replace(&format!("{}/logs", self.root), "/var/log/dokku")
            .replace(&format!(":{}", self.bed.running.http().port()), "");
        let (mut recorded, mut answered) =
            (self.rules.apply(recorded), self.rules.apply(&answered));
        if UNORDERED.contains(&recording.id.as_str()) {
            (recorded, answered) = (normal::sorted(&recorded), normal::sorted(&answered));
        }
        (recorded != answered)
            .then(|| format!("{stream}: recorded\n{recorded}\n{stream}: answered\n{answered}"))
    }
}

#[test]
fn the_sandbox_answers_as_recorded_except_where_the_documents_say_so() {
    let replay = Replay::start();
    replay.make_sample();
    replay.steps(scenario::FIRST);
    let show = std::env::var("SANDBOX_SHOW").unwrap_or_default();
    let recordings = Recording::all();
    let mut unmatched = Vec::new();
    for recording in &recordings {
        let before = scenario::BEFORE
            .iter()
            .filter(|(id, _)| *id == recording.id);
        before.for_each(|(_, steps)| replay.steps(steps));
        let differences = replay.differences(recording);
        if !differences.is_empty() {
            if show == "all" || show.split(',').any(|id| id == recording.id) {
                println!("## {}\n{}", recording.id, differences.join("\n"));
            }
            unmatched.push(recording.id.clone());
        }
    }
    let (total, matched) = (recordings.len(), recordings.len() - unmatched.len());
    println!("matched {matched} / total {total}");
    if std::env::var_os("SANDBOX_UPDATE").is_some() {
        unmatched::write(&unmatched, matched, total);
    }
    let reasons = unmatched::read();
    let undocumented: Vec<_> = unmatched
        .iter()
        .filter(|id| !reasons.contains_key(*id))
        .collect();
    assert!(
        undocumented.is_empty(),
        "these do not match, and docs/sandbox.md gives no reason: {undocumented:?}"
    );
    let healed: Vec<_> = reasons
        .keys()
        .filter(|id| !unmatched.contains(id))
        .collect();
    assert!(
        healed.is_empty(),
        "docs/sandbox.md lists these as not matched, yet they match: {healed:?}"
    );
    let unexplained: Vec<_> = reasons
        .iter()
        .filter(|(_, reason)| *reason == unmatched::WANTED)
        .collect();
    assert!(
        unexplained.is_empty(),
        "docs/sandbox.md wants a reason for these: {unexplained:?}"
    );
    assert_eq!(
        unmatched::figure(),
        format!("matched {matched} / total {total}")
    );
    drop(replay.bed);
}
