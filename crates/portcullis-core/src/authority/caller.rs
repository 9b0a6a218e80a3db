use std::{net::IpAddr, sync::OnceLock};

use crate::{audit::Actor, limit::Decision};

/// On whose behalf, from where and in which request something is done.
#[derive(Debug)]
pub struct Caller {
    /// From where.
    pub address: Option<IpAddr>,
    /// `User-Agent`, cut to 256 characters.
    pub agent: Option<String>,
    /// The request's identifier in log and audit.
    pub request_id: Option<String>,
    actor: OnceLock<Actor>,
    limit: OnceLock<Decision>,
}

impl Caller {
    /// A caller from the network, who is nobody yet.
    #[must_use]
    pub fn new(address: Option<IpAddr>, agent: Option<&str>, request_id: Option<String>) -> Self {
        let agent = agent.map(|agent| agent.chars().filter(|c| !c.is_control()).take(256).collect());
        Self {
            address,
            agent,
            request_id,
            actor: OnceLock::new(),
            limit: OnceLock::new(),
        }
    }

    /// An operator at the command line.
    #[must_use]
    pub fn operator() -> Self {
        Self::acting(Actor::Operator)
    }

    /// The server by itself.
    #[must_use]
    pub fn system() -> Self {
        Self::acting(Actor::System)
    }

    fn acting(actor: Actor) -> Self {
        let caller = Self::new(None, None, None);
        caller.identify(actor);
        caller
    }

    /// Says who the caller is. The first word holds.
    pub fn identify(&self, actor: Actor) {
        let _ = self.actor.set(actor);
    }

    /// Who acts.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.actor.get().cloned().unwrap_or(Actor::Anonymous)
    }

    /// What the rate limit decided about this request, if one applied: for the `RateLimit` fields of the answer.
    #[must_use]
    pub fn limit(&self) -> Option<&Decision> {
        self.limit.get()
    }

    pub(super) fn note_limit(&self, decision: Decision) {
        // The first refusal ends the request, so only a later, allowed decision can be lost here.
        let _ = self.limit.set(decision);
    }
}
