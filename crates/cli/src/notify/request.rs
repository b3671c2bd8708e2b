//! One message to one place, byte for byte.

use dokku_deploy::{
    audit::AuditEntry,
    notification::{body, event_name, further},
    secret::Secret,
    settings::NotifiedService,
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::Sha256;

use super::addresses::Target;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// To which service.
    pub service: NotifiedService,
    /// Where.
    pub url: Secret,
    /// The headers; some are secrets.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body, a secret where it holds a key.
    pub body: Secret,
}

impl Request {
    /// The messages of an entry for a target; none where that service is not told of such a thing.
    /// `delivery` is another text for each entry, the same for each attempt at it.
    pub fn all(
        target: &Target,
        entry: &AuditEntry,
        mentions: &[String],
        delivery: &str,
        now: Timestamp,
    ) -> Vec<Self> {
        let values = body(target.service, entry, mentions).into_iter();
        values
            .chain(further(target.service, entry))
            .map(|value| Self::new(target, entry, value, delivery, now))
            .collect()
    }

    fn new(
        target: &Target,
        entry: &AuditEntry,
        value: Value,
        delivery: &str,
        now: Timestamp,
    ) -> Self {
        let mut headers = vec![("content-type", Secret::new("application/json"))];
        let body = match target.service {
            NotifiedService::Webhook => {
                let body = text(&value, true);
                let seconds = now.as_second().to_string();
                headers.push(("x-deploy-event", Secret::new(event_name(entry))));
                headers.push(("x-deploy-delivery", Secret::new(delivery)));
                headers.push(("x-deploy-timestamp", Secret::new(seconds.as_str())));
                if let Some(key) = &target.key {
                    let signed = |text: &str| Secret::new(format!("sha256={}", sign(key, text)));
                    headers.push(("x-deploy-signature", signed(&body)));
                    headers.push((
                        "x-deploy-signature-v2",
                        signed(&format!("{seconds}.{body}")),
                    ));
                }
                body
            }
            NotifiedService::Datadog => {
                headers.extend(target.key.clone().map(|key| ("dd-api-key", key)));
                text(&value, false)
            }
            NotifiedService::Pagerduty => {
                let mut whole = Map::new();
                if let Some(key) = &target.key {
                    whole.insert("routing_key".to_owned(), key.expose().into());
                }
                if let Value::Object(rest) = value {
                    whole.extend(rest);
                }
                text(&Value::Object(whole), false)
            }
            NotifiedService::Slack | NotifiedService::Discord => text(&value, false),
        };
        Self {
            service: target.service,
            url: target.url.clone(),
            headers,
            body: Secret::new(body),
        }
    }
}

fn text(value: &Value, is_pretty: bool) -> String {
    // A value always has a form in JSON.
    let text = if is_pretty {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    text.unwrap_or_default()
}

/// HMAC-SHA256 of the text, in hexadecimal digits.
fn sign(key: &Secret, text: &str) -> String {
    use std::fmt::Write;
    // A key of any length is taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()) else {
        return String::new();
    };
    mac.update(text.as_bytes());
    let digest = mac.finalize().into_bytes();
    digest
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dokku_deploy::audit::{Action, Origin, Status};

    /// RFC 4231, test case 2.
    #[test]
    fn signatures_are_those_of_the_standard() {
        assert_eq!(
            sign(&Secret::new("Jefe"), "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn a_signature_is_of_the_exact_bytes_and_another_of_the_time_with_them() {
        let target = Target {
            service: NotifiedService::Webhook,
            url: Secret::new("https://a.example"),
            key: Some(Secret::new("s")),
        };
        let entry = AuditEntry::of_host(Action::ServerSetup, Status::Success, &Origin::default());
        assert!(Request::all(&target, &entry, &[], "d", Timestamp::UNIX_EPOCH).is_empty());
        let entry = AuditEntry {
            action: Action::Deploy,
            ..entry
        };
        let now = Timestamp::from_second(1_795_435_200).unwrap();
        let request = Request::all(&target, &entry, &[], "d1", now).remove(0);
        let header = |name: &str| {
            let found = request.headers.iter().find(|(key, _)| *key == name);
            found.unwrap().1.expose().to_owned()
        };
        let body = request.body.expose();
        assert!(
            body.starts_with("{\n  \"event\": \"deployment\",\n  \"app\": \"\","),
            "{body}"
        );
        assert_eq!(header("x-deploy-event"), "deployment");
        assert_eq!(header("x-deploy-delivery"), "d1");
        let key = Secret::new("s");
        assert_eq!(
            header("x-deploy-signature"),
            format!("sha256={}", sign(&key, body))
        );
        assert_eq!(
            header("x-deploy-signature-v2"),
            format!("sha256={}", sign(&key, &format!("1795435200.{body}")))
        );
        assert!(!format!("{request:?}").contains("a.example"));
    }

    #[test]
    fn pagerdutys_key_comes_first_in_the_body() {
        let target = Target {
            service: NotifiedService::Pagerduty,
            url: Secret::new("https://a.example"),
            key: Some(Secret::new("r")),
        };
        let entry = AuditEntry::of_host(Action::Deploy, Status::Failure, &Origin::default());
        let request = Request::all(&target, &entry, &[], "d", Timestamp::UNIX_EPOCH).remove(0);
        let start = r#"{"routing_key":"r","event_action":"trigger","dedup_key":"deploy--""#;
        assert!(
            request.body.expose().starts_with(start),
            "{}",
            request.body.expose()
        );
    }
}
