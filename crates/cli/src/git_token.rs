//! A token for git over HTTP: in git's environment, never among its words, where other users of the
//! machine could see it, nor in a file.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use dokku_deploy::secret::Secret;

/// Whether a token of `server` (such as `https://github.com`) may be sent to `url`: only there, and
/// not where others could read it on the way.
pub fn is_for(url: &str, server: &str) -> bool {
    let server = server.trim_end_matches('/');
    let is_safe = ["https://", "http://127.0.0.1:", "http://[::1]:"]
        .iter()
        .any(|safe| url.starts_with(safe));
    is_safe && url.starts_with(&format!("{server}/"))
}

/// git's environment with the token for this address alone. It takes the place of a login that git's
/// settings have for the same server: two of them GitHub refuses.
pub fn variables(url: &str, token: &Secret) -> Vec<(String, String)> {
    let key = format!("http.{url}.extraHeader");
    let coded = BASE64_STANDARD.encode(format!("x-access-token:{}", token.expose()));
    [
        ("GIT_CONFIG_COUNT", "2".to_owned()),
        ("GIT_CONFIG_KEY_0", key.clone()),
        ("GIT_CONFIG_VALUE_0", String::new()),
        ("GIT_CONFIG_KEY_1", key),
        (
            "GIT_CONFIG_VALUE_1",
            format!("Authorization: Basic {coded}"),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_its_own_server_and_not_in_the_clear() {
        let github = "https://github.com";
        assert!(is_for("https://github.com/acme/shop.git", github));
        assert!(is_for(
            "https://github.com/acme/shop.git",
            "https://github.com/"
        ));
        for elsewhere in [
            "https://github.com.evil.example/acme/shop.git",
            "https://evil.example/https://github.com/",
            "http://github.com/acme/shop.git",
            "git@github.com:acme/shop.git",
            "/srv/shop.git",
        ] {
            assert!(!is_for(elsewhere, github), "{elsewhere}");
        }
        let plain = "http://ghe.example.com";
        assert!(!is_for("http://ghe.example.com/acme/shop.git", plain));
    }
}
