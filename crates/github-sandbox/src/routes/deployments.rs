//! Deployments and their statuses.

use serde_json::{Value, json};

use super::Call;
use crate::{http::Answer, state::Deployment};

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
    Answer::json(
        201,
        &json!({"id": id, "ref": reference, "environment": asked["environment"]}),
    )
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
