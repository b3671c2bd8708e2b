//! Sending messages: all at once, each in its own time, and never longer than can be waited for.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use dokku_deploy::{interrupt::Interrupts, settings::NotifiedService};
use reqwest::{StatusCode, blocking::Client, header::RETRY_AFTER, redirect::Policy};

use super::request::Request;
use crate::http;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For one attempt.
    pub attempt: Duration,
    /// Attempts in all.
    pub attempts: u32,
    /// Before the second attempt; doubled for each after it.
    pub pause: Duration,
    /// The longest pause that a service may ask for.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(10),
            attempts: 3,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(15),
        }
    }
}

/// Why a message did not arrive, as far as is known. It holds nothing of the address, and nothing of
/// what was answered: pages for errors like to repeat the address that they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// It said no.
    #[error("it answered {status}{}{}", meaning(*.status), tries(*.attempts))]
    Refused {
        /// HTTP's status.
        status: u16,
        /// How often it was tried.
        attempts: u32,
    },
    /// It wants to be left alone for longer than can be waited.
    #[error("it answered 429 and asks to wait for {} s", .0.as_secs())]
    Later(Duration),
    /// It did not answer in time.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// No connection, or one that broke.
    #[error("{why}{}", tries(*.attempts))]
    Unreachable {
        /// In the words of the innermost cause.
        why: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// Somebody asked to stop, or all that can be waited was waited.
    #[error("it was not waited for any longer")]
    Abandoned,
}

fn meaning(status: u16) -> &'static str {
    match status {
        300..=399 => ", a redirect, which is not followed",
        401 | 403 => ": the secret is not accepted",
        404 | 410 => ": there is no such address (any more)",
        _ => "",
    }
}

fn tries(attempts: u32) -> String {
    match attempts {
        0 | 1 => String::new(),
        more => format!(" ({more} attempts)"),
    }
}

/// Messages on their way.
#[derive(Debug)]
pub struct Deliveries {
    services: Vec<NotifiedService>,
    results: Receiver<(usize, Result<(), Undelivered>)>,
    until: Instant,
}

/// What became of one message.
pub type Delivered = (NotifiedService, Result<(), Undelivered>);

impl Deliveries {
    /// Sends all at once. It goes on while the caller does something else.
    pub fn begin(requests: Vec<Request>, patience: Patience) -> Self {
        let (send, results) = mpsc::channel();
        let services: Vec<_> = requests.iter().map(|request| request.service).collect();
        for (index, request) in requests.into_iter().enumerate() {
            let send = send.clone();
            thread::spawn(move || {
                let result = deliver(&request, patience);
                // Nobody may be waiting any more.
                let _heard = send.send((index, result));
            });
        }
        let attempts = patience.attempt * patience.attempts;
        Self {
            services,
            results,
            until: Instant::now() + attempts + patience.longest_pause,
        }
    }

    /// Waits for their ends, until somebody asks (once more) to stop.
    pub fn wait(self, interrupts: &dyn Interrupts) -> Vec<Delivered> {
        let before = interrupts.requests().0;
        let mut ends: Vec<_> = self.services.iter().map(|_| None).collect();
        while ends.iter().any(Option::is_none) {
            let is_over = Instant::now() >= self.until || interrupts.requests().0 > before;
            if is_over {
                break;
            }
            match self.results.recv_timeout(Duration::from_millis(50)) {
                Ok((index, result)) => {
                    if let Some(end) = ends.get_mut(index) {
                        *end = Some(result);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let ends = ends.into_iter();
        let ends = ends.map(|end| end.unwrap_or(Err(Undelivered::Abandoned)));
        self.services.into_iter().zip(ends).collect()
    }
}

/// Sends one message, again where there is a point in it.
fn deliver(request: &Request, patience: Patience) -> Result<(), Undelivered> {
    let unreachable = |error: reqwest::Error, attempts| Undelivered::Unreachable {
        why: http::cause(&error.without_url()),
        attempts,
    };
    let client = http::builder()
        .redirect(Policy::none())
        .timeout(patience.attempt)
        .build()
        .map_err(|error| unreachable(error, 0))?;
    let mut pause = patience.pause;
    let mut attempt = 1;
    loop {
        let is_last = attempt >= patience.attempts;
        let wait = match once(&client, request) {
            Ok((status, _)) if status.is_success() => return Ok(()),
            Ok((StatusCode::TOO_MANY_REQUESTS, Some(asked))) if asked > patience.longest_pause => {
                return Err(Undelivered::Later(asked));
            }
            Ok((status, asked)) => {
                let is_passing =
                    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                if is_last || !is_passing {
                    return Err(Undelivered::Refused {
                        status: status.as_u16(),
                        attempts: attempt,
                    });
                }
                asked.unwrap_or(pause)
            }
            // It may have arrived: a second one would be told twice.
            Err(error) if error.is_timeout() => {
                return Err(Undelivered::TimedOut(patience.attempt));
            }
            Err(error) if is_last || !error.is_connect() => {
                return Err(unreachable(error, attempt));
            }
            Err(_) => pause,
        };
        // Not all who were refused together come back together.
        let jitter = wait.mul_f64(rand::random::<f64>() / 4.0);
        thread::sleep((wait + jitter).min(patience.longest_pause));
        pause *= 2;
        attempt += 1;
    }
}

/// One attempt: the status, and the pause that was asked for. The body of the answer is not read.
fn once(client: &Client, request: &Request) -> reqwest::Result<(StatusCode, Option<Duration>)> {
    let mut post = client.post(request.url.expose());
    for (name, value) in &request.headers {
        post = post.header(*name, value.expose());
    }
    let answer = post.body(request.body.expose().to_owned()).send()?;
    let asked = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok((answer.status(), asked))
}

#[cfg(test)]
mod tests;
