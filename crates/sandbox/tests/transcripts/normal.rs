//! What may differ between two hosts that answer alike. Each rule is listed in `docs/sandbox.md`.

use regex::Regex;

/// The rules, applied in this order to both sides.
pub struct Rules(Vec<(Regex, &'static str)>);

impl Rules {
    /// `root` is the sandbox's directory, which stands for `/home/dokku` and `/var/lib/dokku`.
    pub fn new() -> Self {
        let rules = [
            // Lines of Docker's own progress, and the warning about a deprecated trigger of the recording's plugin.
            (r"(?m)^(remote: )?#\d+ .*\n((remote: +)?\n)?", ""),
            (
                r"(?m)^(remote: )?\s+!\s+Deprecated: please upgrade plugin.*\n",
                "",
            ),
            // Times.
            (
                r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
                "<time>",
            ),
            (r"\b1[789]\d{8}\b", "<epoch>"),
            (r"\b\d+(m\d+)?s\b", "<duration>"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC", "<time>"),
            // A line of Docker's client about a container that did not start.
            (
                r#"(?m)^time="<time>" level=error msg="error waiting for container: context canceled"\n"#,
                "",
            ),
            // Identities.
            (r"PID +Source", "PID Source"),
            (r"\.run\.\d+\b", ".run.<number>"),
            (r"\bm[0-9a-z]{13}\b", "<build>"),
            (
                r#"("pid":|Build pid: +|(?:succeeded|running|failed|abandoned) +)\d+ *"#,
                "$1<pid> ",
            ),
            (r"sha256:[0-9a-f]{64}", "<image>"),
            (r"\b[0-9a-f]{64}\b", "<long id>"),
            (r"\b[0-9a-f]{40}\b", "<commit>"),
            (r"\b[0-9a-f]{7}\.\.[0-9a-f]{7}\b", "<commits>"),
            (r"upcoming-\d+", "upcoming-<number>"),
            (r"\b[0-9a-f]{32}\b", "<password>"),
            (r"legacy-[0-9a-f]{10}", "legacy-<digest>"),
            (r"CID: [0-9a-f]{11}", "CID: <id>"),
            (r"\b[0-9a-f]{12}\b", "<id>"),
            (r"SHA256:[A-Za-z0-9+/]{43}", "<fingerprint>"),
            // Datastores: where they listen, their versions and logs, and the padding of columns after such values.
            (
                r"\bdokku-(postgres|mysql|mariadb|redis)-[\w-]+:\d+",
                "<address>",
            ),
            (
                r"\b(postgres|mysql|mariadb|redis):\d+(\.\d+)*",
                "$1:<version>",
            ),
            (
                r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC \[\d+\]",
                "<time> [<pid>]",
            ),
            // Addresses and ports of the connection.
            (r"SSH_CLIENT=.*", "SSH_CLIENT=<address>"),
            (r"SSH_CONNECTION=.*", "SSH_CONNECTION=<address>"),
            (r"\b172\.17\.\d+\.\d+\b", "<address>"),
            (r"\b127\.0\.0\.1(:\d+)?", "<address>"),
            (
                r"(?m)^(       (?:Config|Data|Dsn|Exposed|Id|Internal|Initial|Links|Post|Service|Status|Version)[a-z ]*:.*?) +$",
                "$1",
            ),
            (
                r"listening check' attempts=3 port=\d+",
                "listening check' attempts=3 port=<port>",
            ),
            (r"(http://|tcp ):\d+", "$1:<port>"),
            // Checks that run at the same time start and end in any order.
            (
                r"(?m)^(.*Running healthcheck name='port listening check'.*\n)(.*Running healthcheck name='health'.*\n)",
                "$2$1",
            ),
            (
                r"(?m)^(.*Healthcheck succeeded name='port listening check' *\n)(.*Healthcheck succeeded name='health' *\n)",
                "$2$1",
            ),
            // The two streams of one plugin reach the client in any order.
            (
                r"(?m)^(.*probe: stderr from failing .*\n)(.*probe: stdout from failing .*\n)",
                "$2$1",
            ),
            // The app's own log of a check may come too late to be shown.
            (r#"(?m)^(remote: )?       "%s" %s %s GET /health .*\n"#, ""),
            // Process numbers and users of the machine.
            (r"DOKKU_PID=\d+", "DOKKU_PID=<pid>"),
            (r"uid=\S+ gid=\S+ groups=\S+", "<user>"),
            (r"git/\d[\d.]*", "git/<version>"),
        ];
        Self(
            rules
                .into_iter()
                .map(|(pattern, to)| (Regex::new(pattern).unwrap(), to))
                .collect(),
        )
    }

    pub fn apply(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (pattern, to)| {
            pattern.replace_all(&text, *to).into_owned()
        })
    }
}

/// Lines in no particular order: Go's maps have none.
pub fn sorted(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}
