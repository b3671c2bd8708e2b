//! `dokku deploy-system:backup…`

use clap::{Args, Subcommand, ValueEnum};
use dokku_deploy::{
    app::AppName,
    backup::{Fresh, Place as Where, Reason},
    clock::stamp,
    plugin_protocol::{
        BackupReport, BackupRequest, BackupsRequest, Fault, FaultKind, Listed, Listing,
    },
    service::ServiceKind,
};
use jiff::Timestamp;

use super::subcommand::{Common, answer, understood};
use crate::{
    commands::{backup::judge, size},
    exit_codes,
    failure::Failure,
    invocation::Invocation,
    server::{Place, backups},
    ui::visible,
};

/// Places to back up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum To {
    /// The host's own disk
    Server,
    /// The bucket
    S3,
    /// Both
    Both,
}

impl To {
    /// As they are asked for.
    pub fn places(self) -> Vec<Where> {
        match self {
            Self::Server => vec![Where::Server],
            Self::S3 => vec![Where::S3],
            Self::Both => vec![Where::Server, Where::S3],
        }
    }
}

/// What can be asked about backups.
#[derive(Debug, Subcommand)]
pub enum Verbs {
    Backup(MakeWords),
    Backups(ListWords),
    BackupVerify(ListWords),
    BackupPrune(PruneWords),
    BackupSend(SendWords),
    BackupTested(TestedWords),
    BackupRoom(RoomWords),
}

/// Answers it.
pub fn run(
    verb: &Verbs,
    place: &Place,
    now: Timestamp,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    match verb {
        Verbs::Backup(words) => make(words, place, invocation),
        Verbs::Backups(words) => list(words, place, invocation),
        Verbs::BackupVerify(words) => verify(words, place, invocation),
        Verbs::BackupPrune(words) => prune(words, place, now, invocation),
        Verbs::BackupSend(words) => send(words, place),
        Verbs::BackupTested(words) => tested(words, place, now, invocation),
        Verbs::BackupRoom(words) => room(words, place, invocation),
    }
}

#[derive(Debug, Args)]
pub struct MakeWords {
    #[command(flatten)]
    common: Common,
    /// The whole request, as `dokku-cli` sends it
    #[arg(long, value_name = "BASE64", conflicts_with_all = ["all_apps", "to", "app", "service"])]
    request: Option<String>,
    /// All apps but previews
    #[arg(long, conflicts_with = "app")]
    all_apps: bool,
    /// As the settings of this host's timer say
    #[arg(long, conflicts_with_all = ["request", "all_apps", "to", "app", "service"])]
    scheduled: bool,
    #[arg(long, value_enum, default_value = "server")]
    to: To,
    #[arg(env = "DOKKU_APP_NAME", required_unless_present_any = ["request", "all_apps", "scheduled"])]
    app: Option<AppName>,
    /// A kind or a name
    service: Option<String>,
}

#[derive(Debug, Args)]
pub struct ListWords {
    #[command(flatten)]
    common: Common,
    /// The whole request, as `dokku-cli` sends it
    #[arg(long, value_name = "BASE64", conflicts_with_all = ["id", "app"])]
    request: Option<String>,
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[arg(env = "DOKKU_APP_NAME")]
    app: Option<AppName>,
}

#[derive(Debug, Args)]
pub struct PruneWords {
    #[command(flatten)]
    common: Common,
    /// The whole request, as `dokku-cli` sends it
    #[arg(long, value_name = "BASE64", conflicts_with_all = ["dry_run", "app"])]
    request: Option<String>,
    #[arg(long)]
    dry_run: bool,
    #[arg(env = "DOKKU_APP_NAME")]
    app: Option<AppName>,
}

#[derive(Debug, Args)]
pub struct SendWords {
    #[command(flatten)]
    common: Common,
    id: String,
}

/// What only `dokku-cli` asks.
#[derive(Debug, Args)]
pub struct TestedWords {
    #[command(flatten)]
    common: Common,
    #[arg(long, value_name = "BASE64")]
    request: String,
}

#[derive(Debug, Args)]
pub struct RoomWords {
    #[command(flatten)]
    common: Common,
    /// The kind of services
    kind: ServiceKind,
}

impl MakeWords {
    fn asked(&self, place: &Place) -> Result<BackupRequest, Fault> {
        if let Some(word) = &self.request {
            return understood(word);
        }
        let settings = backups::BackupSettings::read(place).map_err(|error| Fault {
            kind: FaultKind::Failed,
            message: error.to_string(),
        })?;
        let kind: Option<ServiceKind> = self.service.as_deref().and_then(|word| word.parse().ok());
        Ok(BackupRequest {
            app: self.app.clone().filter(|_| !self.all_apps),
            kind,
            service: self.service.clone().filter(|_| kind.is_none()),
            also: Vec::new(),
            reason: Reason::Manual,
            to: self.to.places(),
            encrypt_to: settings.encrypt_to,
            has_bucket: false,
            prune: None,
            fresh: Fresh::Only,
            restore_tests: None,
            is_watched: false,
        })
    }
}

impl ListWords {
    fn asked(&self) -> Result<BackupsRequest, Fault> {
        if let Some(word) = &self.request {
            return understood(word);
        }
        Ok(BackupsRequest {
            app: self.app.clone(),
            id: self.id.clone(),
            is_brief: false,
            with_bucket: true,
        })
    }

    fn is_json(&self) -> bool {
        self.common.format == "json"
    }
}

fn make(words: &MakeWords, place: &Place, invocation: &Invocation) -> Result<u8, Failure> {
    let report = if words.scheduled {
        backups::scheduled(place, invocation.ui)
    } else {
        words
            .asked(place)
            .and_then(|request| backups::make(place, &request, invocation.ui))
    };
    answer(
        words.common.format == "json",
        report,
        invocation,
        |report| told(&report, invocation),
    )
}

/// The summary, and the exit code.
pub fn told(report: &BackupReport, invocation: &Invocation) -> Result<u8, Failure> {
    for warning in &report.warnings {
        invocation.ui.warning(warning);
    }
    judge(report)
}

fn list(words: &ListWords, place: &Place, invocation: &Invocation) -> Result<u8, Failure> {
    let listing = words
        .asked()
        .and_then(|request| backups::list(place, &request));
    answer(words.is_json(), listing, invocation, |listing: Listing| {
        for one in &listing.backups {
            invocation.ui.result(&visible(&format!(
                "{}  {}  {}  {}",
                one.id,
                stamp(one.time),
                size(one.size),
                known(one)
            )))?;
        }
        match &listing.unknown {
            None => Ok(exit_codes::OK),
            Some(why) => Err(Failure::new(
                exit_codes::HOST,
                format!("what the bucket holds is not known: {why}"),
            )),
        }
    })
}

/// What is known of a backup without reading it.
fn known(one: &Listed) -> String {
    let tested = one.manifest.as_ref().and_then(|found| found.restore_tested);
    match (&one.flaw, tested) {
        (Some(flaw), _) => flaw.clone(),
        (None, Some(tested)) => format!("restored for a test {}", stamp(tested)),
        (None, None) => "checked when it was made".to_owned(),
    }
}

fn verify(words: &ListWords, place: &Place, invocation: &Invocation) -> Result<u8, Failure> {
    let verified = words
        .asked()
        .and_then(|request| backups::verify(place, &request));
    answer(words.is_json(), verified, invocation, |verified| {
        let mut code = exit_codes::OK;
        for one in &verified {
            let verdict = match &one.flaw {
                Some(flaw) => {
                    code = exit_codes::VERIFICATION;
                    flaw.as_str()
                }
                None if one.is_sealed => "what was written; encrypted, so not looked into",
                None => "good",
            };
            invocation
                .ui
                .result(&visible(&format!("{}: {verdict}", one.id)))?;
        }
        Ok(code)
    })
}

fn prune(
    words: &PruneWords,
    place: &Place,
    now: Timestamp,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    // Whoever sends a request records it.
    let pruned = if let Some(word) = &words.request {
        understood(word).and_then(|request| backups::prune(place, &request, now))
    } else {
        let app = words.app.as_ref();
        backups::prune_by_hand(place, app, words.dry_run, now, invocation.ui)
    };
    let is_json = words.common.format == "json";
    answer(is_json, pruned, invocation, |pruned| {
        for one in &pruned {
            let verb = if one.is_kept { "stays" } else { "goes" };
            invocation
                .ui
                .result(&visible(&format!("{}: {verb} ({})", one.id, one.why)))?;
        }
        Ok(exit_codes::OK)
    })
}

fn tested(
    words: &TestedWords,
    place: &Place,
    now: Timestamp,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    let noted =
        understood(&words.request).and_then(|request| backups::note_test(place, &request, now));
    answer(words.common.format == "json", noted, invocation, |noted| {
        let told = noted.restore_tested.map_or_else(
            || "not known to restore".to_owned(),
            |time| format!("restored for a test {}", stamp(time)),
        );
        invocation
            .ui
            .result(&visible(&format!("{}: {told}", noted.id)))?;
        Ok(exit_codes::OK)
    })
}

fn room(words: &RoomWords, place: &Place, invocation: &Invocation) -> Result<u8, Failure> {
    let room = backups::room(place, words.kind);
    answer(words.common.format == "json", room, invocation, |room| {
        invocation.ui.result(&format!("{} free", size(room.free)))?;
        Ok(exit_codes::OK)
    })
}

/// Standard output is the backup itself.
fn send(words: &SendWords, place: &Place) -> Result<u8, Failure> {
    backups::send(place, &words.id).map_err(|fault| {
        let code = match fault.kind {
            FaultKind::Invalid => exit_codes::USAGE,
            _ => exit_codes::INTERNAL,
        };
        Failure::new(code, fault.message)
    })?;
    Ok(exit_codes::OK)
}
