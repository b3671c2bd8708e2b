//! The variables that the command line gives.

use std::{collections::BTreeMap, io::Read, path::Path};

use dokku_deploy::{
    secret::Secret,
    variables::{Given, Source},
};

use super::DeployArguments;
use crate::failure::Failure;

/// Variables of a repository that are settings of this program, and no app's.
const OURS: [&str; 8] = [
    "BASE_DOMAIN",
    "DASHBOARD_REPOSITORY",
    "DOKKU_BACKUP_DIR",
    "DOKKU_CLI_SOURCE",
    "DOKKU_HOST",
    "DOKKU_HOST_KEY",
    "PREVIEW_AUTH_PASSWORD",
    "PREVIEW_AUTH_USER",
];

/// `--var` and `--vars-file` by source.
pub fn read(arguments: &DeployArguments) -> Result<Given, Failure> {
    let mut given = Given::new();
    if let Some(path) = &arguments.vars_file {
        given.insert(Source::File, from_file(path)?);
    }
    if !arguments.var.is_empty() {
        given.insert(Source::Flag, from_flags(&arguments.var)?);
    }
    Ok(given)
}

fn from_flags(flags: &[String]) -> Result<BTreeMap<String, Secret>, Failure> {
    let mut variables = BTreeMap::new();
    for (number, flag) in flags.iter().enumerate() {
        let Some((key, value)) = flag.split_once('=') else {
            // The text may be a secret that lost its key: it is not repeated.
            return Err(Failure::usage(format!(
                "--var number {} is not KEY=VALUE",
                number + 1
            )));
        };
        if variables
            .insert(key.to_owned(), Secret::new(value))
            .is_some()
        {
            return Err(Failure::usage(format!("--var gives {key} twice")));
        }
    }
    Ok(variables)
}

fn from_file(path: &Path) -> Result<BTreeMap<String, Secret>, Failure> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| {
                Failure::settings(format!(
                    "--vars-file: standard input cannot be read: {error}"
                ))
            })?;
        text
    } else {
        fs_err::read_to_string(path)
            .map_err(|error| Failure::settings(format!("--vars-file: {error}")))?
    };
    let mut variables = parse(&text)
        .map_err(|why| Failure::settings(format!("--vars-file {}: {why}", path.display())))?;
    variables.retain(|key, _| !OURS.contains(&key.as_str()));
    Ok(variables)
}

/// A JSON object as GitHub's `toJSON(vars)` writes it. Messages never repeat a value.
fn parse(text: &str) -> Result<BTreeMap<String, Secret>, String> {
    let object: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| {
            format!(
                "line {}, column {}: expected a JSON object of variables",
                error.line(),
                error.column()
            )
        })?;
    object
        .into_iter()
        .map(|(key, value)| {
            let text = match value {
                serde_json::Value::String(text) => text,
                serde_json::Value::Number(number) => number.to_string(),
                serde_json::Value::Bool(flag) => flag.to_string(),
                serde_json::Value::Null
                | serde_json::Value::Array(_)
                | serde_json::Value::Object(_) => {
                    return Err(format!("{key}: expected a text, a number, true or false"));
                }
            };
            Ok((key, Secret::new(text)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_githubs_variables_is_read() {
        let read = parse("{\n  \"A\": \"two words\",\n  \"N\": 3,\n  \"T\": true\n}").unwrap();
        assert_eq!(read["A"], Secret::new("two words"));
        assert_eq!(read["N"], Secret::new("3"));
        assert_eq!(read["T"], Secret::new("true"));
    }

    #[test]
    fn mistakes_point_at_the_place_and_never_show_a_value() {
        assert_eq!(
            parse("{\"A\": hunter2}").unwrap_err(),
            "line 1, column 7: expected a JSON object of variables"
        );
        assert_eq!(
            parse("{\"A\": [\"hunter2\"]}").unwrap_err(),
            "A: expected a text, a number, true or false"
        );
        let error = from_flags(&["hunter2".to_owned()]).unwrap_err();
        assert_eq!(error.message, "--var number 1 is not KEY=VALUE");
        assert!(from_flags(&["A=1".into(), "A=2".into()]).is_err());
    }

    #[test]
    fn a_flag_keeps_everything_after_the_first_equals_sign() {
        let read = from_flags(&["URL=a=b=c".to_owned(), "EMPTY=".to_owned()]).unwrap();
        assert_eq!(read["URL"], Secret::new("a=b=c"));
        assert_eq!(read["EMPTY"], Secret::new(""));
    }
}
