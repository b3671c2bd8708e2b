//! What a deploy decides to do, a snapshot for each scenario.

#![allow(
    clippy::unwrap_used,
    reason = "the functions that set up a scenario are tests too"
)]

#[path = "plans/previews.rs"]
mod previews;

use std::collections::BTreeMap;

use dokku_deploy::{
    app::{AppName, Environment},
    deployment::Commit,
    dokku::{
        capabilities::Capabilities,
        domains::Domains,
        git::GitReport,
        plugin::Plugin,
        ports::{PortMapping, Ports},
        ps::{Container, PsReport, Running},
        resource::Limits,
        version::Version,
    },
    flows::deploy::plan,
    journal::{Journal, Phase, Undo},
    lock::NewLock,
    release::{History, NextRelease},
    rollout::{AppState, Observed, Plan, Refusal, ServiceState, Wish},
    secret::Secret,
    service::{ServiceKind, ServiceName},
    settings::{Settings, Source as SettingsSource},
    store::Variables,
    variables::Source,
};
use jiff::Timestamp;

const COMMIT: &str = "1111111111111111111111111111111111111111";
const EARLIER: &str = "2222222222222222222222222222222222222222";

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn app(name: &str) -> AppName {
    AppName::new(name).unwrap()
}

fn wish_with(name: &str, environment: Environment, config: &str, services: &str) -> Wish {
    let settings = Settings::parse(
        Some(SettingsSource {
            path: "config.yml",
            text: config,
        }),
        Some(SettingsSource {
            path: "services.yml",
            text: services,
        }),
    )
    .unwrap();
    Wish {
        app: app(name),
        environment,
        commit: Commit {
            sha: COMMIT.into(),
            subject: "Greet".into(),
            branch: Some("main".into()),
        },
        settings: settings.resolve(environment),
        base_domain: Some("example.com".into()),
        given: BTreeMap::new(),
        credentials: None,
        copy: None,
        actor: "ada".into(),
        run_id: "r-1".into(),
        entry: None,
    }
}

fn wish() -> Wish {
    wish_with(
        "shop",
        Environment::Production,
        "scale: {web: 1}\n",
        "services: {}\n",
    )
}

const TASKS: &str = "release:\n  tasks:\n    - {name: migrate, command: ./migrate --all}\n";
const POSTGRES: &str = "services:\n  postgres: {enabled: true}\n";

fn capabilities(plugins: &[&str]) -> Capabilities {
    let plugins: Vec<Plugin> = plugins
        .iter()
        .map(|name| Plugin {
            name: (*name).into(),
            version: "1.0.0".into(),
            is_enabled: true,
            is_core: false,
        })
        .collect();
    Capabilities::of(Version::new(0, 38, 27), &plugins).unwrap()
}

fn nothing_there() -> Observed {
    Observed {
        capabilities: capabilities(&["postgres"]),
        app: None,
        base: None,
        services: BTreeMap::new(),
    }
}

fn container(id: &str, image: &str) -> Container {
    Container {
        id: id.into(),
        image_id: image.into(),
        created: now(),
        process_type: "web".into(),
        index: 1,
        is_running: true,
        restarts: 0,
        container_type: "deploy".into(),
    }
}

/// An app as a deploy of `sha` by this system leaves it.
fn deployed(sha: &str) -> Observed {
    let wish = Wish {
        commit: Commit {
            sha: sha.into(),
            ..wish().commit
        },
        ..wish()
    };
    let fresh = plan(&wish, &nothing_there(), now(), false).unwrap();
    let changes = fresh.variable_changes().unwrap();
    let mut variables = changes.set.clone();
    variables.insert(
        "DEPLOY_MANAGED".into(),
        Secret::new(changes.managed.write()),
    );
    variables.insert("GIT_REV".into(), Secret::new(sha));
    variables.extend(History::default().record(&NextRelease {
        sha: sha.into(),
        image: Some("sha256:old".into()),
        timestamp: now(),
        actor: "ada".into(),
        message: "Before".into(),
        environment: "production".into(),
    }));
    let variables = Variables::from(variables);
    Observed {
        app: Some(AppState {
            history: History::of(&variables),
            variables,
            domains: Domains {
                is_enabled: true,
                app: vec!["shop.example.com".into()],
                global: vec![],
            },
            ports: Ports {
                set: vec![],
                detected: vec![PortMapping {
                    scheme: "http".into(),
                    host: 80,
                    container: 5000,
                }],
            },
            limits: limits_of(&wish),
            scale: BTreeMap::from([("web".into(), 1)]),
            ps: PsReport {
                is_deployed: true,
                running: Running::All,
                can_scale: true,
                is_skipping_deploy: Some(false),
                containers: BTreeMap::new(),
            },
            git: GitReport {
                deploy_branch: "main".into(),
                is_deploy_branch_set: true,
                sha: None,
                source_image: None,
            },
            containers: vec![container("c1", "sha256:old")],
        }),
        ..nothing_there()
    }
}

fn limits_of(wish: &Wish) -> Limits {
    Limits {
        memory: wish.settings.resources.memory.clone(),
        cpu: wish.settings.resources.cpu.clone(),
    }
}

fn steps(wish: &Wish, observed: &Observed) -> String {
    let plan = plan(wish, observed, now(), false).unwrap();
    lines(&plan, wish)
}

fn lines(plan: &Plan, wish: &Wish) -> String {
    let mut lines = plan.describe(wish);
    lines.extend(plan.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

fn with_postgres(mut observed: Observed, exists: bool, linked: &[&str]) -> Observed {
    observed.services.insert(
        ServiceKind::Postgres,
        ServiceState {
            name: ServiceName::of(ServiceKind::Postgres, &app("shop")),
            exists,
            linked: linked
                .iter()
                .map(|name| ServiceName::new(name).unwrap())
                .collect(),
            to_copy: None,
        },
    );
    observed
}

fn set(observed: &mut Observed, pairs: impl IntoIterator<Item = (String, Secret)>) {
    let app = observed.app.as_mut().unwrap();
    let mut map = app.variables.clone().into_map();
    map.extend(pairs);
    app.variables = Variables::from(map);
    app.history = History::of(&app.variables);
}

#[test]
fn first_deploy_with_a_database_and_a_migration() {
    let wish = wish_with("shop", Environment::Production, TASKS, POSTGRES);
    insta::assert_snapshot!(steps(&wish, &with_postgres(nothing_there(), false, &[])));
}

#[test]
fn a_new_commit_is_pushed_and_goes_live_at_once_without_tasks() {
    insta::assert_snapshot!(steps(&wish(), &deployed(EARLIER)));
}

#[test]
fn with_tasks_the_traffic_waits_for_them() {
    let wish = wish_with("shop", Environment::Production, TASKS, "services: {}\n");
    insta::assert_snapshot!(steps(&wish, &deployed(EARLIER)));
}

#[test]
fn tasks_after_traffic_keep_the_original_order() {
    let config = format!("{TASKS}  when: after_traffic\n");
    let wish = wish_with("shop", Environment::Production, &config, "services: {}\n");
    insta::assert_snapshot!(steps(&wish, &deployed(EARLIER)));
}

#[test]
fn nothing_changed_is_only_verified() {
    let plan = plan(&wish(), &deployed(COMMIT), now(), false).unwrap();
    assert!(!plan.changes_anything());
    assert_eq!(
        lines(&plan, &wish()),
        "Checking what serves, and its health"
    );
}

#[test]
fn a_changed_variable_alone_restarts() {
    let mut wish = wish();
    wish.given.insert(
        Source::Flag,
        BTreeMap::from([("GREETING".into(), Secret::new("hunter2"))]),
    );
    let text = steps(&wish, &deployed(COMMIT));
    assert!(!text.contains("hunter2"));
    insta::assert_snapshot!(text);
}

#[test]
fn what_runs_without_proof_is_built_again() {
    let mut observed = deployed(COMMIT);
    let app = observed.app.as_mut().unwrap();
    app.git.sha = Some(COMMIT.into());
    app.git.deploy_branch = "master".into();
    app.containers = vec![container("c1", "sha256:somebody-elses")];
    insta::assert_snapshot!(steps(&wish(), &observed));
}

#[test]
fn what_was_once_on_master_says_nothing_of_another_deploy_branch() {
    let mut observed = deployed(EARLIER);
    let app = observed.app.as_mut().unwrap();
    app.git.sha = Some(COMMIT.into());
    app.git.deploy_branch = "live".into();
    let plan = plan(&wish(), &observed, now(), false).unwrap();
    assert_eq!(plan.previous_commit.as_deref(), Some(EARLIER));
    assert!(steps(&wish(), &observed).contains("Pushing 1111111 to live"));
}

#[test]
fn linked_services_of_any_name_are_left_alone() {
    let wish = wish_with(
        "shop",
        Environment::Production,
        "scale: {web: 1}\n",
        POSTGRES,
    );
    let text = steps(&wish, &with_postgres(deployed(EARLIER), false, &["maindb"]));
    assert!(!text.contains("service"), "{text}");
}

#[test]
fn an_external_database_gets_no_empty_one_beside_it() {
    let wish = wish_with(
        "shop",
        Environment::Production,
        "scale: {web: 1}\n",
        POSTGRES,
    );
    let mut observed = with_postgres(deployed(EARLIER), false, &[]);
    set(
        &mut observed,
        [("DATABASE_URL".into(), Secret::new("postgres://elsewhere"))],
    );
    let text = steps(&wish, &observed);
    assert!(
        text.contains("note: DATABASE_URL is set and no postgres service is linked"),
        "{text}"
    );
    assert!(!text.contains("Creating"), "{text}");
}

#[test]
fn a_formation_in_app_json_wins_over_scale() {
    let wish = wish_with(
        "shop",
        Environment::Production,
        "scale: {web: 3}\n",
        "services: {}\n",
    );
    let mut observed = deployed(EARLIER);
    assert!(steps(&wish, &observed).contains("Scaling to web=3"));
    observed.app.as_mut().unwrap().ps.can_scale = false;
    let text = steps(&wish, &observed);
    assert!(
        text.contains("app.json has a formation") && !text.contains("Scaling"),
        "{text}"
    );
}

#[test]
fn somebody_elses_app_is_adopted_with_a_list() {
    let mut observed = with_postgres(deployed(EARLIER), false, &["maindb"]);
    let app = observed.app.as_mut().unwrap();
    app.variables = [("SECRET_KEY", "x"), ("APP_ENV", "prod")]
        .into_iter()
        .collect();
    app.history = History::of(&app.variables);
    app.domains.app.push("www.shop.com".into());
    let plan = plan(&wish(), &observed, now(), false).unwrap();
    let adoption = plan.adoption.unwrap();
    assert_eq!(adoption.owns, ["APP_ENV", "APP_NAME", "APP_URL"]);
    assert_eq!(adoption.leaves, ["SECRET_KEY"]);
    assert_eq!(adoption.services, ["maindb"]);
    assert_eq!(adoption.domains, ["shop.example.com", "www.shop.com"]);
}

fn lock() -> BTreeMap<String, Secret> {
    NewLock {
        reason: "database migration".into(),
        by: "grace".into(),
        at: now(),
        until: None,
        id: "x1".into(),
    }
    .variables()
}

fn refusal(wish: &Wish, observed: &Observed) -> String {
    plan(wish, observed, now(), false).unwrap_err().to_string()
}

#[test]
fn a_lock_refuses_with_reason_person_and_time() {
    let mut observed = deployed(EARLIER);
    set(&mut observed, lock());
    assert_eq!(
        refusal(&wish(), &observed),
        "shop is locked: database migration (by grace since 2026-11-23T12:00:00Z)"
    );
}

#[test]
fn locked_base_blocks_preview() {
    let wish = wish_with("shop-pr-7", Environment::Preview, "", "");
    let mut observed = nothing_there();
    observed.base = Some((app("shop"), Variables::from(lock())));
    assert!(refusal(&wish, &observed).starts_with("shop is locked"));
    observed.base = Some((app("shop"), Variables::default()));
    assert!(plan(&wish, &observed, now(), false).is_ok());
}

#[test]
fn a_malformed_lock_refuses_too() {
    let mut observed = deployed(EARLIER);
    set(
        &mut observed,
        [("DEPLOY_LOCKED".into(), Secret::new("perhaps"))],
    );
    assert!(matches!(
        plan(&wish(), &observed, now(), false),
        Err(Refusal::UnreadableLock { .. })
    ));
}

fn journal(minutes_silent: i64, phase: Phase) -> Journal {
    Journal {
        id: "r-0".into(),
        phase,
        started: now(),
        alive: now() - jiff::SignedDuration::from_mins(minutes_silent),
        by: "grace".into(),
        commit: EARLIER.into(),
        previous: None,
        undo: Undo::new(),
        entry: None,
        owed: Vec::new(),
    }
}

#[test]
fn another_deploy_under_way_refuses_until_it_is_silent_or_resumed() {
    let mut observed = deployed(EARLIER);
    set(&mut observed, journal(14, Phase::Building).variables());
    assert_eq!(
        refusal(&wish(), &observed),
        "another deploy of shop is under way: grace is building 2222222 since 2026-11-23T12:00:00Z"
    );
    assert!(
        plan(&wish(), &observed, now(), true)
            .unwrap()
            .takeover
            .is_some()
    );
    set(&mut observed, journal(16, Phase::Building).variables());
    assert!(
        plan(&wish(), &observed, now(), false)
            .unwrap()
            .takeover
            .is_some()
    );
}

#[test]
fn skip_deploy_of_another_hand_refuses_but_ours_is_taken_over() {
    let mut observed = deployed(EARLIER);
    observed.app.as_mut().unwrap().ps.is_skipping_deploy = Some(true);
    assert!(refusal(&wish(), &observed).contains("skip-deploy is set on shop"));
    set(&mut observed, journal(16, Phase::Tasks).variables());
    assert!(plan(&wish(), &observed, now(), false).is_ok());
}

#[test]
fn variables_that_are_not_the_callers_or_would_be_corrupted_are_refused() {
    for (key, value, why) in [
        ("DEPLOY_LOCKED", "true", "it holds this system's own state"),
        ("GIT_REV", "x", "it belongs to Dokku"),
        ("BAD-KEY", "x", "is not a variable's name"),
        ("PATHS", "c:\\", "cannot be stored by Dokku"),
        ("QUOTE", "say \"", "cannot be stored by Dokku"),
        ("ZIP", "007", "cannot be stored by Dokku"),
    ] {
        let mut wish = wish();
        wish.given.insert(
            Source::File,
            BTreeMap::from([(key.to_owned(), Secret::new(value))]),
        );
        let refusal = refusal(&wish, &deployed(EARLIER));
        assert!(refusal.contains(why) && refusal.contains(key), "{refusal}");
    }
}

#[test]
fn a_service_without_its_plugin_is_refused() {
    let wish = wish_with(
        "shop",
        Environment::Production,
        "",
        "services:\n  redis: {enabled: true}\n",
    );
    let refusal = refusal(&wish, &nothing_there());
    assert!(
        refusal.contains("services.yml asks for redis") && refusal.contains("plugin:install"),
        "{refusal}"
    );
}

#[test]
fn corrupted_history_refuses_instead_of_counting_from_one() {
    let mut observed = deployed(EARLIER);
    set(
        &mut observed,
        [("RELEASE_HISTORY_B64".into(), Secret::new("%%%"))],
    );
    assert!(matches!(
        plan(&wish(), &observed, now(), false),
        Err(Refusal::Unreadable { .. })
    ));
}
