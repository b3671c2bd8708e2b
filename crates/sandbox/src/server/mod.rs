//! The SSH server: authorised keys only, commands only, many channels on a connection.

mod channel;
mod keys;
mod spill;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use russh::keys::{HashAlg, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

pub use keys::{HostKey, host_key};

use crate::commands::Caller;
use crate::host::SandboxHost;

/// The only user that a Dokku host knows over ssh.
const USER: &str = "dokku";
/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// What the server needs besides the host.
pub struct Access {
    /// The server's own key.
    pub host_key: HostKey,
    /// A file in OpenSSH's `authorized_keys` format, read at each login.
    pub authorized_keys: PathBuf,
}

/// Serves until the task is dropped.
pub async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    access: Access,
    host: SandboxHost,
) -> io::Result<()> {
    let config = Arc::new(Config {
        keys: vec![access.host_key.private],
        methods: MethodSet::from([MethodKind::PublicKey].as_slice()),
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        inactivity_timeout: None,
        nodelay: true,
        ..Config::default()
    });
    let authorized_keys = Arc::new(access.authorized_keys);
    let mut plan = host.faults().watch();
    let mut listener = Some(listener);
    let door = host.faults().door();
    door.is_open(true);
    loop {
        let Some(open) = &listener else {
            // Nobody listens, so connections are refused; the port stays ours meanwhile.
            let port = keep(address)?;
            door.is_open(false);
            if plan.wait_for(|plan| !plan.refuse).await.is_err() {
                return Ok(());
            }
            listener = Some(port.listen(BACKLOG)?);
            door.is_open(true);
            continue;
        };
        let refused = async { plan.wait_for(|plan| plan.refuse).await.map(drop) };
        tokio::select! {
            accepted = open.accept() => {
                let (socket, client) = accepted?;
                host.statistics().count(|counts| counts.connections += 1);
                let guest = Guest {
                    host: host.clone(),
                    authorized_keys: authorized_keys.clone(),
                    client,
                    server: address,
                    caller: None,
                    channels: HashMap::new(),
                };
                tokio::spawn(connection(socket, config.clone(), guest));
            }
            _ = refused => listener = None,
        }
    }
}

/// Takes the port without listening on it.
fn keep(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn connection(socket: TcpStream, config: Arc<Config>, guest: Guest) {
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let stream = wire::lay(socket, guest.host.clone()).await;
    // A client that leaves in the middle of the handshake is an everyday event, as is a cut connection.
    if let Ok(session) = russh::server::run_stream(config, stream, guest).await {
        drop(session.await);
    }
}

/// One connection.
struct Guest {
    host: SandboxHost,
    authorized_keys: Arc<PathBuf>,
    client: SocketAddr,
    server: SocketAddr,
    caller: Option<Caller>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Guest {
    fn check(&self, user: &str, key: &PublicKey) -> Option<Caller> {
        if user != USER {
            return None;
        }
        let key_name = keys::authorized_name(&self.authorized_keys, key)?;
        Some(Caller {
            key_name,
            fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
            client: self.client,
            server: self.server,
        })
    }

    fn start(
        &mut self,
        id: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match (self.channels.remove(&id), self.caller.clone()) {
            (Some(channel), Some(caller)) => {
                session.channel_success(id)?;
                channel::run(channel, line, caller, self.host.clone());
                Ok(())
            }
            _ => session.channel_failure(id),
        }
    }
}

impl Handler for Guest {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        if self.check(user, offer.public_key).is_some() {
            return Ok(Auth::Accept);
        }
        self.host
            .statistics()
            .count(|counts| counts.refused_keys += 1);
        Ok(Auth::reject())
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        self.caller = self.check(user, key.public_key);
        if self.caller.is_none() {
            return Ok(Auth::reject());
        }
        self.host
            .statistics()
            .count(|counts| counts.handshakes += 1);
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.host.statistics().count(|counts| counts.sessions += 1);
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(id, line, session)
    }

    /// Without a command the forced command runs all the same, and Dokku shows its help.
    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(id, b"", session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(id, name.as_bytes(), session)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn channel_close(
        &mut self,
        id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        Ok(())
    }
}
