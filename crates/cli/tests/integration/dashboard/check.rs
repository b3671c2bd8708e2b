//! `dokku-cli dashboard check`.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::TestHost;

/// A web server with the health of many apps.
struct Apps {
    port: u16,
    most_at_once: Arc<AtomicUsize>,
}

impl Apps {
    /// Serves. Apps whose name ends in 7 are down. Each answer waits until `at_once` apps are asked
    /// at the same time, or a while.
    fn start(at_once: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let most_at_once = Arc::new(AtomicUsize::new(0));
        let most = Arc::clone(&most_at_once);
        let open = Arc::new((Mutex::new(0_usize), Condvar::new()));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (open, most) = (Arc::clone(&open), Arc::clone(&most));
                thread::spawn(move || {
                    let (count, changed) = &*open;
                    let mut now = count.lock().unwrap();
                    *now += 1;
                    most.fetch_max(*now, Ordering::SeqCst);
                    changed.notify_all();
                    let wait = Duration::from_millis(100);
                    drop(
                        changed
                            .wait_timeout_while(now, wait, |now| *now < at_once)
                            .unwrap(),
                    );
                    answer(&stream);
                    *count.lock().unwrap() -= 1;
                });
            }
        });
        Self { port, most_at_once }
    }

    /// The rows of `count` apps, as a file of earlier data in the directory `data`.
    fn write(&self, host: &TestHost, count: usize) {
        let rows: Vec<Value> = (0..count)
            .map(|n| json!({ "name": format!("app-{n}"), "url": format!("http://app-{n}.localhost:{}", self.port) }))
            .collect();
        let data = host.home().join("data");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("apps.json"), json!({ "apps": rows }).to_string()).unwrap();
    }
}

fn answer(mut stream: &TcpStream) {
    let lines = BufReader::new(stream).lines();
    let (mut host, mut location) = (String::new(), "");
    for line in lines {
        match line {
            Ok(line) if line.is_empty() => break,
            Ok(line) if line.starts_with("GET /moved ") => location = "Location: /up\r\n",
            Ok(line) if line.starts_with("GET /away ") => {
                location = "Location: http://x.invalid/\r\n";
            }
            Ok(line) => {
                if let Some(name) = line.to_ascii_lowercase().strip_prefix("host: ") {
                    name.clone_into(&mut host);
                }
            }
            Err(_) => return,
        }
    }
    let is_down = host
        .split(['.', ':'])
        .next()
        .is_some_and(|app| app.ends_with('7'));
    let status = match (is_down, location) {
        (true, _) => "503 Down",
        (_, "") => "200 OK",
        _ => "302 Found",
    };
    // Who asked may have gone.
    let _gone = write!(
        stream,
        "HTTP/1.1 {status}\r\n{location}Content-Length: 2\r\nConnection: close\r\n\r\nok"
    );
}

#[test]
fn a_thousand_apps_are_asked_many_at_once_and_never_more_than_allowed() {
    let host = TestHost::start();
    let apps = Apps::start(64);
    apps.write(&host, 1_000);
    let ran = host
        .cli(&[
            "dashboard",
            "check",
            "--no-host",
            "--data",
            "data",
            "--json",
        ])
        .run();
    assert_eq!(ran.status, Some(6), "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&told["healthy"], &told["unhealthy"]),
        (&json!(900), &json!(100))
    );
    let apps_told = told["apps"].as_array().unwrap();
    let down = apps_told
        .iter()
        .find(|app| app["app"] == "app-107")
        .unwrap();
    assert_eq!(down["reason"], "status 503, expected 2xx or 3xx");
    let most = apps.most_at_once.load(Ordering::SeqCst);
    assert!((8..=64).contains(&most), "{most} at once");
    // One after the other they would take 100 seconds.
    assert!(ran.took < Duration::from_secs(30), "{:?}", ran.took);
}

#[test]
fn every_kind_of_silence_is_unhealthy_with_its_reason() {
    let host = TestHost::start();
    let apps = Apps::start(1);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap().port();
    drop(closed);
    let plain = apps.port;
    let rows = json!({ "apps": [
        { "name": "good", "url": format!("http://good.localhost:{plain}/"), "health_path": "/up" },
        { "name": "moved", "url": format!("http://moved.localhost:{plain}"), "health_path": "/moved" },
        { "name": "away", "url": format!("http://away.localhost:{plain}"), "health_path": "/away" },
        { "name": "nobody", "url": format!("http://nobody.localhost:{nobody}") },
        { "name": "no-tls", "url": format!("https://no-tls.localhost:{plain}") },
        { "name": "no-name", "url": "http://no-such-host.invalid" },
        { "name": "nonsense", "url": "http://[" },
        { "name": "silent", "status": "running" },
    ]});
    let data = host.home().join("data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("apps.json"), rows.to_string()).unwrap();
    let ran = host
        .cli(&[
            "dashboard",
            "check",
            "--no-host",
            "--data",
            "data",
            "--json",
        ])
        .run();
    assert_eq!(ran.status, Some(6), "{ran:?}");
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found: Vec<(&str, bool)> = told["apps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|app| {
            (
                app["app"].as_str().unwrap(),
                app["is_healthy"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("away", false),
            ("good", true),
            ("moved", true),
            ("no-name", false),
            ("no-tls", false),
            ("nobody", false),
            ("nonsense", false)
        ]
    );
    for app in &told["apps"].as_array().unwrap()[3..] {
        assert!(!app["reason"].as_str().unwrap().is_empty(), "{app}");
        assert!(app["status"].is_null(), "{app}");
    }
    // Redirects are followed as deploys follow them: within the same host.
    assert_eq!(told["apps"][0]["reason"], "status 302, expected 2xx");
    assert_eq!(
        told["apps"][1]["url"],
        format!("http://good.localhost:{plain}/up")
    );
    assert_eq!(told["without_address"], json!(["silent"]));
    let ran = host
        .cli(&["dashboard", "check", "good", "--no-host", "--data", "data"])
        .run();
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(
        ran.stdout
            .starts_with("healthy    good  http://good.localhost:"),
        "{ran:?}"
    );
    let ran = host
        .cli(&[
            "dashboard",
            "check",
            "silent",
            "--no-host",
            "--data",
            "data",
        ])
        .run();
    assert_eq!(ran.status, Some(5), "{ran:?}");
}

#[test]
fn a_run_that_did_not_happen_is_noticed_by_the_next_one() {
    let host = TestHost::start();
    let apps = Apps::start(1);
    let data = host.home().join("data");
    fs::create_dir_all(&data).unwrap();
    let url = format!("http://shop.localhost:{}/", apps.port);
    let rows = json!({ "apps": [{ "name": "shop", "url": url }] });
    fs::write(data.join("apps.json"), rows.to_string()).unwrap();
    let check = |minutes: Option<i64>, more: &[&str]| {
        let round = minutes.map(|minutes| {
            let at = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
            json!({ "timestamp": at.to_string(), "apps": { "shop": {} } })
        });
        let metrics = json!({ "latest": round, "history": [] }).to_string();
        fs::write(data.join("metrics.json"), metrics).unwrap();
        let words = [
            "dashboard",
            "check",
            "--no-host",
            "--data",
            "data",
            "--json",
        ];
        let ran = host.cli(&[&words[..], more].concat()).run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        let is_warned = ran.stderr.contains("runs of the schedule are missing");
        assert_eq!(is_warned, told["silent_seconds"].is_number(), "{ran:?}");
        is_warned
    };
    let every = ["--every", "15m"];
    assert!(check(Some(45), &every));
    assert!(!check(Some(20), &every));
    // Whoever looks now and then misses nothing, and the first run of all has none before it.
    assert!(!check(Some(45), &[]));
    assert!(!check(None, &every));
}
