//! The file format of an app's variables, with the faults of the library that a real host uses (godotenv 1.5.1).
//!
//! Three classes of values do not survive it: one ending in `\` makes the whole file unreadable, one ending in `"`
//! comes back ending in `\`, and an integer comes back in canonical form.

use std::collections::BTreeMap;

/// Variables by name, in the order in which exports show them.
pub type Env = BTreeMap<String, String>;

/// The file cannot be parsed; the text is Dokku's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// The text of the file, one line a variable, lines sorted.
pub fn write(env: &Env) -> String {
    let mut lines: Vec<String> = env.iter().map(|(key, value)| line(key, value)).collect();
    lines.sort();
    lines.join("\n")
}

fn line(key: &str, value: &str) -> String {
    match integer(value) {
        Some(number) => format!("{key}={number}"),
        None => format!("{key}=\"{}\"", escape(value)),
    }
}

/// Go's `strconv.Atoi`: an optional sign and decimal digits that fit 64 bits.
fn integer(value: &str) -> Option<i64> {
    let digits = value.strip_prefix(['+', '-']).unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    value.parse().ok()
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 8);
    for character in value.chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\\' | '"' | '!' | '$' | '`' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Reads the file, or text given to `config:import`.
pub fn read(text: &str) -> Result<Env, Unreadable> {
    let text = text.replace("\r\n", "\n");
    let mut env = Env::new();
    let mut rest = text.as_str();
    while let Some(statement) = statement_start(rest) {
        let (key, left) = key_name(statement)?;
        let (value, left) = value(left, &env)?;
        env.insert(key, value);
        rest = left;
    }
    Ok(env)
}

/// The first character that is neither blank nor in a comment.
fn statement_start(mut text: &str) -> Option<&str> {
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return None;
        }
        if !text.starts_with('#') {
            return Some(text);
        }
        text = &text[text.find('\n')?..];
    }
}

fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}

fn key_name(text: &str) -> Result<(String, &str), Unreadable> {
    let mut text = text.trim_start_matches(is_blank);
    if let Some(after) = text
        .strip_prefix("export")
        .filter(|after| after.starts_with(is_blank))
    {
        text = after.trim_start_matches(is_blank);
    }
    for (index, character) in text.char_indices() {
        match character {
            '=' | ':' => {
                let left = text[index + 1..].trim_start_matches(is_blank);
                return Ok((text[..index].trim_end().to_owned(), left));
            }
            '_' | '.' => {}
            other if is_blank(other) || other.is_alphanumeric() => {}
            other => {
                return Err(Unreadable(format!(
                    "unexpected character {:?} in variable name near {text:?}",
                    other.to_string()
                )));
            }
        }
    }
    Ok((String::new(), text))
}

fn value<'a>(text: &'a str, env: &Env) -> Result<(String, &'a str), Unreadable> {
    let Some(quote) = text
        .chars()
        .next()
        .filter(|first| matches!(first, '\'' | '"'))
    else {
        return Ok(bare_value(text, env));
    };
    let bytes = text.as_bytes();
    for index in 1..bytes.len() {
        if char::from(bytes[index]) != quote || bytes[index - 1] == b'\\' {
            continue;
        }
        let inner = text[..index].trim_matches(quote);
        let inner = if quote == '"' {
            expand_variables(&expand_escapes(inner), env)
        } else {
            inner.to_owned()
        };
        return Ok((inner, &text[index + 1..]));
    }
    let line = text.split('\n').next().unwrap_or_default();
    Err(Unreadable(format!("unterminated quoted value {line}")))
}

fn bare_value<'a>(text: &'a str, env: &Env) -> (String, &'a str) {
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    let (line, rest) = text.split_at(end);
    let mut kept = line;
    let mut before = None;
    for (index, character) in line.char_indices() {
        if character == '#' && before.is_some_and(is_blank) {
            kept = &line[..index];
            break;
        }
        before = Some(character);
    }
    (expand_variables(kept.trim_matches(is_blank), env), rest)
}

/// `\n` and `\r` become themselves, any other escaped character but `$` loses its backslash.
fn expand_escapes(text: &str) -> String {
    let mut first = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            first.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => first.push('\n'),
            Some('r') => first.push('\r'),
            Some(other) => first.extend(['\\', other]),
            None => first.push('\\'),
        }
    }
    let mut second = String::with_capacity(first.len());
    let mut characters = first.chars().peekable();
    while let Some(character) = characters.next() {
        match characters.peek() {
            Some(&next) if character == '\\' && next != '$' => {
                second.push(next);
                characters.next();
            }
            _ => second.push(character),
        }
    }
    second
}

/// `$NAME` and `${NAME}` become variables read before; `\$` and `$(` stay what they are.
fn expand_variables(text: &str, env: &Env) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        let is_escaped = rest[..dollar].ends_with('\\');
        let start = if is_escaped { dollar - 1 } else { dollar };
        let mut end = dollar + 1;
        let is_call = rest[end..].starts_with('(');
        end += usize::from(is_call);
        end += usize::from(rest[end..].starts_with('{'));
        let name_length = rest[end..]
            .bytes()
            .take_while(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
            .count();
        let name = &rest[end..end + name_length];
        end += name_length;
        end += usize::from(rest[end..].starts_with('}'));
        expanded.push_str(&rest[..start]);
        if is_escaped || is_call {
            expanded.push_str(&rest[start + 1..end]);
        } else if name.is_empty() {
            expanded.push_str(&rest[start..end]);
        } else {
            expanded.push_str(env.get(name).map_or("", String::as_str));
        }
        rest = &rest[end..];
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(value: &str) -> Env {
        Env::from([("K".to_owned(), value.to_owned())])
    }

    #[test]
    fn recorded_values_survive() {
        for value in [
            "a b c",
            "it's \"q\" $HOME `id` \\n \\\\ =",
            "\\$X",
            "$(id)",
            "!x",
            "\"start",
            "'q'",
            "a\r\nb",
            "",
        ] {
            assert_eq!(read(&write(&one(value))).unwrap(), one(value), "{value:?}");
        }
    }

    #[test]
    fn a_trailing_backslash_makes_the_file_unreadable() {
        let error = read(&write(&one("ab\\"))).unwrap_err();
        assert_eq!(error.to_string(), "unterminated quoted value \"ab\\\\\"");
    }

    #[test]
    fn a_trailing_quote_becomes_a_backslash_and_then_the_file_breaks() {
        let once = read(&write(&one("ab\""))).unwrap();
        assert_eq!(once, one("ab\\"));
        read(&write(&once)).unwrap_err();
    }

    #[test]
    fn integers_become_canonical() {
        for (given, kept) in [
            ("007", "7"),
            ("+5", "5"),
            ("-0", "0"),
            ("1.0", "1.0"),
            ("99999999999999999999", "99999999999999999999"),
        ] {
            assert_eq!(read(&write(&one(given))).unwrap(), one(kept));
        }
    }

    #[test]
    fn imported_text_may_have_comments_exports_and_quotes() {
        let env = read("# c\nexport A=one # two\nB='$A'\nC=\"${A} x\\n\"\nD: yaml\n").unwrap();
        let expected = [("A", "one"), ("B", "$A"), ("C", "one x\n"), ("D", "yaml")];
        assert_eq!(
            env,
            expected
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into()
        );
    }

    proptest! {
        #[test]
        fn only_the_three_known_classes_are_lossy(value in r#"([a-z0-9"'$(){}!#=:` \n\r\\A]|é){0,12}"#) {
            let is_lossy = value.ends_with(['\\', '"']) || integer(&value).is_some_and(|number| number.to_string() != value);
            prop_assume!(!is_lossy);
            prop_assert_eq!(read(&write(&one(&value))).unwrap(), one(&value));
        }
    }
}
