//! Comments of issues and pull requests.

use serde_json::{Value, json};

use super::Call;
use crate::{
    access::Token,
    http::Answer,
    page,
    state::{Comment, Repository},
};

fn json_of(comment: &Comment) -> Value {
    json!({
        "id": comment.id,
        "user": {"login": comment.author, "type": if comment.is_bot { "Bot" } else { "User" }},
        "author_association": comment.association,
        "body": comment.body,
    })
}

pub fn list(mut call: Call<'_>, number: &str) -> Answer {
    let base = call.state.base.clone();
    let request = call.request;
    let Some(number) = known(call.repository(), number) else {
        return Answer::message(404, "Not Found");
    };
    let comments = call.repository().comments.entry(number).or_default();
    let shown: Vec<Value> = comments.iter().map(json_of).collect();
    page::of(&shown, request, &base)
}

pub fn create(mut call: Call<'_>, number: &str) -> Answer {
    if let Some(refusal) = call.lacks("pull-requests:write") {
        return refusal;
    }
    let body = match body(&call) {
        Ok(body) => body,
        Err(refusal) => return *refusal,
    };
    let (author, is_bot, association) = match &call.token {
        Some(Token::Classic { login, .. }) => (login.clone(), false, "MEMBER"),
        _ => ("github-actions[bot]".to_owned(), true, "NONE"),
    };
    let id = call.state.id();
    let Some(number) = known(call.repository(), number) else {
        return Answer::message(404, "Not Found");
    };
    let comment = Comment {
        id,
        author,
        is_bot,
        association,
        body,
    };
    let answer = Answer::json(201, &json_of(&comment));
    let comments = call.repository().comments.entry(number).or_default();
    comments.push(comment);
    answer
}

pub fn update(mut call: Call<'_>, id: &str) -> Answer {
    if let Some(refusal) = call.lacks("pull-requests:write") {
        return refusal;
    }
    let body = match body(&call) {
        Ok(body) => body,
        Err(refusal) => return *refusal,
    };
    let mut all = call.repository().comments.values_mut().flatten();
    match all.find(|comment| comment.id.to_string() == id) {
        Some(comment) => {
            comment.body = body;
            Answer::json(200, &json_of(comment))
        }
        None => Answer::message(404, "Not Found"),
    }
}

fn body(call: &Call<'_>) -> Result<String, Box<Answer>> {
    let body = call.text("body").unwrap_or_default();
    if body.is_empty() {
        return Err(Box::new(Answer::invalid(
            "IssueComment",
            "body",
            "body cannot be blank",
        )));
    }
    if body.chars().count() > 65_536 {
        return Err(Box::new(Answer::invalid(
            "IssueComment",
            "body",
            "body is too long (maximum is 65536 characters)",
        )));
    }
    Ok(body)
}

fn known(repository: &Repository, number: &str) -> Option<u64> {
    let number = number.parse().ok()?;
    let is_known =
        repository.pulls.contains_key(&number) || repository.comments.contains_key(&number);
    is_known.then_some(number)
}
