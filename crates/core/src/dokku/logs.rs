//! `logs`.

use super::text_unless_missing;
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// Asks for the last `num` lines, with time, process and Dokku's colours before each.
pub fn logs(app: &AppName, num: u32) -> DokkuCommand {
    DokkuCommand::on("logs", app)
        .flag("--num")
        .flag(&num.to_string())
}

/// Asks for the last `num` lines as the app wrote them.
pub fn bare(app: &AppName, num: u32) -> DokkuCommand {
    logs(app, num).flag("--quiet")
}

/// Reads the lines; `None` when the app does not exist. Colours and other control characters are
/// taken out, so that a log cannot write to the reader's terminal. An app that was never deployed
/// has no logs and is a refusal.
pub fn read(answer: &Answer) -> Result<Option<Vec<String>>, HostError> {
    if text_unless_missing(&Answer {
        stdout: Vec::new(),
        ..answer.clone()
    })?
    .is_none()
    {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&answer.stdout);
    Ok(Some(text.lines().map(plain).collect()))
}

/// `line` without escape sequences and control characters; tabs stay.
pub fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            match chars.next() {
                // CSI: up to a final byte.
                Some('[') => {
                    let _final = chars.by_ref().find(|c| ('@'..='~').contains(c));
                }
                // OSC: up to BEL or ESC \.
                Some(']') => {
                    let end = chars.by_ref().find(|c| ['\u{7}', '\u{1b}'].contains(c));
                    if end == Some('\u{1b}') {
                        let _backslash = chars.next();
                    }
                }
                _ => {}
            }
        } else if c == '\t' || !c.is_control() {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn the_commands_on_the_wire() {
        let app = app("myapp");
        assert_eq!(logs(&app, 30).wire().unwrap(), "logs myapp --num 30");
        assert_eq!(bare(&app, 5).wire().unwrap(), "logs myapp --num 5 --quiet");
    }

    #[test]
    fn lines_come_without_colours_and_controls() {
        let lines = read(&recorded("logs-stopped")).unwrap().unwrap();
        assert_eq!(
            lines,
            [r#"2026-11-23T10:58:21.325258758Z app[web.1]: "%s" %s %s GET /health HTTP/1.1 200 -"#]
        );
        assert_eq!(
            plain("\u{1b}]0;title\u{7}a\u{1b}[1;31mb\u{7}\tc\u{1b}[0m"),
            "ab\tc"
        );
        assert_eq!(plain("\u{1b}]8;;x\u{1b}\\link\u{1b}["), "link");
        let bytes = Answer {
            stdout: b"a\xff\nb\n".to_vec(),
            ..answer(0, "", "")
        };
        assert_eq!(read(&bytes).unwrap().unwrap(), ["a\u{fffd}", "b"]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_can_write_to_the_terminal(line in "(\\PC|\u{1b}|[\\[\\];m\u{7}\u{9b}]){0,40}") {
            proptest::prop_assert!(plain(&line).chars().all(|c| c == '\t' || !c.is_control()));
        }
    }

    #[test]
    fn no_app_and_no_logs_are_told_apart() {
        assert_eq!(read(&recorded("logs-missing")), Ok(None));
        assert!(read(&answer(1, "", " !     App x has not been deployed\n")).is_err());
        assert_eq!(read(&answer(0, "", "")), Ok(Some(Vec::new())));
    }
}
