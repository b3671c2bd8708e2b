//! Tree → types: every type says how it is read, and everything that does not fit is recorded.
//!
//! `section!` makes a type from a list of keys: the struct, its reading and (by schemars) its JSON
//! Schema have one source.

use std::{collections::BTreeMap, ops::Range};

use schemars::JsonSchema;

use super::{
    fault::{Sink, nearest},
    yaml::{Entry, Node, Plain, Value, kind_of_plain},
};

/// A type that can stand in a settings file.
pub(super) trait Read: Sized {
    /// Reads it, or records why not and returns `None`.
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self>;

    /// Its value where the key is missing; `None`: the key is required.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: Read> Read for Option<T> {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        match node.value {
            Value::Null => Some(None),
            _ => T::read(node, faults).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        items(node, faults)?.into_iter().collect()
    }
}

/// The items of a list, `None` for each that does not fit.
fn items<T: Read>(node: &Node, faults: &mut Sink<'_>) -> Option<Vec<Option<T>>> {
    let Value::List(items) = &node.value else {
        wrong_shape(node, "a list", faults);
        return None;
    };
    let read = items
        .iter()
        .enumerate()
        .map(|(i, item)| faults.under(format!("[{i}]"), |faults| T::read(item, faults)));
    Some(read.collect())
}

/// A list in which nothing stands twice.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(inline, transparent)]
pub(super) struct Distinct<T>(#[schemars(extend("uniqueItems" = true))] pub Vec<T>);

impl<T: Read + PartialEq> Read for Distinct<T> {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        let items = items::<T>(node, faults)?;
        if let Value::List(nodes) = &node.value {
            for (i, (item, node)) in items.iter().zip(nodes).enumerate() {
                let is_twice =
                    item.is_some() && items.iter().take(i).any(|earlier| earlier == item);
                if is_twice {
                    let message = format!("{} stands twice in `{}`", node.describe(), faults.key());
                    faults.add(&node.span, message, "each item once", None);
                }
            }
        }
        items.into_iter().collect::<Option<_>>().map(Self)
    }
}

/// A type that a map may have as its keys.
pub(super) trait Key: Ord + Sized {
    /// Completes "expected …".
    const EXPECTED: &'static str;
    /// Reads the key.
    fn parse_key(key: &str) -> Option<Self>;
    /// The keys that there are, if they are few.
    fn known() -> Vec<&'static str> {
        Vec::new()
    }
}

impl<K: Key, V: Read> Read for BTreeMap<K, V> {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            wrong_shape(node, "a map", faults);
            return None;
        };
        let mut map = Some(Self::new());
        for entry in entries {
            let Some(key) = K::parse_key(&entry.key) else {
                let help = nearest(&entry.key, &K::known()).map(|k| format!("did you mean `{k}`?"));
                let message = format!(
                    "{:?} cannot be a key of `{}`",
                    cut(&entry.key),
                    faults.key()
                );
                faults.add(
                    &entry.key_span,
                    message,
                    format!("expected {}", K::EXPECTED),
                    help,
                );
                map = None;
                continue;
            };
            let value = faults.under(entry.key.clone(), |faults| V::read(&entry.value, faults));
            match (value, &mut map) {
                (Some(value), Some(map)) => {
                    map.insert(key, value);
                }
                _ => map = None,
            }
        }
        map
    }
}

/// A scalar that is read from its text.
pub(super) trait Text: Sized {
    /// Completes "expected …".
    const EXPECTED: &'static str;
    /// Whether it may be written as a number without quotes.
    const MAY_BE_NUMBER: bool = false;
    /// Reads it; the error says why not, if there is more to say than what is expected.
    fn parse(text: &str) -> Result<Self, Option<String>>;
    /// The words that there are, if they are few.
    fn known() -> Vec<&'static str> {
        Vec::new()
    }
}

impl<T: Text> Read for T {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        let Value::Scalar { text, is_plain } = &node.value else {
            wrong_value(node, T::EXPECTED, None, faults);
            return None;
        };
        let kind = if *is_plain {
            kind_of_plain(text)
        } else {
            Plain::Text
        };
        match T::parse(text) {
            Ok(_) if kind == Plain::Bool || (kind == Plain::Number && !T::MAY_BE_NUMBER) => {
                let help = format!("write it in quotes: \"{}\"", cut(text));
                wrong_value(node, T::EXPECTED, Some(help), faults);
                None
            }
            Ok(value) => Some(value),
            Err(why) => {
                let guess = nearest(text, &T::known()).map(|k| format!("did you mean `{k}`?"));
                wrong_value(node, T::EXPECTED, guess.or(why), faults);
                None
            }
        }
    }
}

impl Read for bool {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        if let Value::Scalar {
            text,
            is_plain: true,
        } = &node.value
        {
            match text.as_str() {
                "true" => return Some(true),
                "false" => return Some(false),
                _ => {}
            }
        }
        wrong_value(node, "true or false, without quotes", None, faults);
        None
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Int<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> Read for Int<MIN, MAX> {
    fn read(node: &Node, faults: &mut Sink<'_>) -> Option<Self> {
        if let Value::Scalar {
            text,
            is_plain: true,
        } = &node.value
            && text.bytes().all(|c| c.is_ascii_digit())
            && let Ok(number) = text.parse()
            && (MIN..=MAX).contains(&number)
        {
            return Some(Self(number));
        }
        wrong_value(
            node,
            &format!("a whole number from {MIN} to {MAX}"),
            None,
            faults,
        );
        None
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Int<MIN, MAX> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Int{MIN}To{MAX}").into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

pub(super) fn wrong_value(
    node: &Node,
    expected: &str,
    help: Option<String>,
    faults: &mut Sink<'_>,
) {
    let message = format!("`{}` cannot be {}", faults.key(), node.describe());
    faults.add(&node.span, message, format!("expected {expected}"), help);
}

fn wrong_shape(node: &Node, expected: &str, faults: &mut Sink<'_>) {
    let key = faults.key();
    let whole = if key.is_empty() {
        "the file".to_owned()
    } else {
        format!("`{key}`")
    };
    let message = format!("{whole} must be {expected}, not {}", node.describe());
    faults.add(&node.span, message, format!("expected {expected}"), None);
}

pub(super) fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The entries of a section while its fields are read.
pub(super) struct Fields<'n> {
    span: &'n Range<usize>,
    entries: &'n [Entry],
    /// Keys that were probably meant by unknown ones: they are not missing as well.
    misspelt: Vec<String>,
}

impl<'n> Fields<'n> {
    /// The entries of `node`, which must be a map of `known` keys; others are recorded.
    pub(super) fn of(node: &'n Node, known: &[&str], faults: &mut Sink<'_>) -> Option<Self> {
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            // A section whose keys are all commented out.
            Value::Null => &[],
            _ => {
                wrong_shape(node, "a map", faults);
                return None;
            }
        };
        let mut misspelt = Vec::new();
        for entry in entries.iter().filter(|e| !known.contains(&e.key.as_str())) {
            let key = faults.key();
            let place = if key.is_empty() {
                String::new()
            } else {
                format!(" in `{key}`")
            };
            let meant = nearest(&entry.key, known);
            misspelt.extend(meant.map(str::to_owned));
            faults.add(
                &entry.key_span,
                format!("unknown key `{}`{place}", cut(&entry.key)),
                format!("expected one of: {}", known.join(", ")),
                meant.map(|k| format!("did you mean `{k}`?")),
            );
        }
        Some(Self {
            span: &node.span,
            entries,
            misspelt,
        })
    }

    /// The value of `key`; what is wrong with it is recorded.
    pub(super) fn take<T: Read>(&self, key: &str, faults: &mut Sink<'_>) -> Option<T> {
        if let Some(entry) = self.entries.iter().find(|e| e.key == key) {
            return faults.under(key.to_owned(), |faults| T::read(&entry.value, faults));
        }
        let absent = T::absent();
        if absent.is_none() && !self.misspelt.iter().any(|k| k == key) {
            let message = format!("`{}` lacks the key `{key}`", faults.key());
            faults.add(self.span, message, format!("expected `{key}:` here"), None);
        }
        absent
    }
}

/// The place of the value of `key` in a map, else of the map: for checks across keys.
pub(super) fn place_of<'n>(node: &'n Node, key: &str) -> &'n Range<usize> {
    match &node.value {
        Value::Map(entries) => entries
            .iter()
            .find(|e| e.key == key)
            .map_or(&node.span, |e| &e.value.span),
        _ => &node.span,
    }
}

/// Declares a section: its keys, their types, and optionally `check: function`, which sees the
/// section as read and its node, and records what does not fit together.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $type:ty,)* } $(check: $check:path)?) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$doc])* pub $key: $type,)*
        }

        impl $crate::settings::read::Read for $name {
            fn read(
                node: &$crate::settings::yaml::Node,
                faults: &mut $crate::settings::fault::Sink<'_>,
            ) -> Option<Self> {
                let fields = $crate::settings::read::Fields::of(
                    node, &[$(stringify!($key)),*], faults,
                )?;
                $(let $key = fields.take(stringify!($key), faults);)*
                let section = Self { $($key: $key?),* };
                $($check(&section, node, faults);)?
                Some(section)
            }
        }
    };
}
pub(super) use section;

/// Declares an enum of words.
macro_rules! words {
    ($(#[$meta:meta])* $visible:vis $name:ident: $expected:literal {
        $($(#[$doc:meta])* $variant:ident = $word:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visible enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// The word for it in settings.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::settings::read::Text for $name {
            const EXPECTED: &'static str = $expected;
            fn parse(text: &str) -> Result<Self, Option<String>> {
                match text { $($word => Ok(Self::$variant),)* _ => Err(None) }
            }
            fn known() -> Vec<&'static str> {
                vec![$($word),*]
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),*] })
            }
        }
    };
}
pub(super) use words;
