//! Root on the host, over the user's own ssh.

use std::{
    io::{self, Write},
    process::{Command, Stdio},
};

use dokku_deploy::plugin_protocol::{RecordRequest, encode};

use super::plan::{Found, KINDS, Unexpected};

/// How root is reached.
#[derive(Debug, Clone)]
pub struct Root {
    /// `root@host`, or a user who may use sudo.
    pub target: String,
    /// Whether commands go through `sudo`.
    pub has_sudo: bool,
    /// Where backups are kept.
    pub backups: String,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// ssh could not be run, or its input not written.
    #[error("cannot run ssh: {0}")]
    Local(#[from] io::Error),
    /// ssh did not get there.
    #[error("cannot reach {host}: {why}")]
    Unreachable {
        /// The host.
        host: String,
        /// ssh's words.
        why: String,
    },
    /// The command failed there.
    #[error("on {host}, {what} failed (exit status {status}): {why}")]
    Failed {
        /// The host.
        host: String,
        /// What was done.
        what: &'static str,
        /// The exit status.
        status: i32,
        /// Its words.
        why: String,
    },
    /// It answered something else.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

const LOOK: &str = r#"
echo "user=$(id -u)"
echo "machine=$(uname -m)"
echo "dokku=$(dokku version 2>/dev/null | head -n 1)"
echo "plugin=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$plugin/plugin.toml" 2>/dev/null)"
echo "digest=$(cat "$plugin/digest" 2>/dev/null)"
if [ -e "$lib/plugins/enabled/deploy-system" ]; then echo enabled=yes; else echo enabled=no; fi
for kind in $kinds; do [ -d "$backups/$kind" ] || echo "missing=$kind"; done
"#;

/// Files are replaced one by one, each by a rename: there is no moment without a gate.
const SETUP: &str = r#"
work=$(mktemp -d)
new=$lib/plugins/available/.deploy-system.new
trap 'rm -rf "$work" "$new"' EXIT
cat >"$work/deploy-system.tar.gz"
rm -rf "$new"
mkdir "$new"
tar -xzf "$work/deploy-system.tar.gz" -C "$new"
# A gate that does not run would refuse every deploy.
"$new/bin/dokku-cli" version >/dev/null || {
    echo "the program does not run on this machine ($(uname -m)); nothing was changed" >&2
    exit 1
}
if [ -d "$plugin" ]; then
    chown -R "$owner" "$new"
    (
        cd "$new"
        find . -type d -exec mkdir -p "$plugin/{}" \;
        find . -type f ! -name digest -exec mv -f {} "$plugin/{}" \;
        mv -f digest "$plugin/digest"
    )
    [ -e "$lib/plugins/enabled/deploy-system" ] || dokku plugin:enable deploy-system
    "$plugin/install"
else
    dokku plugin:install "file://$work/deploy-system.tar.gz" --name deploy-system
fi
if [ "$backups" = /var/backups/dokku ]; then
    rm -f "$lib/data/deploy-system/backups"
else
    echo "$backups" >"$lib/data/deploy-system/backups"
fi
for kind in $kinds; do
    [ -d "$backups/$kind" ] && continue
    mkdir -p "$backups/$kind"
    chown "$owner" "$backups" "$backups/$kind"
    chmod 0700 "$backups/$kind"
    echo "$backups/$kind" >>"$lib/data/deploy-system/made-by-setup"
done
"#;

const REMOVE: &str = r#"
made=$lib/data/deploy-system/made-by-setup
if [ -d "$plugin" ]; then dokku plugin:uninstall deploy-system >&2; fi
if [ -f "$made" ]; then
    while read -r directory; do rmdir "$directory" 2>/dev/null || true; done <"$made"
    rm -f "$made"
fi
rm -f "$lib/data/deploy-system/backups"
rmdir "$backups" 2>/dev/null || true
for left in "$backups" "$lib/data/deploy-system"; do [ ! -e "$left" ] || echo "$left"; done
"#;

/// Where there is no plugin there is no log.
const RECORD: &str = r#"
[ -x "$plugin/subcommands/record" ] || { cat >/dev/null; exit 0; }
dokku deploy-system:record --format json
"#;

impl Root {
    /// What is there.
    pub fn look(&self) -> Result<Found, RemoteError> {
        Ok(Found::read(&self.run("looking", LOOK, &[])?)?)
    }

    /// Installs the plugin or replaces its files, and makes the directories of backups.
    pub fn set_up(&self, archive: &[u8]) -> Result<(), RemoteError> {
        self.run("the setup", SETUP, archive).map(drop)
    }

    /// Undoes it; the paths that stay.
    pub fn remove(&self) -> Result<Vec<String>, RemoteError> {
        let left = self.run("the removal", REMOVE, &[])?;
        Ok(left.lines().map(str::to_owned).collect())
    }

    /// Puts an entry into the host's audit log, if the plugin is there to keep one.
    pub fn record(&self, request: &RecordRequest) -> Result<(), RemoteError> {
        let word = encode(request);
        self.run("recording", RECORD, word.as_bytes()).map(drop)
    }

    pub(super) fn run(
        &self,
        what: &'static str,
        script: &str,
        input: &[u8],
    ) -> Result<String, RemoteError> {
        let whole = format!(
            "set -eu\nlib=${{DOKKU_LIB_ROOT:-/var/lib/dokku}}\nplugin=$lib/plugins/available/deploy-system\nowner=${{DOKKU_SYSTEM_USER:-dokku}}:${{DOKKU_SYSTEM_GROUP:-dokku}}\nbackups={}\nkinds='{}'\n{script}",
            quoted(&self.backups),
            KINDS.join(" "),
        );
        let shell = if self.has_sudo {
            "sudo -n sh -c"
        } else {
            "sh -c"
        };
        let mut child = Command::new("ssh")
            .args(["-a", "-x", "-T", "-o", "ClearAllForwardings=yes", "--"])
            .args([self.target.as_str(), &format!("{shell} {}", quoted(&whole))])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A command that ends early says itself why.
                stdin.map(|mut stdin| stdin.write_all(input))
            });
            child.wait_with_output()
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let host = self.target.clone();
        Err(match output.status.code() {
            Some(255) | None => RemoteError::Unreachable { host, why },
            Some(status) => RemoteError::Failed {
                host,
                what,
                status,
                why,
            },
        })
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
