//! Ten thousand apps.

use serde_json::json;

use crate::{
    desk, eval, names, open, search,
    site::{Site, app, changed, metrics},
    text,
};

#[test]
fn ten_thousand_apps_are_drawn_where_somebody_looks() {
    let (browser, site) = (desk(), Site::start());
    let apps: Vec<_> = (0..10_000)
        .map(|n| changed(app(&format!("app-{n:05}")), &json!({ "release": n })))
        .collect();
    site.set_apps(&apps);
    site.set_json("metrics.json", &metrics(&apps));
    open(&browser, &site, "#sort=name");
    assert_eq!(text(&browser, "#total"), "10,000");
    let rows = "document.querySelectorAll('#body .row').length";
    assert!(eval(&browser, rows).as_i64().unwrap() < 40);
    assert_eq!(
        eval(&browser, "document.getElementById('table').ariaRowCount"),
        "10001"
    );
    browser
        .run("window.scrollTo(0, document.body.scrollHeight)")
        .unwrap();
    browser
        .wait("document.querySelector('.row[data-key=\"app-09999\"]')")
        .unwrap();
    assert!(eval(&browser, rows).as_i64().unwrap() < 40);
    let index = eval(
        &browser,
        "document.querySelector('.row[data-key=\"app-09999\"]').ariaRowIndex",
    );
    assert_eq!(index, "10001");
    search(&browser, "app-0123");
    assert_eq!(names(&browser).len(), 10);
    assert_eq!(text(&browser, "#count"), "10 of 10,000 apps");
    // The end of the list is reached by keys too.
    search(&browser, "app");
    browser.press("\u{e015}\u{e010}").unwrap();
    assert_eq!(
        eval(&browser, "document.activeElement.textContent"),
        "app-09999"
    );
    let is_seen = "(() => { const box = document.activeElement.getBoundingClientRect(); return box.top > 0 && box.bottom <= innerHeight; })()";
    assert_eq!(eval(&browser, is_seen), true);
}
