//! `config:*`: the app's and the host's variables.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::answer::{header, info, info_quiet, warn};
use super::arguments::{Arguments, check_app};
use super::config_format::{columns, exported, quote};
use super::{Call, Failure, Outcome, Verb};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::store::{Env, Scope, env};

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("config", show),
    Verb::new("config:show", show),
    Verb::new("config:get", get),
    Verb::new("config:set", set),
    Verb::new("config:unset", unset),
    Verb::new("config:clear", clear),
    Verb::new("config:keys", keys),
    Verb::new("config:export", export),
    Verb::new("config:import", import),
];

/// Whose variables, and the arguments left after the app.
struct Target {
    app: Option<String>,
    rest: Vec<String>,
    arguments: Arguments,
}

impl Target {
    fn parse(
        call: &Call,
        host: &SandboxHost,
        switches: &[&str],
        valued: &[&str],
    ) -> Result<Self, Failure> {
        let switches = [switches, &["global"]].concat();
        let arguments = Arguments::parse(call, &switches, valued)?;
        if arguments.has("global") {
            return Ok(Self {
                app: None,
                rest: arguments.positional.clone(),
                arguments,
            });
        }
        check_app(host, arguments.at(0))?;
        let rest = arguments.positional[1..].to_vec();
        Ok(Self {
            app: Some(arguments.at(0).to_owned()),
            rest,
            arguments,
        })
    }

    fn scope(&self) -> Scope<'_> {
        self.app.as_deref().map_or(Scope::Global, Scope::App)
    }

    fn env(&self, host: &SandboxHost) -> Result<Env, Failure> {
        match &self.app {
            Some(app) if self.arguments.has("merged") => Ok(host.store().merged_env(app)?),
            _ => Ok(host.store().env(self.scope())?),
        }
    }

    /// What follows a change: the trigger, then a restart unless it was declined.
    fn changed(
        &self,
        call: &Call,
        io: &mut Io,
        host: &SandboxHost,
        operation: &str,
        keys: &[String],
    ) -> Outcome {
        let name = self.app.as_deref().unwrap_or_default();
        if !operation.is_empty() {
            let mut args = vec![name, operation];
            args.extend(keys.iter().map(String::as_str));
            if let Err(failure) =
                host.triggers()
                    .fire("post-config-update", &args, &call.caller, io, host)
            {
                warn(
                    io,
                    &format!("Failure while triggering post-config-update: {failure}"),
                )?;
            }
        }
        self.restart(call, io, host)
    }

    fn restart(&self, call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
        let (Some(app), Some(runtime)) = (&self.app, host.runtime()) else {
            return Ok(());
        };
        let is_stopped = host.store().app(app)?.property("ps.restore") == "false";
        if self.arguments.has("no-restart") || is_stopped || !runtime.is_deployed(host, app) {
            return Ok(());
        }
        info(io, &format!("Restarting app {app}"))?;
        if runtime.restart(host, app, call, io).is_err() {
            // The exit code stays 0 on a real host too.
            warn(io, "Failure while restarting app: ")?;
        }
        Ok(())
    }
}

fn check_key(key: &str) -> Outcome {
    let is_good = !key.starts_with(|first: char| first.is_ascii_digit())
        && !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_good {
        Ok(())
    } else {
        Err(Failure::new(format!("Invalid key name: '{key}'")))
    }
}

fn show(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let target = Target::parse(call, host, &["merged"], &[])?;
    let env = target.env(host)?;
    header(
        call,
        io,
        &format!("{} env vars", target.app.as_deref().unwrap_or("global")),
    )?;
    Ok(writeln!(io.stdout, "{}", columns("", &env))?)
}

fn get(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let target = Target::parse(call, host, &["quoted"], &[])?;
    let [key] = target.rest.as_slice() else {
        return Err(match target.rest.split_first() {
            None => Failure::new("Expected: key"),
            Some((_, rest)) => {
                Failure::new(format!("Unexpected argument(s): [{}]", rest.join(" ")))
            }
        });
    };
    // Unset and unreadable look alike on a real host: exit code 1, not a word.
    let value = host
        .store()
        .env(target.scope())
        .ok()
        .and_then(|env| env.get(key).cloned());
    let value = value.ok_or(Failure::silent(1))?;
    if target.arguments.has("quoted") {
        writeln!(io.stdout, "'{}'", quote(&value))?;
    } else {
        writeln!(io.stdout, "{value}")?;
    }
    Ok(())
}

pub(crate) fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let target = Target::parse(call, host, &["no-restart", "encoded"], &[])?;
    if target.rest.is_empty() {
        return Err(Failure::new("At least one env pair must be given"));
    }
    let mut pairs = Env::new();
    for pair in &target.rest {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Failure::new(format!("Invalid env pair: {pair}")))?;
        let value = if target.arguments.has("encoded") {
            decode(key, value)?
        } else {
            value.to_owned()
        };
        pairs.insert(key.to_owned(), value);
    }
    set_many(&target, &pairs, false, call, io, host)
}

/// Standard base64 with padding; the failure names the first bad byte as Go does.
fn decode(key: &str, value: &str) -> Result<String, Failure> {
    let bytes = STANDARD.decode(value).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) => at,
            _ => value.len(),
        };
        Failure::new(format!(
            "illegal base64 data at input byte {at} for key '{key}'"
        ))
    })?;
    String::from_utf8(bytes).map_err(|_| {
        Failure::new(format!(
            "the sandbox keeps only UTF-8 in variables: the value of '{key}' is not"
        ))
    })
}

fn set_many(
    target: &Target,
    pairs: &Env,
    is_replaced: bool,
    call: &Call,
    io: &mut Io,
    host: &SandboxHost,
) -> Outcome {
    host.store().env(target.scope())?;
    for key in pairs.keys() {
        check_key(key)?;
    }
    info_quiet(call, io, "Setting config vars")?;
    if !call.flags.quiet {
        writeln!(io.stdout, "{}", columns("       ", pairs))?;
    }
    host.store().update_env(target.scope(), |env| {
        if is_replaced {
            env.clear();
        }
        env.extend(pairs.clone());
    })?;
    let keys: Vec<String> = pairs.keys().cloned().collect();
    target.changed(call, io, host, "set", &keys)
}

pub(crate) fn unset(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let target = Target::parse(call, host, &["no-restart"], &[])?;
    if target.rest.is_empty() {
        return Err(Failure::new("At least one key must be given"));
    }
    let env = host.store().env(target.scope())?;
    for key in &target.rest {
        check_key(key)?;
    }
    let mut is_changed = false;
    for key in &target.rest {
        if env.contains_key(key) {
            is_changed = true;
            info_quiet(call, io, &format!("Unsetting {key}"))?;
        } else {
            info_quiet(
                call,
                io,
                &format!("Skipping {key}, it is not set in the environment"),
            )?;
        }
    }
    if is_changed {
        host.store().update_env(target.scope(), |env| {
            env.retain(|key, _| !target.rest.contains(key));
        })?;
    }
    target.changed(
        call,
        io,
        host,
        if is_changed { "unset" } else { "" },
        &target.rest,
    )
}

fn clear(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let target = Target::parse(call, host, &["no-restart"], &[])?;
    let env = host.store().env(target.scope())?;
    for key in env.keys() {
        info_quiet(call, io, &format!("Unsetting {key}"))?;
    }
    if !env.is_empty() {
        host.store().update_env(target.scope(), Env::clear)?;
    }
    target.changed(
        call,
        io,
        host,
        if env.is_empty() { "" } else { "clear" },
        &[],
    )
}

fn keys(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let target = Target::parse(call, host, &["merged"], &[])?;
    for key in target.env(host)?.keys() {
        writeln!(io.stdout, "{key}")?;
    }
    Ok(())
}

fn export(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let target = Target::parse(call, host, &["merged"], &["format"])?;
    let env = target.env(host)?;
    let text = exported(&env, target.arguments.value("format").unwrap_or("exports"))?;
    Ok(io.stdout.write_all(text.as_bytes())?)
}

fn import(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let target = Target::parse(call, host, &["no-restart", "replace"], &["format"])?;
    let file = target.rest.first().map_or("", String::as_str);
    let mut text = String::new();
    if file == "-" {
        info_quiet(call, io, "Reading config vars from stdin")?;
        let mut bytes = Vec::new();
        io.stdin.read_to_end(&mut bytes)?;
        text = String::from_utf8(bytes)
            .map_err(|_| Failure::new("the sandbox keeps only UTF-8 in variables: stdin is not"))?;
    } else if !file.is_empty() {
        return Err(Failure::new(format!(
            "open {file}: no such file or directory"
        )));
    }
    let mut pairs = match target.arguments.value("format").unwrap_or("envfile") {
        "envfile" | "" => env::read(&text).map_err(|error| Failure::new(error.to_string()))?,
        "json" => from_json(&text)?,
        unknown => return Err(Failure::new(format!("Unknown format: {unknown}"))),
    };
    if target.arguments.value("format") != Some("json") {
        let whose = target.app.as_deref().unwrap_or_default();
        let invalid: Vec<String> = pairs
            .keys()
            .filter(|key| check_key(key).is_err())
            .cloned()
            .collect();
        for key in invalid {
            info(
                io,
                &format!("Deleting invalid key {key} from config for {whose}"),
            )?;
            pairs.remove(&key);
        }
    }
    if pairs.is_empty() {
        return Err(Failure::new("No config vars to set"));
    }
    for (key, value) in &pairs {
        info_quiet(call, io, &format!("Setting config var {key}={value}"))?;
    }
    set_many(
        &target,
        &pairs,
        target.arguments.has("replace"),
        call,
        io,
        host,
    )
}

fn from_json(text: &str) -> Result<Env, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let place = text
            .split('\n')
            .nth(error.line().saturating_sub(1))
            .unwrap_or_default();
        let character = place.chars().nth(error.column().saturating_sub(1));
        match character {
            Some(character) if error.is_syntax() => Failure::new(format!(
                "invalid character '{character}' looking for beginning of object key string"
            )),
            _ if error.is_eof() => Failure::new("unexpected end of JSON input"),
            _ => Failure::new(format!("json: {error}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_base64_names_the_byte_and_the_key() {
        assert_eq!(
            decode("ENC6", "###").unwrap_err().lines,
            ["illegal base64 data at input byte 0 for key 'ENC6'"]
        );
        assert_eq!(decode("K", "YSBiIGM=").unwrap(), "a b c");
    }
}
