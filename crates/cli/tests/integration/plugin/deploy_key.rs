//! The script of docs/security.md that gives CI a key which may only deploy, as it stands there.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

#[test]
fn the_documented_script_lets_a_push_to_its_app_pass_and_nothing_else() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/security.md");
    let page = fs::read_to_string(page).unwrap();
    let script = page
        .split("```sh\n")
        .find_map(|part| part.split_once("\n```").map(|(block, _)| block))
        .filter(|block| block.starts_with("#!/bin/sh"))
        .expect("the script in docs/security.md");
    let home = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    // A stand-in for Dokku that tells how it was called.
    let dokku = put("dokku", "#!/bin/sh\necho \"$NAME $SSH_NAME: $*\"\n");
    let script = script.replace("/usr/bin/dokku", dokku.to_str().unwrap());
    let guard = put("dokku-deploy-only", &script);
    let called = |line: &str| {
        let output = Command::new(&guard)
            .args(["ci", "myapp"])
            .env("SSH_ORIGINAL_COMMAND", line)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), said)
    };
    for line in ["git-receive-pack 'myapp'", "git-receive-pack '/myapp'"] {
        let passed = (Some(0), format!("ci ci: {line}\n"));
        assert_eq!(called(line), passed);
    }
    for line in [
        "",
        "git-receive-pack 'other'",
        "git-receive-pack 'myapp' --app other",
        "git-receive-pack 'myapp'\nconfig:export myapp",
        "git-receive-pack 'myapp'; config:export myapp",
        "git-upload-pack 'myapp'",
        "config:unset myapp DEPLOY_LOCKED",
        "deploy-system:unlock myapp",
        "deploy-system:permit myapp 0123 now",
        "--app myapp git-receive-pack 'myapp'",
        "git-receive-pack 'myap*'",
    ] {
        assert_eq!(called(line), (Some(1), String::new()), "{line:?}");
    }
}
