use std::time::Duration;

use super::{Authority, Caller, TryLater};
use crate::limit::{Quota, Rule, address_key};

/// Rate limits of the endpoints where something can be guessed, each by address and by account.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// Off means none at all: for load tests.
    pub enabled: bool,
    /// How many keys are kept in memory.
    pub capacity: usize,
    /// Logins.
    pub login: Pair,
    /// Refreshes; the account is the session.
    pub refresh: Pair,
    /// Registrations; the account is the email.
    pub register: Pair,
    /// Requests that must carry the password.
    pub password: Pair,
}

/// One limit by address, one by account.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// By client address (/64 in IPv6).
    pub address: Quota,
    /// By account.
    pub account: Quota,
}

impl Default for RateLimits {
    /// Five a minute each.
    fn default() -> Self {
        let pair = Pair {
            address: FIVE_A_MINUTE,
            account: FIVE_A_MINUTE,
        };
        Self {
            enabled: true,
            capacity: 100_000,
            login: pair,
            refresh: pair,
            register: pair,
            password: pair,
        }
    }
}

const FIVE_A_MINUTE: Quota = match Quota::new(5, Duration::from_secs(60)) {
    Ok(quota) => quota,
    Err(_) => panic!("5 a minute is a quota"),
};

impl RateLimits {
    pub(super) fn rules(&self) -> Rules {
        let pair = |address: &'static str, account: &'static str, pair: Pair| RulePair {
            address: Rule::new(address, pair.address),
            account: Rule::new(account, pair.account),
        };
        Rules {
            login: pair("login", "login-account", self.login),
            refresh: pair("refresh", "refresh-account", self.refresh),
            register: pair("register", "register-account", self.register),
            password: pair("password", "password-account", self.password),
        }
    }
}

/// What the limiter is asked about.
pub(super) struct RulePair {
    address: Rule,
    account: Rule,
}

pub(super) struct Rules {
    pub(super) login: RulePair,
    pub(super) refresh: RulePair,
    pub(super) register: RulePair,
    pub(super) password: RulePair,
}

impl Authority {
    /// Counts a request by address and by account, or turns it away. The account's key carries the kind of
    /// account, so that a device can never share a bucket with an email.
    pub(super) fn limit(
        &self,
        rules: &RulePair,
        caller: &Caller,
        account: Option<&[u8]>,
    ) -> Result<(), TryLater> {
        if !self.config.limits.enabled {
            return Ok(());
        }
        let address = caller.address.map(|address| {
            let mut key = rules.address.name().as_bytes().to_vec();
            key.push(b' ');
            key.extend_from_slice(address_key(address).as_ref());
            key
        });
        let account = account.map(|account| {
            let mut key = rules.account.name().as_bytes().to_vec();
            key.push(b' ');
            key.extend_from_slice(account);
            key
        });
        let mut asked: Vec<(&Rule, &[u8])> = Vec::with_capacity(2);
        if let Some(key) = &address {
            asked.push((&rules.address, key));
        }
        if let Some(key) = &account {
            asked.push((&rules.account, key));
        }
        let Some(decision) = self.limiter.check_all(&asked) else {
            return Ok(());
        };
        if decision.allowed {
            caller.note_limit(decision);
            Ok(())
        } else {
            Err(TryLater::Limited(decision))
        }
    }
}
