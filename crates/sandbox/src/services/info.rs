//! `exists`, `info`, `list`, `links`, `linked`, `app-links`, `logs`: what does not change anything.

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use super::arguments::{app, positional};
use super::datastores::Service;
use super::link::linked_variables;
use super::{Request, named_service};
use crate::commands::answer::{header, info as say, warn};
use crate::commands::arguments::check_app;
use crate::commands::{Failure, Outcome};

pub fn exists(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    Ok(say(
        request.io,
        &format!("Service {} exists", service.record.name),
    )?)
}

pub fn info(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    let flag = positional(request.call, 1);
    if flag.is_empty() {
        return show(request, &service);
    }
    let facts = facts(request, &service);
    if let Some((_, value)) = facts.iter().find(|(name, _)| flag == format!("--{name}")) {
        return Ok(writeln!(request.io.stdout, "{value}")?);
    }
    let names: Vec<_> = facts.iter().map(|(name, _)| format!("--{name}")).collect();
    Err(Failure::new(format!(
        "Invalid flag passed, valid flags: {}",
        names.join(" ")
    )))
}

/// All facts, as `info` and `create` print them.
pub fn show(request: &mut Request<'_>, service: &Service) -> Outcome {
    let title = format!(
        "{} {} service information",
        service.record.name, service.plugin.prefix
    );
    header(request.call, request.io, &title)?;
    for (name, value) in facts(request, service) {
        let mut label = name.replace('-', " ") + ":";
        label[..1].make_ascii_uppercase();
        writeln!(request.io.stdout, "       {label:<20} {value:<25}")?;
    }
    Ok(())
}

fn facts(request: &Request<'_>, service: &Service) -> Vec<(&'static str, String)> {
    let Service {
        plugin,
        record,
        directory,
    } = service;
    let status = request.stores.status(service);
    let is_there = status != "missing";
    let below = |name: &str| directory.join(name).display().to_string();
    let network = |name: &str| record.networks.get(name).cloned().unwrap_or_default();
    let apps: Vec<&str> = record.links.iter().map(String::as_str).collect();
    let links = if apps.is_empty() {
        "-".to_owned()
    } else {
        apps.join(" ") + " "
    };
    vec![
        ("config-dir", below(plugin.config_directory)),
        ("config-options", record.config_options.clone()),
        ("data-dir", below("data")),
        ("dsn", record.url(plugin, plugin.scheme)),
        ("exposed-ports", record.exposed_ports(plugin)),
        ("id", record.id.clone()),
        (
            "internal-ip",
            if status == "running" {
                "127.0.0.1".to_owned()
            } else {
                String::new()
            },
        ),
        ("initial-network", network("initial-network")),
        ("links", links),
        ("post-create-network", network("post-create-network")),
        ("post-start-network", network("post-start-network")),
        ("service-root", directory.display().to_string()),
        ("status", status.to_owned()),
        (
            "version",
            if is_there {
                format!("{}:{}", plugin.image, record.version)
            } else {
                String::new()
            },
        ),
    ]
}

pub fn list(request: &mut Request<'_>) -> Outcome {
    let plugin = request.plugin;
    let services = request.stores.list(plugin)?;
    if services.is_empty() {
        return Ok(warn(
            request.io,
            &format!("There are no {} services", plugin.service),
        )?);
    }
    header(
        request.call,
        request.io,
        &format!("{} services", plugin.service),
    )?;
    for service in services {
        writeln!(request.io.stdout, "{}", service.record.name)?;
    }
    Ok(())
}

pub fn links(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    for app in &service.record.links {
        writeln!(request.io.stdout, "{app}")?;
    }
    Ok(())
}

pub fn linked(request: &mut Request<'_>) -> Outcome {
    let (name, app) = (positional(request.call, 0), app(request.call, 1));
    super::check_given(name, app)?;
    check_app(request.host, app)?;
    let service = request.stores.existing(request.plugin, name)?;
    if linked_variables(request.host, &service, app)?.is_empty() {
        return Err(Failure::new(format!(
            "Service {name} is not linked to {app}"
        )));
    }
    Ok(say(
        request.io,
        &format!("Service {name} is linked to {app}"),
    )?)
}

pub fn app_links(request: &mut Request<'_>) -> Outcome {
    let app = app(request.call, 0);
    check_app(request.host, app)?;
    for service in request.stores.list(request.plugin)? {
        if service.record.links.contains(app) {
            writeln!(request.io.stdout, "{}", service.record.name)?;
        }
    }
    Ok(())
}

pub fn logs(request: &mut Request<'_>) -> Outcome {
    let service = named_service(request)?;
    let is_followed = matches!(positional(request.call, 1), "-t" | "--tail");
    let count = positional(request.call, 2);
    match request.stores.status(&service) {
        "missing" => return Err(Failure::new("Service container does not exist")),
        "running" => {}
        _ => warn(
            request.io,
            "Service logs may not be output as service is not running",
        )?,
    }
    let mut file = fs_err::File::open(service.directory.join("log"))?;
    let start = match count {
        "" | "all" => 0,
        // Docker takes any number below zero, and what is no number, for all.
        number => number
            .parse()
            .map_or(Ok(0), |lines| start_of_last_lines(&mut file, lines))?,
    };
    file.seek(SeekFrom::Start(start))?;
    loop {
        std::io::copy(&mut file, &mut request.io.stdout)?;
        if !is_followed || request.io.hangup.wait(Duration::from_millis(200)) {
            return Ok(());
        }
    }
}

/// Where the last `lines` lines begin; reads the file in pieces, from its end.
fn start_of_last_lines(file: &mut fs_err::File, lines: usize) -> std::io::Result<u64> {
    const PIECE: u64 = 8192;
    let end = file.seek(SeekFrom::End(0))?;
    if lines == 0 {
        return Ok(end);
    }
    let (mut from, mut left) = (end, lines);
    while from > 0 {
        let length = from.min(PIECE);
        from -= length;
        file.seek(SeekFrom::Start(from))?;
        let mut piece = Vec::new();
        Read::by_ref(file).take(length).read_to_end(&mut piece)?;
        for (index, _) in piece
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, byte)| **byte == b'\n')
        {
            let after = from + index as u64 + 1;
            if after == end {
                continue;
            }
            left = left.saturating_sub(1);
            if left == 0 {
                return Ok(after);
            }
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_begin_where_they_begin() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let lines: Vec<String> = (0..3000).map(|number| format!("line {number}")).collect();
        let text = lines.join("\n") + "\n";
        std::fs::write(&path, &text).unwrap();
        let mut file = fs_err::File::open(&path).unwrap();
        let mut tail = |lines| {
            let start = start_of_last_lines(&mut file, lines).unwrap();
            text[usize::try_from(start).unwrap()..].to_owned()
        };
        assert_eq!(tail(2), "line 2998\nline 2999\n");
        assert_eq!(tail(1500).lines().count(), 1500);
        assert_eq!(tail(9999), text);
        assert_eq!(tail(0), "");
    }
}
