use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

const DAY: u64 = 86_400;

/// Requests in a window: each is remembered by itself.
const MOST: u64 = 1000;

/// So many requests in any span of time as long as the window.
///
/// Written `5/minute`, `100/hour`, `10/second`, `20/day`, or with a window of its own, `5/90s`, `30/10m`, `50/12h`.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::limit::Quota;
///
/// let quota: Quota = "5/minute".parse()?;
/// assert_eq!((quota.limit(), quota.window()), (5, Duration::from_secs(60)));
/// assert_eq!(quota.to_string(), "5/minute");
/// const EACH: Result<Quota, portcullis_core::limit::QuotaError> = Quota::from_text("30/10m");
/// assert_eq!(EACH, Quota::new(30, Duration::from_secs(600)));
/// # Ok::<(), portcullis_core::limit::QuotaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Quota {
    limit: u32,
    window: Duration,
}

/// Why something is not a quota.
///
/// ```
/// use portcullis_core::limit::{Quota, QuotaError};
///
/// assert_eq!("often".parse::<Quota>(), Err(QuotaError::Form));
/// assert_eq!("0/minute".parse::<Quota>(), Err(QuotaError::Limit));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// Another form.
    #[error(
        "a limit is a number, `/` and `second`, `minute`, `hour` or `day`, like `5/minute`; or a window in seconds, \
         minutes or hours, like `5/90s`, `30/10m`, `50/12h`"
    )]
    Form,
    /// Too few or too many requests.
    #[error("a limit allows 1 to 1000 requests in its window")]
    Limit,
    /// Too short or too long.
    #[error("the window of a limit is 1 second to 24 hours, in whole seconds")]
    Window,
}

impl Quota {
    /// `limit` requests, 1 to 1000, in any `window`, 1 second to 24 hours in whole seconds.
    ///
    /// # Errors
    /// Outside these bounds.
    pub const fn new(limit: u32, window: Duration) -> Result<Self, QuotaError> {
        if limit < 1 || limit as u64 > MOST {
            return Err(QuotaError::Limit);
        }
        if window.as_secs() < 1 || window.as_secs() > DAY || window.subsec_nanos() != 0 {
            return Err(QuotaError::Window);
        }
        Ok(Self { limit, window })
    }

    /// How many requests.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// In how long a time.
    #[must_use]
    pub const fn window(self) -> Duration {
        self.window
    }

    pub(super) fn window_nanos(self) -> u64 {
        self.window.as_secs() * 1_000_000_000
    }

    pub(super) fn limit_len(self) -> usize {
        self.limit as usize
    }
}

impl Quota {
    /// Reads one. The same as `parse`, and can be run by the compiler.
    ///
    /// # Errors
    /// When it is of another form, or outside the bounds.
    pub const fn from_text(text: &str) -> Result<Self, QuotaError> {
        let bytes = text.as_bytes();
        let mut slash = 0;
        while slash < bytes.len() && bytes[slash] != b'/' {
            slash += 1;
        }
        if slash == bytes.len() {
            return Err(QuotaError::Form);
        }
        let (limit, window) = bytes.split_at(slash);
        let (_, window) = window.split_at(1);
        let Some(limit) = number(limit.trim_ascii()) else {
            return Err(QuotaError::Form);
        };
        let Some(seconds) = seconds(window.trim_ascii()) else {
            return Err(QuotaError::Form);
        };
        if limit > MOST {
            return Err(QuotaError::Limit);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most `MOST`")]
        Self::new(limit as u32, Duration::from_secs(seconds))
    }
}

impl FromStr for Quota {
    type Err = QuotaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_text(text)
    }
}

const fn seconds(window: &[u8]) -> Option<u64> {
    match window {
        b"second" => Some(1),
        b"minute" => Some(60),
        b"hour" => Some(3600),
        b"day" => Some(DAY),
        [many @ .., unit @ (b's' | b'm' | b'h')] => {
            let unit = match unit {
                b's' => 1,
                b'm' => 60,
                _ => 3600,
            };
            match number(many) {
                // Twelve digits: far from an overflow.
                Some(many) => Some(many * unit),
                None => None,
            }
        }
        _ => None,
    }
}

/// Digits only, unlike `parse`, which takes a sign; twelve at most.
const fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 12 {
        return None;
    }
    let (mut value, mut at) = (0, 0);
    while at < text.len() {
        if !text[at].is_ascii_digit() {
            return None;
        }
        value = value * 10 + (text[at] - b'0') as u64;
        at += 1;
    }
    Some(value)
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        match self.window.as_secs() {
            1 => write!(f, "{limit}/second"),
            60 => write!(f, "{limit}/minute"),
            3600 => write!(f, "{limit}/hour"),
            DAY => write!(f, "{limit}/day"),
            seconds => write!(f, "{limit}/{seconds}s"),
        }
    }
}

impl TryFrom<String> for Quota {
    type Error = QuotaError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Quota> for String {
    fn from(quota: Quota) -> Self {
        quota.to_string()
    }
}

/// A quota and what it is called: requests are counted by name and key.
///
/// ```
/// use portcullis_core::limit::{Quota, Rule};
///
/// let rule = Rule::new("login", "5/minute".parse::<Quota>()?);
/// assert_eq!(rule.name(), "login");
/// # Ok::<(), portcullis_core::limit::QuotaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    name: &'static str,
    quota: Quota,
}

impl Rule {
    /// A rule. The name is what clients read in the `RateLimit` fields.
    ///
    /// # Panics
    /// When the name is empty or has anything but lower-case letters, digits, `-` and `_`.
    #[must_use]
    pub const fn new(name: &'static str, quota: Quota) -> Self {
        let bytes = name.as_bytes();
        assert!(!bytes.is_empty(), "the name of a limit is empty");
        let mut i = 0;
        while i < bytes.len() {
            assert!(
                matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'),
                "the name of a limit has lower-case letters, digits, `-` and `_` only"
            );
            i += 1;
        }
        Self { name, quota }
    }

    /// Name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Quota.
    #[must_use]
    pub const fn quota(&self) -> Quota {
        self.quota
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_documented_forms() {
        for (text, limit, seconds) in [
            ("10/second", 10, 1),
            ("5/minute", 5, 60),
            ("100/hour", 100, 3600),
            ("20/day", 20, 86_400),
            ("5/90s", 5, 90),
            ("30/10m", 30, 600),
            ("1000/24h", 1000, 86_400),
            (" 5 / minute ", 5, 60),
        ] {
            let quota: Quota = text.parse().unwrap();
            assert_eq!(
                (quota.limit(), quota.window()),
                (limit, Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_everything_else_with_the_reason() {
        for text in [
            "",
            "/",
            "5",
            "5/",
            "/minute",
            "minute/5",
            "5/minutes",
            "5/fortnight",
            "+5/minute",
            "-5/minute",
            "5.5/minute",
            "5/s",
            "5/+1s",
            "5/1\u{e9}",
            "\u{663}/minute",
            "5/1d",
            "5/minute/hour",
            "5/1 s",
        ] {
            assert_eq!(text.parse::<Quota>(), Err(QuotaError::Form), "{text}");
        }
        for text in ["0/minute", "1001/minute", "4294967297/minute"] {
            assert_eq!(text.parse::<Quota>(), Err(QuotaError::Limit), "{text}");
        }
        for text in ["5/0s", "5/86401s", "5/25h", "5/999999999999h"] {
            assert_eq!(text.parse::<Quota>(), Err(QuotaError::Window), "{text}");
        }
        assert_eq!(
            Quota::new(5, Duration::from_millis(1500)),
            Err(QuotaError::Window)
        );
        assert!(QuotaError::Form.to_string().contains("`5/minute`"));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(limit in 1u32..=1000, seconds in 1u64..=86_400) {
            let quota = Quota::new(limit, Duration::from_secs(seconds)).unwrap();
            prop_assert_eq!(quota.to_string().parse::<Quota>(), Ok(quota));
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            let _whatever = text.parse::<Quota>();
        }
    }

    #[test]
    #[should_panic(expected = "lower-case letters")]
    fn a_name_that_would_break_a_header_is_refused() {
        let _rule = Rule::new("log\"in", Quota::new(5, Duration::from_secs(60)).unwrap());
    }
}
