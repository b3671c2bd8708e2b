//! GitHub's REST API (version 2022-11-28) as far as this system uses it, over real HTTP in this
//! process: an independent judge of what is sent, with faults on demand. For tests only.
//!
//! It never imports the domain. What it answers follows GitHub's documentation: statuses, bodies'
//! shapes, limits, pagination with `Link`, 404 for what a token may not see, 403 for what it may
//! not do, rate limits with their headers.
#![allow(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's server may panic: the test then fails"
)]

mod access;
mod fault;
mod git;
mod http;
mod page;
mod routes;
pub mod runner;
mod state;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

pub use self::{
    access::{Selection, Token},
    fault::Fault,
    git::GitServer,
    http::Request,
    state::{Comment, Deployment, Pull, Repository, State},
};

/// A GitHub that answers until it is dropped.
pub struct GitHub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    is_ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GitHub {
    /// An empty GitHub on a port of its own on loopback.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::new(format!("http://{address}"))));
        let is_ending = Arc::new(AtomicBool::new(false));
        let (shared, ending) = (Arc::clone(&state), Arc::clone(&is_ending));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ending.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.ok(), &shared));
            }
        });
        Self {
            address,
            state,
            is_ending,
            thread: Some(thread),
        }
    }

    /// What `GITHUB_API_URL` has to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it knows, to look at and to change. Nothing is answered meanwhile.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.is_ending.store(true, Ordering::SeqCst);
        // The listener sees it at its next caller.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(stream: Option<TcpStream>, state: &Mutex<State>) {
    let Some(mut stream) = stream else { return };
    let Some(request) = http::read(&mut stream) else {
        return;
    };
    let answer = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests.push(request.clone());
        match state.faults.take(&request) {
            Some(Fault::HangUp) => return,
            Some(Fault::HangUpAfter) => {
                routes::answer(&request, &mut state);
                return;
            }
            Some(fault) => fault.answer(),
            None => routes::answer(&request, &mut state),
        }
    };
    http::write(&mut stream, &answer);
}
