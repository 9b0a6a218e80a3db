use std::time::Duration;

use super::{Authority, Caller, TryLater};
use crate::{
    id::{DeviceId, SessionId, UserId},
    limit::{Decision, Quota, Rule, Shared, SharedAsk, address_key, binding},
    user::EmailKey,
};

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
    /// What nodes count together; without it, each counts for itself.
    pub shared: Option<Shared>,
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
            shared: None,
        }
    }
}

const FIVE_A_MINUTE: Quota = match Quota::new(5, Duration::from_secs(60)) {
    Ok(quota) => quota,
    Err(_) => panic!("5 a minute is a quota"),
};

impl RateLimits {
    pub(super) fn rules(&self) -> Rules {
        let pair = |at: usize, pair: Pair| RulePair {
            address: Rule::new(RULES[at], pair.address),
            account: Rule::new(RULES[at + 1], pair.account),
        };
        Rules {
            login: pair(0, self.login),
            refresh: pair(2, self.refresh),
            register: pair(4, self.register),
            password: pair(6, self.password),
        }
    }
}

/// Names of all rules, as answers and metrics say them.
pub(super) const RULES: [&str; 8] = [
    "login",
    "login-account",
    "refresh",
    "refresh-account",
    "register",
    "register-account",
    "password",
    "password-account",
];

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

/// On whose account something is tried. Each kind counts apart from the others.
#[derive(Clone, Copy)]
pub(super) enum Account<'a> {
    Email(&'a EmailKey),
    Device(DeviceId),
    Session(SessionId),
    User(UserId),
}

impl Account<'_> {
    fn key(self) -> Vec<u8> {
        let uuid;
        let (kind, name) = match self {
            Self::Email(email) => (b"email ".as_slice(), email.as_str().as_bytes()),
            Self::Device(device) => {
                uuid = device.uuid();
                (b"device ".as_slice(), uuid.as_bytes().as_slice())
            }
            Self::Session(session) => {
                uuid = session.uuid();
                (b"session ".as_slice(), uuid.as_bytes().as_slice())
            }
            Self::User(user) => {
                uuid = user.uuid();
                (b"user ".as_slice(), uuid.as_bytes().as_slice())
            }
        };
        [kind, name].concat()
    }
}

impl Authority {
    /// Counts a request by address and by account, or turns it away.
    pub(super) async fn limit(
        &self,
        rules: &RulePair,
        caller: &Caller,
        account: Option<Account<'_>>,
    ) -> Result<(), TryLater> {
        let address = caller.address.map(address_key);
        let account = account.map(Account::key);
        let mut asked: Vec<(&Rule, &[u8])> = Vec::with_capacity(2);
        if let Some(key) = &address {
            asked.push((&rules.address, key));
        }
        if let Some(key) = &account {
            asked.push((&rules.account, key));
        }
        self.ask(caller, &asked).await
    }

    /// Counts a request by account alone: its address was counted before it was known which account it is about.
    pub(super) async fn limit_account(
        &self,
        rules: &RulePair,
        caller: &Caller,
        account: Account<'_>,
    ) -> Result<(), TryLater> {
        self.ask(caller, &[(&rules.account, &account.key())]).await
    }

    async fn ask(&self, caller: &Caller, asked: &[(&Rule, &[u8])]) -> Result<(), TryLater> {
        if !self.config.limits.enabled {
            return Ok(());
        }
        let decision = match &self.config.limits.shared {
            None => self.limiter.check_all(asked),
            Some(shared) => self.ask_all_nodes(shared, asked).await,
        };
        match decision {
            Some(decision) if !decision.allowed => {
                self.counts.limited(decision.rule());
                Err(TryLater::Limited(decision))
            }
            Some(decision) => {
                caller.note_limit(decision);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Together with the other nodes. What this node allowed it counts as well: so whoever is at the limit here is refused
    /// without asking anybody, and when nobody else can be asked, its own counts go on where they are.
    async fn ask_all_nodes(&self, shared: &Shared, asked: &[(&Rule, &[u8])]) -> Option<Decision> {
        if asked.is_empty() {
            return None;
        }
        if let Some(refusal) = self.limiter.refusal(asked) {
            return Some(refusal);
        }
        let asks: Vec<SharedAsk> = asked
            .iter()
            .map(|(rule, key)| self.shared_keys.ask(rule, key))
            .collect();
        let answer = shared.0.count(&asks).await;
        // What makes no sense is as good as no answer.
        let decided = answer.and_then(|(allowed, standings)| binding(&asks, allowed, &standings));
        self.counts.decided(decided.is_some());
        if let Some(decision) = decided {
            if decision.allowed {
                self.limiter.note(asked);
            }
            Some(decision)
        } else {
            self.limiter.check_all(asked)
        }
    }
}
