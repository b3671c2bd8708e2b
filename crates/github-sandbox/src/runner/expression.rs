//! GitHub's expressions, as far as the workflows here use them: contexts, literals, `!`, `==`, `!=`,
//! `&&`, `||`, parentheses and `toJSON`.

use serde_json::{Value, json};

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation(Value);

impl Evaluation {
    /// Whether a condition that comes to this holds.
    pub fn is_truthy(&self) -> bool {
        match &self.0 {
            Value::Null => false,
            Value::Bool(flag) => *flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        }
    }

    /// The text that it is put in as.
    pub fn text(&self) -> String {
        match &self.0 {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Array(_) => "Array".to_owned(),
            Value::Object(_) => "Object".to_owned(),
            other => other.to_string(),
        }
    }
}

/// Puts the values of all `${{ … }}` into a text.
pub fn interpolate(text: &str, contexts: &Value) -> Result<String, String> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after
            .split_once("}}")
            .ok_or_else(|| format!("an expression does not end: {text}"))?;
        done.push_str(before);
        done.push_str(&evaluate(expression, contexts)?.text());
        rest = after;
    }
    Ok(done + rest)
}

/// Evaluates an expression, with or without its `${{ }}`.
pub fn evaluate(expression: &str, contexts: &Value) -> Result<Evaluation, String> {
    let bare = expression.trim();
    let bare = bare
        .strip_prefix("${{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .unwrap_or(bare);
    let mut parser = Parser {
        tokens: tokens(bare)?,
        at: 0,
        contexts,
    };
    let value = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(Evaluation(value)),
        Some(token) => Err(format!("{token:?} is left over in {expression}")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Literal(Value),
    /// A name, or what follows a dot.
    Word(String),
    Sign(&'static str),
}

const SIGNS: [&str; 9] = ["&&", "||", "==", "!=", "!", "(", ")", ".", ","];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if first == '\'' {
            let (literal, after) =
                quoted(&rest[1..]).ok_or(format!("a quote is open in {text}"))?;
            tokens.push(Token::Literal(literal.into()));
            rest = after;
        } else if first.is_alphanumeric() || first == '_' {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
                .unwrap_or(rest.len());
            let word = &rest[..end];
            tokens.push(match (word, word.parse::<f64>()) {
                ("true", _) => Token::Literal(true.into()),
                ("false", _) => Token::Literal(false.into()),
                ("null", _) => Token::Literal(Value::Null),
                (_, Ok(number)) => Token::Literal(json!(number)),
                (word, _) => Token::Word(word.to_owned()),
            });
            rest = &rest[end..];
        } else {
            return Err(format!("{first:?} is not understood in {text}"));
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// A literal, in which two quotes are one.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut literal = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('\'')?;
        literal.push_str(before);
        match after.strip_prefix('\'') {
            Some(more) => {
                literal.push('\'');
                rest = more;
            }
            None => return Some((literal, after)),
        }
    }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    contexts: &'a Value,
}

impl Parser<'_> {
    fn takes(&mut self, sign: &'static str) -> bool {
        let is_it = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is_it);
        is_it
    }

    fn or(&mut self) -> Result<Value, String> {
        let mut value = self.and()?;
        while self.takes("||") {
            let other = self.and()?;
            if !Evaluation(value.clone()).is_truthy() {
                value = other;
            }
        }
        Ok(value)
    }

    fn and(&mut self) -> Result<Value, String> {
        let mut value = self.equal()?;
        while self.takes("&&") {
            let other = self.equal()?;
            if Evaluation(value.clone()).is_truthy() {
                value = other;
            }
        }
        Ok(value)
    }

    fn equal(&mut self) -> Result<Value, String> {
        let value = self.not()?;
        if self.takes("==") {
            return Ok(is_equal(&value, &self.not()?).into());
        }
        if self.takes("!=") {
            return Ok((!is_equal(&value, &self.not()?)).into());
        }
        Ok(value)
    }

    fn not(&mut self) -> Result<Value, String> {
        if self.takes("!") {
            let value = self.not()?;
            return Ok((!Evaluation(value).is_truthy()).into());
        }
        if self.takes("(") {
            let value = self.or()?;
            return if self.takes(")") {
                Ok(value)
            } else {
                Err("a parenthesis is open".to_owned())
            };
        }
        self.operand()
    }

    fn operand(&mut self) -> Result<Value, String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Literal(value)) => Ok(value),
            Some(Token::Word(name)) if self.takes("(") => {
                let argument = self.or()?;
                if !self.takes(")") {
                    return Err(format!("{name}( is open"));
                }
                match name.as_str() {
                    "toJSON" => serde_json::to_string_pretty(&argument)
                        .map(Value::String)
                        .map_err(|error| error.to_string()),
                    _ => Err(format!("the function {name} is not known here")),
                }
            }
            Some(Token::Word(name)) => {
                // GitHub refuses a workflow that names a context that there is not.
                let mut value = self
                    .contexts
                    .get(&name)
                    .cloned()
                    .ok_or(format!("there is no context {name}"))?;
                while self.takes(".") {
                    let Some(Token::Word(key)) = self.tokens.get(self.at).cloned() else {
                        return Err(format!("nothing follows the dot after {name}"));
                    };
                    self.at += 1;
                    value = value.get(&key).cloned().unwrap_or_default();
                }
                Ok(value)
            }
            other => Err(format!("{other:?} is no operand")),
        }
    }
}

/// Texts are compared without regard to case; values of different kinds as numbers.
fn is_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (one, other) if std::mem::discriminant(one) == std::mem::discriminant(other) => {
            one == other
        }
        (one, other) => {
            matches!((number(one), number(other)), (Some(a), Some(b)) if (a - b).abs() < f64::EPSILON)
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Null => Some(0.0),
        Value::Bool(flag) => Some(if *flag { 1.0 } else { 0.0 }),
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.is_empty() => Some(0.0),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(expression: &str) -> String {
        let contexts = json!({
            "inputs": {"app_name": "", "dry_run": false, "action": "Lock"},
            "github": {"event": {"number": 7, "repository": {"name": "shop"}}, "ref": "refs/heads/x"},
            "vars": {"A": "it's"},
        });
        evaluate(expression, &contexts).map_or_else(|error| error, |value| value.text())
    }

    #[test]
    fn expressions_come_to_what_github_says() {
        for (expression, expected) in [
            ("inputs.app_name || 'all apps'", "all apps"),
            ("inputs.action == 'lock'", "true"),
            ("inputs.dry_run && '--dry-run' || ''", ""),
            ("inputs.dry_run == false && 'x' || 'y'", "x"),
            ("inputs.missing == 'all'", "false"),
            ("inputs.missing == false", "true"),
            ("!(inputs.dry_run || inputs.app_name)", "true"),
            ("github.event.number", "7"),
            ("github.event.pull_request.head.ref", ""),
            ("'it''s' == vars.A", "true"),
            ("toJSON(vars)", "{\n  \"A\": \"it's\"\n}"),
            ("nothing.at.all", "there is no context nothing"),
            ("hashFiles('x')", "the function hashFiles is not known here"),
        ] {
            assert_eq!(text(expression), expected, "{expression}");
        }
    }

    #[test]
    fn text_around_expressions_stays() {
        let contexts = json!({"inputs": {"a": "$(id) ${{ x }}"}});
        assert_eq!(
            interpolate("<${{ inputs.a }}> ${{inputs.b}}.", &contexts).unwrap(),
            "<$(id) ${{ x }}> ."
        );
        assert!(interpolate("${{ inputs.a", &contexts).is_err());
    }
}
