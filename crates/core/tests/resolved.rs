//! What an environment's settings come to.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use dokku_deploy::{
    app::Environment::{self, Development, Preview, Production, Staging},
    service::ServiceKind::{Mysql, Postgres, Redis},
    settings::{OnFailure, PreviewDatabase, Resolved, Settings, Severity, Source, When},
};

fn parse(config: &str, services: &str) -> Settings {
    let source = |path, text| Some(Source { path, text });
    Settings::parse(
        source("config.yml", config),
        source("services.yml", services),
    )
    .unwrap()
}

fn resolve(config: &str, environment: Environment) -> Resolved {
    parse(config, "").resolve(environment)
}

#[test]
fn nothing_given_means_the_documented_defaults() {
    let resolved = Settings::parse(None, None).unwrap().resolve(Production);
    assert_eq!(resolved, resolve("", Production));
    let json = serde_json::to_value(&resolved).unwrap();
    let expected = serde_json::json!({
        "resources": { "memory": null, "cpu": null },
        "scale": {},
        "custom_domains": [],
        "release": { "tasks": [], "when": "before_traffic", "on_failure": null },
        "healthcheck": {
            "path": "/health", "timeout": "10s", "attempts": 6, "wait": "5s", "status": [200],
            "version_header": null, "version_json": null,
        },
        "services": [],
        "backup": {
            "retention_days": 14, "keep_last": null, "keep_daily": null, "keep_weekly": null,
            "keep_monthly": null, "encrypt_to": [], "heartbeat_url": null,
            "restore_test_days": 7, "restore_test_max_gib": 10,
        },
        "security": { "block_on_critical": true, "severity": ["CRITICAL", "HIGH", "MEDIUM"] },
        "test_command": null,
        "preview": {
            "database": null, "clone_from": "staging", "masking_sql": null, "backup": true,
        },
        "dashboard": { "repository": null, "branch": "gh-pages", "public": null },
        "inactive": [],
    });
    assert_eq!(json, expected);
}

#[test]
fn an_environments_task_list_replaces_the_global_one_as_a_whole() {
    let config = "
release:
  when: after_traffic
  tasks:
    - { name: Migrate, command: bin/migrate, timeout: 10m }
    - { name: Seed, command: bin/seed }
environments:
  staging:
    release:
      tasks:
        - { name: Only, command: bin/only }
  preview:
    release:
      on_failure: keep
      tasks: []
  development:
    release:
      tasks:
";
    let tasks = |environment| {
        let release = resolve(config, environment).release;
        assert_eq!(release.when, When::AfterTraffic, "maps are merged per key");
        let tasks = release.tasks.into_iter();
        tasks
            .map(|t| (t.name, t.timeout.as_secs()))
            .collect::<Vec<_>>()
    };
    let global = vec![("Migrate".to_owned(), 600), ("Seed".to_owned(), 120)];
    assert_eq!(tasks(Production), global);
    // The timeout of the global task at the same place is not taken.
    assert_eq!(tasks(Staging), vec![("Only".to_owned(), 120)]);
    assert_eq!(tasks(Preview), vec![]);
    assert_eq!(
        tasks(Development),
        global,
        "a key without a value says nothing"
    );
    assert_eq!(
        resolve(config, Preview).release.on_failure,
        Some(OnFailure::Keep)
    );
    assert_eq!(resolve(config, Staging).release.on_failure, None);
}

#[test]
fn maps_are_merged_per_key() {
    let config = "
resources: { memory: 512m, cpu: 1 }
scale: { web: 2, worker: 1 }
healthcheck: { path: /up, status: [200, 204] }
backup: { retention_days: 30, keep_last: 3 }
environments:
  production:
    resources: { memory: 2G }
    scale: { web: 4, clock: 1 }
    healthcheck: { status: [204], wait: 0 }
    backup: { keep_last: 0 }
";
    let resolved = resolve(config, Production);
    assert_eq!(resolved.resources.memory.as_deref(), Some("2g"));
    assert_eq!(resolved.resources.cpu.as_deref(), Some("1"));
    let scale: Vec<_> = resolved
        .scale
        .iter()
        .map(|(k, n)| (k.as_str(), *n))
        .collect();
    assert_eq!(scale, [("clock", 1), ("web", 4), ("worker", 1)]);
    assert_eq!(resolved.healthcheck.path, "/up");
    assert_eq!(resolved.healthcheck.status, [204]);
    assert_eq!(resolved.healthcheck.wait, Duration::ZERO);
    assert_eq!(resolved.backup.retention_days, 30);
    assert_eq!(resolved.backup.keep_last, Some(0));
    let elsewhere = resolve(config, Staging);
    assert_eq!(elsewhere.resources.memory.as_deref(), Some("512m"));
    assert_eq!(elsewhere.scale.get("web"), Some(&2));
    assert_eq!(elsewhere.healthcheck.status, [200, 204]);
}

#[test]
fn global_domains_belong_to_production_alone() {
    let config = "
custom_domains: [www.example.com]
environments:
  staging: { custom_domains: [staging.example.com] }
";
    let domains = |environment| resolve(config, environment).custom_domains;
    assert_eq!(domains(Production), ["www.example.com"]);
    assert_eq!(domains(Staging), ["staging.example.com"]);
    assert!(domains(Development).is_empty());
    assert!(domains(Preview).is_empty());
    let config = format!("{config}  production: {{ custom_domains: [shop.example.com] }}\n");
    assert_eq!(
        resolve(&config, Production).custom_domains,
        ["shop.example.com"],
        "replaced, not added to"
    );
}

#[test]
fn a_command_keeps_every_byte() {
    let config = "release:\n  tasks:\n    - name: x\n      command: |\n        echo \"$A\" | tr 'a' --app\n        \n        # not a comment of YAML\n";
    let tasks = resolve(config, Production).release.tasks;
    assert_eq!(
        tasks.first().unwrap().command,
        "echo \"$A\" | tr 'a' --app\n\n# not a comment of YAML\n"
    );
}

#[test]
fn services_are_wished_for_where_they_are_enabled() {
    let services = "
services:
  redis: { enabled: true, environments: { preview: { shared: true } } }
  postgres:
    enabled: true
    version: 15
    environments: { preview: { enabled: false }, staging: { version: \"16.1\", dedicated: true } }
  mysql: { enabled: false, environments: { staging: { enabled: true } } }
  mongo: { version: 7 }
  rabbitmq:
";
    let settings = parse("", services);
    let wishes = |environment| {
        let services = settings.resolve(environment).services.into_iter();
        services
            .map(|s| (s.kind, s.shared, s.version))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        wishes(Production),
        [
            (Postgres, false, Some("15".to_owned())),
            (Redis, false, None)
        ]
    );
    assert_eq!(
        wishes(Staging),
        [
            (Postgres, false, Some("16.1".to_owned())),
            (Mysql, false, None),
            (Redis, false, None)
        ]
    );
    assert_eq!(wishes(Preview), [(Redis, true, None)]);
}

#[test]
fn the_gate_can_be_switched_off_and_the_nearest_word_counts() {
    let config = "
security:
  block_on_critical: false
  severity: CRITICAL, HIGH
  environments:
    production: { block_on_critical: true }
    staging: { severity: [LOW] }
environments:
  production: { security: { severity: [CRITICAL] } }
";
    let security = |environment| {
        let security = resolve(config, environment).security;
        (security.block_on_critical, security.severity)
    };
    assert_eq!(security(Production), (true, vec![Severity::Critical]));
    assert_eq!(security(Staging), (false, vec![Severity::Low]));
    assert_eq!(
        security(Preview),
        (false, vec![Severity::Critical, Severity::High])
    );
}

#[test]
fn sections_that_nothing_acts_on_are_named() {
    let config = "
canary: { enabled: true }
scaling:
servers: {}
security: { block_on_critical: true }
environments: { staging: { approval: { required: true } } }
";
    assert_eq!(
        resolve(config, Production).inactive,
        ["servers", "canary", "security"]
    );
    assert_eq!(
        resolve(config, Staging).inactive,
        ["servers", "canary", "approval", "security"]
    );
}

#[test]
fn previews_may_copy_data_and_skip_their_backup() {
    let resolved = resolve("preview: { database: clone, backup: false }", Preview);
    assert_eq!(resolved.preview.database, Some(PreviewDatabase::Clone));
    assert_eq!(resolved.preview.clone_from, Staging);
    assert!(!resolved.preview.backup);
}

#[test]
fn branches_replace_the_standard_mapping() {
    let settings = parse("branches: { trunk: production, release/next: staging }", "");
    let branches = settings.branches();
    assert_eq!(branches.environment("trunk"), Ok(Production));
    assert_eq!(branches.environment("release/next"), Ok(Staging));
    let error = branches.environment("main").unwrap_err().to_string();
    assert!(
        error.contains("release/next → staging, trunk → production"),
        "{error}"
    );
    let standard = parse("", "").branches();
    assert_eq!(standard.environment("main"), Ok(Production));
}
