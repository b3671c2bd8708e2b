//! The two lines of a Dockerfile that a host without containers can use: `CMD` and `EXPOSE`.

use std::path::Path;

use fs_err as fs;

/// The first port that the tree's Dockerfile exposes.
pub fn exposed_port(tree: &Path) -> Option<u16> {
    let text = fs::read_to_string(tree.join("Dockerfile")).ok()?;
    let line = instructions(&text, "EXPOSE").next()?;
    line.split_whitespace()
        .next()?
        .split('/')
        .next()?
        .parse()
        .ok()
}

/// The command of the tree's Dockerfile.
pub fn command(tree: &Path) -> Option<Vec<String>> {
    let text = fs::read_to_string(tree.join("Dockerfile")).ok()?;
    let line = instructions(&text, "CMD").last()?;
    Some(serde_json::from_str(line).unwrap_or_else(|_| super::schedule::shell(line)))
}

fn instructions<'a>(text: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (word, rest) = line.trim().split_once(char::is_whitespace)?;
        word.eq_ignore_ascii_case(name).then_some(rest.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_and_port_are_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            (command(dir.path()), exposed_port(dir.path())),
            (None, None)
        );
        let path = dir.path().join("Dockerfile");
        fs::write(
            &path,
            "FROM x\nEXPOSE 5000/tcp\nCMD [\"python3\", \"server.py\"]\n",
        )
        .unwrap();
        assert_eq!(exposed_port(dir.path()), Some(5000));
        assert_eq!(command(dir.path()).unwrap(), ["python3", "server.py"]);
        fs::write(&path, "FROM x\ncmd python3 server.py\n").unwrap();
        assert_eq!(
            command(dir.path()).unwrap().last().unwrap(),
            "python3 server.py"
        );
    }
}
