//! Which request is answered by whom.

mod comments;
mod deployments;
mod environments;
mod organisations;
mod pulls;
mod repositories;
mod statuses;

use crate::{
    access::{Token, bearer},
    http::{Answer, Request},
    state::{Repository, State},
};

/// A request for one repository that its sender may see.
struct Call<'a> {
    request: &'a Request,
    token: Option<Token>,
    state: &'a mut State,
    name: String,
}

impl Call<'_> {
    fn repository(&mut self) -> &mut Repository {
        self.state.repository(&self.name)
    }

    /// The refusal of a sender who lacks `permission`.
    fn lacks(&self, permission: &str) -> Option<Answer> {
        match &self.token {
            None => Some(Answer::message(401, "Requires authentication")),
            Some(token) if token.may(permission) => None,
            Some(Token::Installation { .. }) => Some(Answer::message(
                403,
                "Resource not accessible by integration",
            )),
            Some(Token::Classic { .. }) => Some(Answer::message(404, "Not Found")),
        }
    }

    fn text(&self, key: &str) -> Option<String> {
        self.request
            .body
            .get(key)
            .and_then(|value| value.as_str())
            .map(str::to_owned)
    }
}

/// Answers.
pub fn answer(request: &Request, state: &mut State) -> Answer {
    let Ok(token) = bearer(request, state) else {
        return Answer::message(401, "Bad credentials");
    };
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    match path.as_slice() {
        ["repos", owner, name, rest @ ..] => {
            let asked = format!("{owner}/{name}");
            let Some(present) = state.present_name(&asked) else {
                return Answer::message(404, "Not Found");
            };
            if !is_visible(state, &present, token.as_ref()) {
                return Answer::message(404, "Not Found");
            }
            if present != asked {
                return repositories::moved(request, state, &present, rest);
            }
            let call = Call {
                request,
                token,
                state,
                name: present,
            };
            of_repository(method, rest, call)
        }
        ["repositories", id] if method == "GET" => repositories::by_id(id, state, token.as_ref()),
        ["orgs" | "user" | "users" | "installation", ..] => {
            organisations::answer(method, &path, request, state, token.as_ref())
        }
        _ => Answer::message(404, "Not Found"),
    }
}

fn is_visible(state: &State, name: &str, token: Option<&Token>) -> bool {
    state
        .repositories
        .get(name)
        .is_some_and(|repository| !repository.is_private)
        || token.is_some_and(|token| token.sees(state, name))
}

fn of_repository(method: &str, rest: &[&str], call: Call<'_>) -> Answer {
    match (method, rest) {
        ("GET", []) => repositories::show(call),
        ("GET", ["contents", path @ ..]) => repositories::contents(call, &path.join("/")),
        ("POST", ["statuses", sha]) => statuses::create(call, sha),
        ("GET", ["deployments"]) => deployments::list(call),
        ("POST", ["deployments"]) => deployments::create(call),
        ("DELETE", ["deployments", id]) => deployments::remove(call, id),
        ("POST", ["deployments", id, "statuses"]) => deployments::add_status(call, id),
        ("GET", ["issues", number, "comments"]) => comments::list(call, number),
        ("POST", ["issues", number, "comments"]) => comments::create(call, number),
        ("PATCH", ["issues", "comments", id]) => comments::update(call, id),
        ("GET", ["commits", sha, "pulls"]) => pulls::of_commit(call, sha),
        ("GET", ["pulls", number]) => pulls::show(call, number),
        ("GET", ["environments", name]) => environments::show(call, name),
        ("PUT", ["environments", name]) => environments::put(call, name),
        ("GET", ["environments", name, "deployment-branch-policies"]) => {
            environments::branches(call, name)
        }
        ("POST", ["environments", name, "deployment-branch-policies"]) => {
            environments::add_branch(call, name)
        }
        _ => Answer::message(404, "Not Found"),
    }
}
