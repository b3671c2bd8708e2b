//! What a plugin finds on its host: fixed variables, and the directories that they name.

use std::path::Path;

/// Variables that are the same in every call.
pub const FIXED: &[(&str, &str)] = &[
    ("DOCKER_BIN", "/usr/bin/docker"),
    ("DOCKER_BUILDKIT", "1"),
    ("DOKKU_API_VERSION", "1"),
    ("DOKKU_CNB_BUILDER", "heroku/builder:24"),
    ("DOKKU_CONTAINER_LABEL", "dokku"),
    ("DOKKU_DISTRO", "debian"),
    ("DOKKU_GLOBAL_BUILD_ARGS", LABELS),
    ("DOKKU_GLOBAL_RUN_ARGS", LABELS),
    ("DOKKU_IMAGE", "gliderlabs/herokuish:latest-24"),
    ("DOKKU_NOT_IMPLEMENTED_EXIT", "10"),
    ("DOKKU_SYSTEM_GROUP", "dokku"),
    ("DOKKU_SYSTEM_USER", "dokku"),
    ("DOKKU_VALID_EXIT", "0"),
    ("LANG", "C.UTF-8"),
    ("LOGNAME", "dokku"),
    ("MAIL", "/var/mail/dokku"),
    ("SHELL", "/bin/bash"),
    ("SHLVL", "2"),
    ("SSH_USER", "dokku"),
    ("USER", "dokku"),
];

const LABELS: &str = "--label=org.label-schema.schema-version=1.0 --label=org.label-schema.vendor=dokku --label=dokku";

/// Variables that name a directory or file, by its place under the root.
pub const DIRECTORIES: &[(&str, &str)] = &[
    ("DOKKU_EVENTS_LOGFILE", "logs/events.log"),
    ("DOKKU_HOST_ROOT", "home"),
    ("DOKKU_LIB_ROOT", "lib"),
    ("DOKKU_LOGS_DIR", "logs"),
    ("DOKKU_LOGS_HOST_DIR", "logs"),
    ("DOKKU_ROOT", "home"),
    ("HOME", "home"),
    ("PLUGIN_AVAILABLE_PATH", "lib/plugins/available"),
    ("PLUGIN_CORE_AVAILABLE_PATH", "lib/core-plugins/available"),
    ("PLUGIN_CORE_ENABLED_PATH", "lib/core-plugins/enabled"),
    ("PLUGIN_CORE_PATH", "lib/core-plugins"),
    ("PLUGIN_ENABLED_PATH", "lib/plugins/enabled"),
    ("PLUGIN_PATH", "lib/plugins"),
];

/// Names under `lib/plugins` that a real host has; here all of them are the directory of plugins itself.
pub const VIEWS: [&str; 2] = ["available", "enabled"];

/// Makes the directories that plugins know from a real host.
pub fn lay_out(root: &Path) -> std::io::Result<()> {
    for directory in [
        "home",
        "lib/data",
        "lib/core-plugins/available",
        "lib/core-plugins/enabled",
        "logs",
        "plugins",
        "bin",
    ] {
        fs_err::create_dir_all(root.join(directory))?;
    }
    let links = [("../plugins", "lib/plugins"), ("../config", "lib/config")];
    let views = VIEWS.map(|view| (".", format!("plugins/{view}")));
    for (to, from) in links
        .iter()
        .map(|(to, from)| (*to, (*from).to_owned()))
        .chain(views)
    {
        let from = root.join(from);
        if !from.is_symlink() {
            fs_err::os::unix::fs::symlink(to, from)?;
        }
    }
    Ok(())
}
