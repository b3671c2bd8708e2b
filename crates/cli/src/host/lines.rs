//! Lines out of a stream of bytes, with bounded memory.

/// Longest line kept together; a longer one comes in pieces.
const LONGEST: usize = 64 * 1024;

/// Gathers bytes until a line is whole.
#[derive(Debug, Default)]
pub struct Lines {
    begun: Vec<u8>,
    /// Whether `\r` ends a line too: progress in a stream that no terminal shows.
    has_returns: bool,
}

impl Lines {
    /// Lines that end in `\n` or in `\r`.
    pub fn with_returns() -> Self {
        Self {
            has_returns: true,
            ..Self::default()
        }
    }

    /// Takes bytes and hands each whole line on, without its end; bytes that are not UTF-8 are
    /// replaced.
    pub fn take(&mut self, mut bytes: &[u8], mut line: impl FnMut(&str)) {
        while !bytes.is_empty() {
            let end = bytes
                .iter()
                .position(|&byte| byte == b'\n' || (self.has_returns && byte == b'\r'));
            let space = LONGEST - self.begun.len();
            let taken = end.unwrap_or(bytes.len()).min(space);
            self.begun
                .extend_from_slice(bytes.get(..taken).unwrap_or_default());
            if end == Some(taken) {
                bytes = bytes.get(taken + 1..).unwrap_or_default();
                self.hand_on(&mut line);
            } else {
                bytes = bytes.get(taken..).unwrap_or_default();
                if self.begun.len() == LONGEST {
                    self.hand_on_piece(&mut line);
                }
            }
        }
    }

    /// Hands on what came after the last line's end, if anything.
    pub fn finish(mut self, mut line: impl FnMut(&str)) {
        if !self.begun.is_empty() {
            self.hand_on(&mut line);
        }
    }

    fn hand_on(&mut self, line: &mut impl FnMut(&str)) {
        let begun = std::mem::take(&mut self.begun);
        line(&String::from_utf8_lossy(&begun));
    }

    /// Hands on all but a letter that is cut in two by the limit.
    fn hand_on_piece(&mut self, line: &mut impl FnMut(&str)) {
        let whole = match std::str::from_utf8(&self.begun) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.begun.len(),
        };
        let rest = self.begun.split_off(whole);
        self.hand_on(line);
        self.begun = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut lines: Lines, pieces: &[&[u8]]) -> Vec<String> {
        let mut found = Vec::new();
        for piece in pieces {
            lines.take(piece, |line| found.push(line.to_owned()));
        }
        lines.finish(|line| found.push(line.to_owned()));
        found
    }

    #[test]
    fn lines_come_whole_however_the_bytes_are_cut() {
        let text = "one\n\nzwölf\r\nlast".as_bytes();
        for cut in 0..text.len() {
            let (a, b) = text.split_at(cut);
            assert_eq!(
                all(Lines::default(), &[a, b]),
                ["one", "", "zwölf\r", "last"]
            );
        }
        assert_eq!(all(Lines::with_returns(), &[b"1%\r2%\n"]), ["1%", "2%"]);
        assert_eq!(all(Lines::default(), &[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn an_endless_line_comes_in_pieces_that_cut_no_letter() {
        let text = "é".repeat(LONGEST) + "x";
        let pieces = all(Lines::default(), &[b"a", text.as_bytes()]);
        assert_eq!(pieces.concat(), format!("a{text}"));
        assert!(pieces.len() >= 2 && pieces.iter().all(|piece| piece.len() <= LONGEST));
    }

    #[test]
    fn a_line_of_just_the_limit_is_one_line() {
        let text = "x".repeat(LONGEST);
        let pieces = all(Lines::default(), &[text.as_bytes(), b"\ny\n"]);
        assert_eq!(pieces.concat(), format!("{text}y"));
    }
}
