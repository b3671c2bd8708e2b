//! Pull requests.

use serde_json::{Value, json};

use super::Call;
use crate::{http::Answer, page, state::Pull};

fn json_of(number: u64, pull: &Pull, base: &str, base_id: u64, head_id: Option<u64>) -> Value {
    json!({
        "number": number,
        "state": if pull.is_open { "open" } else { "closed" },
        "merged": pull.is_merged,
        "merged_at": pull.is_merged.then_some("2026-11-25T00:00:00Z"),
        "user": {"login": pull.author},
        "head": {
            "ref": pull.head_ref,
            "sha": pull.head_sha,
            "repo": pull.head_repository.as_ref().map(|name| json!({"id": head_id, "full_name": name})),
        },
        "base": {"ref": pull.base_ref, "repo": {"id": base_id, "full_name": base}},
    })
}

fn shown(call: &mut Call<'_>, number: u64) -> Option<Value> {
    let pull = call.repository().pulls.get(&number)?.clone();
    let base_id = call.repository().id;
    let head = pull.head_repository.as_ref();
    let head_id = head.and_then(|name| call.state.repositories.get(name).map(|r| r.id));
    Some(json_of(number, &pull, &call.name, base_id, head_id))
}

pub fn show(mut call: Call<'_>, number: &str) -> Answer {
    let number = number.parse().unwrap_or(0);
    match shown(&mut call, number) {
        Some(pull) => Answer::json(200, &pull),
        None => Answer::message(404, "Not Found"),
    }
}

pub fn of_commit(mut call: Call<'_>, sha: &str) -> Answer {
    let Some(numbers) = call.repository().commits.get(sha).cloned() else {
        return Answer::message(422, &format!("No commit found for SHA: {sha}"));
    };
    let pulls: Vec<Value> = numbers
        .iter()
        .filter_map(|number| shown(&mut call, *number))
        .collect();
    let base = call.state.base.clone();
    page::of(&pulls, call.request, &base)
}
