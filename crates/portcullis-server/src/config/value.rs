//! How values are written: durations and sizes.

use std::{fmt::Write as _, time::Duration};

/// Why a text is not such a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    #[error("`{0}` is not a duration: write a number and a unit (ms, s, m, h, d, w), such as 15m or 1h30m")]
    Duration(String),
    #[error("`{0}` is not a size: write a number of bytes, or one with KiB or MiB, such as 64KiB")]
    Size(String),
}

const UNITS: &[(&str, u64)] = &[
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Reads `15m`, `1h30m`, `500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, ValueError> {
    let error = || ValueError::Duration(text.to_owned());
    let mut rest = text.trim();
    let mut total = 0u64;
    if rest.is_empty() {
        return Err(error());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let number: u64 = rest[..digits].parse().map_err(|_| error())?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (_, millis) = UNITS
            .iter()
            .find(|(unit, _)| *unit == &rest[..end])
            .ok_or_else(error)?;
        total = number
            .checked_mul(*millis)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(error)?;
        rest = &rest[end..];
    }
    Ok(Duration::from_millis(total))
}

/// Writes what [`duration`] reads.
pub(crate) fn show_duration(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    // Weeks are read but not written: 7d is what people say.
    for (unit, millis) in &UNITS[1..] {
        if left >= *millis {
            let _ = write!(text, "{}{unit}", left / millis);
            left %= millis;
        }
    }
    text
}

/// Reads `64KiB`, `1MiB`, `65536`.
pub(crate) fn size(text: &str) -> Result<u64, ValueError> {
    let error = || ValueError::Size(text.to_owned());
    let trimmed = text.trim();
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let number: u64 = trimmed[..digits].parse().map_err(|_| error())?;
    let factor = match trimmed[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return Err(error()),
    };
    number.checked_mul(factor).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for wrong in [
            "",
            "15",
            "m",
            "15 m",
            "-1s",
            "1.5h",
            "15x",
            "99999999999999999999s",
            "9999999999999999w",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["15m", "1h30m", "7d", "10s", "500ms", "90d", "0s", "1d2h3m4s5ms"] {
            assert_eq!(duration(text).map(show_duration).as_deref(), Ok(text));
        }
    }

    #[test]
    fn sizes_count_in_1024() {
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("1 MiB"), Ok(1_048_576));
        assert_eq!(size("100"), Ok(100));
        assert!(size("64kb").is_err() && size("KiB").is_err() && size("").is_err());
    }
}
