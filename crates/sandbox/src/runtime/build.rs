//! The build: an optional script in the pushed tree, its output streamed.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::process::{self, Launch, Spawner};
use super::talk::Talk;

/// The scripts that build an app, the first one that is there counts.
const SCRIPTS: [&str; 2] = ["bin/build", ".sandbox/build"];

/// The build script of a tree, `None` when it has none that can be run.
pub fn script(tree: &Path) -> Option<PathBuf> {
    SCRIPTS
        .iter()
        .map(|name| tree.join(name))
        .find(|path| process::is_executable(path))
}

/// Runs the tree's build script, if any, inside the tree; whether the build succeeded.
///
/// # Errors
/// The script could not be started, or its output could not be read.
pub fn build(
    tree: &Path,
    env: Vec<(String, String)>,
    spawner: &Spawner,
    talk: &Talk,
) -> io::Result<bool> {
    let Some(script) = script(tree) else {
        return Ok(true);
    };
    let (mut output, to_us) = io::pipe()?;
    let mut child = spawner.spawn(Launch {
        command: vec![script.to_string_lossy().into_owned()],
        directory: tree.to_owned(),
        env,
        stdin: Stdio::null(),
        stdout: to_us.try_clone()?.into(),
        stderr: to_us.into(),
    })?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = output.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        talk.raw(&buffer[..read]);
    }
    Ok(child.wait()?.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fs_err as fs;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::mpsc;

    struct Listener(mpsc::Sender<Vec<u8>>);
    impl io::Write for Listener {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn build_with(script: &str, mode: u32) -> (bool, String) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("bin")).unwrap();
        let path = dir.path().join("bin/build");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let (sender, heard) = mpsc::channel();
        let env = vec![("NAME".to_owned(), "world".to_owned())];
        let talk = Talk::new(Listener(sender));
        let built = build(dir.path(), env, &Spawner::start().unwrap(), &talk).unwrap();
        drop(talk);
        let text: Vec<u8> = heard.iter().flatten().collect();
        (built, String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_build_script_sees_the_variables_and_its_output_is_told() {
        let (built, output) = build_with("#!/bin/sh\necho hello $NAME\necho bad >&2\n", 0o755);
        assert!(built);
        assert_eq!(output, "hello world\nbad\n");
    }

    #[test]
    fn a_failing_build_script_fails_the_build() {
        assert!(!build_with("#!/bin/sh\nexit 42\n", 0o755).0);
    }

    #[test]
    fn a_script_that_cannot_be_run_is_no_build_script() {
        assert_eq!(
            build_with("#!/bin/sh\nexit 42\n", 0o644),
            (true, String::new())
        );
    }
}
