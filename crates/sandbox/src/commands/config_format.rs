//! The formats in which variables are shown: those of `config:export`, and the two columns of `config:show`.

use std::collections::BTreeMap;

use super::Failure;
use crate::store::{Env, env};

/// The variables in one of the formats of `config:export`, end of line included.
pub fn exported(env: &Env, format: &str) -> Result<String, Failure> {
    let quoted = |prefix: &str, glue: &str| {
        let words: Vec<_> = env
            .iter()
            .map(|(key, value)| format!("{prefix}{key}='{}'", quote(value)))
            .collect();
        words.join(glue)
    };
    let keys = |prefix: &str| {
        let words: Vec<_> = env.keys().map(|key| format!("{prefix}{key}")).collect();
        words.join(" ")
    };
    let text = match format {
        "shell" => return Ok(quoted("", " ") + " "),
        "exports" => quoted("export ", "\n"),
        "docker-args" => quoted("--env=", " "),
        "docker-args-keys" => keys("--env="),
        "pack-keys" => {
            let words: Vec<_> = env.keys().map(|key| format!("--env {key}")).collect();
            words.join(" ")
        }
        "envfile" => env::write(env),
        "pretty" => columns("", env),
        "json" => json(env)?,
        // Go writes a list that was never begun as null.
        "json-list" if env.is_empty() => "null".to_owned(),
        "json-list" => {
            let list: Vec<BTreeMap<&str, &str>> = env
                .iter()
                .map(|(key, value)| BTreeMap::from([("name", key.as_str()), ("value", value)]))
                .collect();
            json(&list)?
        }
        unknown => return Err(Failure::new(format!("Unknown export format: {unknown}"))),
    };
    Ok(text + "\n")
}

/// JSON as Go writes it: `<`, `>`, `&` and the line separators escaped.
fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::new(error.to_string()))?;
    let escapes = [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ];
    Ok(escapes
        .iter()
        .fold(text, |text, (from, to)| text.replace(from, to)))
}

/// For single quotes: `it's` becomes `it'\''s`.
pub fn quote(value: &str) -> String {
    value.replace('\'', "'\\''")
}

/// Keys and values in two columns; values lose blanks at their ends, and a NUL splits them.
pub fn columns(prefix: &str, env: &Env) -> String {
    let width = env
        .keys()
        .map(|key| key.chars().count() + 1)
        .max()
        .unwrap_or_default();
    let lines: Vec<_> = env
        .iter()
        .map(|(key, value)| format!("{prefix}{:width$}  {}", format!("{key}:"), value.trim()))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_export_is_one_line_with_a_blank_at_its_end() {
        let env = Env::from([
            ("A".to_owned(), "it's".to_owned()),
            ("B".to_owned(), String::new()),
        ]);
        assert_eq!(exported(&env, "shell").unwrap(), r"A='it'\''s' B='' ");
        assert_eq!(
            exported(&env, "json-list").unwrap(),
            "[{\"name\":\"A\",\"value\":\"it's\"},{\"name\":\"B\",\"value\":\"\"}]\n"
        );
        exported(&env, "nope").unwrap_err();
    }
}
