//! Help texts. Those that were recorded are kept as templates in `help/`; the others are made of
//! the same table without the examples.

use super::plugin::Plugin;

/// A subcommand: name, arguments, what it does.
struct Subcommand {
    name: &'static str,
    arguments: &'static str,
    purpose: &'static str,
}

const fn subcommand(
    name: &'static str,
    arguments: &'static str,
    purpose: &'static str,
) -> Subcommand {
    Subcommand {
        name,
        arguments,
        purpose,
    }
}

/// In the order of the list.
const SUBCOMMANDS: [Subcommand; 35] = [
    subcommand(
        "app-links",
        "<app>",
        "list all {service} service links for a given app",
    ),
    subcommand(
        "backup",
        "<service> <bucket-name> [-u|--use-iam-optional]",
        "create a backup of the {service} service to an existing s3 bucket",
    ),
    subcommand(
        "backup-auth",
        "<service> <aws-access-key-id> <aws-secret-access-key> <aws-default-region> <aws-signature-version> <endpoint-url>",
        "set up authentication for backups on the {service} service",
    ),
    subcommand(
        "backup-deauth",
        "<service>",
        "remove backup authentication for the {service} service",
    ),
    subcommand(
        "backup-schedule",
        "<service> <schedule> <bucket-name> [-u|--use-iam-optional]",
        "schedule a backup of the {service} service",
    ),
    subcommand(
        "backup-schedule-cat",
        "<service>",
        "cat the contents of the configured backup cronfile for the service",
    ),
    subcommand(
        "backup-set-encryption",
        "<service> <passphrase>",
        "set encryption for all future backups of {service} service",
    ),
    subcommand(
        "backup-set-public-key-encryption",
        "<service> <public-key-id>",
        "set GPG Public Key encryption for all future backups of {service} service",
    ),
    subcommand(
        "backup-unschedule",
        "<service>",
        "unschedule the backup of the {service} service",
    ),
    subcommand(
        "backup-unset-encryption",
        "<service>",
        "unset encryption for future backups of the {service} service",
    ),
    subcommand(
        "backup-unset-public-key-encryption",
        "<service>",
        "unset GPG Public Key encryption for future backups of the {service} service",
    ),
    subcommand(
        "clone",
        "<service> <new-service> [--clone-flags...]",
        "create container <new-name> then copy data from <name> into <new-name>",
    ),
    subcommand(
        "connect",
        "<service>",
        "connect to the service via the {prefix} connection tool",
    ),
    subcommand(
        "create",
        "<service> [--create-flags...]",
        "create a {service} service",
    ),
    subcommand(
        "destroy",
        "<service> [-f|--force]",
        "delete the {service} service/data/container if there are no links left",
    ),
    subcommand(
        "enter",
        "<service>",
        "enter or run a command in a running {service} service container",
    ),
    subcommand(
        "exists",
        "<service>",
        "check if the {service} service exists",
    ),
    subcommand(
        "export",
        "<service>",
        "export a dump of the {service} service database",
    ),
    subcommand(
        "expose",
        "<service> <ports...>",
        "expose a {service} service on custom host:port if provided (random port on the 0.0.0.0 interface if otherwise unspecified)",
    ),
    subcommand(
        "import",
        "<service>",
        "import a dump into the {service} service database",
    ),
    subcommand(
        "info",
        "<service> [--single-info-flag]",
        "print the service information",
    ),
    subcommand(
        "link",
        "<service> <app> [--link-flags...]",
        "link the {service} service to the app",
    ),
    subcommand(
        "linked",
        "<service> <app>",
        "check if the {service} service is linked to an app",
    ),
    subcommand(
        "links",
        "<service>",
        "list all apps linked to the {service} service",
    ),
    subcommand("list", "", "list all {service} services"),
    subcommand(
        "logs",
        "<service> [-t|--tail] [<tail-num>]",
        "print the most recent log(s) for this service",
    ),
    subcommand("pause", "<service>", "pause a running {service} service"),
    subcommand(
        "promote",
        "<service> <app>",
        "promote service <service> as {alias}_URL in <app>",
    ),
    subcommand(
        "restart",
        "<service>",
        "graceful shutdown and restart of the {service} service container",
    ),
    subcommand(
        "set",
        "<service> <key> <value>",
        "set or clear a property for a service",
    ),
    subcommand(
        "start",
        "<service>",
        "start a previously stopped {service} service",
    ),
    subcommand("stop", "<service>", "stop a running {service} service"),
    subcommand(
        "unexpose",
        "<service>",
        "unexpose a previously exposed {service} service",
    ),
    subcommand(
        "unlink",
        "<service> <app>",
        "unlink the {service} service from the app",
    ),
    subcommand(
        "upgrade",
        "<service> [--upgrade-flags...]",
        "upgrade service <service> to the specified versions",
    ),
];

/// Everything after the purpose, of the subcommands whose help was recorded.
const RECORDED: [(&str, &str); 10] = [
    ("backup-auth", include_str!("help/backup-auth.txt")),
    ("backup-deauth", include_str!("help/backup-deauth.txt")),
    ("backup-schedule", include_str!("help/backup-schedule.txt")),
    (
        "backup-schedule-cat",
        include_str!("help/backup-schedule-cat.txt"),
    ),
    (
        "backup-set-encryption",
        include_str!("help/backup-set-encryption.txt"),
    ),
    (
        "backup-set-public-key-encryption",
        include_str!("help/backup-set-public-key-encryption.txt"),
    ),
    (
        "backup-unschedule",
        include_str!("help/backup-unschedule.txt"),
    ),
    ("export", include_str!("help/export.txt")),
    ("import", include_str!("help/import.txt")),
    ("link", include_str!("help/link.txt")),
];

/// The list of all subcommands.
pub fn all(plugin: &Plugin) -> String {
    let rows: Vec<(String, String)> = SUBCOMMANDS
        .iter()
        .map(|subcommand| {
            let mut words: Vec<&str> = subcommand.arguments.split_whitespace().collect();
            let dots = if words.len() > 3 { "..." } else { "" };
            words.truncate(3);
            let name = format!(
                "{}:{} {}{dots}",
                plugin.prefix,
                subcommand.name,
                words.join(" ")
            );
            (name.trim_end().to_owned(), fill(subcommand.purpose, plugin))
        })
        .collect();
    let width = rows
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    let list: Vec<String> = rows
        .iter()
        .map(|(name, purpose)| format!("    {name:width$}   {purpose}"))
        .collect();
    let head = "usage: dokku {prefix}[:COMMAND]\n\nList your {prefix} services.\n\nExample:\n\n    \
                $ dokku {prefix}:list\n\n      {service} services\n      service-name\n\ndokku {prefix} \
                commands: (get help with dokku {prefix}:help SUBCOMMAND)\n\n";
    format!("{}{}\n\n", fill(head, plugin), list.join("\n"))
}

/// The help of one subcommand; none when there is no such subcommand.
pub fn one(plugin: &Plugin, name: &str) -> Option<String> {
    let subcommand = SUBCOMMANDS
        .iter()
        .find(|subcommand| subcommand.name == name)?;
    let usage = format!(
        "usage: dokku {}:{name} {}",
        plugin.prefix, subcommand.arguments
    );
    let body = match RECORDED.iter().find(|(recorded, _)| *recorded == name) {
        Some((_, text)) => fill(text, plugin),
        None => arguments(subcommand),
    };
    Some(format!(
        "{}\n\n{}\n\n{body}",
        usage.trim_end(),
        fill(subcommand.purpose, plugin)
    ))
}

fn arguments(subcommand: &Subcommand) -> String {
    let rows: Vec<(&str, &str)> = subcommand
        .arguments
        .split_whitespace()
        .filter_map(|word| word.strip_prefix('<')?.strip_suffix('>'))
        .map(|name| {
            let name = name.trim_end_matches("...");
            let purpose = match name {
                "service" => "service to run command against",
                "app" => "app to run command against",
                "new-service" => "name of new service",
                "ports" => "a list of ports to run against",
                "key" => "property name to set",
                "value" => "optional property value to set or empty to unset key",
                _ => "",
            };
            (name, purpose)
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let width = rows
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    let list: Vec<String> = rows
        .iter()
        .map(|(name, purpose)| format!("{name:width$}   {purpose}"))
        .collect();
    format!("arguments:\n\n{}\n\n", list.join("\n"))
}

fn fill(template: &str, plugin: &Plugin) -> String {
    template
        .replace("{prefix}", plugin.prefix)
        .replace("{service}", plugin.service)
        .replace("{variable}", plugin.variable)
        .replace("{alias}", plugin.default_alias)
        .replace("{scheme}", plugin.scheme)
        .replace("{port}", &plugin.usual_port.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::plugin;

    #[test]
    fn every_recorded_help_belongs_to_a_subcommand_and_has_no_hole() {
        for plugin in &plugin::PLUGINS {
            for (name, _) in RECORDED {
                let text = one(plugin, name).unwrap();
                assert!(
                    !text.contains('{') && text.starts_with("usage: dokku "),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn help_without_examples_lists_the_arguments() {
        assert_eq!(
            one(plugin::named("redis").unwrap(), "linked").unwrap(),
            "usage: dokku redis:linked <service> <app>\n\ncheck if the Redis service is linked to an app\n\n\
             arguments:\n\nservice   service to run command against\napp       app to run command against\n\n"
        );
        assert_eq!(one(plugin::named("redis").unwrap(), "nope"), None);
    }
}
