//! Ctrl-C and SIGTERM, counted. Child processes are not touched: they have process groups of
//! their own, so that clean-up commands still go out.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use dokku_deploy::interrupt::{Interrupts, Signal};

/// All requests to stop that this process was sent while anybody counted, and the last one.
static HEARD: Mutex<(u32, Option<Signal>)> = Mutex::new((0, None));

/// How many requests to stop this process has heard, and the last one. Before the first
/// [`Watch::begin`] they end it by themselves.
pub fn heard() -> (u32, Option<Signal>) {
    *HEARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts requests to stop, from [`Watch::begin`] on.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    count: AtomicU32,
    last: Mutex<Option<Signal>>,
    changed: Condvar,
}

impl Watch {
    /// Begins to count. From now on Ctrl-C and SIGTERM no longer end the program by themselves.
    pub fn begin() -> io::Result<Self> {
        let watch = Self::default();
        listen(watch.clone())?;
        Ok(watch)
    }

    fn note(&self, signal: Signal) {
        let mut last = self
            .inner
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = Some(signal);
        let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = (heard.0 + 1, Some(signal));
        drop(heard);
        self.inner.count.fetch_add(1, Ordering::SeqCst);
        self.inner.changed.notify_all();
    }

    /// Waits for `duration`, or until the next request to stop.
    pub fn wait(&self, duration: Duration) {
        let before = self.inner.count.load(Ordering::SeqCst);
        let last = self
            .inner
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let _woken = self.inner.changed.wait_timeout_while(last, duration, |_| {
            self.inner.count.load(Ordering::SeqCst) == before
        });
    }
}

impl Interrupts for Watch {
    fn requests(&self) -> (u32, Option<Signal>) {
        let last = *self
            .inner
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (self.inner.count.load(Ordering::SeqCst), last)
    }
}

#[cfg(unix)]
fn listen(watch: Watch) -> io::Result<()> {
    use signal_hook::{
        consts::{SIGINT, SIGTERM},
        iterator::Signals,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                watch.note(if signal == SIGTERM {
                    Signal::Terminate
                } else {
                    Signal::Interrupt
                });
            }
        })?;
    Ok(())
}

/// Without Unix signals, Ctrl-C ends the program at once; the journal tells the next run.
#[cfg(not(unix))]
fn listen(_: Watch) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_and_the_last_is_known() {
        let watch = Watch::default();
        assert_eq!(watch.requests(), (0, None));
        watch.note(Signal::Interrupt);
        watch.note(Signal::Terminate);
        assert_eq!(watch.requests(), (2, Some(Signal::Terminate)));
    }

    #[test]
    fn a_request_ends_a_wait() {
        let watch = Watch::default();
        let other = watch.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_hours(1)));
        while !waiter.is_finished() {
            watch.note(Signal::Interrupt);
            std::thread::yield_now();
        }
        waiter.join().unwrap();
    }
}
