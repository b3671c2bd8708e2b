//! `audit verify`: whether the record of locks and deploys is whole.

use serde_json::json;

use super::VerifyArguments;
use crate::{
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    server::{Place, Since, verify},
    ui::visible,
};

/// Checks the log.
pub fn run(arguments: &VerifyArguments, invocation: &Invocation) -> Result<u8, Failure> {
    let file = match &arguments.file {
        Some(file) => file.clone(),
        None => Place::from_environment().data(),
    };
    let since = match &arguments.after {
        Some(hash) => Since::After(hash.clone()),
        None => Since::Beginning,
    };
    let chain = verify(&file, &since, arguments.known.as_deref())
        .map_err(|bad| Failure::new(exit_codes::VERIFICATION, bad.to_string()))?;
    let ui = invocation.ui;
    if ui.is_json() {
        ui.json(&json!({
            "valid": true,
            "entries": chain.entries,
            "last": chain.last,
            "unfinished_bytes": chain.unfinished,
            "files": chain.files,
        }))?;
        return Ok(exit_codes::OK);
    }
    if chain.unfinished > 0 {
        ui.warning(&format!(
            "The last {} bytes are an unfinished entry, of a write that was killed; the next write removes them",
            chain.unfinished
        ));
    }
    ui.success(&format!(
        "{} entries in {} files, nothing was changed, removed or inserted",
        chain.entries,
        chain.files.len()
    ));
    if arguments.known.is_none() {
        ui.info("That nothing was cut off at the end can be told with --known HASH only");
    }
    ui.result(&visible(&chain.last))?;
    Ok(exit_codes::OK)
}
