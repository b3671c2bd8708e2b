//! `logs`, `logs:failed` and `run:logs`.

use std::io::Write;
use std::sync::Arc;

use super::answer::{header, warn};
use super::arguments::check_app;
use super::git::apps;
use super::run::{app_of_container, split_flag};
use super::{Call, Failure, Outcome, Verb};
use crate::host::{Runtime, SandboxHost};
use crate::io::{Io, Out};
use crate::runtime::container::{Container, Kind};
use crate::runtime::log::Line;

/// Verbs of this plugin.
pub const VERBS: &[Verb] = &[Verb::new("logs", logs), Verb::new("logs:failed", failed)];

/// Dokku's colours, one container after another.
const COLOURS: [u8; 5] = [36, 33, 32, 35, 31];

struct Request {
    words: Vec<String>,
    count: usize,
    is_tail: bool,
    process: Option<String>,
}

impl Request {
    fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut request = Self {
            words: Vec::new(),
            count: 100,
            is_tail: false,
            process: None,
        };
        let mut args = args.iter();
        while let Some(word) = args.next() {
            let (flag, inline) = match word.split_once('=') {
                Some((flag, value)) if flag.starts_with('-') => (flag, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut value = || inline.clone().or_else(|| args.next().cloned());
            match flag {
                "-n" | "--num" => {
                    let given = value().unwrap_or_default();
                    request.count = given.parse().map_err(|_| Failure {
                        lines: vec![format!(
                            "invalid argument \"{given}\" for \"-n, --num\" flag: strconv.ParseInt: parsing \"{given}\": invalid syntax"
                        )],
                        code: 2,
                    })?;
                }
                "-p" | "--ps" | "--process" => request.process = value(),
                "-t" | "--tail" => request.is_tail = true,
                "-q" | "--quiet" | "--trace" | "--force" => {}
                _ => request.words.push(word.clone()),
            }
        }
        Ok(request)
    }
}

fn logs(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let request = Request::parse(&call.args)?;
    let app = request.words.first().map_or("", String::as_str);
    check_app(host, app)?;
    let apps = apps(host)?;
    if !apps.is_deployed(host, app) {
        return Err(Failure::new(format!("App {app} has not been deployed")));
    }
    let is_plain = call.flags.quiet || call.args.iter().any(|arg| arg == "-q");
    let wanted = |dyno: &str| {
        request
            .process
            .as_deref()
            .is_none_or(|process| dyno == process || dyno.starts_with(&format!("{process}.")))
    };
    let sources: Vec<Source> = apps
        .current(app)?
        .into_iter()
        .filter(|(dyno, _)| wanted(dyno))
        .enumerate()
        .map(|(index, (dyno, container))| Source {
            prefix: (!is_plain).then(|| (COLOURS[index % COLOURS.len()], dyno)),
            container,
        })
        .collect();
    show(io, &sources, &request)
}

/// `run:logs [APP] [--container NAME]`
pub fn of_run(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (name, rest) = split_flag(&call.args, "--container");
    let request = Request::parse(&rest)?;
    let app = match (request.words.first(), &name) {
        (Some(app), _) => app.clone(),
        (None, Some(name)) => app_of_container(name)?,
        (None, None) => return Err(Failure::new("No container or app specified")),
    };
    check_app(host, &app)?;
    let is_plain = call.flags.quiet;
    let sources: Vec<Source> = apps(host)?
        .containers
        .of_app(&app, Kind::Run)
        .into_iter()
        .filter(|container| {
            name.as_ref()
                .is_none_or(|name| container.record().name == *name)
        })
        .enumerate()
        .map(|(index, container)| Source {
            prefix: (!is_plain).then(|| (COLOURS[index % COLOURS.len()], container.record().dyno)),
            container,
        })
        .collect();
    show(io, &sources, &request)
}

struct Source {
    /// Colour and dyno in front of each line, unless the lines are wanted as they are.
    prefix: Option<(u8, String)>,
    container: Arc<Container>,
}

impl Source {
    fn render(&self, line: &Line) -> String {
        let text = line.log.trim_end_matches('\n');
        match &self.prefix {
            Some((colour, dyno)) => {
                format!(
                    "\u{1b}[{colour}m{:.9} app[{dyno}]:\u{1b}[0m {text}\n",
                    line.time
                )
            }
            None => format!("{text}\n"),
        }
    }

    fn follow(&self, count: usize, out: &Out, hangup: &crate::io::Hangup) -> std::io::Result<()> {
        let mut out = out.clone();
        self.container.log().follow(
            count,
            |line| {
                out.write_all(self.render(line).as_bytes())
                    .and_then(|()| out.flush())
                    .is_ok()
            },
            || !hangup.is_raised(),
        )
    }
}

fn show(io: &mut Io, sources: &[Source], request: &Request) -> Outcome {
    if !request.is_tail {
        for source in sources {
            for line in source.container.log().tail(request.count)? {
                io.stdout.write_all(source.render(&line).as_bytes())?;
            }
        }
        return Ok(());
    }
    let (out, hangup) = (&io.stdout, &io.hangup);
    std::thread::scope(|scope| {
        let followers: Vec<_> = sources
            .iter()
            .map(|source| scope.spawn(move || source.follow(request.count, out, hangup)))
            .collect();
        followers
            .into_iter()
            .try_for_each(|follower| follower.join().unwrap_or(Ok(())))
    })?;
    Ok(())
}

/// A recorded Dokku finds no failed containers, whatever failed before.
fn failed(call: &Call, io: &mut Io, host: &SandboxHost) -> Outcome {
    let (_, words) = split_flag(&call.args, "--all");
    let app = words.first().map_or("", String::as_str);
    check_app(host, app)?;
    header(call, io, &format!("{app} failed deploy logs"))?;
    Ok(warn(io, "No failed containers found")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_logs_have_long_and_short_forms() {
        let parse = |text: &str| {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            Request::parse(&words)
        };
        let long = parse("myapp --num 2 --tail --ps web").unwrap();
        let short = parse("-n 2 -t -p web myapp").unwrap();
        for request in [long, short] {
            assert_eq!(
                (request.words.join(""), request.count, request.is_tail),
                ("myapp".to_owned(), 2, true)
            );
            assert_eq!(request.process.as_deref(), Some("web"));
        }
        assert_eq!(parse("myapp --num=x").err().unwrap().code, 2);
    }
}
