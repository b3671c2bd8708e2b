//! What is particular to previews: copies of data, and passwords.

use std::collections::BTreeMap;

use dokku_deploy::{
    app::Environment,
    credentials::Credentials,
    rollout::{CopyWish, Doorkeeper, Masking, Observed, ServiceState, Step, Wish},
    secret::Secret,
    service::{ServiceKind, ServiceName},
};

use super::{app, capabilities, deployed, nothing_there, now, plan, set, wish_with};

fn copying(kind: &str, is_masked: bool) -> Wish {
    let services = format!("services: {{{kind}: {{enabled: true}}}}\n");
    Wish {
        copy: Some(CopyWish {
            from: app("shop-staging"),
            masking: is_masked.then(|| Masking {
                file: "mask.sql".into(),
                sql: "x".into(),
            }),
            renews: false,
        }),
        ..wish_with(
            "shop-pr-7",
            Environment::Preview,
            "scale: {web: 1}\n",
            &services,
        )
    }
}

/// What is there of a service, and what staging has of it.
fn with(mut observed: Observed, kind: ServiceKind, exists: bool, staging: &[&str]) -> Observed {
    observed.capabilities = capabilities(&[kind.as_str()]);
    let state = ServiceState {
        name: ServiceName::of(kind, &app("shop-pr-7")),
        exists,
        linked: Vec::new(),
        to_copy: Some(
            staging
                .iter()
                .map(|name| ServiceName::new(name).unwrap())
                .collect(),
        ),
    };
    observed.services = BTreeMap::from([(kind, state)]);
    observed
}

/// The steps about services, or why there is no plan.
fn services(wish: &Wish, observed: &Observed) -> Result<Vec<&'static str>, String> {
    let plan = plan(wish, observed, now(), false).map_err(|refusal| refusal.to_string())?;
    let steps = plan.steps.iter().filter_map(|step| match step {
        Step::CreateService { .. } => Some("create"),
        Step::CopyService(_) => Some("copy"),
        Step::LinkService { .. } => Some("link"),
        _ => None,
    });
    Ok(steps.collect())
}

#[test]
fn a_service_is_linked_only_where_it_is_a_whole_copy() {
    let kind = ServiceKind::Postgres;
    let wish = copying("postgres", true);
    let there = |state: Option<&str>, exists| {
        let mut observed = with(deployed(super::COMMIT), kind, exists, &["db"]);
        if let Some(state) = state {
            let state = Secret::new(state);
            set(&mut observed, [("DEPLOY_COPY_POSTGRES".to_owned(), state)]);
        }
        services(&wish, &observed)
    };
    assert_eq!(there(None, false), Ok(vec!["copy", "link"]));
    assert_eq!(there(Some("unfinished"), true), Ok(vec!["copy", "link"]));
    assert_eq!(
        there(Some("db of shop-staging, 2026"), true),
        Ok(vec!["link"])
    );
    assert_eq!(
        there(Some("db of shop-staging, 2026"), false),
        Ok(vec!["copy", "link"])
    );
    let refusal = there(None, true).unwrap_err();
    assert!(
        refusal.contains("not known to be a masked copy"),
        "{refusal}"
    );
}

#[test]
fn what_cannot_be_copied_or_masked_is_not() {
    for kind in [
        ServiceKind::Mongo,
        ServiceKind::Rabbitmq,
        ServiceKind::Elasticsearch,
    ] {
        let wish = copying(kind.as_str(), false);
        let observed = with(nothing_there(), kind, false, &["x"]);
        let refusal = services(&wish, &observed).unwrap_err();
        assert!(refusal.contains("cannot be copied"), "{refusal}");
    }
    let redis = with(nothing_there(), ServiceKind::Redis, false, &["cache"]);
    assert_eq!(
        services(&copying("redis", true), &redis),
        Ok(vec!["create", "link"])
    );
    assert_eq!(
        services(&copying("redis", false), &redis),
        Ok(vec!["copy", "link"])
    );
    let two = with(nothing_there(), ServiceKind::Redis, false, &["a", "b"]);
    let refusal = services(&copying("redis", false), &two).unwrap_err();
    assert!(refusal.contains("which one"), "{refusal}");
}

#[test]
fn a_password_needs_somebody_who_asks_for_it_before_the_code_comes() {
    let with_password = |password: &str| Wish {
        credentials: Some(Credentials::new("ada", Secret::new(password)).unwrap()),
        ..wish_with(
            "shop-pr-7",
            Environment::Preview,
            "scale: {web: 1}\n",
            "services: {}\n",
        )
    };
    let by = |plugins: &[&str], password: &str| {
        let observed = Observed {
            capabilities: capabilities(plugins),
            ..nothing_there()
        };
        let plan = plan(&with_password(password), &observed, now(), false)
            .map_err(|refusal| refusal.to_string())?;
        let at = |wanted: fn(&Step) -> bool| plan.steps.iter().position(wanted);
        let protects = at(|step| matches!(step, Step::Protect(_))).unwrap();
        assert!(Some(protects) < at(|step| matches!(step, Step::Push { .. })));
        match plan.steps[protects] {
            Step::Protect(by) => Ok(by),
            _ => Err("no".to_owned()),
        }
    };
    let both = ["deploy-system", "http-auth"];
    // What Dokku would take for a flag of its own cannot be a word.
    let awkward = "x --app other";
    assert_eq!(by(&both, awkward), Ok(Doorkeeper::DeploySystem));
    assert_eq!(by(&both[1..], "hunter2"), Ok(Doorkeeper::HttpAuth));
    let refusal = by(&both[1..], awkward).unwrap_err();
    assert!(
        refusal.contains("http-auth:add-user") && !refusal.contains("other"),
        "{refusal}"
    );
    let refusal = by(&[], "hunter2").unwrap_err();
    assert!(refusal.contains("dokku plugin:install"), "{refusal}");
}
