//! Members of organisations, and who a token is.

use serde_json::json;

use crate::{
    access::{Selection, Token},
    http::{Answer, Request},
    state::State,
};

pub fn answer(
    method: &str,
    path: &[&str],
    request: &Request,
    state: &State,
    token: Option<&Token>,
) -> Answer {
    let login = match token {
        Some(Token::Classic { login, .. }) => Some(login.as_str()),
        _ => None,
    };
    match (method, path) {
        ("GET", ["orgs", organisation, "members", person]) => {
            member(state, organisation, person, token)
        }
        ("GET", ["users", person]) => match state.users.get(*person) {
            Some(id) => Answer::json(200, &json!({"login": person, "id": id})),
            None => Answer::message(404, "Not Found"),
        },
        ("GET", ["user"]) => match login {
            Some(login) => scoped(Answer::json(200, &json!({"login": login})), token),
            None if token.is_some() => {
                Answer::message(403, "Resource not accessible by integration")
            }
            None => Answer::message(401, "Requires authentication"),
        },
        ("GET", ["user", "memberships", "orgs", organisation]) => {
            let members = state.organisations.get(*organisation);
            let role = login.and_then(|login| members.and_then(|members| members.get(login)));
            match role {
                Some(is_owner) => {
                    let role = if *is_owner { "admin" } else { "member" };
                    let body = json!({"state": "active", "role": role});
                    scoped(Answer::json(200, &body), token)
                }
                None if login.is_none() => {
                    Answer::message(403, "Resource not accessible by integration")
                }
                None => Answer::message(404, "Not Found"),
            }
        }
        ("GET", ["installation", "repositories"]) => installation(state, request, token),
        _ => Answer::message(404, "Not Found"),
    }
}

/// 204 and 404 for those inside; who is outside is sent to the public members.
fn member(state: &State, organisation: &str, person: &str, token: Option<&Token>) -> Answer {
    if !state.organisations.contains_key(organisation) {
        return Answer::message(404, "Not Found");
    }
    let is_inside = match token {
        Some(Token::Classic { login, .. }) => state.is_member(organisation, login),
        Some(Token::Installation { permissions, .. }) => permissions.contains("members:read"),
        None => false,
    };
    if !is_inside {
        let mut answer = Answer::nothing();
        answer.status = 302;
        let to = format!("{}/orgs/{organisation}/public_members/{person}", state.base);
        answer.headers.push(("location", to));
        return answer;
    }
    if state.is_member(organisation, person) {
        Answer::nothing()
    } else {
        Answer::message(404, "Not Found")
    }
}

fn installation(state: &State, request: &Request, token: Option<&Token>) -> Answer {
    let Some(Token::Installation {
        selection, owner, ..
    }) = token
    else {
        return Answer::message(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        );
    };
    let names: Vec<_> = state
        .repositories
        .iter()
        .filter(|(name, _)| token.is_some_and(|token| token.sees(state, name)))
        .map(|(name, repository)| {
            json!({"id": repository.id, "full_name": name, "owner": {"login": owner}})
        })
        .collect();
    let size = request.query.get("per_page").and_then(|n| n.parse().ok());
    let shown: Vec<_> = names.iter().take(size.unwrap_or(30)).collect();
    let selected = match selection {
        Selection::All => "all",
        Selection::Only(_) => "selected",
    };
    Answer::json(
        200,
        &json!({
            "total_count": names.len(), "repository_selection": selected, "repositories": shown,
        }),
    )
}

/// Classic tokens are told their scopes with every answer.
fn scoped(mut answer: Answer, token: Option<&Token>) -> Answer {
    if let Some(Token::Classic { scopes, .. }) = token {
        answer.headers.push(("x-oauth-scopes", scopes.join(", ")));
    }
    answer
}
