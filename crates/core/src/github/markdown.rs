//! Hostile text in GitHub's Markdown.

/// The text as code: nothing in it is markup, links or mentions anybody. Line breaks and control
/// characters become blanks, so that it stays on its line.
///
/// ```
/// use dokku_deploy::github::code;
/// assert_eq!(code("feature/x"), "`feature/x`");
/// assert_eq!(code("a`b"), "``a`b``");
/// ```
pub fn code(text: &str) -> String {
    let line = one_line(text);
    let mut longest = 0;
    let mut run = 0;
    for letter in line.chars() {
        run = if letter == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat(longest + 1);
    // A fence may not touch another tick, and code of blanks alone would be shown as ticks.
    let padding = if line.starts_with('`') || line.ends_with('`') || line.trim().is_empty() {
        " "
    } else {
        ""
    };
    format!("{fence}{padding}{line}{padding}{fence}")
}

/// The text as prose: every character that could be markup, HTML, a table's border, a reference or
/// a mention is escaped, so that people read what was written and nobody is called.
///
/// ```
/// use dokku_deploy::github::plain;
/// assert_eq!(plain("fix *all* <b>"), r"fix \*all\* \<b\>");
/// ```
pub fn plain(text: &str) -> String {
    let line = one_line(text);
    let mut escaped = String::with_capacity(line.len() + 16);
    for letter in line.chars() {
        match letter {
            // A backslash does not keep these from being a mention or a reference: an entity does.
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            ':' => escaped.push_str("&#58;"),
            letter
                if letter.is_ascii_punctuation() && !matches!(letter, '.' | ',' | '/' | '\'') =>
            {
                escaped.push('\\');
                escaped.push(letter);
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Without line breaks, control characters and marks that turn the direction of writing around.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| {
            let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let breaks = letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
            if turns || breaks { ' ' } else { letter }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_holds_any_text() {
        assert_eq!(code("``` x"), "```` ``` x ````");
        assert_eq!(code("a\nb\r\u{202e}c\u{2028}d"), "`a b  c d`");
        assert_eq!(code(""), "`  `");
        assert_eq!(code("@acme/all <script>|"), "`@acme/all <script>|`");
    }

    #[test]
    fn prose_calls_nobody_and_is_no_markup() {
        assert_eq!(
            plain("@all see #1 & https://x.example [a](b) |"),
            r"&#64;all see &#35;1 \& https&#58;//x.example \[a\]\(b\) \|"
        );
        assert_eq!(plain("a\n# b"), "a &#35; b");
    }
}
