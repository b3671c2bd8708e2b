//! What people are told of an app's checks: when it goes down, when it is up again, and when its
//! certificate ends soon. Each once, so what was told is remembered beside the app's other facts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::row::{Kind, Row};
use crate::{
    app::{AppName, Environment},
    audit::{Action, AuditEntry, Origin, Status, key},
    clock::stamp,
};

/// How many failing checks in a row make an app down: one lost packet calls nobody.
const FAILURES: u32 = 2;

/// The days before the end of a certificate at which somebody is told.
const DAYS: [i64; 4] = [1, 3, 7, 14];

/// What one check has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a> {
    /// What was asked.
    pub url: &'a str,
    /// When.
    pub at: Timestamp,
    /// What is wrong; `None`: nothing.
    pub fault: Option<&'a str>,
    /// When the certificate ends, where one was seen.
    pub expires: Option<Timestamp>,
}

/// What people know of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Failing checks in a row.
    #[serde(default)]
    failures: u32,
    /// Whether they were told that it is down.
    #[serde(default)]
    is_down: bool,
    /// What they were told of its certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate: Option<Warned>,
}

/// That a certificate ends soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Warned {
    /// Which certificate: the one that ends then.
    expires: Timestamp,
    /// At which of the days.
    days: i64,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It is down, and why.
    Down(String),
    /// It is up again.
    Up,
    /// Its certificate ends then, in so many days.
    Expiring(Timestamp, i64),
    /// Of the certificate that somebody was told of there is one now that lasts until then.
    Renewed(Timestamp),
}

impl Alarm {
    /// What people know so far. What cannot be read is as if they knew nothing: they are told again.
    pub fn of(row: Option<&Row>) -> Self {
        row.and_then(|row| row.get("alarm"))
            .and_then(|alarm| serde_json::from_value(alarm.clone()).ok())
            .unwrap_or_default()
    }

    /// What they are told after a check, and what they know then.
    #[must_use]
    pub fn after(mut self, seen: Seen<'_>) -> (Self, Vec<News>) {
        let mut news = Vec::new();
        if let Some(why) = seen.fault {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= FAILURES && !self.is_down {
                self.is_down = true;
                news.push(News::Down(why.to_owned()));
            }
        } else {
            self.failures = 0;
            if std::mem::take(&mut self.is_down) {
                news.push(News::Up);
            }
        }
        if let Some(expires) = seen.expires {
            news.extend(self.certificate(expires, seen.at));
        }
        // Beyond the number that counts nothing changes, and nothing has to be written.
        self.failures = self.failures.min(FAILURES);
        (self, news)
    }

    fn certificate(&mut self, expires: Timestamp, at: Timestamp) -> Option<News> {
        let left = (expires.as_second() - at.as_second()).div_euclid(86_400);
        let known = self
            .certificate
            .filter(|known| known.expires.as_second() == expires.as_second());
        let Some(days) = DAYS.into_iter().find(|days| left <= *days) else {
            return self.certificate.take().map(|_| News::Renewed(expires));
        };
        if known.is_some_and(|known| known.days <= days) {
            return None;
        }
        self.certificate = Some(Warned { expires, days });
        Some(News::Expiring(expires, left))
    }
}

impl News {
    /// As an entry of the record.
    pub fn entry(
        &self,
        app: &str,
        row: Option<&Row>,
        seen: Seen<'_>,
        origin: &Origin,
    ) -> AuditEntry {
        let (action, status) = match self {
            Self::Down(_) => (Action::Health, Status::Failure),
            Self::Up => (Action::Health, Status::Success),
            Self::Expiring(..) => (Action::Certificate, Status::Failure),
            Self::Renewed(_) => (Action::Certificate, Status::Success),
        };
        let mut entry = AuditEntry::of_host(action, status, origin);
        app.clone_into(&mut entry.app_name);
        entry.environment = match row.and_then(|row| row.text("environment")) {
            Some(environment) => environment.to_owned(),
            None => AppName::new(app).map_or_else(
                |_| String::new(),
                |app| Environment::of_app(&app).as_str().to_owned(),
            ),
        };
        seen.url.clone_into(&mut entry.url);
        match self {
            Self::Down(why) => entry.note(why),
            Self::Up => entry,
            Self::Expiring(expires, days) => entry
                .note(&format!("It ends at {}", stamp(*expires)))
                .with(key::DAYS_LEFT, *days),
            Self::Renewed(expires) => {
                entry.note(&format!("The new one lasts until {}", stamp(*expires)))
            }
        }
    }
}

impl Row {
    /// Adds what people know of it as of `at`.
    #[must_use]
    pub fn with_alarm(self, alarm: &Alarm, at: Timestamp) -> Self {
        let value = serde_json::to_value(alarm).unwrap_or(Value::Null);
        let values = Map::from_iter([("alarm".to_owned(), value)]);
        self.with(Kind::Alarm, at, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
    }

    fn seen(fault: Option<&str>) -> Seen<'_> {
        Seen {
            url: "https://shop.example.com/",
            at: at(0),
            fault,
            expires: None,
        }
    }

    /// What is told of checks one after the other, each of which reads what the one before wrote.
    fn told<'a>(checks: impl IntoIterator<Item = Seen<'a>>) -> Vec<Vec<News>> {
        let mut row = Row::default();
        let mut all = Vec::new();
        for (second, seen) in checks.into_iter().enumerate() {
            let (alarm, news) = Alarm::of(Some(&row)).after(seen);
            let at = at(0) + jiff::SignedDuration::from_secs(i64::try_from(second).unwrap());
            row = row.with_alarm(&alarm, at);
            all.push(news);
        }
        all
    }

    #[test]
    fn one_failing_check_calls_nobody_and_two_call_once() {
        let down = vec![News::Down("status 503".into())];
        let none = Vec::new;
        let bad = || seen(Some("status 503"));
        let good = || seen(None);
        assert_eq!(
            told([bad(), good(), bad(), bad(), bad(), bad(), good(), good()]),
            [
                none(),
                none(),
                none(),
                down,
                none(),
                none(),
                vec![News::Up],
                none()
            ]
        );
    }

    #[test]
    fn what_stays_as_it_is_changes_nothing_that_is_written() {
        let (down, _) = Alarm::default()
            .after(seen(Some("a")))
            .0
            .after(seen(Some("a")));
        assert_eq!(down.clone().after(seen(Some("b"))), (down, Vec::new()));
        assert_eq!(
            Alarm::default().after(seen(None)),
            (Alarm::default(), Vec::new())
        );
    }

    #[test]
    fn a_deploy_between_does_not_hide_that_it_is_up_again() {
        let mut row = Row::default();
        for second in 0..2 {
            let (alarm, _) = Alarm::of(Some(&row)).after(seen(Some("a")));
            row = row.with_alarm(&alarm, at(second));
        }
        row = row.with_health(&crate::dashboard::Health {
            status: crate::dashboard::HealthStatus::Healthy,
            uptime_seconds: 0,
            response_time_ms: None,
            at: at(3),
            since: at(3),
            reason: None,
        });
        assert_eq!(Alarm::of(Some(&row)).after(seen(None)).1, [News::Up]);
    }

    #[test]
    fn a_certificate_is_told_of_at_each_of_its_days_once() {
        let expires = Some(at(100));
        let check = |day: i64| Seen {
            at: at(day),
            expires,
            ..seen(None)
        };
        let days = [80, 85, 86, 86, 88, 92, 93, 94, 98, 99, 99, 100, 101];
        let told = told(days.map(check));
        let told: Vec<_> = days.into_iter().zip(told).collect();
        let of = |day: i64| vec![News::Expiring(at(100), 100 - day)];
        for (day, news) in &told {
            let is_first = told.iter().find(|(one, _)| one == day).unwrap().1 == *news;
            let expected = match day {
                86 | 93 | 98 | 99 if is_first => of(*day),
                _ => Vec::new(),
            };
            assert_eq!(*news, expected, "on day {day}");
        }
        assert_eq!(told.iter().flat_map(|(_, news)| news).count(), 4);
    }

    #[test]
    fn after_days_without_a_check_one_message_is_enough_and_a_new_certificate_ends_it() {
        let check = |day: i64, expires: i64| Seen {
            at: at(day),
            expires: Some(at(expires)),
            ..seen(None)
        };
        assert_eq!(
            told([
                check(0, 90),
                check(88, 90),
                check(89, 179),
                check(90, 179),
                check(170, 179)
            ]),
            [
                vec![],
                vec![News::Expiring(at(90), 2)],
                vec![News::Renewed(at(179))],
                vec![],
                vec![News::Expiring(at(179), 9)],
            ]
        );
    }

    #[test]
    fn entries_say_which_app_where_and_why() {
        let origin = Origin {
            host: "dokku.example.com".into(),
            ..Origin::default()
        };
        let down = News::Down("no answer in time".into());
        let entry = down.entry("shop-staging", None, seen(None), &origin);
        assert_eq!(entry.environment, "staging");
        assert_eq!(entry.note, "no answer in time");
        assert_eq!(entry.url, "https://shop.example.com/");
        let entry = News::Expiring(at(7), 7).entry("shop", None, seen(None), &origin);
        assert_eq!(entry.number(key::DAYS_LEFT), Some(7));
        assert_eq!(
            (entry.action, entry.status),
            (Action::Certificate, Status::Failure)
        );
    }
}
