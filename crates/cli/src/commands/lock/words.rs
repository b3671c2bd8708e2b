//! Which of the words after `lock` are the app and which the reason.

use dokku_deploy::app::AppName;

use crate::failure::Failure;

/// The reason where none is given.
pub const NO_REASON: &str = "Manual lock via CLI";

/// What the words mean.
#[derive(Debug, PartialEq, Eq)]
pub enum Meant {
    /// Show the lock of the app that is named, or of the repository's.
    Status(Option<String>),
    /// Lock every production app, with this reason.
    All(String),
    /// Lock the app that is named, or the repository's, with this reason.
    One(Option<String>, String),
}

/// Reads the words. One word is the app if it is an alias or could be an app's name, else it is the
/// reason for the repository's app. Of several words the first is the app and the others are the
/// reason.
pub fn read<E: From<Failure>>(
    words: &[String],
    is_all: bool,
    is_alias: impl Fn(&str) -> Result<bool, E>,
) -> Result<Meant, E> {
    if is_all {
        let reason = words.join(" ");
        if reason.trim().is_empty() {
            return Err(Failure::usage("`lock --all` needs a reason")
                .hint("For instance: dokku-cli lock --all \"database migration\"")
                .into());
        }
        return Ok(Meant::All(reason));
    }
    match words {
        [status] if status == "status" => Ok(Meant::Status(None)),
        [status, app] if status == "status" => Ok(Meant::Status(Some(app.clone()))),
        [] => Ok(Meant::One(None, NO_REASON.to_owned())),
        [word] if AppName::new(word).is_ok() || is_alias(word)? => {
            Ok(Meant::One(Some(word.clone()), NO_REASON.to_owned()))
        }
        [reason] => Ok(Meant::One(None, or_none(reason))),
        [app, reason @ ..] => Ok(Meant::One(Some(app.clone()), or_none(&reason.join(" ")))),
    }
}

fn or_none(reason: &str) -> String {
    if reason.trim().is_empty() {
        NO_REASON.to_owned()
    } else {
        reason.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &[&str], is_all: bool) -> Result<Meant, Failure> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        read(&words, is_all, |word| Ok(word == "Prod"))
    }

    #[test]
    fn one_word_is_the_app_if_it_could_be_one() {
        let one = |words: &[&str]| match read_words(words, false).unwrap() {
            Meant::One(app, reason) => (app, reason),
            other => panic!("{other:?}"),
        };
        let none = NO_REASON.to_owned();
        assert_eq!(one(&[]), (None, none.clone()));
        assert_eq!(one(&["shop"]), (Some("shop".into()), none.clone()));
        assert_eq!(one(&["Prod"]), (Some("Prod".into()), none.clone()));
        assert_eq!(one(&["fix the db"]), (None, "fix the db".into()));
        assert_eq!(one(&["Maintenance!"]), (None, "Maintenance!".into()));
        assert_eq!(one(&["🚧"]), (None, "🚧".into()));
        assert_eq!(one(&["shop", "a b"]), (Some("shop".into()), "a b".into()));
        assert_eq!(
            one(&["shop", "a", "b"]),
            (Some("shop".into()), "a b".into())
        );
        assert_eq!(one(&["shop", " "]), (Some("shop".into()), none));
        // Never silently another app than the one that was named.
        assert_eq!(one(&["My App", "r"]).0, Some("My App".into()));
    }

    #[test]
    fn status_is_a_spelling_of_lock_status() {
        assert_eq!(read_words(&["status"], false), Ok(Meant::Status(None)));
        assert_eq!(
            read_words(&["status", "shop"], false),
            Ok(Meant::Status(Some("shop".into())))
        );
    }

    #[test]
    fn with_all_every_word_is_the_reason() {
        assert_eq!(
            read_words(&["shop", "x"], true),
            Ok(Meant::All("shop x".into()))
        );
        assert!(read_words(&[], true).is_err() && read_words(&[" "], true).is_err());
    }
}
