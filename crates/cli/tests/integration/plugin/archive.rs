//! The archive that is installed by hand.

use std::{fs, path::Path, process::Command};

use super::Guarded;

#[test]
fn the_archive_is_the_same_twice_and_holds_a_plugin_that_works() {
    let host = Guarded::start();
    let home = host.host.home();
    // The real program is large when it is built for tests.
    let small = home.join("small");
    let script = format!(
        "#!/bin/sh\nexec '{}' \"$@\"\n",
        env!("CARGO_BIN_EXE_dokku-cli")
    );
    fs::write(&small, script).unwrap();
    let archive = |name: &str| {
        let ran = host
            .host
            .cli(&["server", "archive", name, "--program", "small"])
            .directory(home)
            .run();
        assert_eq!(ran.status, Some(0), "{ran:?}");
        assert_eq!(ran.stdout, format!("{name}\n"));
        assert!(
            ran.stderr.contains(
                "dokku plugin:install file:///tmp/deploy-system.tar.gz --name deploy-system"
            ),
            "{ran:?}"
        );
        fs::read(home.join(name)).unwrap()
    };
    assert!(
        archive("one.tar.gz") == archive("two.tar.gz"),
        "not the same bytes"
    );
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "one.tar.gz.sha256"])
        .current_dir(home)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");

    // As `dokku plugin:install` does it.
    let plugin = home.join("root/plugins/deploy-system");
    fs::remove_dir_all(&plugin).unwrap();
    fs::create_dir(&plugin).unwrap();
    let unpacked = Command::new("tar")
        .args(["--extract", "--file", "one.tar.gz", "--directory"])
        .arg(&plugin)
        .current_dir(home)
        .status()
        .unwrap();
    assert!(unpacked.success());
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&plugin), 0o755, "Dokku's user has to get in");
    assert_eq!(mode(&plugin.join("core-post-extract")), 0o755);
    assert_eq!(mode(&plugin.join("plugin.toml")), 0o644);
    let installed = host
        .entry("install", &[], "")
        .env("DOKKU_SYSTEM_USER", "root")
        .env("DOKKU_SYSTEM_GROUP", "root")
        .status()
        .unwrap();
    // Only root may give the directory away.
    assert_eq!(installed.success(), rustix::process::geteuid().is_root());
    assert!(host.ok("deploy-system:version").contains("protocol 1"));
    host.ok("apps:create shop");
    host.commit();
    assert_eq!(host.push("shop").code, 0);
    host.ok("deploy-system:lock shop freeze");
    host.commit();
    let said = host.push("shop");
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(said.text.contains("shop is locked"), "{}", said.text);
}
