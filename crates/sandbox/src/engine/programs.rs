//! Finding the engines' programs on this machine, as Debian's packages install them.

use std::path::{Path, PathBuf};

use super::{EngineError, Kind};

/// Where the programs of an installed engine are.
#[derive(Clone, Debug)]
pub struct Programs {
    kind: Kind,
    directories: Vec<PathBuf>,
}

impl Programs {
    /// Finds the engine, or names the package that is missing.
    pub fn find(kind: Kind) -> Result<Self, EngineError> {
        let programs = Self {
            kind,
            directories: directories(kind),
        };
        programs.path(programs.server())?;
        Ok(programs)
    }

    /// The name of the server's program.
    pub fn server(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => "postgres",
            Kind::Mariadb => "mariadbd",
            Kind::Redis => "redis-server",
        }
    }

    /// The full path of one of the engine's programs.
    pub fn path(&self, program: &'static str) -> Result<PathBuf, EngineError> {
        self.directories
            .iter()
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
            .ok_or(EngineError::NotInstalled {
                kind: self.kind,
                program,
                package: package(self.kind, program),
            })
    }
}

/// The Debian package that holds a program.
fn package(kind: Kind, program: &str) -> &'static str {
    match (kind, program) {
        (Kind::Postgres, _) => "postgresql",
        (Kind::Mariadb, "mariadb" | "mariadb-dump") => "mariadb-client",
        (Kind::Mariadb, _) => "mariadb-server",
        (Kind::Redis, "redis-cli") => "redis-tools",
        (Kind::Redis, _) => "redis-server",
    }
}

fn directories(kind: Kind) -> Vec<PathBuf> {
    let mut found = match kind {
        Kind::Postgres => versioned(Path::new("/usr/lib/postgresql")),
        Kind::Mariadb | Kind::Redis => Vec::new(),
    };
    found.extend(
        std::env::var_os("PATH")
            .iter()
            .flat_map(std::env::split_paths),
    );
    found.extend(["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"].map(PathBuf::from));
    found
}

/// `BASE/VERSION/bin` of every version that has a server, the newest first.
fn versioned(base: &Path) -> Vec<PathBuf> {
    let Ok(entries) = base.read_dir() else {
        // Not there: PostgreSQL is not installed, or comes from somewhere on the PATH.
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("postgres").is_file().then_some((version, bin))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_installed_version_comes_first() {
        let base = tempfile::tempdir().unwrap();
        for version in ["9", "15", "14", "junk"] {
            let bin = base.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            if version != "14" {
                std::fs::write(bin.join("postgres"), "").unwrap();
            }
        }
        let found = versioned(base.path());
        assert_eq!(
            found,
            [base.path().join("15/bin"), base.path().join("9/bin")]
        );
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_the_package() {
        let nowhere = Programs {
            kind: Kind::Redis,
            directories: vec![PathBuf::from("/nonexistent")],
        };
        let error = nowhere.path("redis-server").unwrap_err().to_string();
        assert!(error.contains("apt-get install redis-server"), "{error}");
        assert!(
            error.starts_with("Redis is not installed on this machine"),
            "{error}"
        );
    }
}
