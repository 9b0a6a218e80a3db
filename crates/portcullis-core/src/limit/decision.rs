use std::time::Duration;

use super::Rule;

/// What a limit says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a request that is not allowed must be refused"]
pub struct Decision {
    /// Whether the request may go on. If so it has been counted; if not, it has not.
    pub allowed: bool,
    /// Requests allowed in a window.
    pub limit: u32,
    /// How many more are allowed at present.
    pub remaining: u32,
    /// In how long a time more will be allowed than now.
    pub reset_after: Duration,
    /// In how long a time the next request will be allowed, if nobody else uses it up; only when this one is not.
    pub retry_after: Option<Duration>,
    /// The window.
    pub window: Duration,
    rule: &'static str,
}

impl Decision {
    pub(super) fn new(rule: &Rule, allowed: bool, live: usize, reset_after: Duration) -> Self {
        let quota = rule.quota();
        let live = u32::try_from(live).unwrap_or(u32::MAX);
        Self {
            allowed,
            limit: quota.limit(),
            remaining: quota.limit().saturating_sub(live),
            reset_after,
            retry_after: (!allowed).then_some(reset_after),
            window: quota.window(),
            rule: rule.name(),
        }
    }

    /// Name of the rule that decided.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// The value of `Retry-After` (RFC 9110, section 10.2.3): seconds, rounded up; only when refused.
    #[must_use]
    pub fn retry_after_field(&self) -> Option<String> {
        self.retry_after.map(|after| seconds_up(after).max(1).to_string())
    }

    /// The value of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11): `"login";q=5;w=60`.
    #[must_use]
    pub fn policy_field(&self) -> String {
        format!("\"{}\";q={};w={}", self.rule, self.limit, self.window.as_secs())
    }

    /// The value of `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11): `"login";r=4;t=55`, seconds rounded up.
    #[must_use]
    pub fn ratelimit_field(&self) -> String {
        format!(
            "\"{}\";r={};t={}",
            self.rule,
            self.remaining,
            seconds_up(self.reset_after)
        )
    }
}

/// Rounded up, so that a client that waits as long as it was told is not refused again.
fn seconds_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
