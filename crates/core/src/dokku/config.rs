//! `config:*`: an app's variables.
//!
//! Nothing here restarts the app, and there is no `config:clear`: it would wipe links, locks and
//! releases. Values are asked for quietly, because Dokku echoes what it sets.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::text_unless_missing;
pub use crate::store::{NotStorable, Variables, is_key_name, storable};
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
    secret::Secret,
};

/// Asks for all variables of an app. The answer holds secrets: it is never shown.
pub fn export(app: &AppName) -> DokkuCommand {
    DokkuCommand::new("config:export")
        .flag("--format")
        .flag("json")
        .arg(app.as_str())
        .confidential()
}

/// Reads the answer to [`export`]; `None` when the app does not exist.
///
/// A store that Dokku itself cannot read any more is a refusal whose text says so and how root
/// repairs it.
pub fn read_export(answer: &Answer) -> Result<Option<Variables>, HostError> {
    if let Some(unreadable) = unreadable(answer) {
        return Err(unreadable);
    }
    let Some(text) = text_unless_missing(answer)? else {
        return Ok(None);
    };
    let map: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|_| answer.unparsable("the app's variables as one JSON object of texts"))?;
    Ok(Some(map.into_iter().collect()))
}

/// Dokku's own words for a store that it cannot read, with what helps.
fn unreadable(answer: &Answer) -> Option<HostError> {
    let complaint = answer.complaint();
    let is_unreadable = !answer.is_ok()
        && [
            "unterminated quoted value",
            "unexpected character",
            "Can't read",
            "Unable to parse",
        ]
        .iter()
        .any(|words| complaint.contains(words));
    is_unreadable.then(|| HostError::Refused {
        command: answer.command.clone(),
        status: answer.status,
        stderr: format!(
            "the app's stored variables cannot be read on the host any more ({}); root has to repair the file /var/lib/dokku/config/APP/ENV there (a value that ends with a backslash breaks it)",
            complaint.trim_start_matches(['!', ' '])
        ),
    })
}

/// Sets variables through standard input: no limit of size, nothing in the host's process list, no
/// echo. In Dokku since 0.37.0; before, see [`set_encoded`].
pub fn import(app: &AppName, variables: &BTreeMap<String, Secret>) -> DokkuCommand {
    let mut object = String::from("{");
    for (index, (key, value)) in variables.iter().enumerate() {
        if index > 0 {
            object.push(',');
        }
        object.push_str(&json_text(key));
        object.push(':');
        object.push_str(&json_text(value.expose()));
    }
    object.push('}');
    DokkuCommand::new("config:import")
        .quiet()
        .flag("--no-restart")
        .flag("--format")
        .flag("json")
        .arg(app.as_str())
        .flag("-")
        .input(Secret::new(object))
        .confidential()
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Sets variables as words in base64, for Dokku before 0.37.0. The words are seen in the host's
/// process list by whoever has a shell there, and the whole line has to stay under 128 KiB.
pub fn set_encoded(app: &AppName, variables: &BTreeMap<String, Secret>) -> DokkuCommand {
    variables.iter().fold(
        DokkuCommand::new("config:set")
            .quiet()
            .flag("--no-restart")
            .flag("--encoded")
            .arg(app.as_str())
            .confidential(),
        |command, (key, value)| {
            let encoded = STANDARD.encode(value.expose());
            command.masked(&format!("{key}="), Secret::new(encoded))
        },
    )
}

/// Unsets variables; those that are not set are skipped.
pub fn unset<K: AsRef<str>>(app: &AppName, keys: &[K]) -> DokkuCommand {
    DokkuCommand::new("config:unset")
        .quiet()
        .flag("--no-restart")
        .arg(app.as_str())
        .args(keys.iter().map(AsRef::as_ref))
}

/// Reads the answer to [`import`], [`set_encoded`] or [`unset`]: whether there is such an app.
pub fn read_changed(answer: &Answer) -> Result<bool, HostError> {
    if let Some(unreadable) = unreadable(answer) {
        return Err(unreadable);
    }
    Ok(text_unless_missing(answer)?.is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, Secret> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Secret::new(*value)))
            .collect()
    }

    #[test]
    fn the_commands_on_the_wire() {
        let app = app("myapp");
        assert_eq!(
            export(&app).wire().unwrap(),
            "config:export --format json myapp"
        );
        let import = import(&app, &map(&[("A", "1"), ("B", "say \"x\"\n")]));
        assert_eq!(
            import.wire().unwrap(),
            "--quiet config:import --no-restart --format json myapp -"
        );
        assert_eq!(
            import.stdin().unwrap().expose(),
            r#"{"A":"1","B":"say \"x\"\n"}"#
        );
        assert_eq!(
            unset(&app, &["A", "B"]).wire().unwrap(),
            "--quiet config:unset --no-restart myapp A B"
        );
    }

    #[test]
    fn the_old_way_hides_its_values_from_messages() {
        let command = set_encoded(&app("myapp"), &map(&[("ENC", "it's a b"), ("EMPTY", "")]));
        assert_eq!(
            command.wire().unwrap(),
            "--quiet config:set --no-restart --encoded myapp EMPTY= ENC=aXQncyBhIGI="
        );
        for shown in [command.to_string(), format!("{command:?}")] {
            assert!(!shown.contains("aXQ"), "{shown}");
        }
        assert!(
            command.to_string().ends_with("EMPTY=•••• ENC=••••"),
            "{command}"
        );
    }

    #[test]
    fn the_recorded_export_is_read_byte_for_byte() {
        let variables = read_export(&recorded("config-export-json-z"))
            .unwrap()
            .unwrap();
        assert_eq!(
            variables.text("ENC3"),
            Some(r#"it's "q" $HOME `id` \n \\ ="#)
        );
        assert_eq!(variables.text("ENC2"), Some("line1\nline2\n"));
        assert_eq!(variables.text("Z11"), Some("a\r\nb"));
        assert_eq!(variables.text("EM"), Some(""));
        assert_eq!(variables.text("NOPE"), None);
        assert!(!format!("{variables:?}").contains("line1"));
    }

    #[test]
    fn a_missing_app_has_no_variables_and_is_no_error() {
        assert_eq!(read_export(&recorded("config-export-missing")), Ok(None));
        assert_eq!(read_changed(&recorded("config-set-missing-app")), Ok(false));
    }

    #[test]
    fn an_unreadable_store_is_an_error_that_says_so() {
        let broken = answer(
            1,
            "",
            " !     unterminated quoted value \"abc\\\\\"\\nB=1\n",
        );
        for error in [
            read_export(&broken).unwrap_err(),
            read_changed(&broken).unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(
                text.contains("cannot be read") && text.contains("root"),
                "{text}"
            );
            // What Dokku quotes there are values.
            assert!(!text.contains("abc") && !text.contains("B=1"), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_object_of_texts_is_unparsable() {
        for text in ["", "{}x", "[]", r#"{"A":1}"#, "=====> myapp env vars\n"] {
            let read = read_export(&answer(0, text, ""));
            assert!(
                matches!(read, Err(HostError::Unparsable { .. })),
                "{text:?}"
            );
        }
        let empty = read_export(&answer(0, "{}\n", "")).unwrap();
        assert_eq!(empty, Some(Variables::default()));
    }

    #[test]
    fn refusals_of_dokku_are_errors() {
        for id in [
            "config-set-invalid-key-dash",
            "config-set-encoded-bad2",
            "config-import-bad",
        ] {
            assert!(read_changed(&recorded(id)).is_err(), "{id}");
        }
        assert_eq!(read_changed(&recorded("config-unset-missing")), Ok(true));
    }

    proptest! {
        #[test]
        fn what_is_imported_is_what_is_exported(value in any::<String>(), key in "[A-Z_][A-Z0-9_]{0,9}") {
            let sent = import(&app("a"), &map(&[(&key, &value)]));
            let back = read_export(&answer(0, sent.stdin().unwrap().expose(), "")).unwrap().unwrap();
            prop_assert_eq!(back.text(&key), Some(value.as_str()));
        }
    }
}
