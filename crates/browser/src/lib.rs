//! A real Chromium for tests and measurements, driven by its own driver over the W3C's `WebDriver`
//! protocol, which is JSON over HTTP.

mod http;

use std::{
    io::{self, BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a script may wait for what it waits for, in milliseconds.
const PATIENCE: u64 = 30_000;

/// How often the driver is started until it has a port.
const STARTS: usize = 5;

/// A browser with one window and a profile of its own, which ends with the value.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    /// Gone with the value.
    profile: TempDir,
}

impl Browser {
    /// Starts one. Its window has the given size in CSS pixels.
    pub fn start(width: u32, height: u32) -> io::Result<Self> {
        let profile = tempfile::tempdir()?;
        let (driver, port) = driver()?;
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            profile,
        };
        let place = browser.profile.path().display().to_string();
        let options = json!({
            "args": [
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-default-apps",
                "--disable-extensions",
                "--disable-sync",
                "--hide-scrollbars",
                format!("--window-size={width},{height}"),
                format!("--user-data-dir={place}"),
            ],
        });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "timeouts": { "script": PATIENCE },
        }}});
        let session = http::ask(port, "POST", "/session", Some(&wanted))?;
        let id = session["sessionId"]
            .as_str()
            .ok_or_else(|| io::Error::other(format!("chromedriver gave no session: {session}")))?;
        id.clone_into(&mut browser.session);
        browser.resize(width, height)?;
        Ok(browser)
    }

    fn post(&self, command: &str, body: &Value) -> io::Result<Value> {
        let path = format!("/session/{}/{command}", self.session);
        http::ask(self.port, "POST", &path, Some(body))
    }

    /// Goes to an address, and waits until it is loaded.
    pub fn go(&self, url: &str) -> io::Result<()> {
        self.post("url", &json!({ "url": url })).map(drop)
    }

    /// Runs a script in the page and returns what it returns.
    pub fn run(&self, script: &str) -> io::Result<Value> {
        self.run_with(script, &[])
    }

    /// Runs a script with arguments.
    pub fn run_with(&self, script: &str, arguments: &[Value]) -> io::Result<Value> {
        self.post(
            "execute/sync",
            &json!({ "script": script, "args": arguments }),
        )
    }

    /// Runs a script that calls its last argument when it is done, and returns what it calls it with.
    pub fn run_until_done(&self, script: &str) -> io::Result<Value> {
        self.post("execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression is true in the page.
    pub fn wait(&self, expression: &str) -> io::Result<()> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const look = () => {{
               let is = false;
               try {{ is = ({expression}); }} catch {{ /* not there yet */ }}
               if (is) done(true); else setTimeout(look, 10);
             }};
             look();"
        );
        self.run_until_done(&script)
            .map(drop)
            .map_err(|error| io::Error::other(format!("waiting for {expression}: {error}")))
    }

    /// Presses keys, one after the other. Special keys have code points from U+E000 on.
    pub fn press(&self, keys: &str) -> io::Result<()> {
        let presses: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let actions = json!([{ "type": "key", "id": "keys", "actions": presses }]);
        self.post("actions", &json!({ "actions": actions }))
            .map(drop)
    }

    /// A command of Chromium's own protocol.
    pub fn command(&self, name: &str, parameters: &Value) -> io::Result<Value> {
        self.post(
            "goog/cdp/execute",
            &json!({ "cmd": name, "params": parameters }),
        )
    }

    /// Gives the page another size.
    pub fn resize(&self, width: u32, height: u32) -> io::Result<()> {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.command("Emulation.setDeviceMetricsOverride", &size)
            .map(drop)
    }

    /// Pretends to a preference of the reader, such as `prefers-color-scheme: dark`.
    pub fn prefer(&self, feature: &str, value: &str) -> io::Result<()> {
        let features = json!({ "features": [{ "name": feature, "value": value }] });
        self.command("Emulation.setEmulatedMedia", &features)
            .map(drop)
    }

    /// Runs a script in every page before its own ones.
    pub fn before_each_page(&self, script: &str) -> io::Result<()> {
        let source = json!({ "source": script });
        self.command("Page.addScriptToEvaluateOnNewDocument", &source)
            .map(drop)
    }

    /// The addresses that the page has asked for since this was last called.
    pub fn requests(&self) -> io::Result<Vec<String>> {
        let urls = self.log("performance")?.into_iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            let is_request = message["method"] == "Network.requestWillBeSent";
            let url = message["params"]["request"]["url"].as_str()?;
            is_request.then(|| url.to_owned())
        });
        Ok(urls.collect())
    }

    /// What the page has complained about since this was last called: errors, and what its policy
    /// kept it from.
    pub fn complaints(&self) -> io::Result<Vec<String>> {
        let entries = self.log("browser")?.into_iter();
        Ok(entries
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    fn log(&self, kind: &str) -> io::Result<Vec<Value>> {
        match self.post("se/log", &json!({ "type": kind }))? {
            Value::Array(entries) => Ok(entries),
            other => Err(io::Error::other(format!("no log {kind}: {other}"))),
        }
    }

    /// Writes what can be seen into a PNG file.
    pub fn screenshot(&self, path: &Path) -> io::Result<()> {
        let shot = self.command("Page.captureScreenshot", &json!({ "format": "png" }))?;
        let data = shot["data"].as_str().unwrap_or_default();
        std::fs::write(path, http::base64(data))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Where these fail, there is nothing left to end.
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            let _ended = http::ask(self.port, "DELETE", &path, None);
        }
        let _killed = self.driver.kill();
        let _waited = self.driver.wait();
    }
}

/// Starts the driver. It takes a free port of IPv4 and then the same one of IPv6, which may not be free:
/// then it ends, and is started again.
fn driver() -> io::Result<(Child, u16)> {
    let mut last = io::Error::other("chromedriver was not started");
    for _ in 0..STARTS {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("chromedriver cannot be run: {error}"))
            })?;
        match port(&mut driver) {
            Ok(port) => return Ok((driver, port)),
            Err(error) => last = error,
        }
        driver.kill()?;
        driver.wait()?;
    }
    Err(last)
}

/// The port that the driver says it listens on.
fn port(driver: &mut Child) -> io::Result<u16> {
    let out = driver
        .stdout
        .take()
        .ok_or_else(|| io::Error::other("chromedriver has no output"))?;
    let mut lines = BufReader::new(out).lines();
    let port = lines.by_ref().find_map(|line| {
        let line = line.ok()?;
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    // It says little more, and must not wait for somebody to read that.
    std::thread::spawn(move || lines.for_each(drop));
    port.ok_or_else(|| io::Error::other("chromedriver named no port"))
}
