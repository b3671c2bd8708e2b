//! What stands there when there is nothing to show, and how everything looks.

use std::path::Path;

use browser::Browser;
use serde_json::json;

use crate::{
    desk, eval, open,
    site::{Answer, Site, ago, metrics, team},
    text,
};

/// Leaves a picture where somebody wants one.
pub fn shot(browser: &Browser, name: &str) {
    if let Some(directory) = std::env::var_os("DASHBOARD_SHOTS") {
        let path = Path::new(&directory).join(format!("{name}.png"));
        browser.screenshot(&path).unwrap();
    }
}

#[test]
fn each_reason_for_nothing_has_its_words() {
    let (browser, site) = (desk(), Site::start());
    for (name, answer, title, words) in [
        (
            "missing",
            Answer::Status(404),
            "There is no data yet",
            "dokku-cli dashboard publish",
        ),
        (
            "broken",
            Answer::Text("<html>".into()),
            "The data cannot be read",
            "not JSON",
        ),
        (
            "wrong",
            Answer::Text("{\"apps\":3}".into()),
            "The data cannot be read",
            "no list of apps",
        ),
        (
            "server",
            Answer::Status(503),
            "The data cannot be reached",
            "status 503",
        ),
        (
            "gone",
            Answer::Nothing,
            "The data cannot be reached",
            "cannot be reached",
        ),
        (
            "empty",
            Answer::Text(json!({ "last_updated": ago(5), "apps": [] }).to_string()),
            "No apps yet",
            "dokku-cli deploy",
        ),
    ] {
        site.set("apps.json", answer);
        open(&browser, &site, "");
        let state = text(&browser, "#state");
        assert!(
            state.contains(title) && state.contains(words),
            "{name}: {state}"
        );
        assert_eq!(
            eval(&browser, "document.getElementById('table').hidden"),
            true,
            "{name}"
        );
        shot(&browser, name);
    }
    site.set("apps.json", Answer::Nothing);
    open(&browser, &site, "");
    site.set_apps(&team());
    crate::click(&browser, "#state button");
    browser
        .wait("document.querySelectorAll('#body .row').length === 6")
        .unwrap();
    assert_eq!(text(&browser, "#state"), "");
}

#[test]
fn who_is_offline_is_told_so_and_sees_data_when_the_network_is_back() {
    let browser = desk();
    browser
        .before_each_page("window.isOnline = false; Object.defineProperty(navigator, 'onLine', { get: () => window.isOnline });")
        .unwrap();
    let site = Site::start();
    site.set("apps.json", Answer::Nothing);
    open(&browser, &site, "");
    assert!(text(&browser, "#state").contains("You are offline"));
    shot(&browser, "offline");
    site.set_apps(&team());
    browser
        .run("window.isOnline = true; window.dispatchEvent(new Event('online'))")
        .unwrap();
    browser
        .wait("document.querySelectorAll('#body .row').length === 6")
        .unwrap();
}

#[test]
fn it_fits_every_screen_in_both_schemes() {
    let (browser, site) = (desk(), Site::with(&team()));
    site.set_json("metrics.json", &metrics(&team()));
    for (name, width, height) in [
        ("phone", 360, 740),
        ("tablet", 820, 1180),
        ("desk", 1440, 900),
        ("wide", 2560, 1200),
    ] {
        browser.resize(width, height).unwrap();
        for scheme in ["light", "dark"] {
            browser.prefer("prefers-color-scheme", scheme).unwrap();
            open(&browser, &site, "");
            let overflow = "document.documentElement.scrollWidth - innerWidth";
            assert!(eval(&browser, overflow).as_i64().unwrap() <= 0, "{name}");
            // No cell is cut off by its row.
            let cut = "[...document.querySelectorAll('#body .row')].filter((row) => [...row.querySelectorAll('.cell')].some((cell) => cell.getBoundingClientRect().bottom > row.getBoundingClientRect().bottom + 1 || cell.getBoundingClientRect().top < row.getBoundingClientRect().top - 1)).length";
            assert_eq!(eval(&browser, cut), 0, "{name}");
            shot(&browser, &format!("{name}-{scheme}"));
            open(&browser, &site, "#app=search");
            browser
                .wait("document.querySelector('dialog[open]')")
                .unwrap();
            shot(&browser, &format!("{name}-{scheme}-detail"));
        }
    }
}

#[test]
fn who_wants_no_motion_gets_none() {
    let (browser, site) = (desk(), Site::with(&team()));
    let moving = "document.getAnimations({ subtree: true }).length";
    open(&browser, &site, "");
    assert_ne!(eval(&browser, moving), 0);
    browser.prefer("prefers-reduced-motion", "reduce").unwrap();
    open(&browser, &site, "#app=shop");
    browser
        .wait("document.querySelector('dialog[open]')")
        .unwrap();
    assert_eq!(eval(&browser, moving), 0);
}
