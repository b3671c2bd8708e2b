//! Locks and `dokku-cli deploy`.

use crate::{deploy::Shop, support::TestHost};

#[test]
fn a_locked_app_is_deployed_after_it_was_unlocked() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    shop.deployed(&[]);
    shop.release("2");
    let ran = host
        .cli(&["lock", "fix \"the\" db", "--by", "bob"])
        .directory(shop.top())
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let told = shop.fails(4, &["--yes"]);
    assert!(
        told.contains("fix \"the\" db") && told.contains("bob"),
        "{told}"
    );
    assert!(told.contains("dokku-cli unlock shop"), "{told}");
    assert_eq!(shop.answer(), (200, "1 -".to_owned()));
    let ran = host.cli(&["unlock", "shop"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    shop.deployed(&["--yes"]);
    assert_eq!(shop.answer(), (200, "2 -".to_owned()));
}

#[test]
fn a_preview_is_refused_while_its_base_is_locked_and_staging_is_not() {
    let host = TestHost::start();
    let shop = Shop::new(&host);
    host.create_app("shop");
    let ran = host.cli(&["lock", "shop", "freeze"]).run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let told = shop.fails(4, &["shop-pr-7", "--env", "preview"]);
    assert!(told.contains("hop is locked: freeze"), "{told}");
    shop.deployed(&["shop-staging", "--env", "staging"]);
}
