//! Filters, search, order, the address, keys, the view of one app.

use serde_json::json;

use crate::{
    click, desk, eval, names, open, search,
    site::{Site, ago, metrics, team},
    states::shot,
    text, texts,
};

#[test]
fn totals_count_what_fails_as_an_issue_and_say_what_is_unknown() {
    let (browser, site) = (desk(), Site::with(&team()));
    open(&browser, &site, "");
    let tiles = ["#total", "#healthy", "#issues", "#unknown"].map(|tile| text(&browser, tile));
    assert_eq!(tiles, ["6", "2", "3", "1"]);
    assert_eq!(text(&browser, "#verdict"), "3 of 6 apps have issues");
    assert_eq!(eval(&browser, "document.title"), "(3) Apps");
    // The worst first.
    assert_eq!(
        names(&browser),
        [
            "billing",
            "search",
            "shop-pr-7",
            "docs-dev",
            "shop",
            "shop-staging"
        ]
    );
    let words = texts(&browser, "#body .word");
    assert_eq!(
        words,
        ["Down", "Failed", "Stopped", "Unknown", "Healthy", "Healthy"]
    );
    assert_eq!(
        eval(
            &browser,
            "document.querySelectorAll('#body .status-icon').length"
        ),
        6
    );
    let row = text(&browser, "#body .row[data-key='search']");
    assert!(
        row.contains("Locked by grace for 1 hour: migration"),
        "{row}"
    );
    assert!(
        row.contains("hour ago, tested") && row.contains("50 days left"),
        "{row}"
    );
    assert!(row.contains("v12") && row.contains("0123456"), "{row}");
    let row = text(&browser, "#body .row[data-key='docs-dev']");
    assert!(row.contains("does not restore"), "{row}");
    let exact = eval(&browser, "document.querySelector('#body time').title");
    assert!(exact.as_str().unwrap().ends_with("Z)"), "{exact}");
}

#[test]
fn filters_search_and_order_are_in_the_address_and_come_back_from_it() {
    let (browser, site) = (desk(), Site::with(&team()));
    open(&browser, &site, "");
    click(&browser, "[data-environment=production]");
    assert_eq!(names(&browser), ["billing", "search", "shop"]);
    click(&browser, "[data-status=issues]");
    assert_eq!(names(&browser), ["billing", "search"]);
    search(&browser, "GRACE");
    assert_eq!(names(&browser), ["billing"]);
    click(&browser, ".head [data-sort=name]");
    click(&browser, ".head [data-sort=name]");
    let hash = eval(&browser, "location.hash");
    assert_eq!(hash, "#q=GRACE&env=production&status=issues&sort=-name");
    assert_eq!(text(&browser, "#count"), "1 of 6 apps");

    open(&browser, &site, hash.as_str().unwrap());
    assert_eq!(names(&browser), ["billing"]);
    assert_eq!(
        eval(&browser, "document.getElementById('search').value"),
        "GRACE"
    );
    let pressed = texts(&browser, "#environments [aria-pressed=true]");
    assert_eq!(pressed, ["Production"]);
    let sort = eval(
        &browser,
        "document.querySelector('[data-sort=name]').parentNode.ariaSort",
    );
    assert_eq!(sort, "descending");

    search(&browser, "no such thing");
    assert_eq!(names(&browser), [""; 0]);
    assert!(text(&browser, "#state").contains("No app matches"));
    click(&browser, "#state button");
    assert_eq!(names(&browser).len(), 6);
    browser.run("location.hash = '#env=staging'").unwrap();
    browser
        .wait("document.querySelectorAll('#body .row').length === 1")
        .unwrap();
    browser.run("history.back()").unwrap();
    browser
        .wait("document.querySelectorAll('#body .row').length === 6")
        .unwrap();
}

#[test]
fn search_finds_names_repositories_people_and_commits() {
    let (browser, site) = (desk(), Site::with(&team()));
    open(&browser, &site, "");
    for (words, found) in [
        ("billing", 1),
        ("acme/shop", 6),
        ("grace", 1),
        ("feedfeed", 1),
        ("cart shop-pr", 1),
        ("<script>", 0),
        (".*", 0),
    ] {
        search(&browser, words);
        assert_eq!(names(&browser).len(), found, "{words}");
    }
}

#[test]
fn every_column_sorts_and_what_is_not_known_comes_last() {
    let (browser, site) = (desk(), Site::with(&team()));
    site.set_json("metrics.json", &metrics(&team()[..2]));
    open(&browser, &site, "#sort=-deployed");
    assert_eq!(names(&browser)[0], "shop-staging");
    open(&browser, &site, "#sort=uptime");
    assert_eq!(names(&browser)[..2], ["shop", "shop-staging"]);
    open(&browser, &site, "#sort=-uptime");
    assert_eq!(names(&browser)[..2], ["shop", "shop-staging"]);
    open(&browser, &site, "#sort=environment");
    assert_eq!(names(&browser)[0], "docs-dev");
    open(&browser, &site, "#sort=nonsense&status=nonsense");
    assert!(names(&browser).is_empty());
    let row = "#body .row[data-key='shop'] ";
    open(&browser, &site, "#sort=name");
    assert!(text(&browser, &format!("{row}.at-uptime")).contains("24 h 97.9 % · 7 d 99.7 %"));
    let told = eval(
        &browser,
        "document.querySelector(\"#body .row[data-key='shop'] .checks\").ariaLabel",
    );
    assert_eq!(told, "Last 24 hours: 94 of 96 checks passed");
    assert!(text(&browser, &format!("{row}.at-response")).contains("p50 35 · p95 50 ms"));
    assert!(text(&browser, "#body .row[data-key='search'] .at-uptime").contains("24 h – · 7 d –"));
}

#[test]
fn one_app_is_shown_whole_and_the_keyboard_is_enough() {
    let (browser, site) = (desk(), Site::with(&team()));
    site.set_json("metrics.json", &metrics(&team()));
    let deploy = |minutes: i64, status: &str| {
        json!({ "at": ago(minutes * 60), "status": status, "by": "ada", "commit": "c".repeat(40),
                "message": "Fix the cart", "release": minutes, "duration": 40 })
    };
    site.set_json(
        "deploys.json",
        &json!({ "apps": { "billing": [deploy(5, "failure"), deploy(9, "success")] } }),
    );
    let entry = |app: &str, note: &str| {
        json!({ "id": "audit-1-000000", "timestamp": ago(50), "action": "lock", "app_name": app,
                "status": "success", "actor": "grace", "note": note })
    };
    site.set_json(
        "audit-log.json",
        &json!({ "entries": [entry("billing", "freeze"), entry("shop", "other")], "stats": {} }),
    );
    open(&browser, &site, "");
    browser.press("/").unwrap();
    assert_eq!(eval(&browser, "document.activeElement.id"), "search");
    browser.press("b\u{e015}").unwrap();
    assert_eq!(
        eval(&browser, "document.activeElement.textContent"),
        "billing"
    );
    browser.press("\u{e007}").unwrap();
    browser
        .wait("document.querySelectorAll('dialog[open] table').length === 2")
        .unwrap();
    assert_eq!(eval(&browser, "location.hash"), "#q=b&app=billing");
    browser.prefer("prefers-reduced-motion", "reduce").unwrap();
    browser
        .run("document.getElementById('detail').scrollTop = 700")
        .unwrap();
    shot(&browser, "one-app");
    let shown = text(&browser, "dialog");
    for words in [
        "Down",
        "status 503, expected 200",
        "Fix the cart",
        "v5",
        "freeze",
        "24 hours: 97.9 %",
    ] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    assert!(!shown.contains("other"), "{shown}");
    browser.press("\u{e00c}").unwrap();
    browser
        .wait("!document.getElementById('detail').open")
        .unwrap();
    assert_eq!(eval(&browser, "location.hash"), "#q=b");
    assert_eq!(
        eval(&browser, "document.activeElement.textContent"),
        "billing"
    );

    search(&browser, "");
    browser.press("\u{e015}\u{e015}\u{e015}").unwrap();
    assert_eq!(
        eval(&browser, "document.activeElement.textContent"),
        "shop-pr-7"
    );
    browser.press("\u{e010}").unwrap();
    assert_eq!(
        eval(&browser, "document.activeElement.textContent"),
        "shop-staging"
    );
    open(&browser, &site, "#app=gone");
    assert!(text(&browser, "dialog").contains("no app of this name"));
}
