//! Starting and ending a sandbox.

use std::fs::{File, TryLockError};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::control;
use crate::host::{Addresses, SandboxHost};
use crate::local;
use crate::plugin_host;
use crate::runtime::{Apps, Pace};
use crate::server::{self, Access};
use crate::services::Datastores;
use crate::store::Store;

/// The longest path that fits into a socket's address.
const LONGEST_SOCKET: usize = 100;

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory that holds everything; made if it is missing.
    pub root: PathBuf,
    /// Address of the SSH server; port 0 takes a free one.
    pub ssh: SocketAddr,
    /// Address of the HTTP router; port 0 takes a free one.
    pub http: SocketAddr,
    /// File of those who may come in, in OpenSSH's `authorized_keys` format.
    pub authorized_key: PathBuf,
    /// The global domain of a new root; nothing for none.
    pub domain: Option<String>,
    /// How apps behave in time.
    pub pace: Pace,
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another sandbox has the root.
    #[error("another sandbox runs on {0}; stop it, or choose another --root")]
    Occupied(PathBuf),
    /// No keys, so nobody could come in.
    #[error("cannot read the authorised keys {path}: {source}")]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An address cannot be had.
    #[error("cannot listen on {address} for {what}: {source}")]
    Address {
        /// `SSH` or `HTTP`.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The root cannot be used.
    #[error("cannot use the root {path}: {source}")]
    Root {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The way to start one.
pub struct Sandbox;

/// A running sandbox; it ends when this is dropped.
pub struct Running {
    host: SandboxHost,
    host_key: String,
    ssh: SocketAddr,
    http: SocketAddr,
    control: PathBuf,
    complaints: Vec<String>,
    runtime: Option<Runtime>,
    _socket_directory: Option<tempfile::TempDir>,
    _lock: File,
}

impl Sandbox {
    /// Starts a sandbox; once this returns, it answers.
    pub fn start(options: &Options) -> Result<Running, StartError> {
        let at_root = |source: io::Error| StartError::Root {
            path: options.root.clone(),
            source,
        };
        fs_err::create_dir_all(&options.root).map_err(at_root)?;
        let root = fs_err::canonicalize(&options.root).map_err(at_root)?;
        let lock = lock(&root).map_err(|error| match error {
            TryLockError::WouldBlock => StartError::Occupied(root.clone()),
            TryLockError::Error(source) => at_root(source),
        })?;
        fs_err::read_to_string(&options.authorized_key).map_err(|source| StartError::Keys {
            path: options.authorized_key.clone(),
            source,
        })?;
        plugin_host::lay_out(&root).map_err(at_root)?;
        let store = Store::open(&root).map_err(at_root)?;
        if let Some(domain) = &options.domain {
            store
                .update_globals(|globals| {
                    if !globals.domains.contains(domain) {
                        globals.domains.push(domain.clone());
                    }
                })
                .map_err(|error| at_root(io::Error::other(error)))?;
        }
        let host_key = server::host_key(&root).map_err(at_root)?;
        let public = host_key.public.clone();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(at_root)?;
        let (ssh_listener, ssh) = listen("SSH", options.ssh)?;
        let (http_listener, http) = listen("HTTP", options.http)?;
        let host = SandboxHost::new(
            &root,
            Addresses {
                ssh: Some(ssh),
                http: Some(http),
            },
            store,
        );
        host.give_http_listener(http_listener);
        // The parts that run apps and datastores are installed here, before anybody can call.
        let datastores =
            Datastores::open(&root).map_err(|error| at_root(io::Error::other(error)))?;
        let complaints = datastores.resume();
        host.install_services(Arc::new(datastores));
        Apps::install(&host, options.pace).map_err(at_root)?;
        let (control, socket_directory) = open_control(&root, &host).map_err(at_root)?;
        local::write_scripts(&root, &control).map_err(at_root)?;
        let access = Access {
            host_key,
            authorized_keys: options.authorized_key.clone(),
        };
        let ssh_listener = ssh_listener
            .set_nonblocking(true)
            .and_then(|()| {
                runtime.block_on(async { tokio::net::TcpListener::from_std(ssh_listener) })
            })
            .map_err(at_root)?;
        runtime.spawn(server::serve(ssh_listener, ssh, access, host.clone()));
        Ok(Running {
            host,
            host_key: public,
            ssh,
            http,
            control,
            complaints,
            runtime: Some(runtime),
            _socket_directory: socket_directory,
            _lock: lock,
        })
    }
}

fn listen(
    what: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    TcpListener::bind(address)
        .and_then(|listener| {
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        })
        .map_err(|source| StartError::Address {
            what,
            address,
            source,
        })
}

/// Held as long as the process lives, so that a killed sandbox leaves no lock behind.
fn lock(root: &Path) -> Result<File, TryLockError> {
    let file = File::create(root.join("sandbox.lock")).map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

fn open_control(
    root: &Path,
    host: &SandboxHost,
) -> io::Result<(PathBuf, Option<tempfile::TempDir>)> {
    let mut path = root.join("control.sock");
    let mut directory = None;
    if path.as_os_str().len() > LONGEST_SOCKET {
        let made = tempfile::Builder::new()
            .prefix("dokku-sandbox-")
            .tempdir()?;
        path = made.path().join("control.sock");
        directory = Some(made);
    }
    match fs_err::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    control::serve(UnixListener::bind(&path)?, host.clone());
    Ok((path, directory))
}

impl Running {
    /// The host, to look into.
    pub fn host(&self) -> &SandboxHost {
        &self.host
    }

    /// Where the SSH server listens.
    pub fn ssh(&self) -> SocketAddr {
        self.ssh
    }

    /// Where the HTTP router listens.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// The host key as it stands in `known_hosts` after the host's name.
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// The control socket.
    pub fn control(&self) -> &Path {
        &self.control
    }

    /// What did not come up again as it ran before, in words: the sandbox answers all the same.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// The line that tells a parent process that the sandbox answers, and where.
    pub fn ready_line(&self) -> String {
        serde_json::json!({
            "ssh_port": self.ssh.port(),
            "http_port": self.http.port(),
            "ssh_addr": self.ssh.ip().to_string(),
            "http_addr": self.http.ip().to_string(),
            "host_key": self.host_key,
            "root": self.host.root(),
            "control": self.control,
        })
        .to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.host.runtime() {
            runtime.stop(&self.host);
        }
        if let Some(services) = self.host.services() {
            services.stop(&self.host);
        }
        drop(fs_err::remove_file(&self.control));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
