//! Backups on the server, end to end: the plugin's own program with a Dokku that exports a file of a gibibyte,
//! beside `gzip -6` and `pigz -6` on the same data, and beside `sha256sum` on what is compressed already.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::dumps::{write_archive, write_sql};
use super::table::Row;
use super::{median, milliseconds};
use crate::program;

/// How often a backup is measured.
const TURNS: usize = 3;
/// Files of the list that is measured.
const FILES: usize = 10_000;
/// Peak memory that is promised.
const MEMORY: u64 = 64 * 1024 * 1024;

/// Measures all of it.
pub fn measure(cli: &Path) -> anyhow::Result<Vec<Row>> {
    let scratch = tempfile::tempdir_in(cli.parent().context("where programs are built")?)?;
    let server = Server::new(scratch.path(), cli)?;
    let mut rows = sql(&server)?;
    rows.push(packed(&server)?);
    rows.push(list(&server)?);
    Ok(rows)
}

/// A directory that looks to the plugin like a Dokku host.
struct Server {
    top: PathBuf,
    cli: PathBuf,
}

/// One run: its time, its most memory.
struct Ran {
    took: Duration,
    peak: u64,
}

impl Server {
    fn new(top: &Path, cli: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(top.join("bin"))?;
        fs::create_dir_all(top.join("lib/data/deploy-system"))?;
        fs::write(
            top.join("lib/data/deploy-system/backups"),
            top.join("backups").display().to_string(),
        )?;
        let dump = top.join("dump").display().to_string();
        let script = format!(
            "#!/bin/sh\ncase \"$1\" in\n  mariadb:export | postgres:export) exec cat '{dump}' ;;\n  mariadb:app-links) [ \"$2\" = sql ] && echo db ;;\n  postgres:app-links) [ \"$2\" = packed ] && echo db ;;\n  *) echo \" !     \\`$1\\` is not a dokku command.\" >&2; exit 1 ;;\nesac\nexit 0\n"
        );
        let dokku = top.join("bin/dokku");
        fs::write(&dokku, script)?;
        fs::set_permissions(&dokku, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(Self {
            top: top.to_owned(),
            cli: cli.to_owned(),
        })
    }

    fn dump(&self) -> PathBuf {
        self.top.join("dump")
    }

    /// Runs a subcommand of the plugin, which has to succeed.
    fn run(&self, words: &[&str]) -> anyhow::Result<Ran> {
        let mut command = Command::new(&self.cli);
        command
            .args(["plugin", "subcommand"])
            .args(words)
            .env("DOKKU_LIB_ROOT", self.top.join("lib"))
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.top.join("bin").display()),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let began = Instant::now();
        let mut child = command.spawn()?;
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let mut peak = 0;
        // The kernel keeps the most that there was, so that only the last look matters.
        let ended = loop {
            if let Some(ended) = child.try_wait()? {
                break ended;
            }
            peak = most_memory(&status).unwrap_or(peak);
            thread::sleep(Duration::from_millis(5));
        };
        let took = began.elapsed();
        ensure!(
            ended.success(),
            "`{}` ended with {ended}",
            program::shown(&command)
        );
        Ok(Ran { took, peak })
    }

    /// The backup that an app has now, taken away for the next turn; its bytes.
    fn take_backup(&self, directory: &str) -> anyhow::Result<u64> {
        let directory = self.top.join("backups").join(directory);
        let mut size = None;
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "gz") {
                size = Some(fs::metadata(&path)?.len());
            }
            fs::remove_file(path)?;
        }
        size.context("no backup was made")
    }
}

/// `VmHWM` of a process, in bytes; `None` once it has ended.
fn most_memory(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Time of a shell's line, and the bytes of the file `out` that it wrote.
fn shell(server: &Server, line: &str) -> anyhow::Result<(Duration, u64)> {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(&server.top);
    let began = Instant::now();
    ensure!(command.status()?.success(), "`{line}` failed");
    let took = began.elapsed();
    let out = server.top.join("out");
    let size = fs::metadata(&out).map_or(0, |data| data.len());
    drop(fs::remove_file(out));
    Ok((took, size))
}

fn sql(server: &Server) -> anyhow::Result<Vec<Row>> {
    write_sql(&server.dump())?;
    // Once, to have the file where all find it.
    shell(server, "cat dump >/dev/null")?;
    let (gzip, gzip_size) = shell(server, "gzip -6 <dump >out && sync out")?;
    let (pigz, _) = shell(server, "pigz -6 <dump >out && sync out")?;
    let (mut times, mut peak, mut size) = (Vec::new(), 0, 0);
    for _ in 0..TURNS {
        let ran = server.run(&["deploy-system:backup", "sql"])?;
        times.push(ran.took);
        peak = peak.max(ran.peak);
        size = server.take_backup("mariadb/sql")?;
    }
    let ours = median(times);
    let against = |name: &str, theirs: Duration, limit: f64| {
        let times = theirs.as_secs_f64() / ours.as_secs_f64();
        Row {
            what: format!(
                "backup of 1 GiB of SQL on the server, checked, median of {TURNS}, beside `{name}`"
            ),
            ours: milliseconds(ours),
            theirs: format!("{} (`{name}` alone)", milliseconds(theirs)),
            comparison: format!("{times:.1} times as fast"),
            limit: format!("at least {limit} times"),
            is_within: times >= limit,
        }
    };
    let mebibytes = |bytes: u64| format!("{} MiB", bytes / (1024 * 1024));
    Ok(vec![
        against("gzip -6", gzip, 5.0),
        against("pigz -6", pigz, 2.0),
        Row {
            what: "size of that backup".to_owned(),
            ours: mebibytes(size),
            theirs: format!("{} (`gzip -6`)", mebibytes(gzip_size)),
            comparison: format!("{:.3}×", ratio(size, gzip_size)),
            limit: "no larger".to_owned(),
            is_within: size <= gzip_size,
        },
        Row {
            what: "most memory of that backup".to_owned(),
            ours: mebibytes(peak),
            theirs: "–".to_owned(),
            comparison: "–".to_owned(),
            limit: "under 64 MiB".to_owned(),
            is_within: peak > 0 && peak < MEMORY,
        },
    ])
}

#[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

fn packed(server: &Server) -> anyhow::Result<Row> {
    write_archive(&server.dump())?;
    shell(server, "cat dump >/dev/null")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        theirs.push(shell(server, "cat dump | sha256sum >/dev/null")?.0);
        ours.push(server.run(&["deploy-system:backup", "packed"])?.took);
        server.take_backup("postgres/packed")?;
    }
    fs::remove_file(server.dump())?;
    let (ours, theirs) = (median(ours), median(theirs));
    let times = ours.as_secs_f64() / theirs.as_secs_f64();
    Ok(Row {
        what: format!("backup of 1 GiB of PostgreSQL's compressed format, median of {TURNS}"),
        ours: milliseconds(ours),
        theirs: format!("{} (`cat FILE | sha256sum`)", milliseconds(theirs)),
        comparison: format!("{times:.2}×"),
        limit: "at most 1.5×".to_owned(),
        is_within: times <= 1.5,
    })
}

fn list(server: &Server) -> anyhow::Result<Row> {
    let directory = server.top.join("backups/redis/shop");
    fs::create_dir_all(&directory)?;
    for number in 0..FILES {
        let (day, rest) = (number / 1000, number % 1000);
        let name = format!(
            "202601{:02}_{:02}{:02}{:02}.gz",
            day + 1,
            rest / 100,
            rest / 2 % 50,
            rest % 2
        );
        fs::write(directory.join(&name), "x")?;
        let manifest = format!(
            "{{\"app\":\"shop\",\"kind\":\"redis\",\"service\":\"cache\",\"engine\":\"redis\",\"engine_version\":\"7.0.15\",\"size\":1,\"raw_size\":1,\"sha256\":\"{0}\",\"raw_sha256\":\"{0}\",\"started\":\"2026-01-01T00:00:00Z\",\"finished\":\"2026-01-01T00:00:01Z\",\"reason\":\"manual\",\"tool\":\"bench\",\"checks\":[\"read back from the disk, and the same\",\"the end mark and the CRC-64\"]}}",
            "0".repeat(64)
        );
        fs::write(directory.join(format!("{name}.json")), manifest)?;
    }
    let mut times = Vec::new();
    for _ in 0..7 {
        times.push(
            server
                .run(&["deploy-system:backups", "--format", "json", "shop"])?
                .took,
        );
    }
    let ours = median(times);
    Ok(Row {
        what: format!("`deploy-system:backups` over {FILES} backups on the server, median of 7"),
        ours: milliseconds(ours),
        theirs: "–".to_owned(),
        comparison: "–".to_owned(),
        limit: "under 200 ms".to_owned(),
        is_within: ours < Duration::from_millis(200),
    })
}
