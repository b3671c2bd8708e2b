//! Release tasks and commands in images that start their words as herokuish does, and in plain ones.

use std::fs;

use dokku_sandbox::faults::{Failing, Plan};

use super::Shop;
use crate::support::TestHost;

/// A first deploy is still to come; its image is to be one of this builder.
fn shop_of<'a>(host: &'a TestHost, builder: &str) -> Shop<'a> {
    host.create_app("shop");
    host.ssh(&format!("builder:set shop selected {builder}"));
    Shop::new(host)
}

/// The next report says nothing of a builder, as before Dokku 0.37.
fn forget_the_builder(host: &TestHost) {
    host.fault(Plan {
        fail: vec![Failing {
            verb: "builder:report".to_owned(),
            stderr: String::new(),
            stdout: "{\"selected\":\"\"}\n".to_owned(),
            exit: 0,
            after: 0,
        }],
        ..Plan::default()
    });
}

/// Settings with a task of several words and lines that leaves its mark, which is returned.
fn with_a_task(shop: &Shop<'_>) -> impl Fn() -> String {
    let mark = shop.host().home().join("it's a mark");
    let quoted = mark.to_str().unwrap().replace('\'', r"'\''");
    let script = format!(
        "for word in \"it's  done\" '$HOME' '*'; do\n  printf '%s|' \"$word\" >> '{quoted}'\ndone; cat version >> '{quoted}'"
    );
    shop.tasks(&[("migrate", &script)]);
    move || fs::read_to_string(&mark).unwrap()
}

fn tasks_do_their_work(builder: &str) {
    let host = TestHost::start();
    let shop = shop_of(&host, builder);
    let mark = with_a_task(&shop);
    shop.release("1");
    shop.deployed(&[]);
    assert_eq!(mark(), "it's  done|$HOME|*|1");

    // The host does not tell the builder: the image is asked.
    shop.release("2");
    forget_the_builder(&host);
    shop.deployed(&[]);
    assert_eq!(mark(), "it's  done|$HOME|*|1it's  done|$HOME|*|2");

    shop.tasks(&[("migrate", "echo \"half  way\"; exit 41")]);
    shop.release("3");
    let told = shop.fails(6, &[]);
    assert!(told.contains("migrate │ half  way"), "{told}");
    assert!(
        told.contains("\"migrate\": its command failed with status 41"),
        "{told}"
    );
    shop.is_tidy();

    host.cli(&["-q", "run", "shop", "echo \"a  b\" 'c;d' *; exit 7"])
        .ends(7, "a  b c;d Procfile app.py version\n", "");
    host.cli(&["-q", "run", "shop", "printf", "%s|", "a  b", "it's", "*"])
        .prints("a  b|it's|*|\n", "");
}

#[test]
fn tasks_do_their_work_in_an_image_of_herokuish() {
    tasks_do_their_work("herokuish");
}

#[test]
fn tasks_do_their_work_in_a_plain_image() {
    tasks_do_their_work("dockerfile");
}

#[test]
fn a_command_sent_as_to_a_plain_image_is_taken_apart_by_herokuish() {
    let host = TestHost::start();
    let shop = shop_of(&host, "herokuish");
    shop.deployed(&[]);
    assert_eq!(host.ssh("run shop sh -c 'echo lost'"), "\n");
    let report = host.ssh("builder:report shop --format json");
    assert!(report.contains("\"detected\":\"herokuish\""), "{report}");
}

#[test]
fn an_image_that_cannot_be_told_gets_no_task() {
    let host = TestHost::start();
    let shop = shop_of(&host, "home-made");
    let mark = host.home().join("mark");
    shop.tasks(&[("migrate", &format!("touch '{}'", mark.display()))]);
    shop.release("1");
    host.fail_next("run", 3);
    let told = shop.fails(6, &[]);
    assert!(
        told.contains("cannot be told how the image of shop takes commands"),
        "{told}"
    );
    assert!(!mark.exists());
    shop.is_tidy();
    // Asked again, it answers.
    shop.deployed(&["--yes"]);
    assert!(mark.exists());
}
