//! Hostile text within the limits and the syntax of a service.

use crate::visible::show;

/// Length as the strictest of the services counts it: in UTF-16, where an emoji is two.
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text with each character written as `write` has it, at most `most` long: cut between characters,
/// never within what `write` made of one, and marked with `…`.
pub fn fit(text: &str, most: usize, mut write: impl FnMut(char, &mut String)) -> String {
    let mut whole = String::new();
    let mut used = 0;
    // Where to go back to if the text turns out to be too long.
    let mut with_room = 0;
    for c in text.chars() {
        let before = whole.len();
        write(c, &mut whole);
        used += length(whole.get(before..).unwrap_or_default());
        if used > most {
            whole.truncate(with_room);
            if most > 0 {
                whole.push('…');
            }
            return whole;
        }
        if used < most {
            with_room = whole.len();
        }
    }
    whole
}

/// A character as it is, made visible where it could steer what is shown.
pub fn plain(c: char, to: &mut String) {
    show(c, to);
}

/// The same on one line.
pub fn in_line(c: char, to: &mut String) {
    match c {
        '\n' => to.push('⏎'),
        '\t' => to.push(' '),
        c => show(c, to),
    }
}
