//! What the recorded host had before each recording: apps, services, variables, a plugin that can be made to fail.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// One thing to do before a recording is replayed.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// A line over ssh; its answer does not matter here.
    Run(&'static str),
    /// The plugin's trigger of this name fails from now on.
    Fail(&'static str),
    /// No trigger fails any more.
    Heal,
    /// A file of the sample app from the next commit on; executable, and gone if it is empty.
    File(&'static str, &'static str),
    /// A push of the sample app to this app.
    Push(&'static str),
}

use Step::{Fail, File, Heal, Push, Run};

/// At the very beginning.
pub const FIRST: &[Step] = &[
    Run("apps:create myapp"),
    Push("myapp"),
    Run("config:unset --no-restart myapp GIT_REV"),
];

/// Steps by the recording that they precede; gaps in the recordings, filled.
pub const BEFORE: &[(&str, &[Step])] = &[
    ("apps-unlock-again", &[Run("apps:unlock app2")]),
    ("apps-create-app2b", &[Run("--force apps:destroy app2")]),
    ("nondokku-pipe", &[Run("--force apps:destroy my.app")]),
    (
        "config-get-GREETING",
        &[Run("config:set --no-restart myapp GREETING=hi")],
    ),
    (
        "config-set-encoded",
        &[
            Run(r#"config:set --no-restart myapp 'BQ=a"b'\''c'"#),
            Run("config:set --no-restart myapp GL=*"),
            Run("config:set --no-restart myapp 'HS=#x y'"),
        ],
    ),
    (
        "config-unset-big",
        &[Run("config:set --no-restart myapp BIG=1")],
    ),
    (
        "config-unset-big2",
        &[Run("config:set --no-restart myapp BIG=1")],
    ),
    (
        "config-export-json-z",
        &[Run("config:set --no-restart --encoded myapp Z14=XCRY")],
    ),
    ("domains-report-3", &[Run("domains:clear myapp")]),
    (
        "domains-reset",
        &[Run("domains:add myapp myapp.dokku.test")],
    ),
    (
        "resource-report",
        &[Run(
            "resource:limit --process-type web --cpu 1 --memory 256 myapp",
        )],
    ),
    ("ports-report-json", &[Run("ports:set myapp http:80:5000")]),
    ("after-fail-user-auth-locked", &[Heal]),
    ("postgres-clone", &[Run("postgres:start maindb")]),
    (
        "redis-info",
        &[
            Run("--force postgres:destroy db2"),
            Run("redis:create cache"),
        ],
    ),
    ("push-fail-user-auth", &[Fail("user-auth")]),
    ("apps-exists-nonexist", &[Run("apps:create nonexist")]),
    (
        "push-fail-pre-receive-app",
        &[
            Run("checks:set myapp wait-to-retire 5"),
            Fail("pre-receive-app"),
        ],
    ),
    ("push-fail-pre-build", &[Fail("pre-build")]),
    ("push-fail-pre-deploy", &[Fail("pre-deploy")]),
    ("push-fail-check-deploy", &[Fail("check-deploy")]),
    ("push-fail-post-deploy", &[Fail("post-deploy")]),
    ("rebuild-fail-pre-build", &[Fail("pre-build")]),
    (
        "rebuild-fail-core-post-extract",
        &[Fail("core-post-extract")],
    ),
    ("config-set-fail-pre-deploy", &[Fail("pre-deploy")]),
    (
        "push-fail-core-post-extract-2",
        &[Fail("core-post-extract")],
    ),
    ("after-fail-pre-receive-app-sha", &[Heal]),
    ("after-fail-pre-build-locked", &[Heal]),
    ("after-fail-pre-deploy-sha", &[Heal]),
    ("after-fail-check-deploy-locked", &[Heal]),
    ("after-fail-post-deploy-locked", &[Heal]),
    ("config-get-after-fail", &[Heal]),
    ("after-cpe2-git-rev", &[Heal]),
    ("push-otherbranch", &[Run("git:set myapp deploy-branch")]),
    (
        "push-nonff",
        &[Run("git:set myapp deploy-branch other"), Push("myapp")],
    ),
    (
        "push-buildfail-2",
        &[File(".sandbox/build", "#!/bin/sh\nexit 42\n")],
    ),
    ("builds-after-fail-2", &[File(".sandbox/build", "")]),
    (
        "push-crash-3",
        &[File(
            "server.py",
            "import sys\nprint('boom', flush=True)\nsys.exit(1)\n",
        )],
    ),
    ("ps-report-all-json", &[Run("apps:create my.app")]),
    ("ps-report-deployed", &[Run("--force apps:destroy my.app")]),
    ("q-run-inner-app", &[Push("imgapp")]),
    ("ps-report-stopped", &[Run("ps:stop myapp")]),
    ("cmd-fail-user-auth", &[Fail("user-auth")]),
    (
        "img-fail-core-post-extract",
        &[Heal, Run("apps:create imgapp3"), Fail("core-post-extract")],
    ),
    ("destroy-fail-pre-delete", &[Fail("pre-delete")]),
    ("exists-after-pre-delete", &[Heal]),
    (
        "config-set-fail-post-config-update",
        &[Fail("post-config-update")],
    ),
    ("config-get-after-fail2", &[Heal]),
    ("destroy-autoapp", &[Run("apps:create autoapp")]),
    ("destroy-img", &[Run("apps:create imgapp2")]),
    ("clone-2", &[Run("--force apps:destroy myclone")]),
];

/// Recordings of pushes that had no new commit.
pub const WITHOUT_COMMIT: &[&str] = &[
    "push-uptodate",
    "push-nonff",
    "push-delete",
    "push-retry-same-commit",
];

/// The sample app: files by name.
pub const SAMPLE: &[(&str, &str)] = &[
    (
        "app.json",
        r#"{"healthchecks":{"web":[{"name":"health","type":"startup","path":"/health","attempts":3,"timeout":2}]}}"#,
    ),
    (
        "Dockerfile",
        "FROM python:3\nCOPY . .\nEXPOSE 5000\nCMD [\"python3\", \"server.py\"]\n",
    ),
    ("Procfile", "web: python3 server.py\nworker: sleep 3600\n"),
    ("server.py", include_str!("../fixtures/sample/server.py")),
];

/// Every trigger that the recorded host's third-party plugin had.
const TRIGGERS: &[&str] = &[
    "user-auth",
    "user-auth-app",
    "post-config-update",
    "core-post-extract",
    "post-extract",
    "pre-receive-app",
    "pre-build",
    "pre-deploy",
    "check-deploy",
    "post-deploy",
    "pre-delete",
];

/// Puts the plugin of the recordings into a sandbox.
pub fn install_probe(root: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/probe");
    let to = root.join("plugins/probe");
    std::fs::create_dir_all(to.join("subcommands")).unwrap();
    for file in [
        "trigger",
        "commands",
        "plugin.toml",
        "subcommands/default",
        "subcommands/args",
        "subcommands/exit",
        "subcommands/cat",
    ] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
        if file != "plugin.toml" {
            std::fs::set_permissions(to.join(file), std::fs::Permissions::from_mode(0o755))
                .unwrap();
        }
    }
    for trigger in TRIGGERS {
        symlink("trigger", to.join(trigger)).unwrap();
    }
}

/// Makes a trigger of the plugin fail, or none.
pub fn fail(root: &Path, trigger: &str) {
    std::fs::write(root.join("plugins/probe/fail"), trigger).unwrap();
}
