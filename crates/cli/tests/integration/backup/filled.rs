//! What services hold in tests that need more than a few bytes.

/// What a kind of service holds: statements that fill it with a megabyte, that change it afterwards, and
/// that show a word of it.
pub struct Filled {
    pub fill: String,
    pub change: &'static [u8],
    pub show: &'static [u8],
}

pub fn filled(kind: &str) -> Filled {
    const ROWS: u64 = 1500;
    let noise = |row: u64| -> String {
        let mut state = row + 1;
        let mut word = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            format!("{state:016x}")
        };
        (0..64).map(|_| word()).collect()
    };
    if kind == "redis" {
        let keys = (0..ROWS).map(|row| format!("SET k{row} {}\n", noise(row)));
        return Filled {
            fill: keys.collect::<String>() + "SET word backed-up\n",
            change: b"SET word present\n",
            show: b"GET word\n",
        };
    }
    let uncompressed = match kind {
        "postgres" => "ALTER TABLE t ALTER h SET STORAGE EXTERNAL;",
        _ => "",
    };
    let rows: Vec<String> = (0..ROWS)
        .map(|row| format!("({row}, '{}')", noise(row)))
        .collect();
    Filled {
        fill: format!(
            "CREATE TABLE t (n int, h text); {uncompressed} INSERT INTO t VALUES {};\n\
             CREATE TABLE word (x varchar(40)); INSERT INTO word VALUES ('backed-up');\n",
            rows.join(",")
        ),
        change: b"UPDATE word SET x = 'present';\n",
        show: b"SELECT x FROM word;\n",
    }
}
