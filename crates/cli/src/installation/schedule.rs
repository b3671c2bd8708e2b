//! The timer of backups on a host: of systemd where it runs, else an entry in the crontab of the
//! user dokku.

use super::remote::{RemoteError, Root};

/// Where systemd looks for units, unless the host's own variable names another place.
const UNITS: &str = "${DOKKU_DEPLOY_SYSTEM_UNITS:-/etc/systemd/system}";

/// Writes what came on standard input for the plugin to read, then the timer.
const ON: &str = r#"
[ -d "$plugin" ] || { echo "the plugin deploy-system is not installed: dokku-cli server setup" >&2; exit 1; }
data=$lib/data/deploy-system
umask 077
cat >"$data/.backup.json.new"
chown "$owner" "$data/.backup.json.new"
mv -f "$data/.backup.json.new" "$data/backup.json"
umask 022
unit=dokku-deploy-system-backup
case "$(systemctl is-system-running 2>/dev/null || true)" in
    running | degraded | starting | initializing | maintenance)
        cat >"$units/$unit.service" <<END
[Unit]
Description=Backups of all databases of Dokku
Wants=network-online.target
After=network-online.target docker.service

[Service]
Type=oneshot
User=${owner%%:*}
ExecStart="$(command -v dokku)" deploy-system:backup --scheduled
END
        cat >"$units/$unit.timer" <<END
[Unit]
Description=Backups of all databases of Dokku

[Timer]
OnCalendar=*-*-* $at:00 UTC
Persistent=true

[Install]
WantedBy=timers.target
END
        systemctl daemon-reload
        systemctl enable --now "$unit.timer" >&2
        systemctl is-active --quiet "$unit.timer"
        echo "systemd"
        ;;
    *)
        # cron counts in the host's own time.
        when=$(date -d "$at UTC" '+%M %H')
        others=$({ crontab -u "${owner%%:*}" -l 2>/dev/null || true; } | sed '/deploy-system:backup --scheduled/d')
        printf '%s\n' ${others:+"$others"} "$when * * * \"$(command -v dokku)\" deploy-system:backup --scheduled" |
            crontab -u "${owner%%:*}" -
        crontab -u "${owner%%:*}" -l | grep -q 'deploy-system:backup --scheduled'
        echo "cron"
        ;;
esac
"#;

const OFF: &str = r#"
unit=dokku-deploy-system-backup
if [ -e "$units/$unit.timer" ]; then
    systemctl disable --now "$unit.timer" >&2
    rm -f "$units/$unit.timer" "$units/$unit.service"
    systemctl daemon-reload
fi
if command -v crontab >/dev/null && crontab -u "${owner%%:*}" -l 2>/dev/null | grep -q 'deploy-system:backup --scheduled'; then
    others=$(crontab -u "${owner%%:*}" -l | sed '/deploy-system:backup --scheduled/d')
    printf '%s' "${others:+$others
}" | crontab -u "${owner%%:*}" -
fi
rm -f "$lib/data/deploy-system/backup.json"
"#;

impl Root {
    /// Switches the timer on; what keeps it, `systemd` or `cron`. `settings` hold keys: they travel on
    /// standard input.
    pub fn schedule(&self, at: &str, settings: &[u8]) -> Result<String, RemoteError> {
        let script = format!("units=\"{UNITS}\"\nat={at}\n{ON}");
        let kept = self.run("switching the timer on", &script, settings)?;
        Ok(kept.trim().to_owned())
    }

    /// Switches it off, and forgets its settings.
    pub fn unschedule(&self) -> Result<(), RemoteError> {
        let script = format!("units=\"{UNITS}\"\n{OFF}");
        self.run("switching the timer off", &script, &[]).map(drop)
    }
}
