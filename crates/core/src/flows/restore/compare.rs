//! Whether a service holds what a dump holds.

use std::collections::BTreeMap;

use crate::dump::{Amount, Amounts, Table};

/// At most so many tables are named in one sentence.
const MOST_NAMED: usize = 5;

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Tables of which something is missing, each with both amounts in words.
    pub missing: Vec<String>,
    /// Tables that hold more than the dump, likewise.
    pub surplus: Vec<String>,
    /// Tables that the dump does not know.
    pub extra: Vec<String>,
    /// Tables that were compared.
    pub compared: usize,
    /// Rows or keys of the dump in them.
    pub rows: u64,
}

impl Verdict {
    /// Whether everything is there and nothing else.
    pub fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.extra.is_empty()
    }
}

/// Compares what was `found` with what the dump holds.
pub fn compare(wanted: &Amounts, found: &BTreeMap<Table, Amount>) -> Verdict {
    let mut verdict = Verdict {
        compared: wanted.tables.len(),
        rows: wanted.total(),
        ..Verdict::default()
    };
    for (table, amount) in &wanted.tables {
        match found.get(table) {
            // Redis does not tell of a database whose last key has expired.
            None if amount.lasting == 0 && amount.passing > 0 => {}
            None => verdict
                .missing
                .push(format!("{table} is not there ({amount} in the dump)")),
            Some(there) if amount.is_met_by(*there) => {}
            Some(there) => {
                let words = format!("{table} holds {there}, the dump {amount}");
                if amount.is_missed_by(*there) {
                    verdict.missing.push(words);
                } else {
                    verdict.surplus.push(words);
                }
            }
        }
    }
    if wanted.unknown.is_none() {
        verdict.extra = found
            .keys()
            .filter(|table| !wanted.tables.contains_key(table))
            .map(ToString::to_string)
            .collect();
    }
    verdict
}

/// Names the first of several.
pub fn named(all: &[String]) -> String {
    let first = all
        .iter()
        .take(MOST_NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("; ");
    match all.len().saturating_sub(MOST_NAMED) {
        0 => first,
        more => format!("{first}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(tables: &[(&str, u64)]) -> BTreeMap<Table, Amount> {
        tables
            .iter()
            .map(|(name, rows)| (Table::in_schema("public", *name), Amount::rows(*rows)))
            .collect()
    }

    fn verdict(wanted: &[(&str, u64)], found: &[(&str, u64)]) -> Verdict {
        let wanted = Amounts {
            tables: amounts(wanted),
            unknown: None,
        };
        compare(&wanted, &amounts(found))
    }

    #[test]
    fn every_difference_is_told() {
        assert!(verdict(&[("a", 1), ("b", 0)], &[("a", 1), ("b", 0)]).is_exact());
        let found = verdict(
            &[("a", 1), ("b", 0), ("c", 5)],
            &[("a", 2), ("c", 4), ("d", 1)],
        );
        assert_eq!(found.surplus, ["public.a holds 2, the dump 1"]);
        assert_eq!(
            found.missing,
            [
                "public.b is not there (0 in the dump)",
                "public.c holds 4, the dump 5"
            ]
        );
        assert_eq!(found.extra, ["public.d"]);
        assert_eq!((found.compared, found.rows), (3, 6));
    }

    #[test]
    fn long_lists_are_cut() {
        let all: Vec<String> = (0..8).map(|n| n.to_string()).collect();
        assert_eq!(named(&all), "0; 1; 2; 3; 4; and 3 more");
        assert_eq!(named(&all[..2]), "0; 1");
    }
}
