//! What other people wrote ends as text, whatever it is.

use serde_json::{Value, json};

use crate::{
    desk, eval, open,
    site::{Site, ago, app, team},
    text,
};

const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'`${1}</script><script>alert(1)</script>\u{202e}javascript:alert(1)";

/// Every text and number in it, hostile.
fn hostile(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let pairs = object
                .iter()
                .map(|(key, value)| (key.clone(), hostile(value)));
            Value::Object(pairs.collect())
        }
        Value::Array(items) => items.iter().map(hostile).collect(),
        _ => json!(HOSTILE),
    }
}

/// Nothing ran, nothing was made of it, nothing was asked for, nothing complained.
fn is_text(browser: &browser::Browser) {
    let made = "document.querySelectorAll('img, script:not([src=\"app.js\"]), iframe, object, [onerror], [onclick], a[href^=\"javascript\" i]').length";
    assert_eq!(eval(browser, made), 0);
    let complaints = browser.complaints().unwrap();
    let complaints: Vec<_> = complaints
        .iter()
        .filter(|words| !words.contains("404"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    for url in browser.requests().unwrap() {
        // Chromium's own first page is none of ours.
        let is_ours = !url.starts_with("chrome:");
        let is_here = ["http://127.0.0.1:", "about:", "data:"];
        assert!(
            !is_ours || is_here.iter().any(|here| url.starts_with(here)),
            "{url}"
        );
    }
}

#[test]
fn hostile_texts_in_every_field_of_every_file_end_as_text() {
    let (browser, site) = (desk(), Site::start());
    let lock = json!({ "reason": "x", "by": "x", "at": "x", "until": null });
    let mut row = app("x");
    row["lock"] = lock;
    for key in [
        "base_app",
        "workflow_url",
        "processes",
        "attempted_sha",
        "duration",
    ] {
        row[key] = json!("x");
    }
    site.set_json(
        "apps.json",
        &json!({ "last_updated": HOSTILE, "apps": [hostile(&row)] }),
    );
    let checks = json!({ "end": HOSTILE, "week": HOSTILE, "ms": [HOSTILE] });
    let mut checks_of = serde_json::Map::new();
    checks_of.insert(HOSTILE.to_owned(), checks);
    site.set_json(
        "metrics.json",
        &json!({ "latest": HOSTILE, "checks": { "apps": checks_of } }),
    );
    let deploy = json!({ "at": ago(9), "status": "x", "by": "x", "commit": "x", "message": "x", "release": 1 });
    let mut deploys_of = serde_json::Map::new();
    deploys_of.insert(HOSTILE.to_owned(), json!([hostile(&deploy), null, 3, "x"]));
    site.set_json("deploys.json", &json!({ "apps": deploys_of }));
    let mut entry = hostile(&json!({
        "timestamp": "x", "action": "x", "status": "x", "actor": "x", "note": "x",
        "commit": { "message": "x" },
    }));
    entry["app_name"] = json!(HOSTILE);
    site.set_json(
        "audit-log.json",
        &json!({ "entries": [entry, null, 3], "stats": HOSTILE }),
    );
    open(&browser, &site, "");
    let row = text(&browser, "#body .row");
    assert!(row.matches("<img src=x").count() >= 4, "{row}");
    crate::states::shot(&browser, "hostile");
    is_text(&browser);
    crate::click(&browser, "#body .open");
    browser
        .wait("document.querySelectorAll('dialog[open] table').length === 2")
        .unwrap();
    browser.prefer("prefers-reduced-motion", "reduce").unwrap();
    crate::states::shot(&browser, "hostile-one-app");
    let detail = text(&browser, "dialog");
    assert!(detail.matches("<img src=x").count() >= 12, "{detail}");
    // What would turn the writing around is named instead.
    for shown in [&row, &detail] {
        assert!(
            shown.contains("\\u{202e}") && !shown.contains('\u{202e}'),
            "{shown}"
        );
    }
    is_text(&browser);
    open(
        &browser,
        &site,
        "#q=%3Cimg%20src=x%20onerror=alert(1)%3E&env=%3Cb%3E&sort=__proto__&app=%3Cscript%3E",
    );
    assert!(text(&browser, "dialog").contains("<script>"));
    is_text(&browser);
}

#[test]
fn odd_shapes_and_huge_texts_break_nothing() {
    let (browser, site) = (desk(), Site::start());
    let mut odd: Vec<Value> = vec![
        json!(null),
        json!(3),
        json!({}),
        json!({ "name": "" }),
        json!({ "name": 7 }),
        json!({ "name": ["x"] }),
        json!({ "name": "__proto__", "url": "javascript:alert(1)", "repository": "javascript:alert(1)" }),
        json!({ "name": "constructor", "uptime": [], "lock": "x", "last_backup": 3, "release": 1e308 }),
        json!({ "name": "half\u{fffd}", "commit_message": "x".repeat(1_000_000), "environment": "y".repeat(10_000) }),
    ];
    odd.extend([app("twice"), app("twice")]);
    site.set_apps(&odd);
    site.set_json("metrics.json", &json!({ "checks": { "apps": { "twice": { "end": 1e300, "week": "99999999999u", "ms": {} } } } }));
    open(&browser, &site, "#sort=name");
    let names = crate::names(&browser);
    assert_eq!(
        names,
        [
            "7",
            "__proto__",
            "constructor",
            "half\u{fffd}",
            "twice",
            "twice #2"
        ]
    );
    assert_eq!(
        eval(
            &browser,
            "document.documentElement.scrollWidth <= innerWidth"
        ),
        true
    );
    is_text(&browser);
}

#[test]
fn no_request_leaves_this_machine() {
    let (browser, site) = (desk(), Site::with(&team()));
    browser.requests().unwrap();
    open(&browser, &site, "#app=shop");
    browser
        .wait("document.querySelector('dialog[open]')")
        .unwrap();
    let asked = browser.requests().unwrap();
    assert!(
        asked.iter().any(|url| url.contains("apps.json")),
        "{asked:?}"
    );
    for url in asked {
        assert!(
            url.starts_with(&site.url("")) || url.starts_with("about:"),
            "{url}"
        );
    }
    // What tries all the same is kept back by the policy.
    browser
        .run("const image = new Image(); image.src = 'http://127.0.0.1:1/x.png'; document.body.append(image)")
        .unwrap();
    let script = "const done = arguments[0]; document.addEventListener('securitypolicyviolation', (event) => done(event.violatedDirective)); const more = new Image(); more.src = 'http://127.0.0.1:1/y.png';";
    assert_eq!(browser.run_until_done(script).unwrap(), "img-src");
}
