use std::sync::Arc;

use super::{AuthenticateError, Authority, LoginError, RefreshError, RegisterError, TryLater, limits::RULES};
use crate::{
    limit::Shared,
    maintenance::Task,
    metrics::{Counter, Metrics, Scrape},
    session::EndReason,
    token::TokenError,
};

/// What is counted of the use cases. All series are there from the start, at 0: a rate needs a value before the first.
pub(super) struct Counts {
    logins: [Counter; 6],
    registrations: [Counter; 7],
    refreshes: [Counter; 5],
    logouts: [Counter; 2],
    ended: [Counter; ENDED.len()],
    refused_tokens: [Counter; 4],
    limited: [Counter; RULES.len()],
    decided: [Counter; 2],
    maintained: [Maintained; Task::ALL.len()],
}

/// Of one task.
struct Maintained {
    done: Counter,
    failed: Counter,
    removed: Counter,
}

impl Maintained {
    fn new(metrics: &Metrics, task: Task) -> Self {
        let task = ("task", task.name());
        let runs = |result| {
            metrics.counter(
                "portcullis_maintenance_runs_total",
                "Tasks of the maintenance that this node did, by task and result.",
                &[task, ("result", result)],
            )
        };
        Self {
            done: runs("done"),
            failed: runs("failed"),
            removed: metrics.counter(
                "portcullis_maintenance_removed_total",
                "Rows that this node's maintenance removed, by task.",
                &[task],
            ),
        }
    }
}

/// Reasons for which the authority itself ends sessions, one by one.
const ENDED: [EndReason; 8] = [
    EndReason::Logout,
    EndReason::LogoutAll,
    EndReason::Ended,
    EndReason::Admin,
    EndReason::Reuse,
    EndReason::Rewound,
    EndReason::Provider,
    EndReason::Unlinked,
];

impl Counts {
    pub(super) fn new(metrics: &Metrics) -> Self {
        Self {
            logins: metrics.counters(
                "portcullis_logins_total",
                "Logins by password, by result.",
                "result",
                ["ok", "invalid", "scope", "limited", "busy", "unavailable"],
            ),
            registrations: metrics.counters(
                "portcullis_registrations_total",
                "Registrations, by result.",
                "result",
                [
                    "ok",
                    "closed",
                    "password",
                    "taken",
                    "limited",
                    "busy",
                    "unavailable",
                ],
            ),
            refreshes: metrics.counters(
                "portcullis_refreshes_total",
                "Refreshes of sessions, by result.",
                "result",
                ["ok", "invalid", "limited", "busy", "unavailable"],
            ),
            logouts: metrics.counters(
                "portcullis_logouts_total",
                "Logouts that were acknowledged: of one session, or of all of a user.",
                "of",
                ["session", "all"],
            ),
            ended: metrics.counters(
                "portcullis_sessions_ended_total",
                "Sessions ended, by reason; reuse is a refresh token that was spent long ago, which means theft.",
                "reason",
                ENDED.map(EndReason::as_str),
            ),
            refused_tokens: metrics.counters(
                "portcullis_access_tokens_refused_total",
                "Access tokens that were not believed, by reason.",
                "reason",
                ["expired", "invalid", "revoked", "stale"],
            ),
            limited: metrics.counters(
                "portcullis_limit_refusals_total",
                "Requests that a rate limit refused, by limit.",
                "limit",
                RULES,
            ),
            decided: metrics.counters(
                "portcullis_limit_shared_decisions_total",
                "Requests whose limits nodes share: decided with the other nodes, or by this node alone since nobody could be \
                 asked.",
                "by",
                ["all", "alone"],
            ),
            maintained: Task::ALL.map(|task| Maintained::new(metrics, task)),
        }
    }

    pub(super) fn login<T>(&self, result: &Result<T, LoginError>) {
        let [ok, invalid, scope, later @ ..] = &self.logins;
        match result {
            Ok(_) => ok.add(1),
            Err(LoginError::Invalid) => invalid.add(1),
            Err(LoginError::Scope) => scope.add(1),
            Err(LoginError::TryLater(why)) => put_off(later, why),
        }
    }

    pub(super) fn registration<T>(&self, result: &Result<T, RegisterError>) {
        let [ok, closed, password, taken, later @ ..] = &self.registrations;
        match result {
            Ok(_) => ok.add(1),
            Err(RegisterError::Closed) => closed.add(1),
            Err(RegisterError::Password(_)) => password.add(1),
            Err(RegisterError::EmailTaken) => taken.add(1),
            Err(RegisterError::TryLater(why)) => put_off(later, why),
        }
    }

    pub(super) fn refresh<T>(&self, result: &Result<T, RefreshError>) {
        let [ok, invalid, later @ ..] = &self.refreshes;
        match result {
            Ok(_) => ok.add(1),
            Err(RefreshError::Invalid) => invalid.add(1),
            Err(RefreshError::TryLater(why)) => put_off(later, why),
        }
    }

    pub(super) fn logout(&self) {
        self.logouts[0].add(1);
    }

    pub(super) fn logout_everywhere(&self) {
        self.logouts[1].add(1);
    }

    pub(super) fn ended(&self, reason: EndReason, sessions: u64) {
        if let Some(at) = ENDED.iter().position(|known| *known == reason) {
            self.ended[at].add(sessions);
        }
    }

    pub(super) fn refused_token(&self, error: &AuthenticateError) {
        let [expired, invalid, revoked, stale] = &self.refused_tokens;
        match error {
            AuthenticateError::Token(TokenError::Expired) => expired,
            AuthenticateError::Token(_) => invalid,
            AuthenticateError::Revoked => revoked,
            AuthenticateError::Stale => stale,
        }
        .add(1);
    }

    pub(super) fn limited(&self, rule: &'static str) {
        if let Some(at) = RULES.iter().position(|known| *known == rule) {
            self.limited[at].add(1);
        }
    }

    pub(super) fn maintained(&self, task: Task, done: bool, removed: u64) {
        if let Some(at) = Task::ALL.iter().position(|known| *known == task) {
            let counts = &self.maintained[at];
            if done { &counts.done } else { &counts.failed }.add(1);
            counts.removed.add(removed);
        }
    }

    /// With the other nodes, or alone.
    pub(super) fn decided(&self, together: bool) {
        self.decided[usize::from(!together)].add(1);
    }
}

fn put_off([limited, busy, unavailable]: &[Counter; 3], why: &TryLater) {
    match why {
        TryLater::Limited(_) => limited,
        TryLater::Busy { .. } => busy,
        TryLater::Unavailable(_) => unavailable,
    }
    .add(1);
}

impl Authority {
    /// Has its parts read at each scrape. The metrics may outlive the authority, and do not keep it.
    pub(super) fn tell_metrics(self: &Arc<Self>) {
        let this = Arc::downgrade(self);
        self.metrics.collect(move |scrape| {
            if let Some(this) = this.upgrade() {
                this.tell_hashing(scrape);
                this.tell_revocation(scrape);
                this.tell_rest(scrape);
            }
        });
    }

    fn tell_hashing(&self, scrape: &mut Scrape<'_>) {
        let stats = self.pool.stats();
        let mut gauge = |name, help, value| scrape.gauge(name, help, |series| series.put(&[], value));
        let number = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        gauge(
            "portcullis_hash_threads",
            "Threads that hash passwords.",
            number(stats.threads),
        );
        gauge(
            "portcullis_hash_queue_capacity",
            "Requests that may hold a place to have a password hashed.",
            number(self.config.hashing.queue),
        );
        gauge(
            "portcullis_hash_places_held",
            "Requests that hold a place to have a password hashed.",
            stats.held.into(),
        );
        gauge(
            "portcullis_hash_jobs_queued",
            "Hashing jobs that wait for a thread.",
            stats.queued.into(),
        );
        gauge(
            "portcullis_hash_jobs_running",
            "Hashing jobs that threads work on.",
            stats.running.into(),
        );
        gauge(
            "portcullis_hash_memory_bytes",
            "Memory that the hashing threads hold.",
            float(stats.memory),
        );
        gauge(
            "portcullis_hash_estimate_seconds",
            "Time that a job of the usual mixture is estimated to take.",
            stats.estimate.as_secs_f64(),
        );
        gauge(
            "portcullis_password_hashes",
            "Password hashes stored, as counted every ten minutes.",
            float(stats.stored),
        );
        gauge(
            "portcullis_password_hashes_weak",
            "Password hashes stored that are weaker than those made now or of another family: upgraded when their owners \
             log in.",
            float(stats.weak),
        );
        scrape.histogram(
            "portcullis_hash_wait_seconds",
            "Time that hashing jobs waited for a thread.",
            |series| series.put_ref(&[], self.pool.waits()),
        );
        scrape.seconds(
            "portcullis_hash_work_seconds_total",
            "Time that threads have spent hashing.",
            |series| series.put(&[], stats.worked.as_secs_f64()),
        );
        scrape.counter(
            "portcullis_hash_refusals_total",
            "Requests that got no place to have a password hashed: the queue was full or too slow, or their share of it, or \
             that of their address.",
            |series| {
                series.put(&[("reason", "full")], stats.refused_full);
                series.put(&[("reason", "share")], stats.refused_share);
                series.put(&[("reason", "address")], stats.refused_address);
            },
        );
        scrape.counter(
            "portcullis_hash_jobs_total",
            "Hashing jobs, by what became of them.",
            |series| {
                series.put(&[("result", "done")], stats.completed);
                series.put(&[("result", "late")], stats.late);
                series.put(&[("result", "skipped")], stats.skipped);
                series.put(&[("result", "failed")], stats.failed);
            },
        );
    }

    fn tell_revocation(&self, scrape: &mut Scrape<'_>) {
        let counts = self.follower.counts();
        scrape.gauge(
            "portcullis_revocation_staleness_seconds",
            "Age of what this node knows of revocations: time since the start of the last good read of the feed.",
            |series| series.put(&[], self.follower.staleness().as_secs_f64()),
        );
        scrape.gauge(
            "portcullis_clock_skew_seconds",
            "By how much the clock of this node is ahead of the database's, below zero if it is behind; 0 with SQLite.",
            |series| series.put(&[], self.seconds_ahead()),
        );
        scrape.gauge(
            "portcullis_revocation_lease_seconds",
            "Age up to which what a node knows of revocations is believed: past it, requests with tokens get 503.",
            |series| series.put(&[], self.config.revocation.lease.as_secs_f64()),
        );
        scrape.gauge(
            "portcullis_revocation_index_entries",
            "Entries of the index of what is revoked, by kind.",
            |series| {
                for (kind, size) in self.index.sizes() {
                    series.put(&[("kind", kind)], float(u64::try_from(size).unwrap_or(u64::MAX)));
                }
            },
        );
        scrape.counter(
            "portcullis_revocation_reads_total",
            "Reads of the feed of revocations, by result.",
            |series| {
                series.put(&[("result", "ok")], counts.good.get());
                series.put(&[("result", "failed")], counts.failed.get());
            },
        );
        scrape.counter(
            "portcullis_revocation_loads_total",
            "Loads of the whole feed: one at the start, and one each time that the store went back in time or the clock was \
             set back.",
            |series| series.put(&[], counts.loads.get()),
        );
        scrape.counter(
            "portcullis_revocation_lease_lapses_total",
            "Requests that were refused since this node had not heard of revocations for longer than the lease.",
            |series| series.put(&[], counts.lapsed.get()),
        );
    }

    fn tell_rest(&self, scrape: &mut Scrape<'_>) {
        let float = |number: usize| float(u64::try_from(number).unwrap_or(u64::MAX));
        scrape.gauge(
            "portcullis_limit_keys",
            "Addresses and accounts that the rate limits remember.",
            |series| series.put(&[], float(self.limiter.len())),
        );
        scrape.gauge(
            "portcullis_limit_capacity",
            "Addresses and accounts that the rate limits remember at most.",
            |series| series.put(&[], float(self.config.limits.capacity)),
        );
        let away = |shared: &Shared| shared.0.away();
        scrape.gauge(
            "portcullis_limit_shared_away",
            "1 while limits are to be shared with the other nodes and cannot be, so that each counts for itself.",
            |series| series.put(&[], self.config.limits.shared.as_ref().is_some_and(away).into()),
        );
        scrape.gauge(
            "portcullis_audit_events_waiting",
            "Audit events that wait to be stored.",
            |series| series.put(&[], float(self.audit.waiting())),
        );
        scrape.counter(
            "portcullis_audit_events_lost_total",
            "Audit events that found no room to wait.",
            |series| series.put(&[], self.audit.lost.get()),
        );
    }
}

/// As Prometheus counts: exact up to 2^53.
#[expect(
    clippy::cast_precision_loss,
    reason = "every number of Prometheus is a float of 64 bits"
)]
fn float(number: u64) -> f64 {
    number as f64
}
