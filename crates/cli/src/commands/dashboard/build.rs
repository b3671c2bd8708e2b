//! `dokku-cli dashboard build`: the page and its data in a directory, for any web server.

use std::{
    fs::Permissions,
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use dokku_deploy::interrupt::Interrupts;

use super::{
    BuildArguments,
    sources::{self, Gathered, PRIVATE_FILES},
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
    write(&arguments.out, &gathered)?;
    let count = gathered.board.apps.rows().count();
    let ui = invocation.ui;
    if ui.is_json() {
        ui.json(&serde_json::json!({
            "out": arguments.out,
            "apps": count,
            "is_public": gathered.is_public,
        }))?;
        return Ok(exit_codes::OK);
    }
    ui.success(&format!(
        "Wrote the page of {count} apps to {}",
        arguments.out.display()
    ));
    if gathered.is_public {
        ui.info(
            "Reasons of locks, e-mail addresses and the audit log are left out (dashboard.public)",
        );
    }
    Ok(exit_codes::OK)
}

fn write(out: &Path, gathered: &Gathered) -> Result<(), Failure> {
    fs_err::create_dir_all(out)?;
    // The data before the page: who opens the page sees it whole.
    for (name, text) in gathered.board.files(gathered.is_public) {
        write_whole(&out.join(name), text.as_bytes())?;
    }
    for name in PRIVATE_FILES {
        let path = out.join(name);
        match gathered.private.get(name).filter(|_| !gathered.is_public) {
            Some(text) => write_whole(&path, text.as_bytes())?,
            None if gathered.is_public && path.exists() => fs_err::remove_file(&path)?,
            None => {}
        }
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
