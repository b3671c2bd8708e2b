//! Deployments and their statuses.

use serde_json::{Value, json};

use super::Call;
use crate::{http::Answer, page, state::Deployment};

fn json_of(deployment: &Deployment) -> Value {
    let asked = &deployment.asked;
    json!({
        "id": deployment.id,
        "ref": asked["ref"],
        "environment": asked["environment"],
        "task": asked.get("task").cloned().unwrap_or_else(|| json!("deploy")),
    })
}

/// The newest first; by environment, task and the like.
pub fn list(mut call: Call<'_>) -> Answer {
    let base = call.state.base.clone();
    let request = call.request;
    let shown: Vec<Value> = call
        .repository()
        .deployments
        .iter()
        .rev()
        .map(json_of)
        .filter(|one| {
            ["environment", "task", "ref"].iter().all(|key| {
                let wanted = request.query.get(*key);
                wanted.is_none_or(|wanted| one[key].as_str() == Some(wanted))
            })
        })
        .collect();
    page::of(&shown, request, &base)
}

/// One that is active cannot be removed, unless it is the only one.
pub fn remove(mut call: Call<'_>, id: &str) -> Answer {
    if let Some(refusal) = call.lacks("deployments:write") {
        return refusal;
    }
    let deployments = &mut call.repository().deployments;
    let Some(at) = deployments.iter().position(|one| one.id.to_string() == id) else {
        return Answer::message(404, "Not Found");
    };
    let last = deployments[at].statuses.last();
    let is_inactive = last.is_some_and(|status| status["state"] == "inactive");
    if !is_inactive && deployments.len() > 1 {
        return Answer::message(
            422,
            "We cannot delete an active deployment unless it is the only deployment in a given environment.",
        );
    }
    deployments.remove(at);
    Answer {
        status: 204,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

pub fn create(mut call: Call<'_>) -> Answer {
    if let Some(refusal) = call.lacks("deployments:write") {
        return refusal;
    }
    let asked = call.request.body.clone();
    let Some(reference) = call.text("ref") else {
        return Answer::invalid("Deployment", "ref", "ref is missing");
    };
    let required = asked.get("required_contexts");
    let id = call.state.id();
    let repository = call.repository();
    if !repository.commits.contains_key(&reference) {
        return Answer::message(422, &format!("No ref found for: {reference}"));
    }
    // Without the list every status of the commit has to be a success already, ours included.
    if required.is_none_or(|list| list != &json!([])) {
        return Answer::message(409, "Conflict: Commit status checks failed");
    }
    repository.deployments.push(Deployment {
        id,
        asked: asked.clone(),
        statuses: Vec::new(),
    });
    let made = repository.deployments.last().map(json_of);
    Answer::json(201, &made.unwrap_or_default())
}

pub fn add_status(mut call: Call<'_>, id: &str) -> Answer {
    if let Some(refusal) = call.lacks("deployments:write") {
        return refusal;
    }
    let known = [
        "error",
        "failure",
        "inactive",
        "in_progress",
        "queued",
        "pending",
        "success",
    ];
    let state = call.text("state").unwrap_or_default();
    if !known.contains(&state.as_str()) {
        return Answer::invalid("DeploymentStatus", "state", "state is not in the list");
    }
    let status: Value = call.request.body.clone();
    let found = call
        .repository()
        .deployments
        .iter_mut()
        .find(|deployment| deployment.id.to_string() == id);
    match found {
        Some(deployment) => {
            deployment.statuses.push(status.clone());
            Answer::json(201, &status)
        }
        None => Answer::message(404, "Not Found"),
    }
}
