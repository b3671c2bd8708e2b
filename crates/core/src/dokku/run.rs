//! `run`: commands in a new container of the app's newest image.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{entry_point::EntryPoint, text_unless_missing};
use crate::{
    app::AppName,
    command::{DokkuCommand, Unsendable},
    host::{Answer, HostError},
};

/// How a text for the shell travels, so that it arrives byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// As one quoted word of `sh -c`. The image needs `sh`.
    Plain(String),
    /// In base64, taken apart again in the container, because Dokku's ssh would alter the text.
    /// The image needs `sh` and `base64`; without the latter the command fails with 127 and says
    /// so.
    Base64(String),
    /// In base64 too, as one word of `bash -c` that holds neither blanks nor globs, so that it is
    /// whole after herokuish's `/exec`, which takes its single quotes off. The image needs `bash` and
    /// `base64`, which those of herokuish have.
    Herokuish(String),
}

impl Invocation {
    /// The simplest way that carries `script` into an image with this entry point. An error is a script that nothing carries: one over
    /// the size of a command line, or with a NUL byte.
    pub fn of(script: &str, entry_point: EntryPoint) -> Result<Self, Unsendable> {
        let unsendable = |why| Unsendable {
            verb: "run".to_owned(),
            word: script.chars().take(80).collect(),
            why,
        };
        if script.contains('\0') {
            return Err(unsendable("a NUL byte cannot be part of a command"));
        }
        if script.trim().is_empty() {
            return Err(unsendable("there is no command in it"));
        }
        let wrapped = match entry_point {
            EntryPoint::Herokuish => Self::Herokuish(script.to_owned()),
            EntryPoint::Plain => {
                let plain = Self::Plain(script.to_owned());
                if command("run", &[], "a", &plain).wire().is_ok() {
                    return Ok(plain);
                }
                Self::Base64(script.to_owned())
            }
        };
        // Room for the flags and the app's name.
        match command("run", &[], &"a".repeat(200), &wrapped).wire() {
            Ok(_) => Ok(wrapped),
            Err(_) => Err(unsendable("it is longer than a command line may be")),
        }
    }

    /// The shell that gets the text.
    fn shell(&self) -> &'static str {
        match self {
            Self::Plain(_) | Self::Base64(_) => "sh",
            Self::Herokuish(_) => "bash",
        }
    }

    /// The text for its `-c`.
    fn script(&self) -> String {
        match self {
            Self::Plain(script) => script.clone(),
            // The status of the assignment is that of base64: a missing one must not look like an
            // empty script that succeeded.
            Self::Base64(script) => format!(
                "_script=$(echo {} | base64 -d) || {{ echo \"this command needs base64 in the image\" >&2; exit 127; }}; eval \"$_script\"",
                STANDARD.encode(script)
            ),
            Self::Herokuish(script) => format!(
                "'_script=$(echo${{IFS}}{}|base64${{IFS}}-d)||exit${{IFS}}127;eval${{IFS}}\"$_script\"'",
                STANDARD.encode(script)
            ),
        }
    }
}

fn command(verb: &str, flags: &[&str], app: &str, invocation: &Invocation) -> DokkuCommand {
    flags
        .iter()
        .fold(DokkuCommand::new(verb), |command, flag| command.flag(flag))
        .arg(app)
        .flag(invocation.shell())
        .flag("-c")
        .arg(invocation.script())
}

/// Runs a command and waits for it; its exit status is the command's own. When the ssh client
/// dies, the container goes on: see [`stop`].
pub fn run(app: &AppName, invocation: &Invocation) -> DokkuCommand {
    command("run", &[], app.as_str(), invocation)
}

/// Begins the name that a release task gives itself (its `$0`), by which it is known among the
/// containers of [`list`].
const TASK: &str = "deploy-run-";

/// Runs a release task of the deploy `run_id`, as [`run`] does.
pub fn task(app: &AppName, invocation: &Invocation, run_id: &str) -> DokkuCommand {
    run(app, invocation).arg(format!("{TASK}{run_id}"))
}

/// Starts a command and comes back at once with its container's name. Its exit status is lost.
pub fn detached(app: &AppName, invocation: &Invocation) -> DokkuCommand {
    command("run:detached", &[], app.as_str(), invocation)
}

/// Reads the answer to [`detached`]: the container's name; `None` when the app does not exist.
pub fn read_detached(answer: &Answer) -> Result<Option<String>, HostError> {
    let Some(text) = text_unless_missing(answer)? else {
        return Ok(None);
    };
    match text.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        Some(name) if name.contains(".run.") && !name.contains(' ') => Ok(Some(name.to_owned())),
        _ => Err(answer.unparsable("the name of a container")),
    }
}

/// A container that `run` started and that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunContainer {
    /// `myapp.run.14771`.
    pub name: String,
    /// Docker's word, such as `running`.
    pub state: String,
    /// What runs in it, as Docker shortens and quotes it.
    #[serde(default)]
    pub command: String,
    /// Docker's text: `2026-11-23 10:35:19 +0000 UTC`.
    #[serde(default)]
    pub created_at: String,
}

impl RunContainer {
    /// The deploy whose release task runs in it; `None`: it is no release task of this system.
    pub fn task_of(&self) -> Option<&str> {
        let last = self.command.rsplit(' ').next()?;
        last.trim_end_matches('"').strip_prefix(TASK)
    }
}

/// Lists the app's running `run` containers.
pub fn list(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("run:list", app)
        .flag("--format")
        .flag("json")
}

/// Reads the answer to [`list`]; `None` when the app does not exist.
pub fn read_list(answer: &Answer) -> Result<Option<Vec<RunContainer>>, HostError> {
    let Some(text) = text_unless_missing(answer)? else {
        return Ok(None);
    };
    serde_json::from_str(text)
        .map(Some)
        .map_err(|_| answer.unparsable("a list of containers"))
}

/// Stops one `run` container of the app: a TERM, and after the app's stop timeout a KILL.
pub fn stop(app: &AppName, container: &str) -> DokkuCommand {
    let command = DokkuCommand::new("run:stop")
        .flag("--container")
        .arg(container);
    // Dokku takes the app from the container's name, which it cannot when that has further dots.
    if app.as_str().contains('.') {
        command.arg(app.as_str())
    } else {
        command
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    const PLAIN: EntryPoint = EntryPoint::Plain;

    fn wire(script: &str) -> String {
        run(&app("myapp"), &Invocation::of(script, PLAIN).unwrap())
            .wire()
            .unwrap()
    }

    #[test]
    fn plain_quoting_where_it_suffices() {
        assert_eq!(wire("exit 3"), "run myapp sh -c 'exit 3'");
        assert_eq!(
            wire("echo \"it's $HOME\" | cat"),
            r#"run myapp sh -c 'echo "it'\''s $HOME" | cat'"#
        );
        assert_eq!(wire("npm run migrate"), "run myapp sh -c 'npm run migrate'");
    }

    #[test]
    fn what_dokku_would_alter_is_wrapped() {
        let line = "run myapp sh -c '_script=$(echo bHMgLS1hbGw= | base64 -d) || { echo \"this command needs base64 in the image\" >&2; exit 127; }; eval \"$_script\"'";
        assert_eq!(wire("ls --all"), line);
        for script in ["a\nb", "x --app other", "x --force", "--help", "-n"] {
            let invocation = Invocation::of(script, PLAIN).unwrap();
            assert!(matches!(invocation, Invocation::Base64(_)), "{script:?}");
            assert!(wire(script).starts_with("run myapp sh -c "), "{script:?}");
        }
    }

    #[test]
    fn herokuish_gets_one_word_without_blanks() {
        let script = Invocation::of("npm run migrate", EntryPoint::Herokuish).unwrap();
        let words = task(&app("myapp"), &script, "0f").words().unwrap();
        let word = r#"'_script=$(echo${IFS}bnBtIHJ1biBtaWdyYXRl|base64${IFS}-d)||exit${IFS}127;eval${IFS}"$_script"'"#;
        assert_eq!(words, ["run", "myapp", "bash", "-c", word, "deploy-run-0f"]);
    }

    #[test]
    fn what_nothing_carries_is_refused() {
        for script in ["", "  \n", "a\0b", &"x".repeat(200_000)] {
            for entry_point in [PLAIN, EntryPoint::Herokuish] {
                assert!(
                    Invocation::of(script, entry_point).is_err(),
                    "{:?}",
                    &script[..script.len().min(9)]
                );
            }
        }
        assert!(Invocation::of(&"x\n".repeat(40_000), PLAIN).is_ok());
    }

    #[test]
    fn run_containers_are_listed_and_stopped() {
        let plain = app("myapp");
        assert_eq!(list(&plain).wire().unwrap(), "run:list myapp --format json");
        assert_eq!(
            stop(&plain, "myapp.run.14771").wire().unwrap(),
            "run:stop --container myapp.run.14771"
        );
        assert_eq!(
            stop(&app("my.app"), "my.app.run.1").wire().unwrap(),
            "run:stop --container my.app.run.1 my.app"
        );
        let containers = read_list(&recorded("run-list-json")).unwrap().unwrap();
        assert_eq!(containers[0].name, "myapp.run.14771");
        assert_eq!(containers[0].state, "running");
        assert_eq!(read_list(&answer(0, "[]\n", "")), Ok(Some(Vec::new())));
        assert_eq!(read_list(&recorded("run-missing-app")), Ok(None));
        assert!(read_list(&answer(0, "=====> none\n", "")).is_err());
    }

    #[test]
    fn a_release_task_is_known_among_the_containers() {
        let script = Invocation::of("npm run migrate", PLAIN).unwrap();
        assert_eq!(
            task(&app("myapp"), &script, "0f").wire().unwrap(),
            "run myapp sh -c 'npm run migrate' deploy-run-0f"
        );
        let container = |command: &str| RunContainer {
            name: "myapp.run.1".into(),
            state: "running".into(),
            command: command.into(),
            created_at: String::new(),
        };
        let known = container("\"sh -c 'npm run migrate' deploy-run-0f\"");
        assert_eq!(known.task_of(), Some("0f"));
        let herokuish = container("\"/exec bash -c ''eval${IFS}x'' deploy-run-0f\"");
        assert_eq!(herokuish.task_of(), Some("0f"));
        for other in [
            "\"sh -c 'echo deploy-run-0f now'\"",
            "\"sleep 30\"",
            "",
            "\"\"",
        ] {
            assert_eq!(container(other).task_of(), None, "{other}");
        }
    }

    #[test]
    fn a_detached_run_tells_its_container() {
        let sleep = Invocation::of("sleep 30", PLAIN).unwrap();
        assert_eq!(
            detached(&app("myapp"), &sleep).wire().unwrap(),
            "run:detached myapp sh -c 'sleep 30'"
        );
        let name = read_detached(&recorded("run-encoded")).unwrap();
        assert_eq!(name.as_deref(), Some("myapp.run.14771"));
        assert!(read_detached(&answer(0, "", "")).is_err());
    }

    proptest! {
        #[test]
        fn every_script_has_a_way(script in r#"[a-z \n'"$-]{1,30}|\PC{1,60}"#) {
            prop_assume!(!script.trim().is_empty());
            for entry_point in [PLAIN, EntryPoint::Herokuish] {
                let invocation = Invocation::of(&script, entry_point).unwrap();
                prop_assert!(run(&app("myapp"), &invocation).wire().is_ok());
            }
        }
    }
}
