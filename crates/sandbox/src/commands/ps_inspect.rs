//! `ps:inspect`: what `docker container inspect` says of an app's containers, values of variables hidden.

use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::arguments::{Arguments, check_app};
use super::git::apps;
use super::{Call, Failure, Outcome};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::runtime::container::{Container, Status};

/// `ps:inspect APP`
pub fn inspect(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    check_app(host, arguments.at(0))?;
    let containers = apps(host)?.current(arguments.at(0))?;
    let list: Vec<Value> = containers
        .iter()
        .map(|(dyno, container)| sorted(describe(dyno, container)))
        .collect();
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    Value::from(list)
        .serialize(&mut serializer)
        .map_err(|error| Failure::new(error.to_string()))?;
    text.push(b'\n');
    Ok(io.stdout.write_all(&text)?)
}

fn describe(dyno: &str, container: &Container) -> Value {
    let record = container.record();
    let nanoseconds = |time: jiff::Timestamp| format!("{time:.9}");
    let never = || "0001-01-01T00:00:00Z".to_owned();
    let is_running = matches!(record.status, Status::Running | Status::Restarting);
    let ports = record
        .port
        .map(|port| (format!("{port}/tcp"), json!({})))
        .into_iter()
        .collect::<Map<_, _>>();
    json!({
        "Args": record.command.get(1..).unwrap_or_default(),
        "Config": {
            "Cmd": record.command,
            "Entrypoint": null,
            "Env": hidden(container.env()),
            "ExposedPorts": ports,
            "Hostname": record.short_id(),
            "Image": format!("dokku/{}:latest", record.app),
            "Labels": {
                "com.dokku.app-name": record.app,
                "com.dokku.builder-type": "herokuish",
                "com.dokku.container-type": "deploy",
                "com.dokku.dyno": dyno,
                "com.dokku.image-stage": "release",
                "com.dokku.process-type": record.process_type,
                "dokku": "",
                "org.label-schema.schema-version": "1.0",
                "org.label-schema.vendor": "dokku",
            },
            "Tty": false,
            "User": "",
            "WorkingDir": "/app",
        },
        "Created": nanoseconds(record.created),
        "HostConfig": {
            "RestartPolicy": {"MaximumRetryCount": record.restart_limit, "Name": "on-failure"},
        },
        "Id": record.id,
        "Image": record.image,
        "Mounts": [],
        "Name": format!("/{}", record.name),
        "NetworkSettings": {"IPAddress": "127.0.0.1", "Ports": {}},
        "Path": record.command.first(),
        "Platform": "linux",
        "RestartCount": record.restarts,
        "State": {
            "Dead": false,
            "Error": "",
            "ExitCode": if is_running { 0 } else { record.exit_code },
            "FinishedAt": record.finished.map_or_else(never, nanoseconds),
            "OOMKilled": false,
            "Paused": false,
            "Pid": record.pid.unwrap_or(0),
            "Restarting": record.status == Status::Restarting,
            "Running": is_running,
            "StartedAt": record.started.map_or_else(never, nanoseconds),
            "Status": record.status.word(),
        },
    })
}

/// `KEY=XXXXXX`, except for variables that Dokku itself sets.
fn hidden(env: &[(String, String)]) -> Vec<String> {
    const SHOWN: [&str; 5] = ["CACHE_PATH", "DYNO", "PATH", "PORT", "USER"];
    env.iter()
        .map(|(key, value)| {
            let is_shown = SHOWN.contains(&key.as_str())
                || key.starts_with("DOCKER_")
                || key.starts_with("DOKKU_");
            if is_shown {
                format!("{key}={value}")
            } else {
                format!("{key}=XXXXXX")
            }
        })
        .collect()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            fields.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_and_keys_sorted() {
        let env = [("SECRET", "x"), ("PORT", "5000"), ("DOKKU_X", "1")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(hidden(&env), ["SECRET=XXXXXX", "PORT=5000", "DOKKU_X=1"]);
        assert_eq!(
            sorted(json!({"b": {"d": 1, "c": 2}, "a": 3})).to_string(),
            r#"{"a":3,"b":{"c":2,"d":1}}"#
        );
    }
}
