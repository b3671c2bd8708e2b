//! What visitors of previews are asked for, from the environment.

use std::env;

use dokku_deploy::{app::Environment, credentials::Credentials, secret::Secret};

use crate::failure::Failure;

const USER: &str = "PREVIEW_AUTH_USER";
const PASSWORD: &str = "PREVIEW_AUTH_PASSWORD";

/// The name and the password, if both are set; nothing for apps that are no previews.
pub fn credentials(environment: Environment) -> Result<Option<Credentials>, Failure> {
    if environment != Environment::Preview {
        return Ok(None);
    }
    let given = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    match (given(USER), given(PASSWORD)) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Credentials::new(&user, Secret::new(password))
            .map(Some)
            .map_err(|bad| {
                Failure::settings(format!("{USER} and {PASSWORD} cannot be used: {bad}"))
            }),
        (Some(_), None) => Err(one_of_two(USER, PASSWORD)),
        (None, Some(_)) => Err(one_of_two(PASSWORD, USER)),
    }
}

fn one_of_two(set: &str, missing: &str) -> Failure {
    Failure::settings(format!("{set} is set, and {missing} is not"))
        .hint("With both, visitors of previews are asked for them; with none, everybody may look.")
}
