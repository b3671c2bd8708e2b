//! `dokku-cli rollback`, end to end: by a kept image where the plugin is, by a push where it is not.

mod by_image;
mod by_push;
mod fetched;

use crate::{
    deploy::Shop,
    support::{Ran, Test, TestHost},
};

/// Two releases of `shop`; the commits of both.
fn two_releases(shop: &Shop<'_>) -> [String; 2] {
    let first = shop.git(&["rev-parse", "HEAD"]);
    shop.deployed(&[]);
    let second = shop.release("2");
    shop.deployed(&[]);
    [first, second]
}

/// `dokku-cli rollback shop …` in the repository.
fn rollback<'a>(host: &'a TestHost, shop: &Shop<'a>, arguments: &[&str]) -> Test<'a> {
    let words: Vec<&str> = ["rollback", "shop"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    host.cli(&words).directory(shop.top())
}

/// Rolls back, which has to end so; what came out.
fn ends(host: &TestHost, shop: &Shop<'_>, status: i32, arguments: &[&str]) -> Ran {
    let ran = rollback(host, shop, arguments).run();
    assert_eq!(ran.status, Some(status), "{ran:?}");
    ran
}
