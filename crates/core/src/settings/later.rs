//! Sections that are checked but not acted on yet.

use super::{
    fault::Sink,
    read::{Distinct, Int, place_of, section, words},
    value::{Cron, Domain, Line, Time, TimeOfDay},
    yaml::Node,
};
use crate::app::Environment;

section! {
    /// Automatic scaling of one environment's app.
    Scaling {
        /// Whether it is done at all.
        enabled: Option<bool>,
        /// Fewest processes. Default: 1.
        min_instances: Option<Int<0, 100>>,
        /// Most processes. Default: 5.
        max_instances: Option<Int<1, 100>>,
        /// What is measured.
        metrics: Option<Metrics>,
        /// Time between two changes.
        cooldown: Option<Cooldown>,
        /// Numbers at fixed times.
        schedule: Option<Vec<ScheduledScale>>,
    }
    check: limits_fit
}

fn limits_fit(scaling: &Scaling, node: &Node, faults: &mut Sink<'_>) {
    let min = scaling.min_instances.map_or(1, |n| n.0);
    let max = scaling.max_instances.map_or(5, |n| n.0);
    if min > max {
        let message = format!(
            "`{0}.min_instances` is above `{0}.max_instances`",
            faults.key()
        );
        let expected = format!("expected at most {max}");
        faults.add(place_of(node, "min_instances"), message, expected, None);
    }
}

section! {
    /// What is measured.
    Metrics {
        /// Load of the processors in per cent.
        cpu: Option<Thresholds>,
        /// Use of memory in per cent.
        memory: Option<Thresholds>,
    }
}

section! {
    /// Limits in per cent.
    Thresholds {
        /// Above it processes are added. Default: 80.
        scale_up_threshold: Option<Int<1, 100>>,
        /// Below it processes are taken away. Default: 50.
        scale_down_threshold: Option<Int<0, 99>>,
    }
    check: thresholds_fit
}

fn thresholds_fit(thresholds: &Thresholds, node: &Node, faults: &mut Sink<'_>) {
    let up = thresholds.scale_up_threshold.map_or(80, |n| n.0);
    let down = thresholds.scale_down_threshold.map_or(50, |n| n.0);
    if down >= up {
        let key = faults.key();
        let message = format!("`{key}.scale_down_threshold` is not below `scale_up_threshold`");
        let expected = format!("expected less than {up}");
        faults.add(
            place_of(node, "scale_down_threshold"),
            message,
            expected,
            None,
        );
    }
}

section! {
    /// Time between two changes.
    Cooldown {
        /// After adding. Default: 3m.
        scale_up: Option<Time>,
        /// After taking away. Default: 10m.
        scale_down: Option<Time>,
    }
}

section! {
    /// A number at fixed times.
    ScheduledScale {
        /// When, in UTC.
        cron: Cron,
        /// How many processes.
        instances: Int<0, 100>,
        /// What it is for.
        name: Option<Line>,
    }
}

section! {
    /// A further host.
    Server {
        /// Its name or address.
        host: Line,
        /// Whether it is the first to be deployed to.
        primary: Option<bool>,
        /// The domain of its apps. Default: `BASE_DOMAIN`.
        domain: Option<Domain>,
    }
}

section! {
    /// How several hosts are deployed to.
    Deployment {
        /// In which order.
        strategy: Option<Strategy>,
    }
}

words! {
    /// The order of hosts.
    pub(super) Strategy: "all, primary-only or rolling" {
        /// All at once.
        All = "all",
        /// The primary one alone.
        PrimaryOnly = "primary-only",
        /// One after the other.
        Rolling = "rolling",
    }
}

section! {
    /// A trial with part of the traffic.
    Canary {
        /// Whether it is done at all.
        enabled: Option<bool>,
        /// Part of the traffic in per cent. Default: 10.
        percent: Option<Int<5, 50>>,
        /// How long it is watched. Default: 15m.
        monitoring_duration: Option<Time>,
        /// Failed requests in per cent above which it is taken back. Default: 5.
        error_threshold: Option<Int<0, 100>>,
    }
}

section! {
    /// Who has to agree to a deploy.
    Approval {
        /// Whether anybody has to.
        required: Option<bool>,
        /// People and teams, as GitHub names them.
        reviewers: Option<Distinct<Line>>,
        /// Where. Default: production.
        environments: Option<Distinct<Environment>>,
        /// How long it is waited for them.
        timeout: Option<Time>,
    }
}

section! {
    /// A time in which deploys are allowed.
    MaintenanceWindow {
        /// What it is called.
        name: Option<Line>,
        /// On which days. Default: every day.
        days: Option<Distinct<Day>>,
        /// From when.
        start: TimeOfDay,
        /// Until when; before `start`, it is meant of the next day.
        end: TimeOfDay,
        /// The time zone by its IANA name. Default: UTC.
        timezone: Option<Line>,
        /// Where. Default: production.
        environments: Option<Distinct<Environment>>,
    }
    check: zone_exists
}

fn zone_exists(window: &MaintenanceWindow, node: &Node, faults: &mut Sink<'_>) {
    let Some(zone) = &window.timezone else {
        return;
    };
    let is_zone = zone
        .0
        .split('/')
        .all(|part| super::value::is_word(part, "_+-"));
    if !is_zone {
        let message = format!("`{}.timezone` is not the name of a time zone", faults.key());
        let expected = "expected a name such as UTC or Europe/Berlin";
        faults.add(place_of(node, "timezone"), message, expected, None);
    }
}

words! {
    /// A day of the week.
    pub(super) Day: "monday, tuesday, wednesday, thursday, friday, saturday or sunday" {
        /// The first.
        Monday = "monday",
        /// The second.
        Tuesday = "tuesday",
        /// The third.
        Wednesday = "wednesday",
        /// The fourth.
        Thursday = "thursday",
        /// The fifth.
        Friday = "friday",
        /// The sixth.
        Saturday = "saturday",
        /// The seventh.
        Sunday = "sunday",
    }
}
