//! From the command line to the exit code.

use std::process::ExitCode;

use clap::{
    CommandFactory, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    args::{Arguments, Command},
    dispatch, exit_codes,
    failure::Failure,
    global::{Global, VERSION},
    invocation::{self, Invocation},
    ui::Ui,
};

/// Runs the program. Whatever goes wrong is told once, here.
pub fn run() -> ExitCode {
    match Arguments::try_parse() {
        Ok(mut arguments) => {
            let form = form(&arguments);
            if let Ok(global) = &form {
                arguments.global = global.clone();
            }
            let ui = Ui::new(&arguments.global);
            let code = form
                .and_then(|_| act(&arguments, &ui))
                .unwrap_or_else(|failure| {
                    ui.failure(&failure);
                    failure.code
                });
            ui.give_back();
            ExitCode::from(code)
        }
        Err(error) => ExitCode::from(unparsed(&error)),
    }
}

/// The options, those of the output completed by environment and settings file. What the host's own
/// Dokku runs is nobody's to form.
fn form(arguments: &Arguments) -> Result<Global, Failure> {
    match arguments.command {
        None | Some(Command::Plugin(_)) => Ok(arguments.global.clone()),
        Some(_) => invocation::with_form(&arguments.global),
    }
}

fn act(arguments: &Arguments, ui: &Ui) -> Result<u8, Failure> {
    let Some(command) = &arguments.command else {
        if arguments.global.verbose {
            // The original's `-v`.
            ui.result(&format!("dokku-cli {VERSION}"))?;
        } else {
            ui.result(&Arguments::command().render_help().ansi().to_string())?;
        }
        return Ok(exit_codes::OK);
    };
    let invocation = Invocation::new(&arguments.global, ui);
    dispatch::run(command, &invocation)
}

/// Help and version are results; all else is a command line that is not understood.
fn unparsed(error: &clap::Error) -> u8 {
    // The options before the mistake are not known here; `--json` is looked for as it was given.
    let given = Global {
        json: std::env::args_os().any(|argument| argument == "--json"),
        ..Global::default()
    };
    // The mistake on the command line is told rather than one in the settings.
    let ui = Ui::new(&invocation::with_form(&given).unwrap_or(given));
    let outcome = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ui
            .result(error.render().ansi().to_string().trim_end())
            .map(|()| exit_codes::OK),
        _ => Err(misunderstood(error)),
    };
    outcome.unwrap_or_else(|failure| {
        ui.failure(&failure);
        failure.code
    })
}

fn misunderstood(error: &clap::Error) -> Failure {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        // Of several suggestions the nearest comes last.
        Some(ContextValue::Strings(texts)) => texts.last().cloned(),
        _ => None,
    };
    let help = "Run 'dokku-cli help' for usage";
    let mut failure = match error.kind() {
        ErrorKind::InvalidSubcommand => Failure::usage(format!(
            "Unknown command: {}",
            context(ContextKind::InvalidSubcommand).unwrap_or_default()
        )),
        ErrorKind::UnknownArgument => {
            let argument = context(ContextKind::InvalidArg).unwrap_or_default();
            if argument.starts_with('-') {
                Failure::usage(format!("Unknown option: {argument}"))
            } else {
                Failure::usage(format!("Unexpected argument: {argument}"))
            }
        }
        _ => {
            let text = error.render().to_string();
            return Failure::usage(text.trim_start_matches("error: ").trim_end());
        }
    };
    let nearest =
        context(ContextKind::SuggestedSubcommand).or_else(|| context(ContextKind::SuggestedArg));
    if let Some(nearest) = nearest {
        failure = failure.hint(format!("Did you mean '{nearest}'?"));
    }
    failure.hint(help)
}
