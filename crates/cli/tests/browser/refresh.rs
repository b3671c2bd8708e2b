//! Fresh data without losing one's place; old data that looks old.

use serde_json::json;

use crate::{
    click, desk, eval, names, open, search,
    site::{Answer, Site, ago, app, changed, team},
    states::shot,
    text,
};

/// The page's clocks, to be moved by hand.
const CLOCKS: &str = "window.clocks = [];
    window.setInterval = (act, every) => { window.clocks.push({ act, every }); return 0; };";

#[test]
fn every_five_minutes_new_data_comes_and_place_focus_and_filters_stay() {
    let browser = desk();
    browser.before_each_page(CLOCKS).unwrap();
    let many: Vec<_> = (0..200).map(|n| app(&format!("app-{n:03}"))).collect();
    let site = Site::with(&many);
    open(&browser, &site, "#env=production");
    search(&browser, "app");
    browser.run("window.scrollTo(0, 4000)").unwrap();
    browser
        .wait("document.querySelector('.row[data-key=\"app-050\"]')")
        .unwrap();
    browser.run("document.querySelector('.row[data-key=\"app-050\"] .open').focus({ preventScroll: true })").unwrap();
    let before = eval(&browser, "window.scrollY");
    let mut newer = many.clone();
    newer[50] = changed(newer[50].clone(), &json!({ "last_deploy_by": "grace" }));
    site.set_apps(&newer);
    browser
        .run("window.clocks.find((clock) => clock.every === 300000).act()")
        .unwrap();
    browser
        .wait("document.documentElement.dataset.refreshed >= 2")
        .unwrap();
    assert!(text(&browser, ".row[data-key='app-050']").contains("by grace"));
    assert_eq!(eval(&browser, "window.scrollY"), before);
    assert_eq!(
        eval(&browser, "document.activeElement.textContent"),
        "app-050"
    );
    assert_eq!(eval(&browser, "location.hash"), "#q=app&env=production");
    assert_eq!(
        eval(&browser, "document.getElementById('search').value"),
        "app"
    );

    // The row with the focus moves away: the focus goes with it.
    browser.run("window.scrollTo(0, 12000)").unwrap();
    browser
        .wait("document.querySelector('.row[data-key=\"app-150\"]')")
        .unwrap();
    assert_eq!(
        eval(&browser, "document.activeElement.textContent"),
        "app-050"
    );
}

#[test]
fn the_view_of_one_app_stays_where_the_reader_is() {
    let (browser, site) = (desk(), Site::with(&team()));
    browser.resize(360, 740).unwrap();
    let deploy = json!({ "at": ago(60), "status": "success", "by": "ada", "commit": "c".repeat(40),
                         "message": "Fix the cart, and a few things beside it", "release": 3 });
    let deploys = vec![deploy; 20];
    site.set_json("deploys.json", &json!({ "apps": { "shop": deploys } }));
    open(&browser, &site, "#app=shop");
    browser
        .wait("document.querySelector('dialog[open] .scroller')")
        .unwrap();
    browser
        .run(
            "const scroller = document.querySelector('.scroller');
             scroller.focus({ preventScroll: true });
             scroller.scrollLeft = 60;
             document.getElementById('detail').scrollTop = 500;",
        )
        .unwrap();
    let place = "[document.activeElement.className, document.querySelector('.scroller').scrollLeft,
                  document.getElementById('detail').scrollTop]";
    assert_eq!(eval(&browser, place), json!(["scroller", 60, 500]));
    site.set_apps(&[changed(app("shop"), &json!({ "last_deploy_by": "grace" }))]);
    browser
        .run("document.dispatchEvent(new Event('visibilitychange'))")
        .unwrap();
    browser
        .wait("document.getElementById('detail').textContent.includes('grace')")
        .unwrap();
    assert_eq!(eval(&browser, place), json!(["scroller", 60, 500]));

    // The app goes, and comes back.
    for (apps, words) in [
        (vec![app("other")], "There is no app of this name"),
        (vec![app("shop")], "Response time"),
    ] {
        site.set_apps(&apps);
        browser
            .run("document.dispatchEvent(new Event('visibilitychange'))")
            .unwrap();
        browser
            .wait(&format!(
                "document.getElementById('detail').textContent.includes('{words}')"
            ))
            .unwrap();
    }
    // Files that were not published are no fault of the page.
    let mut complaints = browser.complaints().unwrap();
    complaints.retain(|words| !words.contains("404"));
    assert_eq!(complaints, [""; 0]);
}

#[test]
fn who_comes_back_to_the_tab_sees_new_data_at_once() {
    let (browser, site) = (desk(), Site::with(&team()));
    open(&browser, &site, "");
    let before = site.count("apps.json");
    site.set_apps(&team()[..1]);
    browser
        .run("document.dispatchEvent(new Event('visibilitychange'))")
        .unwrap();
    browser
        .wait("document.querySelectorAll('#body .row').length === 1")
        .unwrap();
    assert_eq!(site.count("apps.json"), before + 1);
    assert_eq!(text(&browser, "#verdict"), "The app is healthy");
}

#[test]
fn a_refresh_that_fails_keeps_what_is_there_and_says_so() {
    let (browser, site) = (desk(), Site::with(&team()));
    open(&browser, &site, "");
    for (answer, words) in [
        (Answer::Status(404), "not there (404)"),
        (Answer::Status(500), "status 500"),
        (Answer::Text("{".into()), "not JSON"),
        (Answer::Text("[]".into()), "no list of apps"),
        (Answer::Nothing, "cannot be reached"),
    ] {
        site.set("apps.json", answer);
        let seen = eval(
            &browser,
            "Number(document.documentElement.dataset.refreshed)",
        );
        click(&browser, "#refresh");
        let next = seen.as_i64().unwrap() + 1;
        browser
            .wait(&format!(
                "document.documentElement.dataset.refreshed >= {next}"
            ))
            .unwrap();
        let banner = text(&browser, "#banner");
        assert!(banner.contains(words), "{words}: {banner}");
        assert_eq!(names(&browser).len(), 6);
        assert_eq!(
            eval(&browser, "document.getElementById('fresh').dataset.state"),
            "failed"
        );
    }
    site.set_apps(&team());
    click(&browser, "#refresh");
    browser
        .wait("document.getElementById('banner').hidden")
        .unwrap();
    assert_eq!(
        eval(&browser, "document.getElementById('fresh').dataset.state"),
        "fresh"
    );
}

#[test]
fn old_data_looks_old_and_old_checks_say_nothing() {
    let (browser, site) = (desk(), Site::start());
    let old = json!({ "status": "healthy", "last_check": ago(3 * 86_400) });
    let backed_up = |name, hours: i64| {
        let backup = json!({ "at": ago(hours * 3600), "ok": true, "service": "postgres" });
        changed(app(name), &json!({ "uptime": old, "last_backup": backup }))
    };
    let apps = [
        backed_up("in-time", 25),
        backed_up("late", 27),
        changed(app("none"), &json!({ "uptime": old, "last_backup": null })),
    ];
    site.set_json(
        "apps.json",
        &json!({ "last_updated": ago(7300), "apps": apps }),
    );
    open(&browser, &site, "");
    assert_eq!(
        eval(&browser, "document.body.classList.contains('is-stale')"),
        true
    );
    assert_eq!(text(&browser, "#age"), "Updated 2 hours ago");
    assert!(text(&browser, "#banner").contains("2 hours old"));
    assert_eq!(text(&browser, "#healthy"), "0");
    assert_eq!(text(&browser, "#body .word"), "Unknown Unknown Unknown");
    // The alarm about a night without a backup is raised at 26 hours.
    let tone = |name: &str| {
        let fact = format!("#body .row[data-key='{name}'] .at-care .fact");
        eval(
            &browser,
            &format!("document.querySelector(\"{fact}\").dataset.tone ?? ''"),
        )
    };
    assert_eq!(["in-time", "late", "none"].map(tone), ["", "warn", ""]);
    shot(&browser, "stale");
    site.set_json("apps.json", &json!({ "apps": apps }));
    click(&browser, "#refresh");
    browser
        .wait("document.getElementById('age').textContent.includes('unknown')")
        .unwrap();
    assert_eq!(
        eval(&browser, "document.body.classList.contains('is-stale')"),
        true
    );
}
