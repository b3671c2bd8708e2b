//! The page, as it is in the repository's `dashboard/`: part of the program.

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: &'static str,
    /// Its type, as HTTP names it.
    pub kind: &'static str,
    /// Its content.
    pub text: &'static str,
}

macro_rules! files {
    ($($name:literal $kind:literal),* $(,)?) => {
        &[$(File {
            name: $name,
            kind: $kind,
            text: include_str!(concat!("../../../../dashboard/", $name)),
        }),*]
    };
}

/// All files of the page.
pub const FILES: &[File] = files![
    "index.html" "text/html; charset=utf-8",
    "style.css" "text/css; charset=utf-8",
    "app.js" "text/javascript; charset=utf-8",
    "model.js" "text/javascript; charset=utf-8",
    "draw.js" "text/javascript; charset=utf-8",
    "rows.js" "text/javascript; charset=utf-8",
    "detail.js" "text/javascript; charset=utf-8",
    "icon.svg" "image/svg+xml",
];

/// What the page may do, said again by servers that can.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> &'static str {
        FILES.iter().find(|file| file.name == name).unwrap().text
    }

    #[test]
    fn the_page_names_every_file_and_its_policy_is_the_servers() {
        let page = text("index.html");
        for file in FILES.iter().filter(|file| file.name != "index.html") {
            assert!(
                page.contains(&format!("\"{}\"", file.name)),
                "{}",
                file.name
            );
        }
        let policy = POLICY.replace("frame-ancestors 'none'; ", "");
        assert!(page.contains(&format!("content=\"{policy}\"")));
    }

    #[test]
    fn nothing_is_asked_of_other_hosts_and_no_markup_is_made_of_text() {
        for file in FILES {
            for forbidden in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
                " style=",
                "<style",
                " onclick=",
                "src=\"http",
                "href=\"http",
                "url(",
                "@import",
            ] {
                assert!(
                    !file.text.contains(forbidden),
                    "{} in {}",
                    forbidden,
                    file.name
                );
            }
        }
    }
}
