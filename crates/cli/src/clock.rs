//! The real time.

use std::time::{Duration, Instant};

use dokku_deploy::clock::Clock;
use jiff::Timestamp;

use crate::interrupt::Watch;

/// The machine's clock, for those who never wait.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(u64::try_from(Timestamp::now().as_second()).unwrap_or_default())
    }

    fn wait(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// The machine's clock; its waits end early when somebody asks to stop.
#[derive(Debug, Clone)]
pub struct RealClock {
    begun: Instant,
    watch: Watch,
}

impl RealClock {
    /// A clock whose waits heed `watch`.
    pub fn new(watch: Watch) -> Self {
        Self {
            begun: Instant::now(),
            watch,
        }
    }
}

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn wait(&self, duration: Duration) {
        self.watch.wait(duration);
    }
}
