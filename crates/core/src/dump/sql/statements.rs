//! SQL read token by token, as far as it takes to count the rows of `INSERT` statements: strings
//! with their escapes, quoted names, comments, the client's `DELIMITER`.

use std::collections::BTreeMap;

/// No name is longer than this; longer words are cut.
const LONGEST_WORD: usize = 1024;
/// No delimiter is longer than this.
const LONGEST_DELIMITER: usize = 16;

/// Reads statements and keeps the number of rows of each table.
pub(super) struct Statements {
    state: State,
    /// The byte before, in [`State::Text`]; 0 where it was part of something else.
    before: u8,
    /// Whether this is inside of `/*! … */`, which the server executes.
    is_conditional: bool,
    delimiter: Vec<u8>,
    /// How many bytes of the delimiter have been seen.
    matched: usize,
    word: Vec<u8>,
    is_in_word: bool,
    statement: Statement,
    depth: u32,
    /// The rows by table, in UTF-8 or as much of it as there is.
    pub(super) rows: BTreeMap<String, u64>,
    /// A statement that puts rows into a table in a way that cannot be counted.
    pub(super) uncounted: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// Behind `--`, which begins a comment if a blank follows.
    Dashes,
    Line,
    /// Behind `/*`, `/*M`: whether `!` follows.
    Opening,
    Block,
    /// In a block comment, behind a `*`.
    Closing,
    Quoted(u8),
    /// Behind a backquote that ends a name, unless another follows.
    Named,
    /// In a string, behind a backslash.
    Escaped(u8),
    /// The rest of a line that begins with `DELIMITER`.
    Delimiter,
}

/// What the words of the present statement have told.
enum Statement {
    /// No word yet.
    Begin,
    Insert,
    Create,
    CreateTable,
    /// Rows of this table; whether `VALUES` has come.
    Rows {
        table: String,
        has_values: bool,
        rows: u64,
    },
    Else,
}

impl Default for Statements {
    fn default() -> Self {
        Self {
            state: State::Text,
            before: 0,
            is_conditional: false,
            delimiter: b";".to_vec(),
            matched: 0,
            word: Vec::new(),
            is_in_word: false,
            statement: Statement::Begin,
            depth: 0,
            rows: BTreeMap::new(),
            uncounted: None,
        }
    }
}

impl Statements {
    /// Takes the next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            // Whatever means nothing here is passed over at once.
            let plain = match self.state {
                State::Line | State::Delimiter => memchr::memchr(b'\n', bytes),
                State::Block => memchr::memchr(b'*', bytes),
                State::Quoted(b'\'') => memchr::memchr2(b'\'', b'\\', bytes),
                State::Quoted(b'"') => memchr::memchr2(b'"', b'\\', bytes),
                State::Text if self.depth > 0 && self.delimiter == b";" => {
                    bytes.iter().position(|byte| MATTERS[usize::from(*byte)])
                }
                _ => Some(0),
            };
            let plain = plain.unwrap_or(bytes.len());
            if plain > 0 {
                let passed = bytes.get(..plain).unwrap_or_default();
                match self.state {
                    State::Delimiter => self.keep(passed),
                    State::Text => {
                        self.before = passed.last().copied().unwrap_or_default();
                    }
                    _ => {}
                }
                bytes = bytes.get(plain..).unwrap_or_default();
                continue;
            }
            self.step(byte);
            bytes = rest;
        }
    }

    /// Whether the text ends where a text may end.
    pub(super) fn is_between_statements(&self) -> bool {
        matches!(self.state, State::Text | State::Line)
            && matches!(self.statement, Statement::Begin | Statement::Else)
            && self.depth == 0
    }

    fn step(&mut self, byte: u8) {
        self.state = match self.state {
            State::Text => return self.text(byte),
            State::Dashes if byte.is_ascii_whitespace() || byte.is_ascii_control() => {
                if byte == b'\n' {
                    State::Text
                } else {
                    State::Line
                }
            }
            State::Dashes => {
                self.state = State::Text;
                return self.text(byte);
            }
            State::Line if byte == b'\n' => State::Text,
            State::Opening if byte == b'!' => {
                self.is_conditional = true;
                State::Text
            }
            State::Opening if byte == b'M' => State::Opening,
            State::Opening | State::Block if byte == b'*' => State::Closing,
            State::Opening => State::Block,
            State::Closing if byte == b'/' => State::Text,
            State::Closing if byte != b'*' => State::Block,
            State::Quoted(b'`') if byte == b'`' => State::Named,
            State::Quoted(quote) if byte == quote => State::Text,
            State::Quoted(quote) if byte == b'\\' && quote != b'`' => State::Escaped(quote),
            State::Quoted(b'`') => {
                self.keep(&[byte]);
                State::Quoted(b'`')
            }
            State::Named if byte == b'`' => {
                self.keep(b"`");
                State::Quoted(b'`')
            }
            State::Named => {
                self.end_word(true);
                self.state = State::Text;
                return self.text(byte);
            }
            State::Escaped(quote) => State::Quoted(quote),
            State::Delimiter => {
                let word = std::mem::take(&mut self.word);
                let given = word.trim_ascii();
                if !given.is_empty() {
                    self.delimiter = given.get(..LONGEST_DELIMITER).unwrap_or(given).to_vec();
                }
                self.matched = 0;
                State::Text
            }
            same => same,
        };
    }

    fn text(&mut self, byte: u8) {
        let before = std::mem::replace(&mut self.before, byte);
        let is_word = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80;
        if is_word && self.depth == 0 {
            self.is_in_word = true;
            self.keep(&[byte]);
            return;
        }
        if self.is_in_word {
            self.end_word(false);
            if self.state == State::Delimiter {
                if byte == b'\n' {
                    self.step(byte);
                }
                return;
            }
        }
        match byte {
            b'\'' | b'"' | b'`' => {
                self.word.clear();
                self.begin(State::Quoted(byte));
            }
            b'-' if before == b'-' => self.begin(State::Dashes),
            b'#' => self.begin(State::Line),
            b'*' if before == b'/' => self.begin(State::Opening),
            b'/' if before == b'*' && self.is_conditional => {
                self.is_conditional = false;
                self.before = 0;
            }
            b'(' => {
                if self.depth == 0
                    && let Statement::Rows {
                        has_values: true,
                        rows,
                        ..
                    } = &mut self.statement
                {
                    *rows += 1;
                }
                self.depth = self.depth.saturating_add(1);
            }
            b')' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.match_delimiter(byte);
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.before = 0;
    }

    fn match_delimiter(&mut self, byte: u8) {
        let awaited = |at: usize| self.delimiter.get(at) == Some(&byte);
        self.matched = if awaited(self.matched) {
            self.matched + 1
        } else {
            usize::from(awaited(0))
        };
        if self.matched < self.delimiter.len() {
            return;
        }
        self.matched = 0;
        self.depth = 0;
        if let Statement::Rows { table, rows, .. } =
            std::mem::replace(&mut self.statement, Statement::Begin)
        {
            let sum = self.rows.entry(table).or_default();
            *sum = sum.saturating_add(rows);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let space = LONGEST_WORD.saturating_sub(self.word.len());
        self.word
            .extend_from_slice(bytes.get(..space.min(bytes.len())).unwrap_or(bytes));
    }

    /// A word is over, or a name between backquotes.
    fn end_word(&mut self, is_quoted: bool) {
        self.is_in_word = false;
        let word = std::mem::take(&mut self.word);
        if self.depth > 0 {
            return;
        }
        let upper = if is_quoted {
            Vec::new()
        } else {
            word.to_ascii_uppercase()
        };
        let name = || String::from_utf8_lossy(&word).into_owned();
        // A version stands at the beginning of a conditional comment.
        let is_version = self.is_conditional && upper.iter().all(u8::is_ascii_digit) && !is_quoted;
        let statement = std::mem::replace(&mut self.statement, Statement::Else);
        self.statement = match (statement, upper.as_slice()) {
            (Statement::Begin, _) if is_version => Statement::Begin,
            // What only some servers execute: stand-ins for views, triggers.
            (Statement::Begin, _) if self.is_conditional => Statement::Else,
            (Statement::Begin, b"INSERT" | b"REPLACE") => Statement::Insert,
            (Statement::Begin, b"CREATE") => Statement::Create,
            (Statement::Begin, b"DELIMITER") => {
                self.state = State::Delimiter;
                Statement::Begin
            }
            (Statement::Create, b"TABLE")
            | (Statement::CreateTable, b"IF" | b"NOT" | b"EXISTS") => Statement::CreateTable,
            (Statement::CreateTable, _) => {
                self.rows.entry(name()).or_default();
                Statement::Else
            }
            (Statement::Insert, b"INTO" | b"IGNORE" | b"DELAYED" | b"LOW_PRIORITY") => {
                Statement::Insert
            }
            (Statement::Insert, _) => Statement::Rows {
                table: name(),
                has_values: false,
                rows: 0,
            },
            (Statement::Rows { table, rows, .. }, b"VALUES" | b"VALUE") => Statement::Rows {
                table,
                has_values: true,
                rows,
            },
            (Statement::Rows { table, .. }, b"SELECT" | b"SET" | b"TABLE") => {
                self.uncounted = Some(format!("it fills {table} otherwise than with values"));
                Statement::Else
            }
            // `_binary 'x'` and the like.
            (rows @ Statement::Rows { .. }, _) => rows,
            _ => Statement::Else,
        };
    }
}

/// The bytes that matter between parentheses.
static MATTERS: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    let bytes = b"'\"`()-*/#;";
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &[u8], step: usize) -> BTreeMap<String, u64> {
        let mut statements = Statements::default();
        for piece in text.chunks(step) {
            statements.take(piece);
        }
        assert_eq!(statements.uncounted, None);
        assert!(statements.is_between_statements());
        statements.rows
    }

    const AWKWARD: &str = r#"-- MariaDB dump (1),(2)
CREATE TABLE `t` (`a` int /* ( */, b varchar(3) DEFAULT 'x);(' ) COMMENT='INSERT INTO t VALUES (1);';
CREATE TABLE `empty` (x int);
CREATE TABLE IF NOT EXISTS `odd``name` (x int);
INSERT INTO `t` VALUES (1,'a'),(2,'b\'),(\\'),(3,'it''s),(');
INSERT INTO `t` (`a`,`b`) VALUES
(4,"d\"),("),
(5,NULL),(-6,_binary '\0x;--'),(--7, 0x2C28),(8,'#'), (9, func(1,(2)));
/*!40000 ALTER TABLE `t` DISABLE KEYS */;
# INSERT INTO t VALUES (1);
REPLACE INTO plain VALUES (1),(2);
/* INSERT INTO t VALUES (1); ' */
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`%`*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW
BEGIN INSERT INTO t VALUES (1); SET @x = '*/;;'; END */;;
CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1); END ;;
DELIMITER ;
INSERT INTO `t` VALUES (10,'last');
/*M!100616 SET NOTE_VERBOSITY=@OLD */;
-- Dump completed
"#;

    #[test]
    fn rows_are_counted_whatever_stands_in_them() {
        for step in [1, 2, 3, 7, 10_000] {
            let wanted = [("t", 10), ("empty", 0), ("odd`name", 0), ("plain", 2)];
            let found = rows(AWKWARD.as_bytes(), step);
            for (table, count) in wanted {
                assert_eq!(
                    found.get(table),
                    Some(&count),
                    "{table} by {step}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_counted_is_told() {
        let mut statements = Statements::default();
        statements.take(b"INSERT INTO a SELECT * FROM b;\n");
        assert!(statements.uncounted.unwrap().contains('a'));
    }

    fn quoted(bytes: &[u8]) -> Vec<u8> {
        let mut text = b"'".to_vec();
        for &byte in bytes {
            match byte {
                b'\'' | b'\\' => text.extend([b'\\', byte]),
                0 => text.extend(b"\\0"),
                b'\n' => text.extend(b"\\n"),
                _ => text.push(byte),
            }
        }
        text.push(b'\'');
        text
    }

    proptest! {
        #[test]
        fn any_values_are_as_many_rows_as_were_written(
            tables in prop::collection::vec(prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..6), 1..4),
            step in 1_usize..40,
        ) {
            let mut text = Vec::new();
            for (n, values) in tables.iter().enumerate() {
                text.extend(format!("CREATE TABLE `t{n}` (x blob);\n").as_bytes());
                for value in values {
                    text.extend(format!("INSERT INTO `t{n}` VALUES (").as_bytes());
                    text.extend(quoted(value));
                    text.extend(b"),(");
                    text.extend(quoted(value));
                    text.extend(b");\n");
                }
            }
            let found = rows(&text, step);
            for (n, values) in tables.iter().enumerate() {
                prop_assert_eq!(found[&format!("t{n}")], 2 * values.len() as u64);
            }
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), step in 1_usize..40) {
            let mut statements = Statements::default();
            for piece in bytes.chunks(step) {
                statements.take(piece);
            }
        }
    }
}
