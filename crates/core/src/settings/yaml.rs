//! YAML text → a tree in which every key and value knows its place.
//!
//! The only module that knows the YAML parser. It is used at the level of events, because serde
//! stops at the first value that does not fit and because a tree keeps what was written (`1.10`,
//! `007`). Aliases and merge keys (`<<`) are resolved here, within limits.

use std::{collections::HashMap, ops::Range};

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Tag};

use super::fault::{Sink, is_secret};

/// A value and the bytes of the text that it covers.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub span: Range<usize>,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `is_plain`: written without quotes, so that it may be a number or a boolean.
    Scalar {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

/// Largest file that is read, in bytes.
const LARGEST: usize = 256 * 1024;
/// Most values in a file, aliases counted as often as they are used.
const MOST_NODES: usize = 10_000;
/// Deepest nesting.
const DEEPEST: usize = 32;

impl Node {
    /// What this is, for "found …".
    pub(super) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a map".to_owned(),
            Value::Scalar { text, .. } if is_secret(text) => "a secret identity".to_owned(),
            Value::Scalar { text, is_plain } => {
                let short: String = text.chars().take(40).collect();
                match kind_of_plain(text) {
                    Plain::Number if *is_plain => format!("the number {short}"),
                    Plain::Bool if *is_plain => short,
                    _ => format!("the text {short:?}"),
                }
            }
        }
    }

    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(entries) => entries.iter().map(|e| e.value.count()).sum(),
        }
    }
}

/// What an unquoted scalar is by YAML 1.2's core schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plain {
    Null,
    Bool,
    Number,
    Text,
}

pub(super) fn kind_of_plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Plain::Bool,
        _ if is_number(text) => Plain::Number,
        _ => Plain::Text,
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = unsigned.strip_prefix("0x") {
        return !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit());
    }
    if let Some(digits) = unsigned.strip_prefix("0o") {
        return !digits.is_empty() && digits.chars().all(|c| ('0'..='7').contains(&c));
    }
    let is_special = matches!(
        unsigned,
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    );
    let has_digit = unsigned.starts_with(|c: char| c.is_ascii_digit())
        || unsigned
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    is_special || (has_digit && unsigned.parse::<f64>().is_ok())
}

/// The tree of `text`, `None` when there is nothing in it but comments. What is wrong goes to
/// `faults`; then the tree may be missing.
pub(super) fn parse(text: &str, faults: &mut Sink<'_>) -> Option<Node> {
    if text.len() > LARGEST {
        let limit = format!("at most {} KiB", LARGEST / 1024);
        faults.add(&(0..0), "the file is too large", limit, None);
        return None;
    }
    if let Some((at, c)) = text.char_indices().find(|&(_, c)| is_forbidden(c)) {
        faults.add(
            &(at..at + c.len_utf8()),
            format!("the character U+{:04X} is not allowed", u32::from(c)),
            "text without control characters",
            None,
        );
        return None;
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut composer = Composer {
        text,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        root: None,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                let span = span.byte_range().unwrap_or(text.len()..text.len());
                if composer.event(event, span, faults).is_break() {
                    return None;
                }
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                let next = text.get(at..).and_then(|t| t.chars().next());
                let place = at..at + next.map_or(0, char::len_utf8);
                if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
                    too_deep(&place, faults);
                } else {
                    faults.add(&place, "this is not YAML", error.info(), hint(text, at));
                }
                return None;
            }
        }
    }
    composer.root
}

fn hint(text: &str, at: usize) -> Option<String> {
    let line_start = text.get(..at)?.rfind('\n').map_or(0, |n| n + 1);
    let line = text.get(line_start..)?.lines().next()?;
    let indent: &str = &line[..line.len() - line.trim_start().len()];
    indent
        .contains('\t')
        .then(|| "YAML is indented with spaces, never with tabs".to_owned())
}

fn too_deep(place: &Range<usize>, faults: &mut Sink<'_>) {
    let expected = format!("at most {DEEPEST} levels");
    faults.add(
        place,
        "lists and maps are nested too deeply",
        expected,
        None,
    );
}

fn is_forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
}

struct Composer<'t> {
    text: &'t str,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// A list or map whose end has not come yet.
struct Open {
    start: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// The entries so far, and the key whose value comes next.
    Map(Vec<Entry>, Option<(String, Range<usize>)>),
}

type Flow = std::ops::ControlFlow<()>;

impl Composer<'_> {
    /// Takes the next event. `Break`: reading on makes no sense.
    fn event(&mut self, event: Event<'_>, span: Range<usize>, faults: &mut Sink<'_>) -> Flow {
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                faults.add(
                    &span,
                    "a second document begins here",
                    "one document in the file",
                    None,
                );
                Flow::Break(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.as_deref().is_some_and(|t| t.suffix() == "str");
                refuse_tag(tag.as_deref(), &span, faults);
                let is_plain = style == ScalarStyle::Plain && !is_text;
                let value = if is_plain && kind_of_plain(&text) == Plain::Null {
                    Value::Null
                } else {
                    Value::Scalar {
                        text: text.into_owned(),
                        is_plain,
                    }
                };
                self.complete(Node { span, value }, anchor, faults)
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.as_deref(), &span, faults);
                self.begin(span, anchor, Content::List(Vec::new()), faults)
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.as_deref(), &span, faults);
                self.begin(span, anchor, Content::Map(Vec::new(), None), faults)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(&span, faults),
            Event::Alias(id) => {
                if let Some(node) = self.anchors.get(&id).cloned() {
                    self.nodes += node.count();
                    return self.complete(node, 0, faults);
                }
                faults.add(
                    &span,
                    "this alias stands inside what it refers to",
                    "an alias of something complete",
                    None,
                );
                Flow::Break(())
            }
            _ => Flow::Continue(()),
        }
    }

    fn begin(
        &mut self,
        span: Range<usize>,
        anchor: usize,
        content: Content,
        faults: &mut Sink<'_>,
    ) -> Flow {
        if self.open.len() >= DEEPEST {
            too_deep(&span, faults);
            return Flow::Break(());
        }
        self.open.push(Open {
            start: span.start,
            anchor,
            content,
        });
        Flow::Continue(())
    }

    fn end(&mut self, span: &Range<usize>, faults: &mut Sink<'_>) -> Flow {
        let Some(open) = self.open.pop() else {
            return Flow::Continue(());
        };
        let end = span.end.max(open.start).min(self.text.len());
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map(entries, _) => Value::Map(merged(entries, faults)),
        };
        let node = Node {
            span: open.start..end,
            value,
        };
        self.complete(node, open.anchor, faults)
    }

    fn complete(&mut self, node: Node, anchor: usize, faults: &mut Sink<'_>) -> Flow {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            faults.add(
                &node.span,
                "the file holds too much, aliases counted in full",
                format!("at most {MOST_NODES} values"),
                None,
            );
            return Flow::Break(());
        }
        if anchor != 0 {
            self.nodes += node.count();
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(_, next @ None)) => {
                let Value::Scalar { text: key, .. } = node.value else {
                    let found = node.describe();
                    faults.add(
                        &node.span,
                        format!("{found} cannot be a key"),
                        "a word as the key",
                        None,
                    );
                    return Flow::Break(());
                };
                *next = Some((key, node.span));
            }
            Some(Content::Map(entries, next)) => {
                let (key, key_span) = next.take().unwrap_or_default();
                if key != MERGE && entries.iter().any(|e| e.key == key) {
                    let key: String = key.chars().take(80).collect();
                    faults.add(
                        &key_span,
                        format!("the key `{key}` is given twice"),
                        "each key once",
                        None,
                    );
                } else {
                    entries.push(Entry {
                        key,
                        key_span,
                        value: node,
                    });
                }
            }
        }
        Flow::Continue(())
    }
}

fn refuse_tag(tag: Option<&Tag>, span: &Range<usize>, faults: &mut Sink<'_>) {
    if tag.is_some_and(|t| t.suffix() != "str" && !t.suffix().is_empty()) {
        faults.add(span, "tags are not supported", "a value without `!`", None);
    }
}

const MERGE: &str = "<<";

/// The entries with those of `<<` added where the map itself says nothing.
fn merged(entries: Vec<Entry>, faults: &mut Sink<'_>) -> Vec<Entry> {
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e.key == MERGE);
    for merge in merges {
        let sources = match merge.value.value {
            Value::List(items) => items,
            _ => vec![merge.value],
        };
        for source in sources {
            let Value::Map(entries) = source.value else {
                let found = source.describe();
                faults.add(
                    &merge.key_span,
                    format!("`<<` cannot merge {found}"),
                    "an alias of a map",
                    None,
                );
                continue;
            };
            for entry in entries {
                if own.iter().all(|e| e.key != entry.key) {
                    own.push(entry);
                }
            }
        }
    }
    own
}
