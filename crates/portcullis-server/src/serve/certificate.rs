//! From when until when a certificate is valid: one that ran out overnight is the most common end of TLS.

use std::time::Duration;

use portcullis_core::clock::Timestamp;
use rustls::pki_types::{CertificateDer, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

/// The most that may be left of a certificate's life before someone should know.
const SOON: Duration = Duration::from_secs(14 * 86_400);
/// 9999-12-31T23:59:59Z: what a certificate says that has no end (RFC 5280, section 4.1.2.5).
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_799);

/// From when until when a certificate is valid, both included (RFC 5280, section 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    from: Timestamp,
    until: Timestamp,
}

/// What the dates of a certificate say at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Dated {
    #[error(
        "the certificate is valid from {0} on only: clients refuse it until then; check the clock of this machine"
    )]
    NotYet(Timestamp),
    #[error(
        "the certificate has expired at {0}: clients refuse it; renew it, and send SIGHUP to a server that runs"
    )]
    Expired(Timestamp),
    #[error("the certificate expires at {0}: renew it, and send SIGHUP to a server that runs")]
    Soon(Timestamp),
}

impl Validity {
    /// The dates of a certificate; none when it has no end, or cannot be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = EndEntityCert::try_from(certificate).ok()?;
        // Nobody is trusted here, so the verdict is always no. But the dates are looked at first: a time before and one
        // after all others bring them out.
        let judged = |time| {
            certificate
                .verify_for_usage(
                    &[],
                    &[],
                    &[],
                    UnixTime::since_unix_epoch(time),
                    KeyUsage::server_auth(),
                    None,
                    None,
                )
                .err()
        };
        let from = match judged(Duration::ZERO) {
            Some(Error::CertNotValidYet { not_before, .. }) => at(not_before),
            _ => Timestamp::from_millis(0),
        };
        match judged(END_OF_TIME) {
            Some(Error::CertExpired { not_after, .. }) => Some(Self {
                from,
                until: at(not_after),
            }),
            _ => None,
        }
    }

    /// When it expires.
    pub(super) const fn until(self) -> Timestamp {
        self.until
    }

    /// What is to be said about the certificate now, if anything.
    pub(crate) fn fault(self, now: Timestamp) -> Option<Dated> {
        // A certificate of few days is renewed in its last ones.
        let soon = SOON.min(self.until.since(self.from) / 4);
        if now < self.from {
            Some(Dated::NotYet(self.from))
        } else if now > self.until {
            Some(Dated::Expired(self.until))
        } else if self.until.since(now) < soon {
            Some(Dated::Soon(self.until))
        } else {
            None
        }
    }
}

fn at(time: UnixTime) -> Timestamp {
    Timestamp::from_unix_seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};

    use super::*;

    /// From noon to noon of two days.
    fn certificate(days: [(i32, u8, u8); 2], is_ca: IsCa) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let [from, until] = days.map(|(year, month, day)| date_time_ymd(year, month, day));
        (params.not_before, params.not_after, params.is_ca) = (from, until, is_ca);
        params
            .self_signed(&KeyPair::generate().unwrap())
            .unwrap()
            .der()
            .clone()
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_certificate_is_told_of_before_it_runs_out() {
        let (from, until) = (time("2026-01-01T00:00:00Z"), time("2026-04-01T00:00:00Z"));
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let dates = Validity::of(&certificate([(2026, 1, 1), (2026, 4, 1)], is_ca)).unwrap();
            assert_eq!(dates, Validity { from, until });
            for (now, expected) in [
                ("2025-12-31T23:59:59Z", Some(Dated::NotYet(from))),
                ("2026-01-01T00:00:00Z", None),
                ("2026-03-18T00:00:00Z", None),
                ("2026-03-18T00:00:01Z", Some(Dated::Soon(until))),
                ("2026-04-01T00:00:00Z", Some(Dated::Soon(until))),
                ("2026-04-01T00:00:01Z", Some(Dated::Expired(until))),
            ] {
                assert_eq!(dates.fault(time(now)), expected, "{now}");
            }
        }
    }

    #[test]
    fn a_certificate_of_a_week_is_no_alarm_for_a_week() {
        let dates = Validity::of(&certificate([(2026, 1, 1), (2026, 1, 9)], IsCa::NoCa)).unwrap();
        assert_eq!(dates.fault(time("2026-01-06T23:59:59Z")), None);
        assert!(matches!(
            dates.fault(time("2026-01-07T00:00:01Z")),
            Some(Dated::Soon(_))
        ));
    }

    #[test]
    fn what_has_no_end_never_runs_out() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = date_time_ymd(9999, 12, 31).replace_time(time::macros::time!(23:59:59));
        assert_eq!(Validity::of(params.self_signed(&key).unwrap().der()), None);
    }
}
