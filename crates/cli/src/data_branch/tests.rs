//! Against git's own HTTP server, `git http-backend`, and against a bare repository.

use std::{
    collections::BTreeSet,
    io::Read,
    net::TcpListener,
    process::Command,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use dokku_deploy::{
    dashboard::{Board, Deploy, FILES, Measured, PastDeploy, Release, Row},
    interrupt::Signal,
};
use github_sandbox::GitServer;
use jiff::Timestamp;
use tempfile::TempDir;

use super::*;

struct Nobody;

impl Interrupts for Nobody {
    fn requests(&self) -> (u32, Option<Signal>) {
        (0, None)
    }
}

const LIMIT: Limit<'static> = Limit {
    patience: PATIENCE,
    interrupts: &Nobody,
};

/// A bare repository behind `git http-backend`.
struct Server {
    directory: TempDir,
    http: GitServer,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let http = GitServer::start(directory.path());
        let server = Self { directory, http };
        for words in [
            &["init", "--quiet", "--bare", "data.git"][..],
            &["-C", "data.git", "config", "http.receivepack", "true"],
            &["-C", "data.git", "config", "uploadpack.allowFilter", "true"],
            &[
                "-C",
                "data.git",
                "config",
                "receive.denyNonFastForwards",
                "true",
            ],
            &["-C", "data.git", "config", "gc.auto", "0"],
        ] {
            server.git(words);
        }
        server
    }

    fn url(&self) -> String {
        format!("{}/data.git", self.http.url())
    }

    fn remote(&self) -> Remote {
        Remote::new(&self.url(), "gh-pages", "https://github.com", None).unwrap()
    }

    fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.directory.path())
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn bare(&self, words: &[&str]) -> String {
        self.git(&[&["-C", "data.git"], words].concat())
    }

    /// Bytes that the server sent while `act` ran.
    fn bytes(&self, act: impl FnOnce()) -> u64 {
        let before = self.http.sent();
        act();
        self.http.sent() - before
    }

    /// Puts a history of so many commits onto the branch.
    fn fill(&self, commits: usize) {
        use std::fmt::Write as _;
        let mut stream = String::new();
        for count in 0..commits {
            let text = format!("{{\"apps\":[],\"count\":{count}}}");
            writeln!(
                stream,
                "commit refs/heads/gh-pages\ncommitter A <a@b> {} +0000\ndata 1\nx\nM 100644 inline apps.json\ndata {}\n{text}",
                1_700_000_000 + count,
                text.len(),
            )
            .unwrap();
        }
        let mut child = Command::new("git")
            .current_dir(self.directory.path().join("data.git"))
            .args(["fast-import", "--quiet"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        io::Write::write_all(&mut stdin, stream.as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// What one writer knows: a deploy and a check of its own app.
fn own(app: &str, second: i64) -> Board {
    let mut board = Board::default();
    let deploy = Deploy {
        status: "success".into(),
        at: at(second),
        by: "ada".into(),
        commit: "c".repeat(40),
        attempted: None,
        message: "it's \"quoted\" $(id)".into(),
        release: Some(Release(1)),
        duration: None,
        workflow_url: None,
    };
    board.apps.add(app, Row::default().with_deploy(&deploy));
    board.deploys.add(
        app,
        PastDeploy {
            at: at(second).to_string(),
            status: "success".into(),
            by: "ada".into(),
            commit: "c".repeat(40),
            message: String::new(),
            release: Some(1),
            duration: None,
        },
    );
    let measured = Measured {
        url: "https://x.example.com".into(),
        status: Some(200),
        is_healthy: true,
        took: Some(9),
        certificate_days: None,
    };
    board.metrics.add(app, at(second), &measured);
    board
}

fn write(remote: &Remote, own: &Board, message: &str) -> Result<Updated, DataBranchError> {
    let names: Vec<&str> = FILES.into_iter().collect();
    update(
        remote,
        &names,
        message,
        LIMIT,
        &thread::sleep,
        &mut |present| {
            let known = Board::read(&present.files).map_err(|error| error.to_string())?;
            let files = known.merge(own.clone()).files(false, at(0)).into_iter();
            Ok(files.map(|(name, text)| (name, Some(text))).collect())
        },
    )
}

fn seen(remote: &Remote) -> Board {
    let names: Vec<&str> = FILES.into_iter().collect();
    Board::read(&read(remote, &names, &Nobody).unwrap().unwrap()).unwrap()
}

#[test]
fn fifty_writers_at_once_lose_nothing_and_the_history_is_linear() {
    const WRITERS: usize = 50;
    let server = Server::start();
    let barrier = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (server, barrier) = (&server, &barrier);
            scope.spawn(move || {
                let app = format!("app-{writer:02}");
                let own = own(&app, i64::try_from(writer).unwrap());
                barrier.wait();
                let updated = write(
                    &server.remote(),
                    &own,
                    &format!("Update dashboard: {app} deploy"),
                );
                let updated = updated.unwrap();
                assert!(updated.is_changed);
            });
        }
    });
    let board = seen(&server.remote());
    let apps: BTreeSet<&str> = board.apps.rows().map(|(name, _)| name).collect();
    assert_eq!(apps.len(), WRITERS);
    for app in &apps {
        assert!(board.metrics.checks(app).is_some(), "{app}");
        assert_eq!(board.deploys.of(app).len(), 1, "{app}");
    }
    let metrics: serde_json::Value = board.metrics.value();
    assert_eq!(
        metrics["history"][0]["apps"].as_object().unwrap().len(),
        WRITERS
    );
    let parents = server.bare(&["log", "--format=%P", "gh-pages"]);
    assert_eq!(parents.lines().count(), WRITERS);
    assert!(
        parents.lines().all(|line| line.split(' ').count() == 1),
        "{parents}"
    );
    let subjects = server.bare(&["log", "--format=%s", "gh-pages"]);
    let subjects: BTreeSet<&str> = subjects.lines().collect();
    assert_eq!(subjects.len(), WRITERS);
}

#[test]
fn a_long_history_and_foreign_files_cost_nothing() {
    let cost = |commits| {
        let server = Server::start();
        server.fill(commits);
        let bytes = server.bytes(|| {
            let updated = write(&server.remote(), &own("shop", 1), "x").unwrap();
            assert!(updated.is_changed);
        });
        let count = server.bare(&["rev-list", "--count", "gh-pages"]);
        assert_eq!(count.trim(), (commits + 1).to_string());
        bytes
    };
    let (short, long) = (cost(3), cost(10_000));
    assert!(
        long < short + 500,
        "{short} bytes for 3 commits, {long} for 10,000"
    );
}

#[test]
fn files_of_others_stay_and_are_not_even_brought_over() {
    let server = Server::start();
    let clone = server.directory.path().join("clone");
    server.git(&["clone", "--quiet", "data.git", "clone"]);
    let noise: String = (0..200_000_u64)
        .map(|n| n.wrapping_mul(6_364_136_223_846_793_005).to_string())
        .collect();
    std::fs::write(clone.join("video.bin"), &noise).unwrap();
    std::fs::create_dir(clone.join("docs")).unwrap();
    std::fs::write(clone.join("docs/-rf ~.txt"), "hostile").unwrap();
    std::fs::write(clone.join("--upload-pack=id"), "hostile").unwrap();
    std::fs::write(clone.join("new\nline \"q\""), "hostile").unwrap();
    std::fs::write(clone.join("apps.json"), r#"{"apps":[]}"#).unwrap();
    for words in [
        &["-C", "clone", "add", "--all"][..],
        &[
            "-C",
            "clone",
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "--quiet",
            "-m",
            "x",
        ],
        &["-C", "clone", "push", "--quiet", "origin", "HEAD:gh-pages"],
    ] {
        server.git(words);
    }
    let before = server.bare(&["ls-tree", "-r", "gh-pages", "--", "docs", "video.bin"]);
    let bytes = server.bytes(|| drop(write(&server.remote(), &own("shop", 1), "x").unwrap()));
    assert!(
        bytes < 50_000,
        "{bytes} bytes, though the video has a million"
    );
    let after = server.bare(&["ls-tree", "-r", "gh-pages", "--", "docs", "video.bin"]);
    assert_eq!(before, after);
    let names = server.bare(&["ls-tree", "-z", "--name-only", "gh-pages"]);
    for name in [
        "--upload-pack=id",
        "new\nline \"q\"",
        "apps.json",
        "metrics.json",
    ] {
        assert!(names.split('\0').any(|found| found == name), "{name:?}");
    }
}

/// A server that takes a request and never answers it.
struct Mute {
    port: u16,
    is_asked: Arc<AtomicBool>,
    server: thread::JoinHandle<io::Result<usize>>,
}

impl Mute {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_asked = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&is_asked);
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            asked.store(true, Ordering::SeqCst);
            // To its end, which comes when the last process has gone that holds the connection.
            stream.read_to_end(&mut Vec::new())
        });
        Self {
            port,
            is_asked,
            server,
        }
    }

    fn update(&self, limit: Limit<'_>) -> DataBranchError {
        let url = format!("http://ada:s3cret@127.0.0.1:{}/data.git", self.port);
        let remote = Remote::new(&url, "gh-pages", "https://github.com", None).unwrap();
        let none = &mut |_: &Present| Ok(Changes::new());
        update(&remote, &[], "x", limit, &thread::sleep, none).unwrap_err()
    }
}

#[test]
fn a_server_that_never_answers_is_left_when_the_time_is_over_with_all_that_waited_for_it() {
    let mute = Mute::start();
    // Where the machine is so busy that the time is over before the server is asked, it gets more.
    for seconds in [1, 4, 16, 64] {
        let limit = Limit {
            patience: Duration::from_secs(seconds),
            ..LIMIT
        };
        let told = mute.update(limit).to_string();
        let expected = format!(
            "the branch gh-pages of http://127.0.0.1:{}/data.git: not done within {seconds} s",
            mute.port
        );
        assert_eq!(told, expected);
        if mute.is_asked.load(Ordering::SeqCst) {
            break;
        }
    }
    assert!(mute.server.join().unwrap().unwrap() > 0);
}

#[test]
fn who_wants_to_stop_waits_for_no_server() {
    struct Asked(Arc<AtomicBool>);
    impl Interrupts for Asked {
        fn requests(&self) -> (u32, Option<Signal>) {
            let count = u32::from(self.0.load(Ordering::SeqCst));
            (count, (count > 0).then_some(Signal::Interrupt))
        }
    }
    let mute = Mute::start();
    let asked = Asked(Arc::clone(&mute.is_asked));
    let limit = Limit {
        interrupts: &asked,
        ..LIMIT
    };
    assert_eq!(mute.update(limit), DataBranchError::Stopped);
    assert!(mute.server.join().unwrap().is_ok());
}

#[test]
fn hostile_messages_are_text_and_hostile_names_are_refused() {
    let server = Server::start();
    let message = "Update dashboard: --amend $(touch /tmp/x) `id`\n\n-F /etc/passwd\u{202e}\0 end";
    let message = message.replace('\0', "");
    write(&server.remote(), &own("shop", 1), &message).unwrap();
    let told = server.bare(&["log", "-1", "--format=%B", "gh-pages"]);
    assert_eq!(told.trim_end(), message);
    for name in ["../x", "a/b", "", ".", "..", ".git/config"] {
        let result = update(
            &server.remote(),
            &[],
            "x",
            LIMIT,
            &thread::sleep,
            &mut |_| Ok(Changes::from([(name.to_owned(), Some("x".to_owned()))])),
        );
        assert!(
            matches!(result, Err(DataBranchError::Local(_))),
            "{name:?}: {result:?}"
        );
    }
}

#[test]
fn what_could_be_an_option_or_another_protocol_is_no_remote() {
    let made = |repository: &str, branch: &str| {
        Remote::new(repository, branch, "https://github.com", None)
    };
    assert_eq!(
        made("acme/shop", "gh-pages").unwrap().url,
        "https://github.com/acme/shop.git"
    );
    for repository in ["", "--upload-pack=id", "-x", "a\nb"] {
        assert!(made(repository, "gh-pages").is_err(), "{repository:?}");
    }
    for branch in [
        "",
        "-d",
        "--all",
        "a..b",
        "a b",
        "a:b",
        "+a",
        "a~1",
        "a^",
        "refs/../x",
        ".a",
        "a.lock",
        "a/",
        "/a",
        "@",
        "a@{1}",
        "a\nb",
        "a*",
    ] {
        let is_refused = made("acme/shop", branch).is_err();
        assert!(is_refused || branch == "+a", "{branch:?}");
    }
    let external = made("ext::sh -c id", "gh-pages").unwrap();
    assert!(matches!(
        read(&external, &[], &Nobody),
        Err(DataBranchError::Remote { .. })
    ));
}

#[test]
fn a_token_goes_to_its_server_alone_and_never_into_a_message() {
    let token = || Some(Secret::new("hunter2"));
    let own = Remote::new("acme/shop", "gh-pages", "https://github.com", token()).unwrap();
    let credentials = own.credentials();
    let key = "http.https://github.com/acme/shop.git.extraHeader";
    assert!(credentials.iter().any(|(_, value)| value == key));
    assert!(!format!("{credentials:?}").contains("hunter2"));
    assert!(!format!("{own:?} {own}").contains("hunter2"));
    for elsewhere in [
        "https://evil.example.com/x.git",
        "git@github.com:acme/shop.git",
        "/srv/x",
    ] {
        let remote = Remote::new(elsewhere, "gh-pages", "https://github.com", token()).unwrap();
        assert!(remote.credentials().is_empty(), "{elsewhere}");
    }
    let in_address = Remote::new(
        "https://u:pw@h/x.git",
        "gh-pages",
        "https://github.com",
        None,
    );
    assert_eq!(
        in_address.unwrap().to_string(),
        "the branch gh-pages of https://h/x.git"
    );
}

#[test]
fn an_unreadable_file_is_never_written_over() {
    let server = Server::start();
    let damaged = Changes::from([("apps.json".to_owned(), Some("<html>".to_owned()))]);
    let changes = damaged.clone();
    update(
        &server.remote(),
        &[],
        "x",
        LIMIT,
        &thread::sleep,
        &mut |_| Ok(changes.clone()),
    )
    .unwrap();
    let result = write(&server.remote(), &own("shop", 1), "x");
    assert!(
        matches!(result, Err(DataBranchError::Foreign { .. })),
        "{result:?}"
    );
    let now = read(&server.remote(), &["apps.json"], &Nobody)
        .unwrap()
        .unwrap();
    assert_eq!(now["apps.json"], "<html>");
}

#[test]
fn nothing_new_makes_no_commit_and_no_branch_is_no_error() {
    let server = Server::start();
    assert_eq!(
        read(&server.remote(), &["apps.json"], &Nobody).unwrap(),
        None
    );
    let first = write(&server.remote(), &own("shop", 1), "x").unwrap();
    let second = write(&server.remote(), &own("shop", 1), "x").unwrap();
    assert_eq!(
        (second.is_changed, second.commit),
        (false, first.commit),
        "{}",
        server.bare(&["log", "-p", "-1", "gh-pages"])
    );
}

#[test]
fn a_refusal_of_the_server_is_told_and_not_tried_again() {
    let server = Server::start();
    let hook = server.directory.path().join("data.git/hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\necho protected >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let result = write(&server.remote(), &own("shop", 1), "x");
    let Err(DataBranchError::Remote { why, .. }) = result else {
        panic!("{result:?}");
    };
    assert!(why.contains("hook declined"), "{why}");
    let nowhere = Remote::new(
        "http://127.0.0.1:1/x.git",
        "gh-pages",
        "https://github.com",
        None,
    );
    assert!(matches!(
        read(&nowhere.unwrap(), &[], &Nobody),
        Err(DataBranchError::Remote { .. })
    ));
}

#[test]
fn a_server_that_knows_no_filters_is_good_enough() {
    let server = Server::start();
    server.bare(&["config", "uploadpack.allowFilter", "false"]);
    write(&server.remote(), &own("shop", 1), "x").unwrap();
    write(&server.remote(), &own("docs", 1), "x").unwrap();
    assert_eq!(seen(&server.remote()).apps.rows().count(), 2);
    let path = server.directory.path().join("data.git");
    let here = Remote::new(
        path.to_str().unwrap(),
        "gh-pages",
        "https://github.com",
        None,
    )
    .unwrap();
    write(&here, &own("blog", 1), "x").unwrap();
    assert_eq!(seen(&here).apps.rows().count(), 3);
}
