//! The break-glass file: it lets every deploy pass, also where the plugin itself does not work.
//!
//! The shims write what happens then into a plain file, as they have nothing but a shell. It is taken
//! into the audit log as soon as the program runs again.

use std::io;

use dokku_deploy::audit;
use jiff::Timestamp;

use super::{
    audit::{Event, Happening, Log, hash},
    place::{Key, Place},
    turn::Turn,
};

/// Takes what the shims have noted into the log.
pub fn adopt(place: &Place, log: &Log, now: Timestamp) -> io::Result<()> {
    let notes = place.data().join("break-glass.log");
    let taken = place.data().join("break-glass.log.taken");
    if !notes.exists() && !taken.exists() {
        return Ok(());
    }
    let _turn = Turn::wait(&place.data().join("break-glass.turn"))?;
    // Notes that are written from now on go into a new file. A file that a killed run has taken
    // already is finished first.
    if !taken.exists() {
        match fs_err::rename(&notes, &taken) {
            // Somebody else has taken them in.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
    }
    for (number, line) in fs_err::read_to_string(&taken)?.lines().enumerate() {
        let (mut happening, key) = read(line);
        // What a killed run has taken in of it is there already.
        happening.id = Some(id(number, line, now));
        log.append_once(happening, &key, now)?;
    }
    fs_err::remove_file(taken)
}

/// The id of a note's entry, the same each time that the note is read.
fn id(number: usize, line: &str, now: Timestamp) -> String {
    let time = line.split(' ').next().and_then(|time| time.parse().ok());
    let digest = hash(format!("{number} {line}").as_bytes());
    let nonce = u32::from_str_radix(digest.get(..6).unwrap_or_default(), 16);
    audit::id(time.unwrap_or(now), nonce.unwrap_or_default())
}

/// `TIME EVENT APP COMMIT FINGERPRINT KEY [REASON]`, `-` where there is nothing.
fn read(line: &str) -> (Happening, Key) {
    let mut words = line
        .splitn(7, ' ')
        .map(|word| Some(word).filter(|word| *word != "-"));
    let mut next = || words.next().flatten().map(str::to_owned);
    let (time, event) = (next(), next());
    let (app, commit) = (next(), next());
    let (fingerprint, name, reason) = (next(), next(), next());
    let told = [event, reason.filter(|reason| !reason.is_empty())];
    let told: Vec<String> = told.into_iter().flatten().collect();
    let happening = Happening {
        event: Event::BreakGlass,
        app,
        commit,
        by: None,
        reason: Some(told.join(": ")),
        source: time.map(|time| format!("shim at {time}")),
        id: None,
        entry: None,
        last: None,
        is_told: false,
    };
    let key = Key {
        name: name.unwrap_or_default(),
        fingerprint: fingerprint.unwrap_or_default(),
    };
    (happening, key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::audit::{Since, verify};

    #[test]
    fn notes_of_the_shims_become_entries_once() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::under(dir.path());
        fs_err::create_dir_all(place.data()).unwrap();
        let notes = place.data().join("break-glass.log");
        fs_err::write(
            &notes,
            "2026-11-23T12:00:00Z opened - - SHA256:x ada disk is full\n2026-11-23T12:01:00Z passed shop 0123 SHA256:y ci\n",
        )
        .unwrap();
        let log = Log::in_directory(place.data());
        for _ in 0..2 {
            adopt(&place, &log, Timestamp::now()).unwrap();
        }
        let text = fs_err::read_to_string(place.data().join("audit.jsonl")).unwrap();
        assert_eq!(
            verify(&place.data(), &Since::Beginning, None)
                .unwrap()
                .entries,
            2
        );
        assert!(text.contains("opened: disk is full") && text.contains("\"name\":\"ci\""));
        assert!(!notes.exists());
    }

    #[test]
    fn what_a_killed_run_had_taken_is_taken_in_by_the_next_and_not_twice() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::under(dir.path());
        fs_err::create_dir_all(place.data()).unwrap();
        let taken = place.data().join("break-glass.log.taken");
        let log = Log::in_directory(place.data());
        let line = |seconds| format!("2026-11-23T12:00:{seconds}Z passed shop 0123 SHA256:y ci\n");
        // The first of two was in the log when the run was killed.
        for notes in [line("01"), line("01") + &line("02")] {
            fs_err::write(&taken, notes).unwrap();
            adopt(&place, &log, Timestamp::now()).unwrap();
            assert!(!taken.exists());
        }
        let chain = verify(&place.data(), &Since::Beginning, None).unwrap();
        assert_eq!(chain.entries, 2);
    }
}
