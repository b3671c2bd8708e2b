//! `dokku-cli completions`: what a shell has to know to complete our command line, the names of
//! apps included.

use std::time::{Duration, SystemTime};

use clap::{Args, Command, ValueEnum};
use clap_complete::{Shell, generate};
use dokku_deploy::{app::AppName, dokku::apps, host::Host};

use super::with_host;
use crate::{
    exit_codes, failure::Failure, global::Global, invocation::Invocation, settings_file::edit,
};

/// How long the names of apps are remembered.
const FRESH: Duration = Duration::from_hours(1);
/// Nobody waits longer for a completion.
const PATIENCE: Duration = Duration::from_secs(3);

/// What `completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    pub shell: What,
}

/// A shell, or what the shells' scripts ask for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum What {
    /// bash
    Bash,
    /// elvish
    Elvish,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// zsh
    Zsh,
    /// The names of apps and aliases, a line each.
    #[value(hide = true)]
    Apps,
}

/// Prints the script for a shell, or the names; `line` is our command line.
pub fn run(
    arguments: &CompletionsArguments,
    line: &Command,
    invocation: &Invocation,
) -> Result<u8, Failure> {
    match arguments.shell {
        What::Bash => {
            // The generator names the program in two ways, so that nothing after a verb completes.
            let generated = script(line, Shell::Bash).replace("dokku__subcmd__cli", "dokku__cli");
            let script = format!("{generated}{}", bash(&verbs_with_app(line)));
            invocation.ui.result(script.trim_end())?;
        }
        What::Fish => {
            let script = format!(
                "{}{}",
                script(line, Shell::Fish),
                fish(&verbs_with_app(line))
            );
            invocation.ui.result(script.trim_end())?;
        }
        What::Zsh => invocation
            .ui
            .result(zsh(&script(line, Shell::Zsh)).trim_end())?,
        What::Elvish => invocation
            .ui
            .result(script(line, Shell::Elvish).trim_end())?,
        What::Powershell => invocation
            .ui
            .result(script(line, Shell::PowerShell).trim_end())?,
        What::Apps => {
            for (alias, _) in invocation.file()?.aliases() {
                invocation.ui.result(&alias)?;
            }
            for app in apps(invocation)? {
                invocation.ui.result(app.as_str())?;
            }
        }
    }
    Ok(exit_codes::OK)
}

fn script(line: &Command, shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut line.clone(), "dokku-cli", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The verbs whose first word is an app, with their short forms.
fn verbs_with_app(line: &Command) -> Vec<String> {
    line.get_subcommands()
        .filter(|verb| {
            verb.get_positionals()
                .next()
                .is_some_and(|first| ["app", "words"].contains(&first.get_id().as_str()))
        })
        .flat_map(|verb| std::iter::once(verb.get_name()).chain(verb.get_visible_aliases()))
        .map(str::to_owned)
        .collect()
}

/// In bash a colon ends a word, so the words are counted in the line itself.
fn bash(verbs: &[String]) -> String {
    format!(
        r#"
_dokku_cli_with_apps() {{
    _dokku__cli "$@"
    local line="${{COMP_LINE:0:COMP_POINT}}" words cur
    read -ra words <<< "$line"
    cur="${{words[2]:-}}"
    [[ $line == *[[:space:]] ]] && words+=("")
    [[ ${{#words[@]}} -eq 3 && $cur != -* ]] || return 0
    case "${{words[1]}}" in
        {})
            COMPREPLY=($(compgen -W "$(dokku-cli completions apps 2>/dev/null </dev/null)" -- "$cur")) ;;
    esac
}}
complete -F _dokku_cli_with_apps -o bashdefault -o default dokku-cli
"#,
        verbs.join("|")
    )
}

fn fish(verbs: &[String]) -> String {
    format!(
        r#"
complete -c dokku-cli -n "test (count (commandline -opc)) -eq 2; and __fish_seen_subcommand_from {}" -f -a "(dokku-cli completions apps 2>/dev/null </dev/null)"
"#,
        verbs.join(" ")
    )
}

/// Where an app is expected, its names take the place of files.
fn zsh(script: &str) -> String {
    let names = r#"
_dokku_cli_apps() {
    local -a apps
    apps=(${(f)"$(dokku-cli completions apps 2>/dev/null </dev/null)"})
    compadd -a apps
}
"#;
    let mut text = String::new();
    for (number, line) in script.lines().enumerate() {
        let is_app = ["':app -- ", "'::app -- "]
            .iter()
            .any(|begin| line.starts_with(begin));
        if is_app {
            text.push_str(&line.replace(":_default'", ":_dokku_cli_apps'"));
        } else {
            text.push_str(line);
        }
        text.push('\n');
        // After `#compdef`, which has to be the first line.
        if number == 0 {
            text.push_str(names);
        }
    }
    text
}

/// The apps of the host, as remembered where that is fresh and of this host.
fn apps(invocation: &Invocation) -> Result<Vec<AppName>, Failure> {
    let path = invocation
        .file_path()?
        .with_file_name(".dokku-cli-apps-cache");
    let is_fresh = fs_err::metadata(&path)
        .and_then(|data| data.modified())
        .is_ok_and(|then| {
            SystemTime::now()
                .duration_since(then)
                .is_ok_and(|age| age < FRESH)
        });
    // The first line says whose apps they are.
    let host = format!("# {}", invocation.target()?);
    if is_fresh
        && let Ok(text) = fs_err::read_to_string(&path)
        && let mut lines = text.lines()
        && lines.next() == Some(&host)
    {
        return Ok(lines.filter_map(|line| AppName::new(line).ok()).collect());
    }
    let global = Global {
        connect_timeout: invocation.global.connect_timeout.or(Some(PATIENCE)),
        ..invocation.global.clone()
    };
    let hasty = Invocation::new(&global, invocation.ui);
    let apps = with_host(&hasty, |host, _| {
        Ok(apps::read_list(&host.ask(&apps::list())?)?)
    })?;
    let lines = std::iter::once(host.as_str()).chain(apps.iter().map(AppName::as_str));
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    edit::write(&path, &text)
        .map_err(|error| Failure::settings(format!("cannot write {}: {error}", path.display())))?;
    Ok(apps)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn apps_are_completed_for_the_verbs_that_take_one() {
        let line = &Arguments::command();
        let verbs = verbs_with_app(line);
        for verb in [
            "deploy",
            "push",
            "logs",
            "config:set",
            "shell",
            "sh",
            "ssl",
            "domains",
            "db",
        ] {
            assert!(verbs.iter().any(|known| known == verb), "{verb}: {verbs:?}");
        }
        for verb in ["list", "alias", "completions", "validate"] {
            assert!(
                !verbs.iter().any(|known| known == verb),
                "{verb}: {verbs:?}"
            );
        }
        assert!(zsh(&script(line, Shell::Zsh)).contains(":_dokku_cli_apps'"));
        assert!(script(line, Shell::Bash).contains("_dokku__cli()"));
    }
}
