//! Environments with their gates.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Call;
use crate::{http::Answer, page};

pub fn show(mut call: Call<'_>, name: &str) -> Answer {
    if call.repository().environments.contains_key(name) {
        Answer::json(200, &json!({"name": name}))
    } else {
        Answer::message(404, "Not Found")
    }
}

pub fn put(mut call: Call<'_>, name: &str) -> Answer {
    if let Some(refusal) = call.lacks("administration:write") {
        return refusal;
    }
    let asked = call.request.body.clone();
    let wait = asked.get("wait_timer").and_then(Value::as_u64).unwrap_or(0);
    if wait > 43_200 {
        return Answer::message(422, "wait_timer must be between 0 and 43200");
    }
    if let Some(policy) = asked.get("deployment_branch_policy")
        && !policy.is_null()
        && policy["protected_branches"] == policy["custom_branch_policies"]
    {
        return Answer::message(
            422,
            "protected_branches and custom_branch_policies cannot have the same value",
        );
    }
    let environments = &mut call.repository().environments;
    let branches = environments
        .remove(name)
        .map_or_else(BTreeSet::new, |(_, branches)| branches);
    environments.insert(name.to_owned(), (asked, branches));
    Answer::json(200, &json!({"name": name}))
}

pub fn branches(mut call: Call<'_>, name: &str) -> Answer {
    let Some((_, branches)) = call.repository().environments.get(name) else {
        return Answer::message(404, "Not Found");
    };
    let shown: Vec<Value> = branches.iter().map(|b| json!({"name": b})).collect();
    let base = call.state.base.clone();
    let list = page::of(&shown, call.request, &base);
    let items: Value = serde_json::from_slice(&list.body).unwrap_or_default();
    let mut answer = Answer::json(
        200,
        &json!({"total_count": shown.len(), "branch_policies": items}),
    );
    answer.headers.extend(
        list.headers
            .into_iter()
            .filter(|(header, _)| *header == "link"),
    );
    answer
}

pub fn add_branch(mut call: Call<'_>, name: &str) -> Answer {
    if let Some(refusal) = call.lacks("administration:write") {
        return refusal;
    }
    let Some(pattern) = call.text("name") else {
        return Answer::message(422, "name is missing");
    };
    match call.repository().environments.get_mut(name) {
        Some((policy, branches))
            if policy["deployment_branch_policy"]["custom_branch_policies"] == json!(true) =>
        {
            branches.insert(pattern.clone());
            Answer::json(200, &json!({"name": pattern}))
        }
        _ => Answer::message(404, "Not Found"),
    }
}
