//! `ports:*`, `url` and `urls`.

use super::answer::info_quiet;
use super::arguments::{Arguments, check_app};
use super::domains::rebuild_proxy;
use super::report::{self, Report, Style};
use super::{Call, Failure, Outcome, Verb, say};
use crate::host::SandboxHost;
use crate::io::Io;
use crate::store::App;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[
    Verb::new("ports", list),
    Verb::new("ports:list", list),
    Verb::new("ports:add", add),
    Verb::new("ports:set", set),
    Verb::new("ports:remove", remove),
    Verb::new("ports:clear", clear),
    Verb::new("ports:report", show),
    Verb::new("url", url),
    Verb::new("urls", urls),
];

/// The mappings in force: those that were set, else those that the build detected.
fn in_force(app: &App) -> &[String] {
    if app.ports.is_empty() {
        &app.detected_ports
    } else {
        &app.ports
    }
}

fn show(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    report::answer(call, io, host, "ports", Style::Go, |host, app| {
        let known = host.store().app(app)?;
        let mut report = Report::default();
        report.add("map", known.ports.join(" "));
        report.add("map-json", json(&known.ports));
        report.add("map-detected", known.detected_ports.join(" "));
        report.add("map-detected-json", json(&known.detected_ports));
        Ok(report)
    })
}

fn json(ports: &[String]) -> String {
    let objects: Vec<_> = ports
        .iter()
        .filter_map(|port| {
            let mut parts = port.split(':');
            let (scheme, host, container) = (parts.next()?, parts.next()?, parts.next()?);
            Some(format!(
                r#"{{"container_port":{container},"host_port":{host},"scheme":"{scheme}"}}"#
            ))
        })
        .collect();
    format!("[{}]", objects.join(","))
}

fn list(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    let app = arguments.at(0);
    check_app(host, app)?;
    let known = host.store().app(app)?;
    if known.ports.is_empty() {
        return Err(Failure::new("No port mappings configured for app"));
    }
    let mut lines: Vec<String> = known.ports.clone();
    if !call.flags.quiet {
        lines.push("-----> scheme:host port:container port".to_owned());
    }
    lines.sort();
    info_quiet(call, io, &format!("Port mappings for {app}"))?;
    let rows: Vec<Vec<&str>> = lines.iter().map(|line| line.split(':').collect()).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.len())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1)];
    for row in &rows {
        let [scheme, from, to] = row.as_slice() else {
            continue;
        };
        say(
            io,
            &format!("    {scheme:0$}  {from:1$}  {to}", widths[0], widths[1]),
        )?;
    }
    Ok(())
}

/// The app and the mappings after it, each valid, none twice.
fn parse(call: &Call, host: &SandboxHost) -> Result<(String, Vec<String>), Failure> {
    let arguments = Arguments::parse(call, &[], &[])?;
    check_app(host, arguments.at(0))?;
    let ports: Vec<String> = arguments.positional[1..]
        .iter()
        .flat_map(|word| word.split(' '))
        .map(str::to_owned)
        .collect();
    if ports.is_empty() {
        return Err(Failure::new("No port mapping specified"));
    }
    for port in &ports {
        check_mapping(port)?;
    }
    check_reuse(&ports, "Error validating new port mappings")?;
    Ok((arguments.at(0).to_owned(), ports))
}

fn check_mapping(mapping: &str) -> Outcome {
    let parts: Vec<_> = mapping.splitn(3, ':').collect();
    let numbers = match parts.as_slice() {
        [number] => vec![*number],
        [_, host, container] => vec![*host, *container],
        _ => {
            return Err(Failure::new(format!(
                "Invalid port map {mapping} [len={}]",
                parts.len()
            )));
        }
    };
    for number in numbers {
        let parsed: i64 = number.parse().map_err(|_| {
            let error = format!("strconv.Atoi: parsing {number:?}: invalid syntax");
            Failure::new(format!("Invalid port map {mapping} [err={error}]"))
        })?;
        if !(1..65536).contains(&parsed) {
            return Err(Failure::new(format!(
                "Invalid port map {mapping} [hostPort={parsed}]"
            )));
        }
    }
    Ok(())
}

fn key(mapping: &str) -> &str {
    mapping.rsplit_once(':').map_or(mapping, |(key, _)| key)
}

fn check_reuse(ports: &[String], what: &str) -> Outcome {
    let twice = ports
        .iter()
        .enumerate()
        .find(|(index, port)| ports[..*index].iter().any(|other| key(other) == key(port)));
    match twice {
        Some((_, port)) => Err(Failure::new(format!(
            "{what}: The same scheme:host-port is being reused: {}",
            key(port)
        ))),
        None => Ok(()),
    }
}

fn add(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, ports) = parse(call, host)?;
    let all = [host.store().app(&app)?.ports, ports].concat();
    check_reuse(&all, "Error validating all port mappings")?;
    host.store().update_app(&app, |app| app.ports = all)?;
    rebuild_proxy(&app, io, host)
}

fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, ports) = parse(call, host)?;
    host.store().update_app(&app, |app| app.ports = ports)?;
    rebuild_proxy(&app, io, host)
}

fn remove(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (app, ports) = parse(call, host)?;
    host.store().update_app(&app, |app| {
        let is_meant = |known: &String| {
            ports.contains(known)
                || ports
                    .iter()
                    .any(|port| known.split(':').nth(1) == Some(port))
        };
        app.ports.retain(|known| !is_meant(known));
    })?;
    rebuild_proxy(&app, io, host)
}

fn clear(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let arguments = Arguments::parse(call, &[], &[])?;
    check_app(host, arguments.at(0))?;
    host.store()
        .update_app(arguments.at(0), |app| app.ports.clear())?;
    rebuild_proxy(arguments.at(0), io, host)
}

/// Every address of the app, its own domain first; plain HTTP is served on the router's port.
pub fn addresses(app: &App, host: &SandboxHost) -> Vec<String> {
    let router = host
        .addresses()
        .http
        .map(|address| format!(":{}", address.port()))
        .unwrap_or_default();
    let mut addresses = Vec::new();
    for domain in &app.domains {
        let mut mappings: Vec<&str> = in_force(app).iter().map(String::as_str).collect();
        if mappings.is_empty() {
            mappings.push("http:80:5000");
        }
        for mapping in mappings {
            let mut parts = mapping.split(':');
            let (scheme, port) = (
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
            );
            addresses.push(match (scheme, port) {
                ("http", _) => format!("http://{domain}{router}"),
                ("https", "443") => format!("https://{domain}"),
                (scheme, port) => format!("{scheme}://{domain}:{port}"),
            });
        }
    }
    addresses
}

fn urls(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    check_app(host, call.arg(0))?;
    for address in addresses(&host.store().app(call.arg(0))?, host) {
        say(io, &address)?;
    }
    Ok(())
}

fn url(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    check_app(host, call.arg(0))?;
    let addresses = addresses(&host.store().app(call.arg(0))?, host);
    let secure = addresses
        .iter()
        .find(|address| address.starts_with("https:"));
    match secure.or(addresses.first()) {
        Some(address) => Ok(say(io, address)?),
        None => Ok(()),
    }
}
