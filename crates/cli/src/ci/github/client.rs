//! Sending requests: tokens, waiting at rate limits, trying again, pages.

use std::{cell::Cell, io::Read, time::Duration};

use dokku_deploy::{clock::Clock, secret::Secret};
use reqwest::{
    Method, Url,
    blocking::{Client as Http, Response},
    header::{HeaderMap, LINK, LOCATION, RETRY_AFTER},
    redirect::Policy,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::GitHubError;
use crate::http;

/// Tries of one request.
const TRIES: u32 = 4;
/// The wait before the second try; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The most that is waited in all of one run: a deploy that is live must not hang on GitHub.
const PATIENCE: Duration = Duration::from_secs(90);
/// What GitHub asks for at a secondary limit that names no time.
const UNNAMED_LIMIT: Duration = Duration::from_mins(1);
/// Time for one answer.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The most that is read of an answer.
const BODY_LIMIT: u64 = 16 * 1024 * 1024;
/// More pages than any list here can have: an end for a server that never ends.
const MOST_PAGES: usize = 1000;
/// Moved repositories lead on; further than this nothing does.
const MOST_HOPS: u32 = 3;

/// GitHub's API with one token.
pub struct Client<'c> {
    http: Http,
    base: Url,
    token: Option<Secret>,
    clock: &'c dyn Clock,
    patience: Cell<Duration>,
    /// The last request got no answer in all its tries: the next ones are tried once.
    is_down: Cell<bool>,
}

/// A request.
pub(super) struct Call<'a> {
    pub method: Method,
    pub path: Vec<&'a str>,
    pub query: Vec<(&'a str, String)>,
    pub body: Option<Value>,
    pub accept: &'a str,
    /// Whether doing it twice is as good as once.
    pub is_repeatable: bool,
    /// Whether a redirect is followed; elsewhere it is the answer.
    pub is_followed: bool,
}

impl<'a> Call<'a> {
    pub fn new(method: Method, path: Vec<&'a str>) -> Self {
        Self {
            is_repeatable: method != Method::POST,
            method,
            path,
            query: Vec::new(),
            body: None,
            accept: "application/vnd.github+json",
            is_followed: true,
        }
    }

    pub fn get(path: Vec<&'a str>) -> Self {
        Self::new(Method::GET, path)
    }

    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// A `POST` that may be made twice: GitHub keeps the newest.
    pub fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }
}

/// An answer of 2xx, or a redirect that is not followed.
#[derive(Debug)]
pub(super) struct Reply {
    pub what: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, GitHubError> {
        serde_json::from_slice(&self.body).map_err(|error| GitHubError::Unparsable {
            what: self.what.clone(),
            why: error.to_string(),
        })
    }
}

impl<'c> Client<'c> {
    /// The API at `base`, such as `https://api.github.com`. The error says what is wrong with it.
    pub fn new(base: &str, token: Option<Secret>, clock: &'c dyn Clock) -> Result<Self, String> {
        let url = Url::parse(base).map_err(|error| format!("{base:?}: {error}"))?;
        if !matches!(url.scheme(), "https" | "http") || url.cannot_be_a_base() {
            return Err(format!("{base:?}: expected an https:// address"));
        }
        let http = http::builder()
            .redirect(Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            http,
            base: url,
            token,
            clock,
            patience: Cell::new(PATIENCE),
            is_down: Cell::new(false),
        })
    }

    /// Sends; tries again at rate limits and at whatever is GitHub's fault.
    pub(super) fn send(&self, call: &Call<'_>) -> Result<Reply, GitHubError> {
        self.send_to(self.url(call), call)
    }

    fn tries(&self) -> u32 {
        if self.is_down.get() { 1 } else { TRIES }
    }

    fn unreachable(&self, what: String, why: String, tries: u32) -> GitHubError {
        self.is_down.set(true);
        GitHubError::Unreachable { what, why, tries }
    }

    /// Sends, and reads the answer as JSON.
    pub(super) fn ask<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, GitHubError> {
        self.send(call)?.json()
    }

    /// All pages of a list, each read by `items`.
    pub(super) fn pages<T: DeserializeOwned, I>(
        &self,
        mut call: Call<'_>,
        items: impl Fn(T) -> Vec<I>,
    ) -> Result<Vec<I>, GitHubError> {
        call.query.push(("per_page", "100".to_owned()));
        let mut url = self.url(&call);
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let reply = self.send_to(url, &call)?;
            all.extend(items(reply.json()?));
            let Some(next) = next_page(&reply.headers) else {
                return Ok(all);
            };
            url = self.inside(&next, &reply.what)?;
        }
        Err(GitHubError::Unparsable {
            what: shown(&call),
            why: format!("the list has more than {MOST_PAGES} pages"),
        })
    }

    fn url(&self, call: &Call<'_>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        url
    }

    /// An address that GitHub gave: the token goes nowhere else than to the API.
    fn inside(&self, address: &str, what: &str) -> Result<Url, GitHubError> {
        Url::parse(address)
            .ok()
            .filter(|url| url.origin() == self.base.origin())
            .ok_or_else(|| GitHubError::Unparsable {
                what: what.to_owned(),
                why: format!("it leads to another server: {address}"),
            })
    }

    fn send_to(&self, mut url: Url, call: &Call<'_>) -> Result<Reply, GitHubError> {
        let what = shown(call);
        let mut tries = 0;
        let mut hops = 0;
        loop {
            tries += 1;
            let wait = FIRST_WAIT * 2_u32.pow(tries - 1);
            let response = match self.request(url.clone(), call).send() {
                Ok(response) => response,
                Err(error) => {
                    let is_safe = call.is_repeatable || error.is_connect();
                    if is_safe && tries < self.tries() && self.waits(wait) {
                        continue;
                    }
                    return Err(self.unreachable(what, http::cause(&error), tries));
                }
            };
            let status = response.status().as_u16();
            let headers = response.headers().clone();
            let body = match body(response) {
                Ok(body) => body,
                Err(_) if call.is_repeatable && tries < self.tries() && self.waits(wait) => {
                    continue;
                }
                Err(why) => return Err(self.unreachable(what, why, tries)),
            };
            self.is_down.set(false);
            match status {
                301 | 302 | 307 | 308 if call.is_followed => {
                    let to = headers.get(LOCATION).and_then(|value| value.to_str().ok());
                    url = self.inside(to.unwrap_or_default(), &what)?;
                    hops += 1;
                    tries = 0;
                    if hops > MOST_HOPS {
                        let why = "it leads from address to address".to_owned();
                        return Err(GitHubError::Unparsable { what, why });
                    }
                }
                200..=399 => {
                    return Ok(Reply {
                        what,
                        status,
                        headers,
                        body,
                    });
                }
                // Whoever is over a limit was not served, so this may always be tried again.
                403 | 429 if let Some(limit) = self.limit(status, &headers, &body) => {
                    if tries >= TRIES || !self.waits(limit) {
                        return Err(GitHubError::RateLimited { what, wait: limit });
                    }
                }
                500.. if call.is_repeatable && tries < TRIES && self.waits(wait) => {}
                _ => return Err(refusal(what, status, &body, tries)),
            }
        }
    }

    fn request(&self, url: Url, call: &Call<'_>) -> reqwest::blocking::RequestBuilder {
        let mut request = self
            .http
            .request(call.method.clone(), url)
            .header("accept", call.accept)
            .header("x-github-api-version", "2022-11-28");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        match &call.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// Waits, if that is still within what this run may wait.
    pub(super) fn waits(&self, wait: Duration) -> bool {
        match self.patience.get().checked_sub(wait) {
            Some(left) => {
                self.patience.set(left);
                self.clock.wait(wait);
                true
            }
            None => false,
        }
    }

    /// How long a rate limit holds; `None` when this is no rate limit but a missing permission.
    fn limit(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Option<Duration> {
        let number =
            |name: &str| -> Option<i64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
        if let Some(seconds) = number(RETRY_AFTER.as_str()) {
            return Some(Duration::from_secs(seconds.try_into().unwrap_or(0)));
        }
        if number("x-ratelimit-remaining") == Some(0) {
            let now = self.clock.now().as_second();
            // Its clock and ours may differ by a second.
            let left = number("x-ratelimit-reset").map(|reset| reset.saturating_sub(now) + 1);
            let seconds = left.and_then(|left| left.max(0).try_into().ok());
            return Some(seconds.map_or(UNNAMED_LIMIT, Duration::from_secs));
        }
        let is_limit = status == 429 || message(body).contains("rate limit");
        is_limit.then_some(UNNAMED_LIMIT)
    }
}

fn body(response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    response
        .take(BODY_LIMIT)
        .read_to_end(&mut body)
        .map_err(|error| format!("the answer broke off: {error}"))?;
    Ok(body)
}

fn refusal(what: String, status: u16, body: &[u8], tries: u32) -> GitHubError {
    let why = message(body);
    match status {
        401 => GitHubError::Unauthorized { what, why },
        403 => GitHubError::Forbidden { what, why },
        404 => GitHubError::NotFound { what },
        500.. => GitHubError::Broken {
            what,
            status,
            tries,
        },
        _ => GitHubError::Refused { what, status, why },
    }
}

/// GitHub's own words, with those of the single fields.
fn message(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return "no reason was given".to_owned();
    };
    let mut words: Vec<&str> = value["message"].as_str().into_iter().collect();
    if let Some(errors) = value["errors"].as_array() {
        words.extend(errors.iter().filter_map(|error| error["message"].as_str()));
    }
    let text: String = words.join(": ").chars().take(300).collect();
    text
}

/// The request without its query and its body.
fn shown(call: &Call<'_>) -> String {
    format!("{} /{}", call.method, call.path.join("/"))
}

fn next_page(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    links.split(',').find_map(|link| {
        let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = rest.split(';').any(|word| word.trim() == "rel=\"next\"");
        is_next.then(|| address.to_owned())
    })
}
