//! Repositories and their files.

use serde_json::{Value, json};

use super::{Call, is_visible};
use crate::{
    access::Token,
    http::{Answer, Request},
    state::{Repository, State},
};

fn json_of(name: &str, repository: &Repository) -> Value {
    json!({"id": repository.id, "full_name": name, "private": repository.is_private})
}

pub fn show(mut call: Call<'_>) -> Answer {
    let name = call.name.clone();
    Answer::json(200, &json_of(&name, call.repository()))
}

pub fn by_id(id: &str, state: &State, token: Option<&Token>) -> Answer {
    let found = state
        .repositories
        .iter()
        .find(|(_, repository)| repository.id.to_string() == id);
    match found {
        Some((name, repository)) if is_visible(state, name, token) => {
            Answer::json(200, &json_of(name, repository))
        }
        _ => Answer::message(404, "Not Found"),
    }
}

/// A name that the repository had leads to its present one, by its number.
pub fn moved(request: &Request, state: &State, present: &str, rest: &[&str]) -> Answer {
    let status = if request.method == "GET" { 301 } else { 307 };
    let mut answer = Answer::message(status, "Moved Permanently");
    let tail = rest.iter().map(|part| format!("/{part}"));
    let path: String = tail.collect();
    answer
        .headers
        .push(("location", format!("{}/repos/{present}{path}", state.base)));
    answer
}

/// The file itself, for those who ask for the raw media type.
pub fn contents(mut call: Call<'_>, path: &str) -> Answer {
    let is_raw = call
        .request
        .headers
        .get("accept")
        .is_some_and(|accept| accept.contains("raw"));
    match call.repository().files.get(path) {
        Some(bytes) if is_raw => Answer {
            status: 200,
            headers: vec![("content-type", "application/vnd.github.raw+json".to_owned())],
            body: bytes.clone(),
        },
        Some(_) => Answer::message(415, "only the raw media type is answered here"),
        None => Answer::message(404, "Not Found"),
    }
}
