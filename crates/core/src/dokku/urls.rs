//! `urls`: where an app is reached. Takes one to four seconds on the host.

use super::text_unless_missing;
use crate::{
    app::AppName,
    command::DokkuCommand,
    host::{Answer, HostError},
};

/// Asks for the URLs of an app.
pub fn urls(app: &AppName) -> DokkuCommand {
    DokkuCommand::on("urls", app)
}

/// Reads the answer to [`urls`], the default one first; `None` when the app does not exist.
pub fn read(answer: &Answer) -> Result<Option<Vec<String>>, HostError> {
    let Some(text) = text_unless_missing(answer)? else {
        return Ok(None);
    };
    text.split_whitespace()
        .map(|url| {
            let is_url = url.split_once("://").is_some_and(|(scheme, rest)| {
                !rest.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
            });
            if is_url {
                Ok(url.to_owned())
            } else {
                Err(answer.unparsable("a list of URLs"))
            }
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dokku::recorded::{answer, app, recorded};

    #[test]
    fn urls_are_read_in_dokkus_order() {
        assert_eq!(urls(&app("myapp")).wire().unwrap(), "urls myapp");
        let one = read(&recorded("url")).unwrap().unwrap();
        assert_eq!(one, ["http://myapp.dokku.test"]);
        let two = read(&answer(0, "https://b.test\nhttp://a.test:5000\n", ""))
            .unwrap()
            .unwrap();
        assert_eq!(two, ["https://b.test", "http://a.test:5000"]);
        assert_eq!(read(&recorded("logs-missing")), Ok(None));
        assert!(read(&answer(0, "no url\n", "")).is_err());
    }
}
