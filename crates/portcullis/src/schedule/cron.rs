use croner::parser::{CronParser, Seconds, Year};
use portcullis_core::clock::Timestamp;

use super::utc::Utc;

/// Why a text is no schedule.
///
/// ```
/// use portcullis::schedule;
///
/// let error = schedule("0 0 25 * * *", async || ()).err().unwrap();
/// assert!(error.to_string().contains("`25` is no hour"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schedule `{text}` is wrong at column {column}: {fault}")]
pub struct CronError {
    /// The text.
    pub text: String,
    /// Where in it, in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub fault: CronFault,
}

/// What is wrong with a schedule.
///
/// ```
/// use portcullis::schedule::{CronError, CronFault};
///
/// fn fault(error: &CronError) -> &CronFault { &error.fault }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CronFault {
    /// A part of a field that cannot be taken.
    #[error("`{item}` is no {field} ({values}; `*`, lists `1,2`, ranges `1-5`, steps `*/5`)")]
    Value {
        /// The part.
        item: String,
        /// Of which field.
        field: &'static str,
        /// What the field takes.
        values: &'static str,
    },
    /// Fewer or more than six fields.
    #[error(
        "it has {0} fields, and six are needed: second, minute, hour, day of the month, month, day of the week; \
         `0 0 3 * * *` is each night at three"
    )]
    Fields(usize),
    /// There is no such day.
    #[error("its time never comes")]
    Never,
}

/// One of the six.
struct Field {
    name: &'static str,
    values: &'static str,
    /// Characters beside digits and `*,-/`.
    signs: &'static str,
    /// What letters may spell.
    words: &'static [&'static str],
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "L"];

const fn field(
    name: &'static str,
    values: &'static str,
    signs: &'static str,
    words: &'static [&'static str],
) -> Field {
    Field {
        name,
        values,
        signs,
        words,
    }
}

const FIELDS: [Field; 6] = [
    field("second", "0 to 59", "", &[]),
    field("minute", "0 to 59", "", &[]),
    field("hour", "0 to 23", "", &[]),
    field("day of the month", "1 to 31, `L`, `15W`", "?", &["L", "W", "LW"]),
    field("month", "1 to 12, JAN to DEC", "", MONTHS),
    field(
        "day of the week",
        "0 to 7, SUN to SAT, `FRI#2`, `FRI#L`",
        "?#",
        DAYS,
    ),
];

/// Times at which something is due.
pub(super) struct Cron {
    text: String,
    cron: croner::Cron,
}

impl Cron {
    /// Reads six fields; looks whether there is a time after `now`.
    pub(super) fn parse(text: &str, now: Timestamp) -> Result<Self, CronError> {
        let wrong = |at: usize, fault| CronError {
            text: text.to_owned(),
            column: text[..at].chars().count() + 1,
            fault,
        };
        let parts = fields(text);
        if parts.len() != FIELDS.len() {
            // Where the first one too many begins, or where one is lacking.
            let at = parts
                .get(FIELDS.len())
                .map_or(text.trim_end().len(), |(at, _)| *at);
            return Err(wrong(at, CronFault::Fields(parts.len())));
        }
        for (number, (field, (begin, part))) in FIELDS.iter().zip(&parts).enumerate() {
            let mut at = *begin;
            for item in part.split(',') {
                if !field.takes(number, item) {
                    return Err(wrong(
                        at,
                        CronFault::Value {
                            item: item.to_owned(),
                            field: field.name,
                            values: field.values,
                        },
                    ));
                }
                at += item.len() + 1;
            }
        }
        let cron = read(text).map_err(|_| wrong(0, CronFault::Never))?;
        let read = Self {
            text: text.to_owned(),
            cron,
        };
        if read.after(now).is_none() {
            let day = parts.get(3).map_or(0, |(at, _)| *at);
            return Err(wrong(day, CronFault::Never));
        }
        Ok(read)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The first time after the second of `at`.
    pub(super) fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&Utc::of(at)?, false).ok()?;
        Some(found.timestamp())
    }

    /// The last time not after `at`.
    pub(super) fn until(&self, at: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&Utc::of(at)?, true).ok()?;
        Some(found.timestamp())
    }

    /// The last time before `at`.
    pub(super) fn before(&self, at: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&Utc::of(at)?, false).ok()?;
        Some(found.timestamp())
    }
}

/// The fields, with where they begin.
fn fields(text: &str) -> Vec<(usize, &str)> {
    text.split_whitespace()
        // Each is a part of `text`.
        .map(|part| (part.as_ptr() as usize - text.as_ptr() as usize, part))
        .collect()
}

fn read(text: &str) -> Result<croner::Cron, croner::errors::CronError> {
    CronParser::builder()
        .seconds(Seconds::Required)
        .year(Year::Disallowed)
        .build()
        .parse(text)
}

impl Field {
    /// Whether `item` is good in this field, which is the one of this number. Stricter than croner, which takes `MON` for
    /// an hour and nothing for a list.
    fn takes(&self, number: usize, item: &str) -> bool {
        let sign = |c: char| c.is_ascii_digit() || "*-/".contains(c) || self.signs.contains(c);
        if item.is_empty() || !item.chars().all(|c| c.is_ascii_alphabetic() || sign(c)) {
            return false;
        }
        let mut words = item
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|w| !w.is_empty());
        if !words.all(|word| self.words.iter().any(|known| word.eq_ignore_ascii_case(known))) {
            return false;
        }
        let alone = FIELDS
            .iter()
            .enumerate()
            .map(|(other, _)| if other == number { item } else { "*" });
        read(&alone.collect::<Vec<_>>().join(" ")).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2026-01-31T12:00:00Z".parse().unwrap()
    }

    fn next(text: &str, times: usize) -> Vec<String> {
        let cron = Cron::parse(text, now()).unwrap();
        let later = std::iter::successors(Some(now()), |at| cron.after(*at));
        later.skip(1).take(times).map(|at| at.to_string()).collect()
    }

    #[test]
    fn times_come_as_written() {
        for (text, times) in [
            ("0 0 3 * * *", ["2026-02-01T03:00:00Z", "2026-02-02T03:00:00Z"]),
            (
                "  */30  0,10 12 * * * ",
                ["2026-01-31T12:00:30Z", "2026-01-31T12:10:00Z"],
            ),
            ("0 0 0 29 2 *", ["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
            ("0 0 0 L * ?", ["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]),
            (
                "0 0 9 * mar MON-tue",
                ["2026-03-02T09:00:00Z", "2026-03-03T09:00:00Z"],
            ),
            ("0 0 9 * * 7", ["2026-02-01T09:00:00Z", "2026-02-08T09:00:00Z"]),
            (
                "0 0 9 * * FRI#2",
                ["2026-02-13T09:00:00Z", "2026-03-13T09:00:00Z"],
            ),
            ("0 0 9 15W * *", ["2026-02-16T09:00:00Z", "2026-03-16T09:00:00Z"]),
            // Either day is enough.
            ("0 0 9 3 * MON", ["2026-02-02T09:00:00Z", "2026-02-03T09:00:00Z"]),
        ] {
            assert_eq!(next(text, 2), times, "{text}");
        }
    }

    #[test]
    fn before_after_and_until_meet() {
        let cron = Cron::parse("0 0 3 * * *", now()).unwrap();
        let at: Timestamp = "2026-02-01T03:00:00Z".parse().unwrap();
        let (ms, day) = (Duration::from_millis(1), Duration::from_secs(86_400));
        assert_eq!(cron.until(at), Some(at));
        assert_eq!(cron.until(at + Duration::from_millis(999)), Some(at));
        assert_eq!(cron.until(at - ms), Some(at - day));
        assert_eq!(cron.before(at), Some(at - day));
        assert_eq!(cron.after(at), Some(at + day));
        assert_eq!(cron.after(at - ms), Some(at));
    }

    #[test]
    fn what_is_wrong_is_shown_where_it_stands() {
        for (text, column, item) in [
            ("60 * * * * *", 1, "60"),
            ("0 0 25 * * *", 5, "25"),
            ("0 0 3 * *  8", 12, "8"),
            ("0 0 3 0 * *", 7, "0"),
            ("0 0 3 * 13 *", 9, "13"),
            ("0 1,2,61 3 * * *", 7, "61"),
            ("0 1,,2 3 * * *", 5, ""),
            ("0 , 3 * * *", 3, ""),
            ("0 0 MON * * *", 5, "MON"),
            ("0 0 3 * MON *", 9, "MON"),
            ("0 0 3 * * FEB", 11, "FEB"),
            ("0 0 3 * * MONDAY", 11, "MONDAY"),
            ("0 0 3 * * +MON", 11, "+MON"),
            ("0 5/5 * * * *", 3, "5/5"),
            ("0 */0 * * * *", 3, "*/0"),
            ("0 5-1 * * * *", 3, "5-1"),
            ("0 -1 * * * *", 3, "-1"),
            ("0 0 3 é * *", 7, "é"),
            ("é 0 25 * * *", 1, "é"),
            ("0 0 3 * * *x", 11, "*x"),
        ] {
            let error = Cron::parse(text, now()).err().unwrap();
            assert_eq!(error.column, column, "{error}");
            assert!(
                matches!(&error.fault, CronFault::Value { item: found, .. } if found == item),
                "{error}"
            );
        }
        for (text, column, count) in [
            ("", 1, 0),
            ("  ", 1, 0),
            ("0 3 * * *", 10, 5),
            ("0 0 3 * * * *", 13, 7),
            ("@daily", 7, 1),
        ] {
            let error = Cron::parse(text, now()).err().unwrap();
            assert_eq!(
                (error.column, &error.fault),
                (column, &CronFault::Fields(count)),
                "{error}"
            );
        }
    }

    #[test]
    fn what_never_comes_is_refused() {
        for text in ["0 0 0 30 2 *", "0 0 0 31 2,4,6,9,11 *"] {
            let error = Cron::parse(text, now()).err().unwrap();
            assert_eq!((error.column, error.fault), (7, CronFault::Never));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_or_is_taken_for_times_that_do_not_match(
            text in "([0-9*?LW#/,-]{1,5}|MON|JAN|\\*)( ([0-9*?LW#/,-]{1,5}|MON|JAN|\\*)){5}"
        ) {
            if let Ok(cron) = Cron::parse(&text, now()) {
                let after = cron.after(now()).unwrap();
                prop_assert!(after > now());
                prop_assert_eq!(cron.until(after), Some(after));
            }
        }
    }
}
