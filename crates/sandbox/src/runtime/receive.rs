//! A push: the real `git receive-pack`, whose hook calls back into this process.
//!
//! The hook writes git's variables and the updates into one named pipe, relays another one (our
//! words, which git sends to the pusher as `remote:` lines while they come) and exits as told.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use fs_err as fs;
use rustix::fs::{CWD, Mode};

use super::process;
use super::repository::Repository;

/// One line of the hook's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The present commit, zeros when the ref is new.
    pub old: String,
    /// The commit to be, zeros when the ref is to be deleted.
    pub new: String,
    /// `refs/heads/master`
    pub refname: String,
}

impl Update {
    /// Whether the ref is to be deleted.
    pub fn is_deletion(&self) -> bool {
        self.new.bytes().all(|byte| byte == b'0')
    }
}

/// What the hook was called with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// `GIT_*` variables, the quarantined object directory among them.
    pub env: Vec<(String, String)>,
    /// The updates that the pusher asks for.
    pub updates: Vec<Update>,
}

impl Pushed {
    fn parse(text: &str) -> Self {
        let (variables, updates) = text.split_once("\n\n").unwrap_or(("", text));
        let mut words = updates.lines().map(|line| line.splitn(3, ' '));
        let env = variables.lines().filter_map(|line| line.split_once('='));
        Self {
            env: env
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            updates: words
                .by_ref()
                .filter_map(|mut line| {
                    let (old, new, refname) = (line.next()?, line.next()?, line.next()?);
                    Some(Update {
                        old: old.to_owned(),
                        new: new.to_owned(),
                        refname: refname.to_owned(),
                    })
                })
                .collect(),
        }
    }
}

/// The client's ends of a push.
pub struct Pusher {
    /// The protocol from the client.
    pub stdin: Box<dyn Read + Send>,
    /// The protocol to the client.
    pub stdout: Box<dyn Write + Send>,
    /// Git's own complaints.
    pub stderr: Box<dyn Write + Send>,
}

/// Runs `git receive-pack`; `hook` decides about the updates with its exit code, and what it
/// writes reaches the pusher at once. Returns git's exit code.
pub fn receive(
    repository: &Repository,
    scratch: &Path,
    pusher: Pusher,
    hook: impl FnOnce(Pushed, Box<dyn Write + Send>) -> u8 + Send,
) -> io::Result<i32> {
    fs::create_dir_all(scratch)?;
    let pipes = tempfile::Builder::new()
        .prefix("push")
        .tempdir_in(scratch)?;
    let (updates, output, exit) = (
        pipes.path().join("updates"),
        pipes.path().join("output"),
        pipes.path().join("exit"),
    );
    for path in [&updates, &output] {
        rustix::fs::mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR)?;
    }
    let mut child = repository
        .git(&["receive-pack", "."])
        .env("SANDBOX_PUSH", pipes.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        let mut client = pusher.stdin;
        // Not joined: a client may keep its side open after git has ended.
        std::thread::spawn(move || io::copy(&mut client, &mut stdin));
    }
    let stderr = child.stderr.take().map(|mut stderr| {
        let mut client = pusher.stderr;
        std::thread::spawn(move || copy_flushed(&mut stderr, &mut client))
    });
    std::thread::scope(|scope| {
        let (done, hook_ended) = mpsc::channel::<()>();
        let hooked = scope.spawn({
            let (updates, output, exit) = (&updates, &output, &exit);
            move || {
                let result = answer_hook(updates, output, exit, hook);
                drop(done);
                result
            }
        });
        let mut client = pusher.stdout;
        let copied = child
            .stdout
            .take()
            .map_or(Ok(()), |mut stdout| copy_flushed(&mut stdout, &mut client));
        if copied.is_err() {
            // The client has gone: git learns it from its closed output.
            drop(client);
        }
        let status = child.wait()?;
        // Where git did not call its hook, or the hook was killed, our thread still waits for the
        // other end of a pipe: give it one.
        while hook_ended.recv_timeout(Duration::from_millis(20))
            == Err(mpsc::RecvTimeoutError::Timeout)
        {
            for path in [&updates, &output] {
                drop(
                    std::fs::OpenOptions::new()
                        .read(true)
                        .write(true)
                        .open(path)?,
                );
            }
        }
        match hooked.join() {
            Ok(result) => result?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
        if let Some(stderr) = stderr {
            // An error here means that the client has gone.
            let _ = stderr.join();
        }
        Ok(process::exit_code(status))
    })
}

fn answer_hook(
    updates: &Path,
    output: &Path,
    exit: &Path,
    hook: impl FnOnce(Pushed, Box<dyn Write + Send>) -> u8,
) -> io::Result<()> {
    let mut text = String::new();
    fs::File::open(updates)?.read_to_string(&mut text)?;
    if text.is_empty() {
        return Ok(());
    }
    let to_pusher = fs::OpenOptions::new().write(true).open(output)?;
    // The hook reads its exit code at the end of our output: the file has to be there before that.
    fs::write(exit, "1")?;
    let keep_open = to_pusher.try_clone()?;
    let code = hook(Pushed::parse(&text), Box::new(to_pusher));
    fs::write(exit, code.to_string())?;
    drop(keep_open);
    Ok(())
}

fn copy_flushed(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read])?;
        to.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::repository::tests::commit;
    use super::*;

    /// Pushes through `git push` with a program in the place of ssh that connects to our socket.
    struct Setup {
        dir: tempfile::TempDir,
        repository: Repository,
        commit: String,
    }

    fn setup() -> Setup {
        let dir = tempfile::tempdir().unwrap();
        let worktree = dir.path().join("work");
        fs::create_dir_all(&worktree).unwrap();
        let commit = commit(&worktree, &[("a", "1")]);
        let repository = Repository::at(dir.path().join("bare"));
        repository.ensure().unwrap();
        Setup {
            dir,
            repository,
            commit,
        }
    }

    impl Setup {
        /// `git push` to a receiver whose hook says `words` and exits with `code`.
        fn push(&self, refspec: &str, code: u8) -> (bool, String, Option<Pushed>) {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let connect = self.dir.path().join("connect");
            fs::write(&connect, format!("#!/usr/bin/perl\nuse IO::Socket::INET;my $s=IO::Socket::INET->new(PeerAddr=>'127.0.0.1:{port}') or die;my $p=fork;if(!$p){{while(sysread(STDIN,my $b,65536)){{syswrite $s,$b}}shutdown $s,1;exit 0}}while(sysread($s,my $b,65536)){{syswrite STDOUT,$b}}kill 9,$p;\n")).unwrap();
            let mut permissions = fs::metadata(&connect).unwrap().permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
            fs::set_permissions(&connect, permissions).unwrap();
            std::thread::scope(|scope| {
                let server = scope.spawn(|| {
                    let (stream, _) = listener.accept().unwrap();
                    let mut seen = None;
                    let pusher = Pusher {
                        stdin: Box::new(stream.try_clone().unwrap()),
                        stdout: Box::new(stream.try_clone().unwrap()),
                        stderr: Box::new(io::sink()),
                    };
                    receive(
                        &self.repository,
                        self.dir.path(),
                        pusher,
                        |pushed, mut words| {
                            words.write_all(b"-----> Hello\n").unwrap();
                            seen = Some(pushed);
                            code
                        },
                    )
                    .unwrap();
                    stream.shutdown(std::net::Shutdown::Both).unwrap();
                    seen
                });
                let answer = super::super::repository::git()
                    .current_dir(self.dir.path().join("work"))
                    .env("GIT_SSH", &connect)
                    .env("GIT_SSH_VARIANT", "simple")
                    .args(["push", "ssh://x/y", refspec])
                    .output()
                    .unwrap();
                let stderr = String::from_utf8_lossy(&answer.stderr).into_owned();
                (answer.status.success(), stderr, server.join().unwrap())
            })
        }
    }

    #[test]
    fn the_hook_decides_and_its_words_reach_the_pusher() {
        let setup = setup();
        let (pushed, stderr, seen) = setup.push("master:master", 1);
        assert!(
            !pushed && stderr.contains("(pre-receive hook declined)"),
            "{stderr}"
        );
        assert!(stderr.contains("remote: -----> Hello"), "{stderr}");
        let seen = seen.unwrap();
        assert_eq!(
            (
                seen.updates[0].new.as_str(),
                seen.updates[0].refname.as_str()
            ),
            (setup.commit.as_str(), "refs/heads/master")
        );
        assert!(
            seen.env
                .iter()
                .any(|(key, _)| key == "GIT_OBJECT_DIRECTORY")
        );
        assert_eq!(setup.repository.resolve("master").unwrap(), None);
        let (pushed, stderr, _) = setup.push("master:master", 0);
        assert!(pushed, "{stderr}");
        assert_eq!(
            setup.repository.resolve("master").unwrap(),
            Some(setup.commit.clone())
        );
    }

    #[test]
    fn a_push_without_news_calls_no_hook() {
        let setup = setup();
        assert!(setup.push("master:master", 0).0);
        let (pushed, stderr, seen) = setup.push("master:master", 1);
        assert!(
            pushed && stderr.contains("Everything up-to-date"),
            "{stderr}"
        );
        assert_eq!(seen, None);
    }
}
