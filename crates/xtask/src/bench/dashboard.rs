//! The dashboard: ten thousand apps in a browser, a thousand health checks.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use browser::Browser;
use serde_json::{Value, json};

use super::table::Row;
use super::{median, milliseconds};
use crate::interrupt::Interrupts;
use crate::say;

/// Apps on the page.
const SHOWN: usize = 10_000;
/// How often the page is loaded.
const LOADS: usize = 5;
/// What is typed into the search, a measurement each.
const TYPED: &str = "app-01234 production";
/// Apps that are checked, and how long each takes to answer.
const CHECKED: usize = 1_000;
const ANSWER: Duration = Duration::from_millis(100);

/// Two rows of the page, one of the checks.
pub fn measure(cli: &Path, interrupts: &Interrupts) -> anyhow::Result<Vec<Row>> {
    let directory = tempfile::tempdir()?;
    interrupts.check()?;
    say::line(&format!("{LOADS} loads of a page of {SHOWN} apps"))?;
    let mut rows = page(cli, directory.path())?;
    interrupts.check()?;
    say::line(&format!("{CHECKED} health checks"))?;
    rows.push(checks(cli, directory.path())?);
    Ok(rows)
}

/// A server that ends with the value.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        // Where these fail it has ended by itself.
        let _killed = self.0.kill();
        let _waited = self.0.wait();
    }
}

fn page(cli: &Path, directory: &Path) -> anyhow::Result<Vec<Row>> {
    write(directory, SHOWN, |_| None)?;
    let mut served = Served(
        Command::new(cli)
            .args([
                "dashboard",
                "serve",
                "--no-host",
                "--every",
                "24h",
                "--data",
            ])
            .arg(directory)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let out = served.0.stdout.take().context("no output of the server")?;
    let mut url = String::new();
    BufReader::new(out).read_line(&mut url)?;
    let browser = Browser::start(1440, 900)?;
    let mut paints = Vec::new();
    for _ in 0..LOADS {
        browser.go("about:blank")?;
        browser.go(url.trim())?;
        browser.wait("performance.getEntriesByName('apps-painted').length > 0")?;
        let at = browser.run("return performance.getEntriesByName('apps-painted')[0].startTime")?;
        paints.push(duration(&at)?);
    }
    browser.wait("document.documentElement.dataset.refreshed >= 1")?;
    let (mut keystrokes, mut idle) = (Vec::new(), Vec::new());
    for end in 1..=TYPED.len() {
        // In turns with a field that does nothing: what that takes is the machine's noise.
        for (field, times) in [
            ("document.createElement('input')", &mut idle),
            ("document.getElementById('search')", &mut keystrokes),
        ] {
            let script = format!(
                "const done = arguments[0];
                 const field = {field};
                 field.addEventListener('input', () => {{}});
                 const begun = performance.now();
                 field.value = {};
                 field.dispatchEvent(new Event('input'));
                 requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));",
                json!(TYPED.get(..end).unwrap_or_default())
            );
            times.push(duration(&browser.run_until_done(&script)?)?);
        }
    }
    let paint = median(paints);
    let count = keystrokes.len();
    let (keystroke, nothing) = (median(keystrokes), median(idle));
    let row = |what: String, ours: Duration, limit: &str, is_within| Row {
        what,
        ours: milliseconds(ours),
        theirs: "–".to_owned(),
        comparison: "–".to_owned(),
        limit: limit.to_owned(),
        is_within,
    };
    Ok(vec![
        row(
            format!(
                "dashboard of {SHOWN} apps: until its rows are painted, median of {LOADS} loads"
            ),
            paint,
            "under 1000 ms",
            paint < Duration::from_secs(1),
        ),
        row(
            format!(
                "a key in its search: until the rows are painted, median of {count} (a field that does nothing: {})",
                milliseconds(nothing)
            ),
            keystroke,
            "under 50 ms",
            keystroke < Duration::from_millis(50),
        ),
    ])
}

fn checks(cli: &Path, directory: &Path) -> anyhow::Result<Row> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // Who asked may have gone.
                let _gone = answer(&stream);
            });
        }
    });
    write(directory, CHECKED, |name| {
        Some(format!("http://{name}.localhost:{port}/"))
    })?;
    let begun = Instant::now();
    let output = Command::new(cli)
        .args(["dashboard", "check", "--no-host", "--json", "--data"])
        .arg(directory)
        .current_dir(directory)
        .output()?;
    let took = begun.elapsed();
    let told: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(
        told["healthy"] == json!(CHECKED),
        "not all apps were found healthy: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(Row {
        what: format!("`dokku-cli dashboard check` of {CHECKED} apps that take 100 ms each"),
        ours: milliseconds(took),
        theirs: "100 s (one after the other)".to_owned(),
        comparison: "–".to_owned(),
        limit: "under 5000 ms".to_owned(),
        is_within: took < Duration::from_secs(5),
    })
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    for line in BufReader::new(stream).lines() {
        if line?.is_empty() {
            break;
        }
    }
    // The app that is measured takes this long.
    thread::sleep(ANSWER);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
}

/// Writes the data of `count` apps.
fn write(
    directory: &Path,
    count: usize,
    url: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    let mut apps = Vec::with_capacity(count);
    let mut checks = serde_json::Map::new();
    for n in 0..count {
        let name = format!("app-{n:05}");
        let ms: Vec<usize> = (0..96).map(|at| 20 + (at * 7 + n) % 60).collect();
        checks.insert(
            name.clone(),
            json!({ "end": 1_980_000, "week": "300u1d371u", "ms": ms }),
        );
        apps.push(json!({
            "url": url(&name),
            "name": name,
            "status": "success",
            "environment": if n % 3 == 0 { "staging" } else { "production" },
            "last_deploy": "2026-11-20T10:00:00Z",
            "last_deploy_by": "ada",
            "commit_sha": "0123456789abcdef0123456789abcdef01234567",
            "commit_message": "Say why a card was declined",
            "repository": "acme/shop",
            "release": n,
            "last_backup": { "at": "2026-11-20T10:00:00Z", "ok": true, "service": "postgres", "size": 5 },
        }));
    }
    let apps = json!({ "last_updated": "2026-11-20T10:00:00Z", "apps": apps });
    fs::write(directory.join("apps.json"), apps.to_string())?;
    let metrics = json!({ "history": [], "checks": { "step": 900, "apps": checks } });
    fs::write(directory.join("metrics.json"), metrics.to_string())?;
    Ok(())
}

/// A number of milliseconds of the page's clock.
fn duration(value: &Value) -> anyhow::Result<Duration> {
    let milliseconds = value
        .as_f64()
        .with_context(|| format!("no time: {value}"))?;
    Ok(Duration::from_secs_f64(milliseconds / 1000.0))
}
