//! Tests of the log and of its verification.

use tempfile::TempDir;

use super::*;
use crate::server::{
    audit::{Event, Happening, Log},
    place::Key,
};

fn write(directory: &Path, full: u64, count: usize) -> Vec<String> {
    let log = Log::in_directory(directory.to_owned()).full_at(full);
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    (0..count)
        .map(|number| {
            let mut happening = Happening::new(Event::Denied, "shop");
            happening.reason = Some(format!("reason {number}\n\"🚧\""));
            log.append(happening, &Key::default(), now).unwrap()
        })
        .collect()
}

fn check(directory: &Path, known: Option<&str>) -> Result<Chain, BadChain> {
    verify(directory, &Since::Beginning, known)
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs_err::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn put(path: &Path, lines: &[String]) {
    fs_err::write(
        path,
        lines.join(
            "
",
        ) + "
",
    )
    .unwrap();
}

#[test]
fn every_change_removal_and_insertion_is_found() {
    let dir = TempDir::new().unwrap();
    let hashes = write(dir.path(), 1 << 20, 5);
    let path = dir.path().join("audit.jsonl");
    let whole = lines(&path);
    let chain = check(dir.path(), hashes.last().map(String::as_str)).unwrap();
    assert_eq!((chain.entries, &chain.last), (5, hashes.last().unwrap()));
    for index in 0..5 {
        let mut changed = whole.clone();
        changed[index] = changed[index].replace("denied", "allowed");
        put(&path, &changed);
        // The last entry has none after it that would tell: the known hash does.
        assert!(
            check(dir.path(), hashes.last().map(String::as_str)).is_err(),
            "{index}"
        );
        assert_eq!(check(dir.path(), None).is_err(), index < 4, "{index}");

        let mut removed = whole.clone();
        removed.remove(index);
        put(&path, &removed);
        assert!(
            check(dir.path(), hashes.last().map(String::as_str)).is_err(),
            "{index}"
        );
        assert_eq!(check(dir.path(), None).is_err(), index < 4, "{index}");

        let mut inserted = whole.clone();
        inserted.insert(index, whole[2].clone());
        put(&path, &inserted);
        assert!(check(dir.path(), None).is_err(), "{index}");

        if index > 0 {
            let mut swapped = whole.clone();
            swapped.swap(index - 1, index);
            put(&path, &swapped);
            assert!(check(dir.path(), None).is_err(), "{index}");
        }
    }
}

#[test]
fn a_cut_tail_is_found_by_the_hash_that_is_known() {
    let dir = TempDir::new().unwrap();
    let hashes = write(dir.path(), 1 << 20, 5);
    let path = dir.path().join("audit.jsonl");
    let whole = lines(&path);
    put(&path, &whole[..3]);
    assert!(check(dir.path(), None).is_ok());
    assert!(check(dir.path(), Some(&hashes[2])).is_ok());
    assert_eq!(
        check(dir.path(), Some(&hashes[4])),
        Err(BadChain::Cut {
            hash: hashes[4].clone(),
            entries: 3
        })
    );
}

#[test]
fn a_write_killed_at_any_byte_leaves_a_chain_that_holds_and_goes_on() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), 1 << 20, 3);
    let path = dir.path().join("audit.jsonl");
    let bytes = fs_err::read(&path).unwrap();
    let before: usize = lines(&path)[..2].iter().map(|line| line.len() + 1).sum();
    for length in before..bytes.len() {
        fs_err::write(&path, &bytes[..length]).unwrap();
        let chain = check(dir.path(), None).unwrap();
        assert_eq!((chain.entries, chain.unfinished), (2, length - before));
        let hashes = write(dir.path(), 1 << 20, 2);
        let chain = check(dir.path(), Some(&hashes[1])).unwrap();
        assert_eq!((chain.entries, chain.unfinished), (4, 0), "{length}");
        let cut = format!("\"cut\":{}", length - before);
        assert_eq!(lines(&path)[2].contains(&cut), length > before, "{length}");
    }
}

#[test]
fn segments_are_one_chain_and_a_missing_one_is_found() {
    let dir = TempDir::new().unwrap();
    let hashes = write(dir.path(), 700, 12);
    let files = check(dir.path(), hashes.last().map(String::as_str))
        .unwrap()
        .files;
    assert!(files.len() >= 4, "{files:?}");
    // Each of them leads to the whole log.
    let by_file = verify(&files[files.len() - 1], &Since::Beginning, None).unwrap();
    assert_eq!(by_file.files, files);
    for (index, file) in files.iter().enumerate().take(files.len() - 1) {
        let kept = fs_err::read(file).unwrap();
        fs_err::remove_file(file).unwrap();
        assert!(check(dir.path(), None).is_err(), "{index}");
        fs_err::write(file, kept).unwrap();
    }
    // Moved away on purpose: the chain begins after its last entry.
    let last_of_first = hash(lines(&files[0]).last().unwrap().as_bytes());
    fs_err::remove_file(&files[0]).unwrap();
    verify(dir.path(), &Since::After(last_of_first), None).unwrap();
    verify(dir.path(), &Since::After(hashes[5].clone()), None).unwrap_err();
}

#[test]
fn a_kill_between_two_segments_is_made_good() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), 1 << 20, 3);
    let path = dir.path().join("audit.jsonl");
    let closed = dir.path().join("audit-000000000003.jsonl");
    fs_err::rename(&path, &closed).unwrap();
    assert_eq!(check(dir.path(), None).unwrap().entries, 3);
    // The new segment may be there, still empty.
    fs_err::write(&path, "").unwrap();
    assert_eq!(check(dir.path(), None).unwrap().entries, 3);
    let hashes = write(dir.path(), 1 << 20, 1);
    assert_eq!(check(dir.path(), Some(&hashes[0])).unwrap().entries, 5);
    assert!(lines(&path)[0].contains("checkpoint"));
}

#[test]
fn segments_are_retired_and_the_chain_says_so() {
    let dir = TempDir::new().unwrap();
    let log = Log::in_directory(dir.path().to_owned())
        .full_at(700)
        .keeping(2);
    let now = "2026-11-23T12:00:00Z".parse().unwrap();
    let mut last = String::new();
    for number in 0..30 {
        let mut happening = Happening::new(Event::Denied, "shop");
        happening.reason = Some(format!("reason {number}"));
        last = log.append(happening, &Key::default(), now).unwrap();
    }
    let chain = check(dir.path(), Some(&last)).unwrap();
    assert_eq!(chain.files.len(), 3, "{:?}", chain.files);
    assert!(chain.entries < 30);
    // No more can be taken away than the chain says.
    let first = chain.files[0].clone();
    fs_err::remove_file(&first).unwrap();
    assert!(matches!(
        check(dir.path(), Some(&last)),
        Err(BadChain::Broken { expected: 1, .. })
    ));
    // Of a log that has grown without it the chain verifies at every moment until its oldest part goes.
    let dir = TempDir::new().unwrap();
    write(dir.path(), 700, 12);
    let before: Vec<_> = check(dir.path(), None)
        .unwrap()
        .files
        .into_iter()
        .map(|path| (path.clone(), fs_err::read(&path).unwrap()))
        .collect();
    let log = Log::in_directory(dir.path().to_owned())
        .full_at(700)
        .keeping(2);
    while before[0].0.exists() {
        log.append(Happening::new(Event::Denied, "shop"), &Key::default(), now)
            .unwrap();
        check(dir.path(), None).unwrap();
    }
    // As if a kill had come before the last removal: the segment is there, and known to be gone.
    let (path, bytes) = before.iter().rfind(|(path, _)| !path.exists()).unwrap();
    fs_err::write(path, bytes).unwrap();
    check(dir.path(), None).unwrap();
}

#[test]
fn many_writers_make_one_chain() {
    let dir = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| write(dir.path(), 2000, 25));
        }
    });
    let chain = check(dir.path(), None).unwrap();
    let checkpoints = chain.files.len() - 1;
    assert_eq!(chain.entries, 200 + u64::try_from(checkpoints).unwrap());
    assert!(checkpoints > 5);
}

#[test]
fn no_log_and_a_foreign_file_are_errors() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(
        check(dir.path(), None),
        Err(BadChain::Unreadable(_))
    ));
    fs_err::write(dir.path().join("audit.jsonl"), "hello\n").unwrap();
    assert!(matches!(
        check(dir.path(), None),
        Err(BadChain::NoEntry { .. })
    ));
    let log = Log::in_directory(dir.path().to_owned());
    let error = log
        .append(
            Happening::new(Event::Lock, "a"),
            &Key::default(),
            jiff::Timestamp::now(),
        )
        .unwrap_err();
    assert!(error.to_string().contains("audit verify"), "{error}");
}
