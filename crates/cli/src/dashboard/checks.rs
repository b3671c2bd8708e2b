//! Asks many apps for their health at once.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use dokku_deploy::{
    app::Environment,
    certificate,
    credentials::Credentials,
    dashboard::{Board, Certificate, Health, HealthStatus, Measured, Row},
    health::{MOST_HOPS, redirect},
    interrupt::Interrupts,
};
use jiff::Timestamp;
use reqwest::{
    Url,
    blocking::{Client, Response},
    header::LOCATION,
    redirect::Policy,
    tls::TlsInfo,
};

use crate::http::{self, cause};

/// How long an app may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The most that is read of an answer.
const BODY_LIMIT: u64 = 64 * 1024;

/// An app to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The app.
    pub app: String,
    /// The address, with the path.
    pub url: String,
    /// Whether the path was made for this: then only 2xx is healthy, after redirects within the same host.
    pub is_health_path: bool,
    /// What it asks its visitors for, if it is known.
    pub credentials: Option<Credentials>,
}

/// What an app answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The app.
    pub app: String,
    /// What was asked.
    pub url: String,
    /// When.
    pub at: Timestamp,
    /// The status; `None` without an answer.
    pub status: Option<u16>,
    /// How long the answer took; `None` without one.
    pub took: Option<Duration>,
    /// What is wrong; `None`: it is healthy.
    pub fault: Option<String>,
    /// When its certificate ends; `None` where it showed none, or none that could be read.
    pub expires: Option<Timestamp>,
}

/// Asks all, at most `at_once` at a time; `tell` hears each answer as it comes. A request to stop
/// leaves out what was not asked yet.
pub fn ask_all(
    questions: &[Question],
    at_once: usize,
    patience: Duration,
    interrupts: &dyn Interrupts,
    tell: &(dyn Fn(&Finding) + Sync),
) -> reqwest::Result<Vec<Finding>> {
    let client = client(questions, patience)?;
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(questions.len()));
    thread::scope(|scope| {
        for _ in 0..at_once.min(questions.len()) {
            scope.spawn(|| {
                while interrupts.requests().0 == 0 {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(question) = questions.get(index) else {
                        return;
                    };
                    let finding = ask(&client, question, patience);
                    tell(&finding);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.push((index, finding));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(index, _)| *index);
    Ok(found.into_iter().map(|(_, finding)| finding).collect())
}

/// One client for all: each makes its own connection, for each app is another host.
fn client(questions: &[Question], patience: Duration) -> reqwest::Result<Client> {
    let mut builder = http::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(patience)
        .tls_info(true)
        .pool_max_idle_per_host(0);
    let hosts = questions
        .iter()
        .filter_map(|question| Some(Url::parse(&question.url).ok()?.host_str()?.to_owned()));
    for host in hosts.filter(|host| host.ends_with(".localhost")) {
        // Loopback (RFC 6761), which not every resolver knows. Port 0 stands for the address's own.
        let loopback = [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
        builder = builder.resolve_to_addrs(&host, &loopback.map(|ip| SocketAddr::new(ip, 0)));
    }
    builder.build()
}

fn ask(client: &Client, question: &Question, patience: Duration) -> Finding {
    let mut finding = Finding {
        app: question.app.clone(),
        url: question.url.clone(),
        at: Timestamp::now(),
        status: None,
        took: None,
        fault: None,
        expires: None,
    };
    let begun = Instant::now();
    let answer = match answer(client, question, patience) {
        Ok(answer) => answer,
        Err(error) => {
            finding.fault = Some(no_answer(&error));
            return finding;
        }
    };
    let status = answer.status().as_u16();
    finding.status = Some(status);
    finding.expires = answer
        .extensions()
        .get::<TlsInfo>()
        .and_then(TlsInfo::peer_certificate)
        .and_then(certificate::expiry);
    if let Err(error) = answer.take(BODY_LIMIT).read_to_end(&mut Vec::new()) {
        finding.fault = Some(format!("the answer broke off: {error}"));
        return finding;
    }
    finding.took = Some(begun.elapsed());
    let (good, expected) = if question.is_health_path {
        (200..300, "2xx")
    } else {
        (200..400, "2xx or 3xx")
    };
    if !good.contains(&status) {
        let what = match (status, &question.credentials) {
            (401, None) => ": it asks for a password that this run does not have",
            _ => "",
        };
        finding.fault = Some(format!("status {status}, expected {expected}{what}"));
    }
    finding
}

/// The answer; from a health path the one that redirects within the same host lead to, as for deploys.
fn answer(client: &Client, question: &Question, patience: Duration) -> reqwest::Result<Response> {
    let begun = Instant::now();
    let get = |url: &str| {
        let request = client.get(url);
        match &question.credentials {
            Some(login) => request.basic_auth(login.user(), Some(login.password().expose())),
            None => request,
        }
    };
    let mut answer = get(&question.url).send()?;
    if !question.is_health_path {
        return Ok(answer);
    }
    for _ in 0..MOST_HOPS {
        let location = answer.headers().get(LOCATION);
        let location = location.and_then(|to| to.to_str().ok());
        let Some(to) = redirect(answer.url().as_str(), answer.status().as_u16(), location) else {
            break;
        };
        let left = patience.saturating_sub(begun.elapsed());
        answer = get(&to).timeout(left).send()?;
    }
    Ok(answer)
}

fn no_answer(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    if error.is_builder() {
        return "its address is none".to_owned();
    }
    cause(error)
}

/// The apps of a board that have an address, and how each is asked; previews with `credentials`.
pub fn questions(
    board: &Board,
    path: Option<&str>,
    credentials: Option<&Credentials>,
) -> Vec<Question> {
    board
        .apps
        .rows()
        .filter_map(|(app, row)| {
            let path = path.or_else(|| row.text("health_path"));
            let url = row.text("url")?.trim_end_matches('/');
            Some(Question {
                app: app.to_owned(),
                url: format!("{url}{}", path.unwrap_or("/")),
                is_health_path: path.is_some(),
                credentials: credentials
                    .filter(|_| row.text("environment") == Some(Environment::Preview.as_str()))
                    .cloned(),
            })
        })
        .collect()
}

/// Writes findings onto the board.
pub fn note(board: &mut Board, findings: &[Finding]) {
    for finding in findings {
        let (row, measured) = noted(board.apps.row(&finding.app), finding);
        board.apps.add(&finding.app, row);
        board.metrics.add(&finding.app, finding.at, &measured);
    }
}

fn noted(before: Option<&Row>, finding: &Finding) -> (Row, Measured) {
    let is_healthy = finding.fault.is_none();
    let status = if is_healthy {
        HealthStatus::Healthy
    } else {
        HealthStatus::Unhealthy
    };
    let since = since(before, is_healthy).unwrap_or(finding.at);
    let took = finding
        .took
        .map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    let seconds = finding.at.as_second() - since.as_second();
    let uptime = if is_healthy { seconds } else { 0 };
    let health = Health {
        status,
        uptime_seconds: u64::try_from(uptime).unwrap_or(0),
        response_time_ms: took,
        at: finding.at,
        since,
        reason: finding.fault.clone(),
    };
    let mut row = Row::default().with_health(&health);
    let days = finding
        .expires
        .map(|expires| (expires.as_second() - finding.at.as_second()).div_euclid(86_400));
    if let (Some(expires), Some(days)) = (finding.expires, days) {
        row = row.with_certificate(&Certificate { days, expires }, finding.at);
    }
    let measured = Measured {
        url: finding.url.clone(),
        status: finding.status,
        is_healthy,
        took,
        certificate_days: days,
    };
    (row, measured)
}

/// Since when the state is what it is now, if it was so at the check before.
fn since(before: Option<&Row>, is_healthy: bool) -> Option<Timestamp> {
    let uptime = before?.get("uptime")?;
    let was = uptime.get("status")?.as_str()?;
    let is_same = was == if is_healthy { "healthy" } else { "unhealthy" };
    is_same.then(|| uptime.get("since")?.as_str()?.parse().ok())?
}
