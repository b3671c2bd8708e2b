//! `dokku-cli dashboard build`: the page and its data in a directory, for any web server.

use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use dokku_deploy::{dashboard::PRIVATE_FILES, interrupt::Interrupts};
use jiff::Timestamp;

use super::{
    BuildArguments,
    sources::{self, Gathered},
};
use crate::{
    dashboard::site, exit_codes, failure::Failure, interrupt::Watch, invocation::Invocation,
};

/// Writes the directory.
pub fn run(arguments: &BuildArguments, invocation: &Invocation<'_>) -> Result<u8, Failure> {
    let mut gathered = sources::gather(&arguments.sources, invocation)?;
    if arguments.check {
        let watch = Watch::begin()?;
        sources::check(&mut gathered.board, &[], &arguments.ask, &watch, &|_| {})?;
        if let (1.., Some(signal)) = watch.requests() {
            return Err(Failure::interrupted(signal));
        }
    }
    // Who is not told otherwise shows what is meant for strangers.
    let is_public = gathered.place.is_public.unwrap_or(true);
    write(&arguments.out, &gathered, is_public)?;
    let count = gathered.board.apps.rows().count();
    let ui = invocation.ui;
    if ui.is_json() {
        ui.json(&serde_json::json!({
            "out": arguments.out,
            "apps": count,
            "is_public": is_public,
        }))?;
        return Ok(exit_codes::OK);
    }
    ui.success(&format!(
        "Wrote the page of {count} apps to {}",
        arguments.out.display()
    ));
    if is_public {
        ui.info(
            "Reasons of locks, e-mail addresses and the audit log are left out (dashboard.public)",
        );
    }
    Ok(exit_codes::OK)
}

fn write(out: &Path, gathered: &Gathered, is_public: bool) -> Result<(), Failure> {
    fs_err::create_dir_all(out)?;
    // The data before the page: who opens the page sees it whole.
    let files = gathered.board.files(is_public, Timestamp::now());
    for name in PRIVATE_FILES {
        let path = out.join(name);
        if !files.contains_key(name) && path.exists() {
            fs_err::remove_file(&path)?;
        }
    }
    for (name, text) in files {
        write_whole(&out.join(name), text.as_bytes())?;
    }
    for file in site::FILES {
        write_whole(&out.join(file.name), file.text.as_bytes())?;
    }
    Ok(())
}

/// A file that is there whole or not at all, and that a web server may read.
fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
