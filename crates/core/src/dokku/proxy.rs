//! `proxy:*`: what stands before an app's processes.

use super::text;
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// What Dokku's own proxy is called, and the one that asks for passwords.
pub const NGINX: &str = "nginx";

/// Asks which proxy an app is served by.
pub fn kind(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("proxy:report", app).flag("--proxy-computed-type")
}

/// Reads it.
pub fn read_kind(answer: &Answer) -> Result<String, HostError> {
    let kind = text(answer)?.trim();
    if kind.is_empty() || kind.contains(char::is_whitespace) {
        return Err(answer.unparsable("the name of a proxy"));
    }
    Ok(kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app};

    #[test]
    fn the_proxy_is_one_word() {
        let line = kind(&app("shop")).wire().unwrap();
        assert_eq!(line, "proxy:report shop --proxy-computed-type");
        assert_eq!(read_kind(&answer(0, "nginx\n", "")), Ok("nginx".to_owned()));
        for strange in [
            answer(0, "", ""),
            answer(0, "=====> x proxy", ""),
            answer(1, "", "no"),
        ] {
            assert!(read_kind(&strange).is_err(), "{strange:?}");
        }
    }
}
