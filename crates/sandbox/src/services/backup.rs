//! `backup*` and `upgrade`: what the sandbox does not do, and says so.

use super::arguments::positional;
use super::{Request, named_service};
use crate::commands::{Failure, Outcome};

pub fn backup(request: &mut Request<'_>) -> Outcome {
    if positional(request.call, 1).is_empty() && !positional(request.call, 0).is_empty() {
        return Err(Failure::new("Please specify an aws bucket for the backup"));
    }
    named_service(request)?;
    match positional(request.call, 2) {
        // Nobody can have given credentials: `backup-auth` is refused.
        "" => Err(Failure::new("Missing AWS_ACCESS_KEY_ID file")),
        _ => refuse(request),
    }
}

pub fn schedule_cat(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    Err(Failure::new(format!(
        "There is no scheduled backup for {}.",
        service.record.name
    )))
}

/// The other verbs of this kind.
pub fn refuse(request: &mut Request<'_>) -> Outcome {
    let (verb, prefix) = (&request.call.verb, request.plugin.prefix);
    Err(Failure::new(format!(
        "The sandbox does not do {verb}: it has no S3 and no images; take dumps with {prefix}:export"
    )))
}
