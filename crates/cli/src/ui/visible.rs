//! Text from outside, made harmless for a terminal.

use std::{borrow::Cow, fmt::Write};

/// The text with its control characters made visible; line breaks and tabs stay. Characters that
/// turn the direction of writing around are shown by their number: they could make a message
/// read as another one.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|letter| show(letter, &mut shown));
    Cow::Owned(shown)
}

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

fn is_hostile(letter: char) -> bool {
    (letter.is_control() && letter != '\n' && letter != '\t') || turns_writing(letter)
}

fn turns_writing(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn show(letter: char, to: &mut String) {
    if !is_hostile(letter) {
        to.push(letter);
    } else if let Some(picture) =
        char::from_u32(0x2400 + u32::from(letter)).filter(|_| letter < ' ')
    {
        to.push(picture);
    } else {
        // Writing to a String cannot fail.
        let _ = write!(to, "\\u{{{:x}}}", u32::from(letter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible_in_our_messages() {
        assert_eq!(visible("plain\n\ttext ✓"), "plain\n\ttext ✓");
        assert_eq!(visible("a\x1b[2Jb\rc\x07"), "a␛[2Jb␍c␇");
        assert_eq!(visible("\u{7f}\u{9b}\u{202e}"), "\\u{7f}\\u{9b}\\u{202e}");
    }

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
