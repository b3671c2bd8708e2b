//! Versions of servers, as far as their dumps depend on them.

use super::Engine;

/// Whether a dump of a server of version `dump` may hold what a server of version `server` does
/// not understand. Texts that are no versions are never newer.
pub fn is_newer(engine: Engine, dump: &str, server: &str) -> bool {
    let dump = numbers(dump);
    let parts = match engine {
        // Since 10 the first number alone tells; before, the first two.
        Engine::Postgres if dump.first() >= Some(&10) => 1,
        Engine::Postgres | Engine::Mysql | Engine::Mariadb | Engine::Redis | Engine::Mongo => 2,
    };
    let server = numbers(server);
    !server.is_empty() && dump.iter().take(parts).gt(server.iter().take(parts))
}

fn numbers(version: &str) -> Vec<u32> {
    version
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()
        .unwrap_or_default()
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_what_changes_the_format() {
        for (engine, dump, server, newer) in [
            (Engine::Postgres, "16.1", "15.9", true),
            (Engine::Postgres, "15.14", "15.9 (Debian 15.9-1)", false),
            (Engine::Postgres, "15.9", "17.0", false),
            (Engine::Postgres, "9.6.1", "9.5.3", true),
            (
                Engine::Mariadb,
                "11.4.2-MariaDB",
                "10.11.6-MariaDB-0+deb12u1",
                true,
            ),
            (Engine::Mariadb, "10.11.9-MariaDB", "10.11.6-MariaDB", false),
            (Engine::Mysql, "8.4.0", "8.0.36", true),
            (Engine::Redis, "7.2.4", "7.0.15", true),
            (Engine::Redis, "7.0.15", "8.8.0", false),
            (Engine::Redis, "unknown", "7.0.15", false),
            (Engine::Redis, "7.0.15", "", false),
        ] {
            assert_eq!(is_newer(engine, dump, server), newer, "{dump} {server}");
        }
    }
}
