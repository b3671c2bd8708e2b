//! The page behind a web server of its own, whose data can be changed and broken.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

/// What a file is answered with.
#[derive(Clone)]
pub enum Answer {
    /// Its text.
    Text(String),
    /// A status without anything.
    Status(u16),
    /// The connection is closed.
    Nothing,
}

/// A web server with the page.
pub struct Site {
    port: u16,
    files: Arc<Mutex<BTreeMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Serves the page and nothing else yet.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = Arc::new(Mutex::new(BTreeMap::new()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let site = Self {
            port,
            files: Arc::clone(&files),
            asked: Arc::clone(&asked),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (files, asked) = (Arc::clone(&files), Arc::clone(&asked));
                thread::spawn(move || answer(&stream, &files, &asked));
            }
        });
        site
    }

    /// A site with these apps.
    pub fn with(apps: &[Value]) -> Self {
        let site = Self::start();
        site.set_apps(apps);
        site
    }

    /// Its address.
    pub fn url(&self, hash: &str) -> String {
        format!("http://127.0.0.1:{}/{hash}", self.port)
    }

    /// Answers a file so from now on.
    pub fn set(&self, name: &str, answer: Answer) {
        self.files.lock().unwrap().insert(name.to_owned(), answer);
    }

    /// Answers a file with JSON.
    pub fn set_json(&self, name: &str, value: &Value) {
        self.set(name, Answer::Text(value.to_string()));
    }

    /// These apps, as of now.
    pub fn set_apps(&self, apps: &[Value]) {
        self.set_json(
            "apps.json",
            &json!({ "last_updated": ago(5), "apps": apps }),
        );
    }

    /// How often a file was asked for.
    pub fn count(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|asked| *asked == name).count()
    }
}

fn answer(
    mut stream: &TcpStream,
    files: &Mutex<BTreeMap<String, Answer>>,
    asked: &Mutex<Vec<String>>,
) {
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    let target = first.split(' ').nth(1).unwrap_or("/");
    let name = match target.split('?').next().unwrap().trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    asked.lock().unwrap().push(name.to_owned());
    let known = files.lock().unwrap().get(name).cloned();
    let page = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../dashboard")
        .join(name);
    let (status, text) = match known {
        Some(Answer::Text(text)) => (200, text),
        Some(Answer::Status(status)) => (status, String::new()),
        Some(Answer::Nothing) => return,
        None => match fs::read_to_string(page) {
            Ok(text) => (200, text),
            Err(_) => (404, "not here".to_owned()),
        },
    };
    let kind = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        _ => "application/json",
    };
    // A browser that has gone is no matter.
    let _gone = write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// So many seconds ago, as the files have it.
pub fn ago(seconds: i64) -> String {
    jiff::Timestamp::from_second(now() - seconds)
        .unwrap()
        .to_string()
}

/// A healthy app in production.
pub fn app(name: &str) -> Value {
    json!({
        "name": name,
        "status": "success",
        "environment": "production",
        "url": format!("https://{name}.example.com"),
        "last_deploy": ago(7200),
        "last_deploy_by": "ada",
        "commit_sha": "0123456789abcdef0123456789abcdef01234567",
        "commit_message": "Fix the cart",
        "repository": "acme/shop",
        "release": 12,
        "uptime": {
            "status": "healthy", "uptime_seconds": 60, "response_time_ms": 31,
            "last_check": ago(30), "since": ago(90_000),
        },
        "last_backup": { "at": ago(4000), "ok": true, "service": "postgres", "size": 5 },
        "restore_tested": ago(90_000),
        "certificate_days": 50,
        "certificate_expires": ago(-50 * 86_400 - 100),
    })
}

/// `app` with other values.
pub fn changed(mut app: Value, change: &Value) -> Value {
    for (key, value) in change.as_object().unwrap() {
        app[key] = value.clone();
    }
    app
}

/// A team's apps: every status, every environment, a lock.
pub fn team() -> Vec<Value> {
    let down = json!({
        "status": "unhealthy", "uptime_seconds": 0, "response_time_ms": null,
        "last_check": ago(30), "reason": "status 503, expected 200",
    });
    let lock = json!({ "reason": "migration", "by": "grace", "at": ago(3600), "until": null });
    vec![
        app("shop"),
        changed(
            app("shop-staging"),
            &json!({ "environment": "staging", "last_deploy": ago(60) }),
        ),
        changed(
            app("billing"),
            &json!({ "uptime": down, "last_deploy_by": "grace" }),
        ),
        changed(app("search"), &json!({ "status": "failure", "lock": lock })),
        changed(
            app("docs-dev"),
            &json!({
                "environment": "development", "uptime": null,
                "restore_tested": null, "restore_failed": ago(90_000),
            }),
        ),
        changed(
            app("shop-pr-7"),
            &json!({
                "environment": "preview", "processes": "stopped", "commit_sha": "feed".repeat(10),
            }),
        ),
    ]
}

/// A week of checks for `apps`.
pub fn metrics(apps: &[Value]) -> Value {
    let names = apps
        .iter()
        .map(|app| app["name"].as_str().unwrap().to_owned());
    let checks = names.map(|name| {
        let ms: Vec<u64> = (0..96).map(|at| 20 + at % 7 * 5).collect();
        (
            name,
            json!({ "end": now() / 900, "week": "30u2d640u", "ms": ms }),
        )
    });
    let checks: serde_json::Map<String, Value> = checks.collect();
    json!({ "latest": null, "history": [], "checks": { "step": 900, "apps": checks } })
}
