//! What an image does with the words of `run` before they become a process.
//!
//! Read in the sources of Dokku and herokuish, not recorded: `run` puts `/exec` before the words
//! where herokuish built the image, and that does `exec $(eval echo "$@")`. The words are evaluated
//! by bash once more and then taken apart at blanks: `sh -c 'npm run migrate'` arrives as
//! `sh -c npm run migrate`, which does nothing of the kind and may well exit with 0.

use super::{builder, run};
use crate::{
    app::AppName,
    command::is_plain,
    host::{Host, HostError},
};

/// Dokku's builders whose images start what `run` is given, as it is given. Others may do anything.
const BUILDERS_OF_PLAIN_IMAGES: [&str; 6] = [
    "dockerfile",
    "lambda",
    "nixpacks",
    "null",
    "pack",
    "railpack",
];

/// A script that tells images apart, and its status where words arrive as they were sent. Under
/// herokuish's `/exec` only `exit` is left of it, whose status is 0.
const PROBE: (&str, i32) = ("exit 42", 42);

/// How an image takes the words of `run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryPoint {
    /// As they were sent.
    Plain,
    /// Evaluated, and taken apart at blanks.
    Herokuish,
}

impl EntryPoint {
    /// That of a builder's images; `None` for a builder that is not Dokku's own, or an empty name.
    fn of_builder(name: &str) -> Option<Self> {
        match name {
            "herokuish" => Some(Self::Herokuish),
            name if BUILDERS_OF_PLAIN_IMAGES.contains(&name) => Some(Self::Plain),
            _ => None,
        }
    }
}

/// Whether these words arrive as they were sent, whatever the image.
pub fn is_kept_by_all(words: &[String]) -> bool {
    words.iter().all(|word| is_plain(word))
}

/// How the app's newest image takes words: by the builder of the last build, which Dokku tells
/// since 0.37, or else by a command in the image that shows it. Never a guess.
pub fn find(app: &AppName, host: &dyn Host) -> Result<EntryPoint, HostError> {
    let answer = host.ask(&builder::report(app))?;
    let Some(detected) = builder::read_detected(&answer)? else {
        return Err(answer.refused());
    };
    if let Some(known) = EntryPoint::of_builder(&detected) {
        return Ok(known);
    }
    let (script, as_sent) = PROBE;
    let probe = run::Invocation::of(script, EntryPoint::Plain)?;
    let answer = host.ask(&run::run(app, &probe))?;
    match answer.status {
        status if status == as_sent => Ok(EntryPoint::Plain),
        0 => Ok(EntryPoint::Herokuish),
        status => Err(answer.unparsable(&format!(
            "status {as_sent} or 0 but {status} ({}), so it cannot be told how the image of {app} takes commands",
            answer.complaint()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{
        command::DokkuCommand,
        dokku::recorded::{answer, app, recorded},
        host::{Answer, Follow, Push, PushOutcome},
    };

    /// Gives these answers, the last first.
    struct Answering(Mutex<Vec<Answer>>);

    impl Host for Answering {
        fn name(&self) -> &'static str {
            "a host"
        }

        fn ask(&self, _: &DokkuCommand) -> Result<Answer, HostError> {
            Ok(self.0.lock().unwrap().pop().unwrap())
        }

        fn follow(&self, _: &DokkuCommand, _: &mut dyn Follow) -> Result<i32, HostError> {
            unreachable!()
        }

        fn push(&self, _: &Push, _: &mut dyn Follow) -> Result<PushOutcome, HostError> {
            unreachable!()
        }
    }

    fn found(report: Answer, probe: Option<i32>) -> Result<EntryPoint, HostError> {
        let probe = probe.map(|status| answer(status, "", "no such image"));
        let host = Answering(Mutex::new(probe.into_iter().chain([report]).collect()));
        let found = find(&app("myapp"), &host);
        assert!(host.0.into_inner().unwrap().is_empty(), "not asked");
        found
    }

    fn told(builder: &str) -> Answer {
        answer(0, &format!("{{\"detected\":\"{builder}\"}}"), "")
    }

    #[test]
    fn the_builder_decides_where_it_is_known() {
        let plain = Ok(EntryPoint::Plain);
        assert_eq!(found(recorded("builder-report-json"), None), plain);
        assert_eq!(found(told("nixpacks"), None), plain);
        assert_eq!(found(told("herokuish"), None), Ok(EntryPoint::Herokuish));
    }

    #[test]
    fn the_image_is_asked_where_it_is_not() {
        let without = answer(0, "{\"selected\":\"\"}", "");
        for report in [without, told(""), told("own")] {
            assert_eq!(found(report.clone(), Some(42)), Ok(EntryPoint::Plain));
            assert_eq!(found(report.clone(), Some(0)), Ok(EntryPoint::Herokuish));
            let error = found(report, Some(1)).unwrap_err().to_string();
            assert!(
                error.contains("but 1 (no such image), so it cannot be told how the image"),
                "{error}"
            );
        }
    }

    #[test]
    fn no_report_is_no_builder() {
        let missing = recorded("config-export-missing");
        for report in [missing, answer(255, "", ""), answer(1, "", "no")] {
            let refused = found(report, None);
            assert!(
                matches!(refused, Err(HostError::Refused { .. })),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn only_plain_words_are_kept_by_all() {
        let kept = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            is_kept_by_all(&words)
        };
        assert!(kept(&["rake", "db:migrate", "-v", "A=b"]));
        for word in ["a b", "", "*", "$A", "it's", "a;b", "~", "{a,b}", "a\nb"] {
            assert!(!kept(&["echo", word]), "{word:?}");
        }
    }
}
