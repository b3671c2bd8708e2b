//! Pagination: `per_page` of at most 100, `page`, and a `Link` header.

use serde_json::Value;

use crate::http::{Answer, Request};

/// The page of `items` that was asked for.
pub fn of(items: &[Value], request: &Request, base: &str) -> Answer {
    let number = |name: &str, default: usize| {
        request
            .query
            .get(name)
            .and_then(|text| text.parse::<usize>().ok())
            .filter(|n| *n > 0)
            .unwrap_or(default)
    };
    let size = number("per_page", 30).min(100);
    let page = number("page", 1);
    let last = items.len().div_ceil(size).max(1);
    let shown: Vec<Value> = items
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .cloned()
        .collect();
    let mut answer = Answer::json(200, &Value::Array(shown));
    let link = |page: usize, rel: &str| {
        format!(
            "<{base}/{}?per_page={size}&page={page}>; rel=\"{rel}\"",
            request.path.join("/")
        )
    };
    let mut links = Vec::new();
    if page > 1 {
        links.push(link(page - 1, "prev"));
    }
    if page < last {
        links.push(link(page + 1, "next"));
        links.push(link(last, "last"));
    }
    if !links.is_empty() {
        answer.headers.push(("link", links.join(", ")));
    }
    answer
}
