//! What the branch says about previews that the pull request is for.

use dokku_deploy::{
    app::Environment,
    settings::{Settings, Source},
};

use super::{Hub, Subject};
use crate::{ci::api, commands::deploy::preview::Policy, failure::Failure, project::CONFIG};

/// Reads it from GitHub. Without a settings file there it is the usual one.
pub fn of_base(subject: &Subject, hub: Hub<'_>) -> Result<Policy, Failure> {
    let base = &subject.pull.base.branch;
    let read = |path: &str| -> Result<Option<String>, Failure> {
        let bytes = hub
            .github
            .file(&subject.repository, path, base)
            .map_err(|error| api::failure(&error))?;
        bytes
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| Failure::settings(format!("{path} of the branch {base} is not UTF-8")))
    };
    let text = read(CONFIG)?;
    let source = text.as_deref().map(|text| Source { path: CONFIG, text });
    let settings = Settings::parse(source, None).map_err(|faults| {
        let failure = Failure::from(faults);
        failure.hint(format!("That is the settings file of the branch {base}."))
    })?;
    Policy::new(settings.resolve(Environment::Preview).preview, read)
}
