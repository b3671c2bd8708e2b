//! Output of a host, made harmless for a terminal.

use std::borrow::Cow;

pub use dokku_deploy::visible::visible;
use dokku_deploy::visible::{is_hostile, show};

/// A line of output as it may reach a terminal: colours stay, all else is made visible. Progress
/// that overwrites itself (`\r`) is cut down to its last state.
pub fn colours_only(line: &str) -> Cow<'_, str> {
    let line = line
        .trim_end_matches('\r')
        .rsplit('\r')
        .next()
        .unwrap_or_default();
    if !line.chars().any(is_hostile) {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len() + 16);
    let mut rest = line;
    let mut has_colour = false;
    while let Some(letter) = rest.chars().next() {
        let taken = colour(rest).unwrap_or_else(|| {
            show(letter, &mut shown);
            letter.len_utf8()
        });
        if letter == '\x1b' && taken > 1 {
            shown.push_str(rest.get(..taken).unwrap_or_default());
            has_colour = true;
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    if has_colour {
        shown.push_str("\x1b[0m");
    }
    Cow::Owned(shown)
}

/// The length of the colour sequence (`ESC [ 0 ; 3 2 m`) that the text begins with.
fn colour(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\x1b[")?;
    let end = numbers.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
    numbers
        .get(end..)?
        .starts_with('m')
        .then_some("\x1b[".len() + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hosts_output_only_the_colours_reach_a_terminal() {
        assert_eq!(
            colours_only("\x1b[36mapp\x1b[0m ok"),
            "\x1b[36mapp\x1b[0m ok\x1b[0m"
        );
        assert_eq!(colours_only("\x1b]0;title\x07x"), "␛]0;title␇x");
        assert_eq!(colours_only("\x1b[2Jx\x1b[1;31"), "␛[2Jx␛[1;31");
        assert_eq!(colours_only("10%\r20%\r100%\r"), "100%");
        assert_eq!(colours_only("plain"), "plain");
    }
}
