//! Where messages go: secrets, by the names that the bash system gave them.

use dokku_deploy::{secret::Secret, settings::NotifiedService};
use reqwest::Url;

/// More addresses than this are taken for a mistake.
const MOST: usize = 20;

/// A place that messages go to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Which service it is.
    pub service: NotifiedService,
    /// Its address, which is a secret of its own for Slack and Discord.
    pub url: Secret,
    /// What signs the body (webhooks) or opens the door (Datadog, `PagerDuty`).
    pub key: Option<Secret>,
}

/// A secret that is there and cannot be used. It says nothing of the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is not usable: {why}")]
pub struct Malformed {
    /// The service that cannot be told.
    pub service: NotifiedService,
    /// The variable.
    pub variable: &'static str,
    /// What is wrong.
    pub why: &'static str,
}

/// The names of all variables that say where messages go, and what they are for.
pub const VARIABLES: [(&str, &str); 9] = [
    ("SLACK_WEBHOOK_URL", "Slack's incoming webhook"),
    ("DISCORD_WEBHOOK_URL", "Discord's webhook"),
    (
        "DEPLOY_WEBHOOK_URLS",
        "addresses of your own, separated by commas",
    ),
    ("DEPLOY_WEBHOOK_SECRET", "signs what is sent to them"),
    ("DD_API_KEY", "Datadog"),
    ("DD_SITE", "Datadog's site, where it is not datadoghq.com"),
    (
        "DATADOG_EVENTS_URL",
        "another address for Datadog's events, such as a proxy",
    ),
    ("PAGERDUTY_ROUTING_KEY", "PagerDuty"),
    (
        "PAGERDUTY_EVENTS_URL",
        "another address for PagerDuty's events, such as the EU's",
    ),
];

/// Reads all that are set; `get` gives the value of a variable. Empty ones count as not set.
pub fn read(get: impl Fn(&str) -> Option<String>) -> (Vec<Target>, Vec<Malformed>) {
    let get = |name: &str| {
        let value = get(name).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty())
    };
    let mut all = Vec::new();
    for (service, variable) in [
        (NotifiedService::Slack, "SLACK_WEBHOOK_URL"),
        (NotifiedService::Discord, "DISCORD_WEBHOOK_URL"),
    ] {
        if let Some(url) = get(variable) {
            all.push(target(service, variable, &url, None, Http::Never));
        }
    }
    if let Some(list) = get("DEPLOY_WEBHOOK_URLS") {
        let secret = get("DEPLOY_WEBHOOK_SECRET");
        let urls = list.split(',').map(str::trim).filter(|url| !url.is_empty());
        for (index, url) in urls.enumerate() {
            let (service, variable) = (NotifiedService::Webhook, "DEPLOY_WEBHOOK_URLS");
            all.push(if index < MOST {
                target(service, variable, url, secret.clone(), Http::Allowed)
            } else {
                Err(Malformed {
                    service,
                    variable,
                    why: "it has more than 20 addresses",
                })
            });
            if index == MOST {
                break;
            }
        }
    }
    for (service, key_variable, url_variable, usual) in [
        (
            NotifiedService::Datadog,
            "DD_API_KEY",
            "DATADOG_EVENTS_URL",
            format!(
                "https://api.{}/api/v1/events",
                get("DD_SITE").unwrap_or_else(|| "datadoghq.com".to_owned())
            ),
        ),
        (
            NotifiedService::Pagerduty,
            "PAGERDUTY_ROUTING_KEY",
            "PAGERDUTY_EVENTS_URL",
            "https://events.pagerduty.com/v2/enqueue".to_owned(),
        ),
    ] {
        let Some(key) = get(key_variable) else {
            continue;
        };
        if !key.bytes().all(|c| c.is_ascii_graphic()) {
            all.push(Err(Malformed {
                service,
                variable: key_variable,
                why: "a key has no blanks and no other signs than ASCII",
            }));
            continue;
        }
        let url = get(url_variable).unwrap_or(usual);
        all.push(target(service, url_variable, &url, Some(key), Http::Never));
    }
    let mut targets = Vec::new();
    let mut malformed = Vec::new();
    for one in all {
        match one {
            Ok(target) => targets.push(target),
            Err(bad) if malformed.contains(&bad) => {}
            Err(bad) => malformed.push(bad),
        }
    }
    (targets, malformed)
}

/// Whether an address may be without TLS; on this machine it always may.
#[derive(Clone, Copy, PartialEq)]
enum Http {
    Allowed,
    Never,
}

fn target(
    service: NotifiedService,
    variable: &'static str,
    url: &str,
    key: Option<String>,
    http: Http,
) -> Result<Target, Malformed> {
    let bad = |why| Malformed {
        service,
        variable,
        why,
    };
    let parsed = Url::parse(url).map_err(|_| bad("it is no address such as https://…"))?;
    let host = parsed.host_str().unwrap_or_default();
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match parsed.scheme() {
        _ if host.is_empty() => Err(bad("it names no host")),
        "https" => Ok(()),
        "http" if is_here || http == Http::Allowed => Ok(()),
        "http" => Err(bad("it has to begin with https://")),
        _ => Err(bad("it is no address such as https://…")),
    }?;
    Ok(Target {
        service,
        url: Secret::new(url),
        key: key.map(Secret::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> (Vec<Target>, Vec<Malformed>) {
        read(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_is_nobody_told() {
        let (targets, malformed) =
            given(&[("SLACK_WEBHOOK_URL", " "), ("DEPLOY_WEBHOOK_URLS", " , ")]);
        assert!(targets.is_empty() && malformed.is_empty());
    }

    #[test]
    fn every_secret_leads_to_its_service() {
        let (targets, malformed) = given(&[
            (
                "SLACK_WEBHOOK_URL",
                "https://hooks.slack.com/services/T/B/x\n",
            ),
            (
                "DISCORD_WEBHOOK_URL",
                "https://discord.com/api/webhooks/1/x",
            ),
            (
                "DEPLOY_WEBHOOK_URLS",
                "http://a.example/x, ,https://b.example/y,",
            ),
            ("DEPLOY_WEBHOOK_SECRET", "s"),
            ("DD_API_KEY", "k"),
            ("DD_SITE", "datadoghq.eu"),
            ("PAGERDUTY_ROUTING_KEY", "r"),
        ]);
        assert_eq!(malformed, []);
        let told: Vec<_> = targets
            .iter()
            .map(|target| (target.service.as_str(), target.url.expose()))
            .collect();
        assert_eq!(
            told,
            [
                ("slack", "https://hooks.slack.com/services/T/B/x"),
                ("discord", "https://discord.com/api/webhooks/1/x"),
                ("webhook", "http://a.example/x"),
                ("webhook", "https://b.example/y"),
                ("datadog", "https://api.datadoghq.eu/api/v1/events"),
                ("pagerduty", "https://events.pagerduty.com/v2/enqueue"),
            ]
        );
        let shown = format!("{targets:?}");
        assert!(
            !shown.contains("hooks.slack.com") && !shown.contains("\"s\""),
            "{shown}"
        );
    }

    #[test]
    fn what_is_malformed_is_said_without_its_value() {
        let (targets, malformed) = given(&[
            ("SLACK_WEBHOOK_URL", "hunter2"),
            ("DISCORD_WEBHOOK_URL", "http://discord.com/hunter2"),
            ("DEPLOY_WEBHOOK_URLS", "ftp://hunter2, https://good.example"),
            ("DD_API_KEY", "hunter2 hunter3"),
            ("PAGERDUTY_ROUTING_KEY", "k"),
            ("PAGERDUTY_EVENTS_URL", "https:///hunter2?"),
        ]);
        let usable: Vec<_> = targets
            .iter()
            .map(|target| target.service.as_str())
            .collect();
        assert_eq!(usable[..1], ["webhook"]);
        let said: Vec<String> = malformed.iter().map(ToString::to_string).collect();
        assert!(
            said.len() >= 4 && !said.join("\n").contains("hunter"),
            "{said:?}"
        );
        assert_eq!(
            said[0],
            "SLACK_WEBHOOK_URL is not usable: it is no address such as https://…"
        );
        assert_eq!(
            said[1],
            "DISCORD_WEBHOOK_URL is not usable: it has to begin with https://"
        );
    }
}
