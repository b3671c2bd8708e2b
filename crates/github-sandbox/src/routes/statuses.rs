//! Commit statuses.

use serde_json::json;

use super::Call;
use crate::http::Answer;

pub fn create(mut call: Call<'_>, sha: &str) -> Answer {
    if let Some(refusal) = call.lacks("statuses:write") {
        return refusal;
    }
    let state = call.text("state").unwrap_or_default();
    if !["error", "failure", "pending", "success"].contains(&state.as_str()) {
        return Answer::invalid("Status", "state", "state is not included in the list");
    }
    let description = call.text("description").unwrap_or_default();
    if description.chars().count() > 140 {
        return Answer::invalid(
            "Status",
            "description",
            "description is too long (maximum is 140 characters)",
        );
    }
    let target = call.text("target_url");
    if target.as_ref().is_some_and(|url| !url.starts_with("http")) {
        return Answer::invalid("Status", "target_url", "target_url must use http(s) scheme");
    }
    let context = call.text("context").unwrap_or_else(|| "default".to_owned());
    let id = call.state.id();
    let repository = call.repository();
    if !repository.commits.contains_key(sha) {
        return Answer::message(422, &format!("No commit found for SHA: {sha}"));
    }
    let status = json!({
        "id": id, "state": state, "description": description, "target_url": target, "context": context,
    });
    repository.statuses.push((sha.to_owned(), status.clone()));
    Answer::json(201, &status)
}
