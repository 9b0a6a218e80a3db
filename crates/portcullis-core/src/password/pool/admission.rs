use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::SeqCst},
    time::Duration,
};

use super::{
    Busy, JobClass,
    place::{Counters, Place, Share},
};

/// Decides who gets a place. Hashing threads never come here: the lock is among requests that ask for a place, for
/// the time of a few comparisons.
pub(super) struct Admission {
    counters: Arc<Counters>,
    addresses: Mutex<HashMap<Option<IpAddr>, Arc<Share>>>,
    threads: u32,
    places: u32,
    /// Work that the threads do within the deadline, nanoseconds.
    budget: u64,
}

/// What a share may hold.
struct Limit {
    places: u32,
    load: u64,
}

impl Admission {
    pub(super) fn new(counters: Arc<Counters>, threads: u32, places: u32, deadline: Duration) -> Self {
        let nanos = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
        Self {
            counters,
            addresses: Mutex::default(),
            threads,
            places,
            budget: nanos.saturating_mul(u64::from(threads)),
        }
    }

    /// A place for a job of `cost` nanoseconds, or the news that there is none.
    pub(super) fn admit(&self, class: JobClass, cost: u64) -> Result<Arc<Place>, Busy> {
        let counters = &self.counters;
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        // While a thread is free, no estimate stands in the way: it could be wrong, and only jobs correct it.
        let free = counters.total.places.load(SeqCst) < self.threads;

        let whole = Limit {
            places: self.places,
            load: self.budget,
        };
        if let Err(busy) = self.fits(&counters.total, &whole, cost, free) {
            counters.refused_full.fetch_add(1, SeqCst);
            return Err(busy);
        }
        let most = Limit {
            places: self.places - self.places / 4,
            load: self.budget - self.budget / 4,
        };
        let (share, reserved) = match class {
            JobClass::General { .. } => (&counters.general, false),
            JobClass::Reserved => (&counters.reserved, true),
        };
        if let Err(busy) = self.fits(share, &most, cost, free) {
            counters.refused_share.fetch_add(1, SeqCst);
            return Err(busy);
        }
        let JobClass::General { address } = class else {
            return Ok(Place::take(Arc::clone(counters), reserved, None, cost));
        };
        let quarter = Limit {
            places: self.places / 4,
            load: self.budget / 4,
        };
        let address = address.map(network);
        if let Some(share) = addresses.get(&address)
            && let Err(busy) = self.fits(share, &quarter, cost, false)
        {
            counters.refused_address.fetch_add(1, SeqCst);
            return Err(busy);
        }
        // Only those that hold a place stay, so no more than there are places, and as many again until the next sweep.
        if addresses.len() >= 2 * self.places as usize {
            addresses.retain(|_, share| share.places.load(SeqCst) > 0);
        }
        let share = Arc::clone(addresses.entry(address).or_default());
        Ok(Place::take(Arc::clone(counters), reserved, Some(share), cost))
    }

    /// The first of a share always fits, however costly it is.
    fn fits(&self, share: &Share, limit: &Limit, cost: u64, free: bool) -> Result<(), Busy> {
        let places = share.places.load(SeqCst);
        let load = share.load.load(SeqCst).saturating_add(cost);
        if places == 0 || (places < limit.places && (free || load <= limit.load)) {
            return Ok(());
        }
        // What is too much must be worked off first; at least one job where places are lacking.
        let excess = load.saturating_sub(limit.load).max(cost);
        Err(self.busy(excess))
    }

    /// Come again when so much work is done: in whole seconds, as `Retry-After` counts, 30 at most.
    pub(super) fn busy(&self, work: u64) -> Busy {
        let seconds = (work / u64::from(self.threads)).div_ceil(1_000_000_000);
        Busy {
            retry_after: Duration::from_secs(seconds.clamp(1, 30)),
        }
    }

    #[cfg(test)]
    pub(super) fn known_addresses(&self) -> usize {
        self.addresses.lock().unwrap().len()
    }
}

/// Who is taken for one: an IPv4 address, a /64 of IPv6 (what one customer has at least).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() >> 64 << 64)),
        four @ IpAddr::V4(_) => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
    }
}
