//! Many who lock at once, in one process: real file locks and the real audit log, over a store of
//! variables that is slower than Dokku's in the one place where a race could slip in.

use std::{
    collections::BTreeMap,
    sync::{Barrier, Mutex, PoisonError},
};

use dokku_deploy::lock::single_id;

use super::*;
use crate::server::audit::{Since, verify};

const LOCKERS: usize = 50;
const ROUNDS: usize = 200;

/// Variables in memory. Between looking and writing others are let go on.
#[derive(Default)]
struct Slow(Mutex<BTreeMap<String, String>>);

impl Slow {
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) {
        std::thread::yield_now();
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Store for Slow {
    fn export(&self, _: &str) -> Result<Option<Variables>, DokkuError> {
        let map = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        std::thread::yield_now();
        Ok(Some(map.into_iter().collect()))
    }

    fn set(&self, _: &str, variables: &BTreeMap<String, Secret>) -> Result<(), DokkuError> {
        self.change(|map| {
            for (key, value) in variables {
                map.insert(key.clone(), value.expose().to_owned());
            }
        });
        Ok(())
    }

    fn unset(&self, _: &str, keys: &[&str]) -> Result<(), DokkuError> {
        self.change(|map| map.retain(|key, _| !keys.contains(&key.as_str())));
        Ok(())
    }
}

#[test]
fn of_fifty_who_lock_at_once_one_wins_two_hundred_times_in_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::under(dir.path());
    let app = AppName::new("shop").unwrap();
    let (store, ui) = (Slow::default(), Ui::default());
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let (start, end) = (Barrier::new(LOCKERS), Barrier::new(LOCKERS));
    let answers: Mutex<Vec<(usize, Locking)>> = Mutex::default();
    // A thread that fails would leave the others waiting.
    let complaints: Mutex<Vec<String>> = Mutex::default();
    std::thread::scope(|scope| {
        for number in 0..LOCKERS {
            let (place, app, store, ui) = (&place, &app, &store, &ui);
            let (start, end) = (&start, &end);
            let (answers, complaints) = (&answers, &complaints);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let request = LockRequest {
                        reason: format!("round {round}"),
                        by: format!("p{number}"),
                        end: None,
                        id: single_id(&format!("{round}-{number}")),
                        replace: false,
                        record: None,
                    };
                    start.wait();
                    match lock_in(store, place, app, &request, now, ui) {
                        Ok(locking) => answers.lock().unwrap().push((number, locking)),
                        Err(fault) => complaints.lock().unwrap().push(fault.to_string()),
                    }
                    // The last one to come judges the round while nobody else goes on.
                    if end.wait().is_leader() {
                        let round = std::mem::take(&mut *answers.lock().unwrap());
                        complaints.lock().unwrap().extend(complaint(&round));
                        let request = UnlockRequest {
                            by: "judge".to_owned(),
                            only: None,
                            record: None,
                        };
                        let unlocking = unlock_in(store, place, app, &request, now, ui);
                        if !matches!(unlocking, Ok(Unlocking::Unlocked { .. })) {
                            complaints.lock().unwrap().push(format!("{unlocking:?}"));
                        }
                    }
                    end.wait();
                }
            });
        }
    });
    assert_eq!(complaints.into_inner().unwrap(), Vec::<String>::new());
    // Each round is a lock and an unlock, in one whole chain.
    let verified = verify(&place.data(), &Since::Beginning, None).unwrap();
    assert_eq!(verified.entries, 2 * ROUNDS as u64);
}

/// What is wrong with a round, if anything.
fn complaint(answers: &[(usize, Locking)]) -> Option<String> {
    let winners: Vec<usize> = answers
        .iter()
        .filter(|(_, locking)| matches!(locking, Locking::Taken { .. }))
        .map(|(number, _)| *number)
        .collect();
    let [winner] = winners[..] else {
        return Some(format!("winners: {winners:?}"));
    };
    let names_the_winner = |(_, locking): &(usize, Locking)| {
        let (Locking::Taken { lock, .. } | Locking::Held { lock }) = locking;
        lock.by == format!("p{winner}")
    };
    (answers.len() != LOCKERS || !answers.iter().all(names_the_winner))
        .then(|| format!("{answers:?}"))
}
