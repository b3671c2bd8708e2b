//! What serves now, and is it healthy?

use std::{collections::BTreeSet, time::Duration};

use super::{
    listener::Patience,
    run::{Halt, Run},
};
use crate::{
    deployment::{Serving, Stage},
    dokku::{letsencrypt, logs, ps, urls},
    event::Event,
    health::{self, Expectation, Verdict, judge},
    journal::Phase,
    net::{NetError, Probe, ProbeAnswer},
};

/// Certificates are asked for from afar; longer than this is not waited for.
const TLS_LIMIT: Duration = Duration::from_mins(2);

/// Lines of the app's log that are shown when it is not healthy.
const LOG_LINES: u32 = 30;

impl Run<'_> {
    /// Proves by containers and image what serves, then asks the app whether it is healthy.
    pub fn verify(&mut self) -> Result<Serving, Halt> {
        if self.plan.changes_anything() {
            self.enter(Phase::Checking, &Stage::Health)?;
        }
        let serving = self.prove_serving()?;
        self.check_health(&self.wish.commit.sha.clone())?;
        Ok(serving)
    }

    fn prove_serving(&mut self) -> Result<Serving, Halt> {
        let at = Stage::Switch;
        let answers = self
            .ground
            .host
            .ask_all(&[ps::inspect(self.app()), urls::urls(self.app())]);
        let [inspected, addresses] = answers.try_into().map_err(|_| {
            Halt::Unknown(
                at.clone(),
                "the host gave another number of answers than questions".to_owned(),
            )
        })?;
        let containers = inspected
            .and_then(|answer| ps::read_inspect(&answer))
            .map_err(|error| self.halt(&at, error))?
            .unwrap_or_default();
        let addresses = addresses
            .and_then(|answer| urls::read(&answer))
            .map_err(|error| self.halt(&at, error))?
            .unwrap_or_default();
        self.url = prefer(&addresses, self.plan.domain.as_deref());
        let running: Vec<&ps::Container> = containers
            .iter()
            .filter(|container| container.is_running)
            .collect();
        let images: BTreeSet<&str> = running
            .iter()
            .map(|container| container.image_id.as_str())
            .collect();
        let old = running
            .iter()
            .filter(|container| self.plan.containers_before.contains(&container.id))
            .count();
        if running.is_empty() {
            if self.has_processes() {
                return Err(Halt::Failed(at, "no container of the app runs".to_owned()));
            }
            self.note("the app is scaled to zero: nothing serves");
            return Ok(Serving::Nothing);
        }
        if self.may_serve && old > 0 {
            return Err(Halt::Failed(
                at,
                format!(
                    "{old} of {} containers are still those from before",
                    running.len()
                ),
            ));
        }
        if let Some(kept) = self.plan.kept()
            && !images.iter().all(|image| *image == kept.image)
        {
            return Err(Halt::Failed(
                at,
                format!("the containers do not run the image of v{}", kept.version),
            ));
        }
        match images.iter().next() {
            Some(image) if images.len() == 1 => Ok(Serving::New {
                image: (*image).to_owned(),
            }),
            _ => Ok(Serving::Unknown {
                why: "the app's containers run different images".to_owned(),
            }),
        }
    }

    /// Whether any process type is meant to run.
    fn has_processes(&self) -> bool {
        // A new app has one web process unless something else was said.
        let scale = self.plan.scale(&self.wish.settings.scale);
        !scale.contains_key("web") || scale.values().any(|count| *count > 0)
    }

    pub fn check_health(&mut self, commit: &str) -> Result<(), Halt> {
        if self.plan.scale(&self.wish.settings.scale).get("web") == Some(&0) {
            self.unchecked = Some("nothing to check: no web process");
            return Ok(());
        }
        let Some(url) = self.url.clone() else {
            self.unchecked = Some("its health was not checked");
            self.warn(
                "Dokku knows no address of the app, so its health could not be checked".to_owned(),
            );
            return Ok(());
        };
        let check = &self.wish.settings.healthcheck;
        let address = format!("{}{}", url.trim_end_matches('/'), check.path);
        let expectation = Expectation {
            statuses: check.status.clone(),
            version_header: check.version_header.clone(),
            version_json: check.version_json.clone(),
            commit: commit.to_owned(),
        };
        let mut probe = Probe {
            url: address.clone(),
            connect_to: None,
            credentials: self.wish.credentials.clone(),
            timeout: check.timeout,
        };
        let (attempts, wait) = (check.attempts, check.wait);
        if self.plan.protects() {
            let front = format!("{}/", url.trim_end_matches('/'));
            self.prove_protected(&[front, address.clone()], &probe)?;
        }
        let mut last = String::new();
        for attempt in 1..=attempts {
            self.heed_interrupts(&Stage::Health)?;
            self.keep_fresh(&Stage::Health)?;
            let mut answer = self.probe(&probe);
            if probe.connect_to.is_none() && matches!(answer, Err(NetError::Unresolved { .. })) {
                self.note(&format!(
                    "{address} does not resolve yet: {} is asked under that name instead",
                    self.ground.router
                ));
                probe.connect_to = Some(self.ground.router.to_owned());
                answer = self.probe(&probe);
            }
            last = match answer {
                Err(error) => error.to_string(),
                Ok(answer) => match judge(&answer, &expectation) {
                    Verdict::Healthy { .. } => {
                        self.note(&format!(
                            "{address} answered {} in {} ms (attempt {attempt} of {attempts})",
                            answer.status,
                            answer.took.as_millis()
                        ));
                        return Ok(());
                    }
                    Verdict::Unhealthy(why)
                        if answer.status == 401 && probe.credentials.is_none() =>
                    {
                        format!(
                            "{why} (if it asks for a password: PREVIEW_AUTH_USER and PREVIEW_AUTH_PASSWORD)"
                        )
                    }
                    Verdict::Unhealthy(why) => why,
                },
            };
            self.note(&format!("attempt {attempt} of {attempts}: {last}"));
            if attempt < attempts {
                self.ground.clock.wait(wait);
            }
        }
        self.show_logs();
        Err(Halt::Failed(Stage::Health, format!("{address}: {last}")))
    }

    /// Asks once, with the redirects that lead nowhere else.
    fn probe(&mut self, probe: &Probe) -> Result<ProbeAnswer, NetError> {
        let ground = self.ground;
        let statuses = &self.wish.settings.healthcheck.status;
        health::ask(
            ground.net,
            probe,
            statuses,
            &|| ground.clock.elapsed(),
            &mut |hop| {
                self.note(&format!(
                    "{} redirects to {} (status {})",
                    hop.from, hop.to, hop.status
                ));
            },
        )
    }

    fn show_logs(&mut self) {
        match self.ground.host.ask(&logs::bare(self.app(), LOG_LINES)) {
            Ok(answer) if answer.is_ok() => {
                let text = String::from_utf8_lossy(&answer.stdout).into_owned();
                for line in text.lines() {
                    self.report.event(Event::Output {
                        source: "logs",
                        from: crate::host::Stream::Out,
                        line,
                    });
                }
            }
            Ok(answer) => {
                let why = answer.complaint();
                self.note(&format!("the app's log could not be read: {why}"));
            }
            Err(error) => self.note(&format!("the app's log could not be read: {error}")),
        }
    }

    /// Asks for certificates. The app is live already: a failure is a warning.
    pub fn enable_tls(&mut self) {
        let patience = Patience {
            limit: Some(TLS_LIMIT),
            interrupts: 1,
        };
        let (status, heard) =
            self.follow(&letsencrypt::enable(self.app()), "letsencrypt", patience);
        let why = match status {
            Ok(0) => return,
            Ok(status) => format!("status {status}{}", super::build::last_complaint(&heard)),
            Err(error) => error.to_string(),
        };
        self.warn(format!(
            "no certificate for {}: {why}; the app serves without (is its DNS set, and an e-mail given: \
             `dokku letsencrypt:set {} email you@example.com`?)",
            self.app(),
            self.app()
        ));
    }
}

/// The address to check: on the app's own domain if there is one, `https` before `http`.
fn prefer(addresses: &[String], domain: Option<&str>) -> Option<String> {
    let host = |address: &str| {
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        rest.split(['/', ':']).next().unwrap_or_default().to_owned()
    };
    let own = |address: &&String| domain.is_some_and(|domain| host(address) == domain);
    let is_secure = |address: &&String| address.starts_with("https://");
    addresses
        .iter()
        .find(|address| own(address) && is_secure(address))
        .or_else(|| addresses.iter().find(own))
        .or_else(|| addresses.iter().find(is_secure))
        .or_else(|| addresses.first())
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apps_own_domain_comes_first_and_https_before_http() {
        let list = |addresses: &[&str]| {
            addresses
                .iter()
                .map(|a| (*a).to_owned())
                .collect::<Vec<_>>()
        };
        let all = list(&[
            "http://other.test",
            "http://a.test",
            "https://a.test",
            "https://www.test",
        ]);
        assert_eq!(
            prefer(&all, Some("a.test")).as_deref(),
            Some("https://a.test")
        );
        assert_eq!(
            prefer(&all, Some("b.test")).as_deref(),
            Some("https://a.test")
        );
        assert_eq!(prefer(&all, None).as_deref(), Some("https://a.test"));
        assert_eq!(
            prefer(&list(&["http://a.test:5000"]), Some("a.test")).as_deref(),
            Some("http://a.test:5000")
        );
        assert_eq!(prefer(&[], Some("a.test")), None);
    }
}
