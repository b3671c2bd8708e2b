//! A week of health checks of one app, small enough for ten thousand apps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Seconds in a cell: checks of the same quarter of an hour count as one.
pub const CELL_SECONDS: i64 = 900;
/// Cells in a week.
pub const WEEK: usize = 7 * 24 * 4;
/// Cells whose response times are kept: a day.
const DAY: usize = 24 * 4;

/// What the checks of a cell said. The larger wins: one failed check makes the cell one of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// All that were made passed.
    Up,
    /// One failed.
    Down,
}

/// Checks by cell, the last week of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checks {
    cells: BTreeMap<i64, (State, u64)>,
}

impl Checks {
    /// Adds a check; `took` is how long the answer took in milliseconds, 0 without one.
    pub fn add(&mut self, at: Timestamp, state: State, took: u64) {
        self.put(at.as_second().div_euclid(CELL_SECONDS), state, took);
        self.trim();
    }

    fn put(&mut self, cell: i64, state: State, took: u64) {
        let known = self.cells.entry(cell).or_insert((state, took));
        *known = (known.0.max(state), known.1.max(took));
    }

    fn trim(&mut self) {
        let Some((&newest, _)) = self.cells.last_key_value() else {
            return;
        };
        let first = newest - cells(WEEK) + 1;
        self.cells = self.cells.split_off(&first);
        for (_, (_, took)) in self.cells.range_mut(..=newest_day(newest)) {
            *took = 0;
        }
    }

    /// Both: of each cell the worse state and the longer time.
    #[must_use]
    pub fn merge(mut self, other: &Self) -> Self {
        for (cell, (state, took)) in &other.cells {
            self.put(*cell, *state, *took);
        }
        self.trim();
        self
    }

    /// No cell is from later than `now`.
    pub(super) fn until(&mut self, now: Timestamp) {
        let _later = self
            .cells
            .split_off(&(now.as_second().div_euclid(CELL_SECONDS) + 1));
    }

    /// Whether there is no check.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// `{end, week, ms}`: the number of the newest cell, the states from there backwards as runs
    /// (`3u1d92.` is three up, one down, ninety-two unknown), the times of the last day.
    pub(super) fn value(&self) -> Value {
        let Some((end, _)) = self.cells.last_key_value() else {
            return json!({});
        };
        let letter = |cell: &i64| match self.cells.get(cell) {
            None => '.',
            Some((State::Up, _)) => 'u',
            Some((State::Down, _)) => 'd',
        };
        let first = self.cells.first_key_value().map_or(*end, |(cell, _)| *cell);
        let mut runs: Vec<(usize, char)> = Vec::new();
        for cell in (first..=*end).rev() {
            let now = letter(&cell);
            match runs.last_mut() {
                Some((count, state)) if *state == now => *count += 1,
                _ => runs.push((1, now)),
            }
        }
        let runs = runs.iter().map(|(count, state)| format!("{count}{state}"));
        let week: String = runs.collect();
        let took = |cell: i64| self.cells.get(&cell).map_or(0, |(_, took)| *took);
        let mut ms: Vec<u64> = (0..cells(DAY)).map(|back| took(end - back)).collect();
        while ms.last() == Some(&0) {
            ms.pop();
        }
        json!({ "end": end, "week": week, "ms": ms })
    }

    /// Reads what [`Checks::value`] gives; what is no such thing is no check.
    pub(super) fn read(object: &Map<String, Value>) -> Self {
        let mut checks = Self::default();
        let Some(end) = object.get("end").and_then(Value::as_i64) else {
            return checks;
        };
        let end = end.clamp(0, i64::from(u32::MAX));
        let times = object
            .get("ms")
            .and_then(Value::as_array)
            .map_or(&[][..], Vec::as_slice);
        let week = object
            .get("week")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut back = 0_i64;
        let mut count = 0_i64;
        for c in week.chars() {
            if let Some(digit) = c.to_digit(10) {
                count = (count * 10 + i64::from(digit)).min(cells(WEEK));
                continue;
            }
            let state = match c {
                'u' => Some(State::Up),
                'd' => Some(State::Down),
                _ => None,
            };
            for cell in back..(back + count).min(cells(WEEK)) {
                if let Some(state) = state {
                    let took = usize::try_from(cell).ok().and_then(|at| times.get(at));
                    checks.put(end - cell, state, took.and_then(Value::as_u64).unwrap_or(0));
                }
            }
            back += count;
            count = 0;
        }
        checks.trim();
        checks
    }
}

fn cells(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The newest cell whose time is not kept any more.
fn newest_day(newest: i64) -> i64 {
    newest - cells(DAY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some() -> impl Strategy<Value = Checks> {
        let check = (0_i64..3_000, any::<bool>(), 0_u64..5_000);
        prop::collection::vec(check, 0..30).prop_map(|all| {
            let mut checks = Checks::default();
            for (cell, is_up, took) in all {
                let at = Timestamp::from_second(cell * CELL_SECONDS + 5).unwrap();
                checks.add(at, if is_up { State::Up } else { State::Down }, took);
            }
            checks
        })
    }

    fn written(checks: &Checks) -> Checks {
        Checks::read(checks.value().as_object().unwrap())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(checks in some()) {
            prop_assert_eq!(written(&checks), checks);
        }

        #[test]
        fn merging_is_a_join(a in some(), b in some(), c in some()) {
            prop_assert_eq!(a.clone().merge(&b), b.clone().merge(&a));
            prop_assert_eq!(a.clone().merge(&a), a.clone());
            prop_assert_eq!(a.clone().merge(&b).merge(&c), a.merge(&b.merge(&c)));
        }

        #[test]
        fn any_text_is_read_without_harm(end in any::<i64>(), week in ".{0,40}") {
            let value = json!({"end": end, "week": week, "ms": [1, "x", -4]});
            let read = Checks::read(value.as_object().unwrap());
            prop_assert!(read.cells.len() <= WEEK);
        }
    }

    #[test]
    fn runs_are_short() {
        let mut checks = Checks::default();
        for cell in 0..1_000 {
            let state = if cell == 990 { State::Down } else { State::Up };
            let at = Timestamp::from_second(cell * CELL_SECONDS).unwrap();
            checks.add(at, state, 7);
        }
        let value = checks.value();
        assert_eq!(value["week"], "9u1d662u");
        assert_eq!(value["end"], 999);
        assert_eq!(value["ms"].as_array().unwrap().len(), 96);
    }
}
