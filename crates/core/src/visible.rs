//! Text from outside, made harmless for whoever reads it.

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

/// Whether a character is one that [`visible()`] replaces.
pub fn is_hostile(letter: char) -> bool {
    (letter.is_control() && letter != '\n' && letter != '\t') || turns_writing(letter)
}

fn turns_writing(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Appends a character, as [`visible()`] shows it.
pub fn show(letter: char, to: &mut String) {
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
    fn control_characters_become_visible() {
        assert_eq!(visible("plain\n\ttext ✓"), "plain\n\ttext ✓");
        assert_eq!(visible("a\x1b[2Jb\rc\x07"), "a␛[2Jb␍c␇");
        assert_eq!(visible("\u{7f}\u{9b}\u{202e}"), "\\u{7f}\\u{9b}\\u{202e}");
    }
}
