//! Putting the files into the project, or showing what would change.

use std::{
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use similar::TextDiff;

use super::files::File;
use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    ui::{Reply, visible},
};

/// Shows the difference of each file and writes nothing.
pub fn show(root: &Path, files: &[File], invocation: &Invocation<'_>) -> Result<u8, Failure> {
    for file in files {
        let present = present(root, file)?;
        let (before, name) = match &present {
            Some(text) => (text.as_str(), format!("a/{}", file.path)),
            None => ("", "/dev/null".to_owned()),
        };
        if present.as_deref() == Some(&file.text) {
            continue;
        }
        let difference = TextDiff::from_lines(before, &file.text);
        let mut unified = difference.unified_diff();
        let shown = unified
            .header(&name, &format!("b/{}", file.path))
            .to_string();
        invocation.ui.result(&visible(shown.trim_end()))?;
    }
    Ok(exit_codes::OK)
}

/// Writes what is not there; what is there and says something else only when somebody agrees.
pub fn all(
    root: &Path,
    files: &[File],
    is_agreed: bool,
    invocation: &Invocation<'_>,
) -> Result<(), Failure> {
    let ui = invocation.ui;
    for file in files {
        match present(root, file)? {
            None => {}
            Some(text) if text == file.text => {
                ui.info(&format!("{} is as it would be written", file.path));
                continue;
            }
            Some(_) if is_agreed => {}
            Some(_) => match ui.confirm(&format!("{} is there. Replace it?", file.path))? {
                Reply::Yes => {}
                Reply::No | Reply::Nobody => {
                    ui.warning(&format!(
                        "{} is there and was left as it is; --diff shows the difference, --yes replaces it",
                        file.path
                    ));
                    continue;
                }
            },
        }
        write(root, file).map_err(|error| {
            Failure::settings(format!("{} cannot be written: {error}", file.path))
        })?;
        ui.success(&format!("Wrote {}", file.path));
    }
    Ok(())
}

/// What the file says now, byte for byte; `None` if it is not there.
fn present(root: &Path, file: &File) -> Result<Option<String>, Failure> {
    match fs_err::read(root.join(file.path)) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::settings(error.to_string())),
    }
}

/// Whole or not at all.
fn write(root: &Path, file: &File) -> io::Result<()> {
    let path = root.join(file.path);
    let directory = path.parent().unwrap_or(root);
    fs_err::create_dir_all(directory)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".dokku-cli-")
        .permissions(PermissionsExt::from_mode(0o644))
        .tempfile_in(directory)?;
    temporary.write_all(file.text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(&path)?;
    Ok(())
}
