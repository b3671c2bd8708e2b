//! The break-glass file: it lets every deploy pass, also where the plugin itself does not work.
//!
//! The shims write what happens then into a plain file, as they have nothing but a shell. It is taken
//! into the audit log as soon as the program runs again.

use std::io;

use jiff::Timestamp;

use super::{
    audit::{Event, Happening, Log},
    place::{Key, Place},
};

/// Takes what the shims have noted into the log.
pub fn adopt(place: &Place, log: &Log, now: Timestamp) -> io::Result<()> {
    let notes = place.data().join("break-glass.log");
    if !notes.exists() {
        return Ok(());
    }
    // Notes that are written from now on go into a new file. A file that a killed run has taken
    // already is finished first.
    let taken = place.data().join("break-glass.log.taken");
    if !taken.exists() {
        match fs_err::rename(&notes, &taken) {
            // Somebody else takes them.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
    }
    for line in fs_err::read_to_string(&taken)?.lines() {
        let (happening, key) = read(line);
        log.append(happening, &key, now)?;
    }
    fs_err::remove_file(taken)
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
}
