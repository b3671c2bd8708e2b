//! When an X.509 certificate ends: the one field of it that is looked at.

use jiff::{Timestamp, civil::DateTime, tz::Offset};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a DER certificate's validity (RFC 5280, 4.1.2.5); `None` for what is no certificate.
pub fn expiry(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut tbs, _) = element(certificate, SEQUENCE)?;
    if tbs.first() == Some(&VERSION) {
        tbs = element(tbs, VERSION)?.1;
    }
    for tag in [0x02, SEQUENCE, SEQUENCE] {
        // The serial number, the algorithm, the issuer.
        tbs = element(tbs, tag)?.1;
    }
    let (validity, _) = element(tbs, SEQUENCE)?;
    let (_, _, end) = any(validity)?;
    let (tag, text, _) = any(end)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The content of the first element, which has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(der)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and rest.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        let length = bytes.iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
        (length, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDhhmmssZ`, where a year from 50 on is of the last century, or `YYYYMMDDhhmmssZ`.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let full = match tag {
        UTC_TIME => {
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", full).ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use proptest::prelude::*;

    use super::*;

    /// Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days …`.
    const UNTIL_2036: &str = include_str!("certificate/until-2036.txt");
    const UNTIL_2060: &str = include_str!("certificate/until-2060.txt");

    fn der(text: &str) -> Vec<u8> {
        let text: String = text.split_whitespace().collect();
        BASE64_STANDARD.decode(text).unwrap()
    }

    #[test]
    fn the_end_is_read_in_both_of_its_forms() {
        let short = expiry(&der(UNTIL_2036)).unwrap().to_string();
        assert!(short.starts_with("2036-"), "{short}");
        let long = expiry(&der(UNTIL_2060)).unwrap().to_string();
        assert!(long.starts_with("2060-"), "{long}");
    }

    #[test]
    fn the_century_of_a_short_year_is_known() {
        let year = |text| time(UTC_TIME, text).unwrap().to_string();
        assert_eq!(year("490101000000Z"), "2049-01-01T00:00:00Z");
        assert_eq!(year("500101000000Z"), "1950-01-01T00:00:00Z");
        assert_eq!(time(UTC_TIME, "4913"), None);
    }

    proptest! {
        #[test]
        fn what_is_cut_or_changed_does_no_harm(cut in 0_usize..600, at in 0_usize..600, to: u8) {
            let mut der = der(UNTIL_2036);
            let length = der.len();
            der[at % length] = to;
            der.truncate(cut);
            let _no_panic = expiry(&der);
        }
    }
}
