//! Reports and setters of plugins that keep nothing but single values.

use super::report::{self, Report, Style};
use super::{Call, Failure, Outcome, Verb, property};
use crate::host::SandboxHost;
use crate::io::Io;

/// Verbs of these plugins.
pub const VERBS: &[Verb] = &[
    Verb::new("app-json:report", show),
    Verb::new("app-json:set", set),
    Verb::new("builder:report", show),
    Verb::new("builder:set", set),
    Verb::new("builder-dockerfile:report", show),
    Verb::new("builder-dockerfile:set", set),
    Verb::new("buildpacks:report", show),
    Verb::new("checks:report", show),
    Verb::new("checks:set", set),
    Verb::new("cron:report", show),
    Verb::new("cron:set", set),
    Verb::new("logs:report", show),
    Verb::new("logs:set", set),
    Verb::new("network:report", show),
    Verb::new("network:set", set),
    Verb::new("nginx:report", show),
    Verb::new("nginx:set", set),
    Verb::new("proxy:report", show),
    Verb::new("proxy:set", set),
    Verb::new("scheduler:report", show),
    Verb::new("scheduler:set", set),
];

/// One plugin.
///
/// Fields by blanks: `key=default` stands for the app's value, the global one and the computed one;
/// `key?` for the app's value alone; `@key=default` for the global and the computed one; `key:=value` is fixed.
struct Table {
    plugin: &'static str,
    style: Style,
    fields: &'static str,
}

const TABLES: &[Table] = &[
    Table {
        plugin: "app-json",
        style: Style::Go,
        fields: "appjson-path=app.json",
    },
    Table {
        plugin: "builder",
        style: Style::Go,
        fields: "build-dir= selected= skip-cleanup=false detected?",
    },
    Table {
        plugin: "builder-dockerfile",
        style: Style::Bash,
        fields: "dockerfile-path=Dockerfile",
    },
    Table {
        plugin: "buildpacks",
        style: Style::Go,
        fields: "stack=gliderlabs/herokuish:latest-24 list?",
    },
    Table {
        plugin: "checks",
        style: Style::Bash,
        fields: "wait-to-retire=60 disabled-list:=none skipped-list:=none",
    },
    Table {
        plugin: "cron",
        style: Style::Go,
        fields: "maintenance=false @mailfrom= @mailto= task-count:=0",
    },
    Table {
        plugin: "logs",
        style: Style::Go,
        fields: "app-label-alias=com.dokku.app-name max-size=10m vector-cron-sink= vector-sink= \
                 @vector-image=timberio/vector:0.57.0-debian @vector-networks=",
    },
    Table {
        plugin: "network",
        style: Style::Go,
        fields: "attach-post-create= attach-post-deploy= bind-all-interfaces=false initial-network= tld= \
                 static-web-listener? web-listeners?",
    },
    Table {
        plugin: "nginx",
        style: Style::Bash,
        fields: "access-log-format= access-log-path=/var/log/nginx/{app}-access.log bind-address-ipv4= \
                 bind-address-ipv6=:: client-body-timeout=60s client-header-timeout=60s client-max-body-size=1m \
                 disable-custom-config=false error-log-path=/var/log/nginx/{app}-error.log hsts=true \
                 hsts-include-subdomains=true hsts-max-age=15724800 hsts-preload=false keepalive-timeout=75s \
                 lingering-timeout=5s nginx-conf-sigil-path=nginx.conf.sigil nginx-service-command= \
                 proxy-buffer-size=4k proxy-buffering=on proxy-buffers=8~4k proxy-busy-buffers-size=8k \
                 proxy-connect-timeout=60s proxy-keepalive= proxy-read-timeout=60s proxy-send-timeout=60s \
                 send-timeout=60s underscore-in-headers=off x-forwarded-for-value=$remote_addr \
                 x-forwarded-port-value=$server_port x-forwarded-proto-value=$scheme x-forwarded-ssl= \
                 last-visited-at?",
    },
    Table {
        plugin: "proxy",
        style: Style::Go,
        fields: "proxy-port=80 proxy-ssl-port= type=nginx",
    },
    Table {
        plugin: "scheduler",
        style: Style::Go,
        fields: "selected=docker-local shell=",
    },
];

fn table(call: &Call) -> Result<&'static Table, Failure> {
    let plugin = call.verb.split(':').next().unwrap_or_default();
    TABLES
        .iter()
        .find(|table| table.plugin == plugin)
        .ok_or_else(|| Failure::new(format!("{plugin} has no properties")))
}

fn show(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let table = table(call)?;
    report::answer(call, io, host, table.plugin, table.style, |host, app| {
        collect(table, host, app)
    })
}

fn collect(table: &Table, host: &SandboxHost, app: &str) -> Result<Report, Failure> {
    let globals = host.store().globals()?;
    let known = if app.is_empty() {
        None
    } else {
        Some(host.store().app(app)?)
    };
    let own = |key: &str| {
        known.as_ref().map_or("", |known| {
            known.property(&format!("{}.{key}", table.plugin))
        })
    };
    let global = |key: &str| {
        globals
            .properties
            .get(&format!("{}.{key}", table.plugin))
            .map_or("", String::as_str)
    };
    let mut report = Report::default();
    for field in table.fields.split_whitespace() {
        if let Some((key, value)) = field.split_once(":=") {
            let set = own(key);
            report.add(key, if set.is_empty() { value } else { set });
        } else if let Some(key) = field.strip_suffix('?') {
            report.add(key, own(key));
        } else {
            let (name, default) = field.split_once('=').unwrap_or((field, ""));
            let key = name.trim_start_matches('@');
            let default = default.replace("{app}", app).replace('~', " ");
            let set = [own(key), global(key), &default]
                .into_iter()
                .find(|value| !value.is_empty());
            if !name.starts_with('@') {
                report.add(key, own(key));
            }
            report.add(&format!("global-{key}"), global(key));
            report.add(&format!("computed-{key}"), set.unwrap_or_default());
        }
    }
    if table.plugin == "proxy" {
        let disabled = own("disabled");
        report.add("disabled", disabled);
        report.add(
            "computed-disabled",
            if disabled.is_empty() {
                "false"
            } else {
                disabled
            },
        );
        report.add("enabled", (disabled != "true").to_string());
    }
    Ok(report)
}

fn set(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let table = table(call)?;
    let mut keys: Vec<&str> = table
        .fields
        .split_whitespace()
        .filter(|field| !field.contains(":=") && !field.ends_with('?'))
        .map(|field| {
            field
                .split('=')
                .next()
                .unwrap_or_default()
                .trim_start_matches('@')
        })
        .collect();
    keys.sort_unstable();
    property::set(call, io, host, table.plugin, &keys)
}
