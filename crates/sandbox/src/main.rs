//! The sandbox binary.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use dokku_sandbox::local::{self, LocalCall};
use dokku_sandbox::runtime::Pace;
use dokku_sandbox::{Options, Sandbox};
use tokio::signal::unix::{SignalKind, signal};

/// A Dokku-compatible host in one process, for trying and testing.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Calls `dokku`, `plugn` or the stand-in for `docker` on a running sandbox, as its plugins do.
    #[command(hide = true)]
    Call {
        /// The control socket.
        #[arg(long)]
        socket: PathBuf,
        /// `dokku`, `plugn` or `docker`, and the words after it.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Serves until it is interrupted; prints one JSON line once it answers.
    Serve {
        /// Directory that holds everything; made if it is missing.
        #[arg(long)]
        root: PathBuf,
        /// Address of the SSH server; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        ssh: SocketAddr,
        /// Address of the HTTP router; port 0 takes a free one.
        #[arg(long, default_value = "127.0.0.1:0")]
        http: SocketAddr,
        /// File with the public keys of those who may come in.
        #[arg(long)]
        authorized_key: PathBuf,
        /// Domain under which apps are served.
        #[arg(long, default_value = "localhost")]
        domain: String,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Call { socket, words } => call(&socket, words),
        Command::Serve {
            root,
            ssh,
            http,
            authorized_key,
            domain,
        } => serve(Options {
            root,
            ssh,
            http,
            authorized_key,
            domain: Some(domain),
            pace: Pace::default(),
        })
        .map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        drop(writeln!(std::io::stderr(), "dokku-sandbox: {error}"));
        ExitCode::FAILURE
    })
}

fn call(socket: &Path, words: Vec<String>) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut words = words.into_iter();
    let call = LocalCall {
        program: words.next().unwrap_or_default(),
        words: words.collect(),
        name: std::env::var("NAME").unwrap_or_default(),
        fingerprint: std::env::var("FINGERPRINT").unwrap_or_default(),
    };
    let code = local::call(socket, &call).map_err(|error| {
        format!(
            "the sandbox at {} does not answer: {error}",
            socket.display()
        )
    })?;
    Ok(ExitCode::from(code))
}

fn serve(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Before the ready line: whoever reads it may already want to end the sandbox.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let running = tokio::task::spawn_blocking(move || Sandbox::start(&options)).await??;
        for complaint in running.complaints() {
            writeln!(std::io::stderr(), "dokku-sandbox: {complaint}")?;
        }
        writeln!(std::io::stdout(), "{}", running.ready_line())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // Ending may block on child processes.
        tokio::task::spawn_blocking(move || drop(running)).await?;
        Ok(())
    })
}
