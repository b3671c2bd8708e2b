//! What is wrong in a settings file, and where.

use std::{fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};
use serde::Serialize;

/// A settings file: the path by which people know it, and its content.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Shown in errors; nothing is read from it.
    pub path: &'a str,
    /// The whole content.
    pub text: &'a str,
}

/// One thing that is wrong, at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file.
    pub path: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected there.
    pub expected: String,
    /// What to do, where there is something to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip)]
    is_warning: bool,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

/// The line of the fault and the bytes of it that are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    line: String,
    span: Range<usize>,
}

/// Lines longer than this many bytes are not shown.
const LONGEST_LINE: usize = 400;

impl Fault {
    /// This fault with the line it is about and a caret under the place.
    pub fn render(&self, is_coloured: bool) -> String {
        let level = if self.is_warning {
            Level::WARNING
        } else {
            Level::ERROR
        };
        let title = level.primary_title(shown(&self.message));
        let mut group = match &self.excerpt {
            Some(excerpt) => title.element(
                Snippet::source(excerpt.line.as_str())
                    .path(self.path.as_str())
                    .line_start(self.line)
                    .annotation(
                        AnnotationKind::Primary
                            .span(excerpt.span.clone())
                            .label(shown(&self.expected)),
                    ),
            ),
            None => title
                .element(
                    Origin::path(self.path.as_str())
                        .line(self.line)
                        .char_column(self.column),
                )
                .element(Level::NOTE.message(shown(&self.expected))),
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(shown(help)));
        }
        let renderer = if is_coloured {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }
}

/// A text of ours that may quote the file: no control characters reach a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Everything that is wrong in the settings, in the order of the files and of their lines; never
/// empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// All of them with their lines and carets, a blank line between two, and their number at the
    /// end if there are several.
    pub fn render(&self, is_coloured: bool) -> String {
        let mut text: Vec<String> = self.iter().map(|f| f.render(is_coloured)).collect();
        if self.0.len() > 1 {
            let more = if self.0.len() < MOST { "" } else { " or more" };
            text.push(format!("{}{more} errors in the settings", self.0.len()));
        }
        text.join("\n\n")
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Faults {}

/// Collects the faults of one file while it is read; knows which key is being read.
pub(super) struct Sink<'a> {
    source: Source<'a>,
    keys: Vec<String>,
    found: Vec<(usize, Fault)>,
}

/// More than this many faults say nothing new.
const MOST: usize = 50;

impl<'a> Sink<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self {
            source,
            keys: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Reads something under `key` (or, for items of lists, `[0]`).
    pub(super) fn under<T>(&mut self, key: String, read: impl FnOnce(&mut Self) -> T) -> T {
        self.keys.push(key);
        let read = read(self);
        self.keys.pop();
        read
    }

    /// The key being read, as people write it: `release.tasks[0].command`; empty at the top.
    pub(super) fn key(&self) -> String {
        let mut path = String::new();
        for key in &self.keys {
            if !path.is_empty() && !key.starts_with('[') {
                path.push('.');
            }
            path.push_str(key);
        }
        path
    }

    /// Records a fault at the bytes `span` of the text.
    pub(super) fn add(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        expected: impl Into<String>,
        help: Option<String>,
    ) {
        if self.found.len() >= MOST {
            return;
        }
        let text = self.source.text;
        let start = floor(text, span.start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[line_start..].split('\n').next().unwrap_or_default();
        let line = line.trim_end_matches('\r');
        let from = (start - line_start).min(line.len());
        let to = floor(text, span.end).saturating_sub(line_start);
        let fault = Fault {
            path: self.source.path.to_owned(),
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            message: message.into(),
            expected: expected.into(),
            help,
            is_warning: false,
            excerpt: (line.len() <= LONGEST_LINE && !is_secret(line)).then(|| Excerpt {
                line: line.to_owned(),
                span: from..to.clamp(from, line.trim_end().len().max(from)),
            }),
        };
        // An alias is read wherever it is used, its content is wrong once.
        let is_new = self.found.iter().all(|(_, known)| *known != fault);
        if is_new {
            self.found.push((start, fault));
        }
    }

    /// The faults in the order of the text, as things that stop nothing.
    pub(super) fn into_warnings(self) -> Vec<Fault> {
        let mut faults = self.into_faults();
        for fault in &mut faults {
            fault.is_warning = true;
        }
        faults
    }

    /// The faults in the order of the text.
    pub(super) fn into_faults(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.into_iter().map(|(_, fault)| fault).collect()
    }
}

/// Whether a text holds a secret that people put into the wrong key: it must not be shown.
pub(super) fn is_secret(text: &str) -> bool {
    text.to_ascii_uppercase().contains("AGE-SECRET-KEY-")
}

/// The last character boundary of `text` that is not after `at`.
fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|&i| text.is_char_boundary(i))
        .unwrap_or(0)
}

/// All faults of all files, or nothing to say.
pub(super) fn all(faults: Vec<Fault>) -> Result<(), Faults> {
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Faults(faults))
    }
}

/// The one of `known` that `given` is most likely a slip of.
pub(super) fn nearest<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let given = given.to_lowercase().replace('-', "_");
    let begun = known
        .iter()
        .find(|k| given.len() >= 3 && k.starts_with(&given));
    let close = known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(&given, &k.to_lowercase()), *k))
        .filter(|(distance, k)| *distance <= k.chars().count().max(3) / 3)
        .min()
        .map(|(_, k)| k);
    close.or(begun.copied())
}
