//! How far a stream has come: bytes, rate and time, on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that is drawn over and over, and gone at the end. Elsewhere than on a terminal there is
/// none: finished steps are told there.
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A line that begins with `what`, if it is to be seen.
    pub(super) fn new(is_seen: bool, what: String) -> Self {
        Self(is_seen.then(|| {
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
        }))
    }

    /// So many bytes have come.
    pub fn at(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(bytes);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
