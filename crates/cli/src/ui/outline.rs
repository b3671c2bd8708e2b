//! A value as people read it: lines of `key: value`, as in YAML.

use serde_json::Value;

/// The lines of `value`. What is null or empty is left out.
pub fn outline(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

fn write(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let indent = indent.as_str();
    match value {
        Value::Object(map) => {
            for (key, value) in map.iter().filter(|(_, value)| !is_empty(value)) {
                text.extend([indent, word(key).as_str(), ":"]);
                after(value, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                let mut inner = String::new();
                write(item, depth + 1, &mut inner);
                let inner = inner.trim_start();
                if inner.is_empty() {
                    text.extend([indent, "- ", &scalar(item), "\n"]);
                } else {
                    text.extend([indent, "- ", inner]);
                }
            }
        }
        _ => {}
    }
}

/// What follows a key.
fn after(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            text.extend([" [", &items.join(", "), "]\n"]);
        }
        Value::Object(_) | Value::Array(_) => {
            text.push('\n');
            write(value, depth + 1, text);
        }
        _ => text.extend([" ", &scalar(value), "\n"]),
    }
}

/// Whether there is nothing to show of it.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
        _ => false,
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// A text, in quotes where YAML would take it for something else.
fn word(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-@+ ".contains(c))
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off"]
            .contains(&text.to_ascii_lowercase().as_str());
    let is_amount = text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
        && !text.contains(['e', 'x', 'o']);
    if is_plain || is_amount {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_lines_and_nothing_of_what_is_empty() {
        let value = serde_json::json!({
            "resources": { "memory": "512m", "cpu": "0.5" },
            "scale": {},
            "nothing": { "a": null, "b": [] },
            "status": [200, 204],
            "tasks": [{ "name": "Migrate", "command": "a \"b\"\nc", "timeout": "120s" }, { "name": "no" }],
            "domains": ["a.example.com", "*.b.example.com"],
            "backup": true,
        });
        assert_eq!(
            outline(&value),
            r#"resources:
  memory: 512m
  cpu: "0.5"
status: [200, 204]
tasks:
  - name: Migrate
    command: "a \"b\"\nc"
    timeout: 120s
  - name: "no"
domains: [a.example.com, "*.b.example.com"]
backup: true
"#
        );
    }
}
