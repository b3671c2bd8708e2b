//! The dashboard's page in a real Chromium.
//!
//! With `DASHBOARD_SHOTS=DIR` the tests of states leave pictures there, for people to look at.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_types,
    reason = "tests"
)]

mod access;
mod behaviour;
mod hostile;
mod many;
mod refresh;
mod site;
mod states;

use browser::Browser;
use serde_json::Value;

use crate::site::Site;

/// A window of a desk's size.
fn desk() -> Browser {
    Browser::start(1440, 900).unwrap()
}

/// Opens the page and waits until data and measurements are drawn, or a state is.
fn open(browser: &Browser, site: &Site, hash: &str) {
    browser.go("about:blank").unwrap();
    browser.go(&site.url(hash)).unwrap();
    browser
        .wait("document.documentElement.dataset.refreshed >= 1")
        .unwrap();
}

/// The names of the rows in their order.
fn names(browser: &Browser) -> Vec<String> {
    texts(browser, "#body .open")
}

/// The texts of elements.
fn texts(browser: &Browser, selector: &str) -> Vec<String> {
    let script =
        "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)";
    let found = browser.run_with(script, &[selector.into()]).unwrap();
    let found = found.as_array().unwrap().iter();
    found
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn text(browser: &Browser, selector: &str) -> String {
    texts(browser, selector).join(" ")
}

fn click(browser: &Browser, selector: &str) {
    browser
        .run_with(
            "document.querySelector(arguments[0]).click()",
            &[selector.into()],
        )
        .unwrap();
}

/// Types into the search.
fn search(browser: &Browser, words: &str) {
    browser
        .run("const search = document.getElementById('search'); search.focus(); search.select()")
        .unwrap();
    if words.is_empty() {
        browser.press("\u{e003}").unwrap();
    } else {
        browser.press(words).unwrap();
    }
}

fn eval(browser: &Browser, expression: &str) -> Value {
    browser.run(&format!("return ({expression})")).unwrap()
}
