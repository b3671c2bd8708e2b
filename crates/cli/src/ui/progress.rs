//! How far a stream has come: bytes, rate and time, on a terminal.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::narrate;

/// What begins a line that tells another `dokku-cli` how far a stream has come.
const TOLD: &str = "deploy-system:progress ";
/// Time between two such lines.
const PAUSE: Duration = Duration::from_millis(250);

/// Somebody who is shown how far a stream has come. Elsewhere than on a terminal nobody is: finished
/// steps are told there.
pub struct Progress(Shown);

enum Shown {
    Nowhere,
    /// A line that is drawn over and over, and gone at the end.
    Bar(ProgressBar),
    /// Lines for a `dokku-cli` that draws.
    Told {
        what: String,
        last: Mutex<Option<Instant>>,
    },
}

impl Progress {
    /// Shown to nobody.
    pub(super) fn nowhere() -> Self {
        Self(Shown::Nowhere)
    }

    /// A line on this terminal.
    pub(super) fn bar(what: String) -> Self {
        Self(Shown::Bar(drawn(what)))
    }

    /// Lines for whoever reads what this program says.
    pub(super) fn told(what: String) -> Self {
        let last = Mutex::default();
        Self(Shown::Told { what, last })
    }

    /// So many bytes have come.
    pub fn at(&self, bytes: u64) {
        match &self.0 {
            Shown::Nowhere => {}
            Shown::Bar(bar) => bar.set_position(bytes),
            Shown::Told { what, last } => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.is_none_or(|last| last.elapsed() >= PAUSE) {
                    *last = Some(Instant::now());
                    narrate(&format!("{TOLD}{bytes} {what}\n"));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        match &self.0 {
            Shown::Nowhere => {}
            Shown::Bar(bar) => bar.finish_and_clear(),
            Shown::Told { what, .. } => narrate(&format!("{TOLD}- {what}\n")),
        }
    }
}

/// Passes bytes on, and shows how many.
pub struct Watched<'a, W> {
    /// Where they go.
    pub to: W,
    passed: u64,
    progress: &'a Progress,
}

impl<'a, W: Write> Watched<'a, W> {
    /// Nothing has passed yet.
    pub fn new(to: W, progress: &'a Progress) -> Self {
        Self {
            to,
            passed: 0,
            progress,
        }
    }
}

impl<W: Write> Write for Watched<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.passed += written as u64;
        self.progress.at(self.passed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads on, and shows how much.
pub struct WatchedReader<R> {
    from: R,
    passed: u64,
    progress: Arc<Progress>,
}

impl<R: Read> WatchedReader<R> {
    /// Nothing has been read yet.
    pub fn new(from: R, progress: Arc<Progress>) -> Self {
        Self {
            from,
            passed: 0,
            progress,
        }
    }
}

impl<R: Read> Read for WatchedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.passed += read as u64;
        self.progress.at(self.passed);
        Ok(read)
    }
}

fn drawn(what: String) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    // A template that is none would be shown as it is.
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {msg}  {bytes}  {bytes_per_sec}  {elapsed}")
    {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Draws what another `dokku-cli` tells of its streams: one line for all of them.
#[derive(Default)]
pub struct Relayed {
    streams: BTreeMap<String, u64>,
    bar: Option<ProgressBar>,
}

impl Relayed {
    /// Takes a line that is about progress; `false`: it is about something else.
    pub fn take(&mut self, line: &str) -> bool {
        let Some((bytes, what)) = line
            .strip_prefix(TOLD)
            .and_then(|rest| rest.split_once(' '))
        else {
            return false;
        };
        match bytes.parse() {
            Ok(bytes) => {
                self.streams.insert(what.to_owned(), bytes);
            }
            Err(_) => {
                self.streams.remove(what);
            }
        }
        self.draw();
        true
    }

    fn draw(&mut self) {
        if self.streams.is_empty() {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let names: Vec<&str> = self.streams.keys().map(String::as_str).collect();
        let what = super::visible(&names.join(", ")).into_owned();
        let bytes = self.streams.values().sum();
        match &self.bar {
            Some(bar) => bar.set_message(what),
            None => self.bar = Some(drawn(what)),
        }
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }

    /// Does something that writes to the terminal too.
    pub fn beside(&self, act: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(act),
            None => act(),
        }
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_added_up_until_they_end() {
        let mut relayed = Relayed::default();
        assert!(!relayed.take("✓ db of shop: …"));
        assert!(relayed.take("deploy-system:progress 10 db of shop"));
        assert!(relayed.take("deploy-system:progress 5 cache of shop"));
        assert!(relayed.take("deploy-system:progress 20 db of shop"));
        let drawn = |relayed: &Relayed| {
            let bar = relayed.bar.as_ref()?;
            Some((bar.message(), bar.position()))
        };
        assert_eq!(
            drawn(&relayed),
            Some(("cache of shop, db of shop".to_owned(), 25))
        );
        assert!(relayed.take("deploy-system:progress - cache of shop"));
        assert_eq!(drawn(&relayed), Some(("db of shop".to_owned(), 20)));
        assert!(relayed.take("deploy-system:progress - db of shop"));
        assert_eq!(drawn(&relayed), None);
    }
}
