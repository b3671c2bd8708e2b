//! `cargo xtask demo`: the main job of the program, told step by step on the sandbox.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};

use crate::browser::{self, Page};
use crate::guestbook::{self, Guestbook};
use crate::interrupt::Interrupts;
use crate::machine::{self, Need};
use crate::sandbox::{Life, Sandbox};
use crate::{program, say};

/// The exit code of `dokku-cli` for a fault of the app: build, release task or health check.
const FAULT_OF_THE_APP: i32 = 6;

/// Tells the story. With `is_kept` the sandbox stays, and what can be done with it is printed.
pub fn run(is_kept: bool) -> anyhow::Result<ExitCode> {
    let interrupts = Interrupts::catch()?;
    say::title("What this machine has to have")?;
    machine::set_up(Need::Demo, rustix::process::geteuid().is_root())?;

    say::title("Building dokku-cli and dokku-sandbox")?;
    let status = interrupts.run(
        program::cargo()?
            .args([
                "build",
                "--locked",
                "--package",
                "dokku-cli",
                "--package",
                "dokku-sandbox",
            ])
            .stdin(Stdio::null()),
    )?;
    ensure!(status.success(), "the programs could not be built");

    let began = Instant::now();
    let demo = Demo::prepare(interrupts, is_kept)?;
    let told = demo.tell();
    if told.is_err()
        && let Ok(log) = demo.sandbox.log()
        && !log.trim().is_empty()
    {
        say::line(&format!("The sandbox said:\n{log}"))?;
    }
    told?;
    let took = began.elapsed().as_secs_f64();
    if is_kept {
        return demo.leave(took);
    }
    demo.sandbox.stop()?;
    say::title(&format!(
        "That was all, in {took:.0} s. The sandbox has ended and nothing of it is left; --keep leaves it up."
    ))?;
    Ok(ExitCode::SUCCESS)
}

struct Demo {
    interrupts: Interrupts,
    cli: PathBuf,
    guestbook: Guestbook,
    sandbox: Sandbox,
}

impl Demo {
    fn prepare(interrupts: Interrupts, is_kept: bool) -> anyhow::Result<Self> {
        say::title("1. A Dokku host, in one process")?;
        let life = if is_kept {
            Life::MayOutlive
        } else {
            Life::EndsWithThisProcess
        };
        let sandbox = Sandbox::start(&program::built("dokku-sandbox")?, life, &interrupts)?;
        let ready = sandbox.ready();
        say::line(&format!(
            "It answers ssh on port {} and HTTP on port {}, as Dokku does. All of it is in {}.",
            ready.ssh_port,
            ready.http_port,
            sandbox.directory()?.display()
        ))?;
        say::title("2. A guest book with a database, in a git repository")?;
        let guestbook = Guestbook::plant(&sandbox.directory()?.join("guestbook"))?;
        say::line(&guestbook.settings()?)?;
        Ok(Self {
            interrupts,
            cli: program::built("dokku-cli")?,
            guestbook,
            sandbox,
        })
    }

    fn tell(&self) -> anyhow::Result<()> {
        say::title("3. The first deploy: app, PostgreSQL, migration, health check")?;
        let code = self.deploy()?;
        ensure!(
            code == 0,
            "the deploy should have succeeded and exited with {code}"
        );

        say::title("4. The app answers, with rows from its database")?;
        let page = self.look()?;
        ensure!(
            page.status == 200
                && page.body.contains("version 1")
                && page.body.contains("Ada: written by the migration"),
            "that is not the page of version 1"
        );

        say::title("5. Version 2 has a mistake in its migration")?;
        say::line(&self.guestbook.break_it()?)?;
        let code = self.deploy()?;
        ensure!(
            code == FAULT_OF_THE_APP,
            "a failed release task should exit with {FAULT_OF_THE_APP} and exited with {code}"
        );

        say::title("6. It was caught: version 1 still serves")?;
        let page = self.look()?;
        ensure!(
            page.status == 200 && page.body.contains("version 1"),
            "version 1 should still serve"
        );

        say::title("7. Version 3 puts it right")?;
        say::line(&self.guestbook.put_right()?)?;
        let code = self.deploy()?;
        ensure!(
            code == 0,
            "the deploy should have succeeded and exited with {code}"
        );
        let page = self.look()?;
        ensure!(
            page.status == 200 && page.body.contains("version 3"),
            "that is not the page of version 3"
        );
        Ok(())
    }

    /// The exit code of `dokku-cli deploy`.
    fn deploy(&self) -> anyhow::Result<i32> {
        say::line("$ dokku-cli deploy --yes")?;
        let began = Instant::now();
        let mut command = Command::new(&self.cli);
        command
            .args(["deploy", "--yes"])
            .current_dir(self.guestbook.directory())
            .envs(self.sandbox.ready().environment()?)
            .stdin(Stdio::null());
        let status = self.interrupts.run(&mut command)?;
        let Some(code) = status.code() else {
            bail!("dokku-cli ended with {status}");
        };
        let took = began.elapsed().as_secs_f64();
        say::line(&format!("(exit code {code}, {took:.1} s)"))?;
        Ok(code)
    }

    fn look(&self) -> anyhow::Result<Page> {
        let port = self.sandbox.ready().http_port;
        let host = format!("{}.localhost", guestbook::APP);
        say::line(&format!("$ curl http://{host}:{port}/"))?;
        let page = browser::get(port, &host, "/")?;
        say::line(&format!(
            "{} (HTTP status {})",
            page.body.trim_end(),
            page.status
        ))?;
        Ok(page)
    }

    fn leave(self, took: f64) -> anyhow::Result<ExitCode> {
        let ready = self.sandbox.ready().clone();
        let repository = self.guestbook.directory().to_owned();
        let (process, directory) = self.sandbox.leave_running()?;
        say::title(&format!(
            "That was all, in {took:.0} s. The sandbox stays; play with it:"
        ))?;
        say::line(&format!("cd {}", repository.display()))?;
        for (name, value) in ready.environment()? {
            say::line(&format!("export {name}='{value}'"))?;
        }
        say::line(&format!(
            "export PATH={}:$PATH",
            self.cli
                .parent()
                .context("dokku-cli lies in no directory")?
                .display()
        ))?;
        say::line(
            "# change something, commit it, then\n\
             dokku-cli deploy\n\
             # the host, as any Dokku",
        )?;
        say::line(&format!(
            "{} dokku@127.0.0.1 apps:list",
            ready.ssh().join(" ")
        ))?;
        say::line(&format!(
            "curl -H 'Host: {}.localhost' http://127.0.0.1:{}/",
            guestbook::APP,
            ready.http_port
        ))?;
        say::line(&format!(
            "# the end of it\nkill {process}; tail --pid={process} -f /dev/null; rm -r {}",
            directory.display()
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
