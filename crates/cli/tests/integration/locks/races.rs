//! Several people at once.

use super::{json, variables};
use crate::support::TestHost;

#[test]
fn of_two_who_lock_at_once_one_is_the_holder_and_the_other_is_told() {
    let host = TestHost::start();
    host.create_app("shop");
    for round in 0..3 {
        let reasons = [format!("first {round}"), format!("second {round}")];
        let started: Vec<_> = reasons
            .iter()
            .zip(["ada", "bob"])
            .map(|(reason, by)| {
                host.cli(&["lock", "shop", reason, "--json", "--by", by])
                    .start()
            })
            .collect();
        let ran: Vec<_> = started
            .into_iter()
            .map(crate::support::Started::finish)
            .collect();
        let mut codes: Vec<_> = ran.iter().map(|ran| ran.status).collect();
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(4)], "{ran:?}");
        let holder = variables(&host, "shop")["DEPLOY_LOCK_BY"].clone();
        for ran in &ran {
            let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!(told["lock"]["by"], holder, "{told}");
        }
        let (code, _) = json(&host.cli(&["unlock", "shop", "--force", "--json"]));
        assert_eq!(code, 0);
    }
}
