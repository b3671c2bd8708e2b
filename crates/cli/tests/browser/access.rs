//! Whether everybody can use it, as axe-core judges.

use browser::Browser;
use serde_json::json;

use crate::{
    desk, open,
    site::{Answer, Site, ago, metrics, team},
};

/// Version 4.13.0, unchanged from the npm registry; see the directory's README.
const AXE: &str = include_str!("axe-core/axe.min.js");

/// Fails with every violation of the rules of WCAG 2.2 AA and of good practice.
fn judge(browser: &Browser, name: &str) {
    let script = "const done = arguments[arguments.length - 1];
        const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
        axe.run(document, { runOnly: tags }).then(
          (results) => done({
            passes: results.passes.length,
            violations: results.violations.map((one) =>
              `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`).join(' | ')}`),
          }),
          (error) => done({ passes: 0, violations: [String(error)] }));";
    let result = browser.run_until_done(script).unwrap();
    let violations = result["violations"].as_array().unwrap();
    assert!(violations.is_empty(), "{name}: {violations:#?}");
    assert!(result["passes"].as_u64().unwrap() > 15, "{name}: {result}");
}

#[test]
fn axe_finds_nothing_in_any_state_or_size_by_day() {
    all_is_accessible("light");
}

#[test]
fn axe_finds_nothing_in_any_state_or_size_by_night() {
    all_is_accessible("dark");
}

fn all_is_accessible(scheme: &str) {
    let browser = desk();
    // Sent once: it is larger than the page.
    browser.before_each_page(AXE).unwrap();
    // Animations are not judged in their middle.
    let media = json!({ "features": [
        { "name": "prefers-color-scheme", "value": scheme },
        { "name": "prefers-reduced-motion", "value": "reduce" },
    ]});
    browser
        .command("Emulation.setEmulatedMedia", &media)
        .unwrap();
    let site = Site::with(&team());
    site.set_json("metrics.json", &metrics(&team()));
    for (name, width, height) in [
        ("desk", 1440, 900),
        ("tablet", 820, 1180),
        ("phone", 360, 740),
    ] {
        browser.resize(width, height).unwrap();
        open(&browser, &site, "");
        judge(&browser, name);
        open(&browser, &site, "#app=search");
        browser
            .wait("document.querySelector('dialog[open] table, dialog[open] .part')")
            .unwrap();
        judge(&browser, &format!("{name}, one app"));
    }
    open(&browser, &site, "#q=nothing+like+this");
    judge(&browser, "no match");
    let stale = json!({ "last_updated": ago(9000), "apps": team() });
    site.set_json("apps.json", &stale);
    open(&browser, &site, "");
    judge(&browser, "stale");
    site.set("apps.json", Answer::Status(404));
    open(&browser, &site, "");
    judge(&browser, "no data");
}
