use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use http::{HeaderMap, HeaderName};
use portcullis_core::rng::{self, Rng};
use tracing::{Span, field::display};

/// The header in which the trace of a request comes (W3C Trace Context, section 3.2).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Which requests get a span that someone exports.
///
/// The trace of a request is that of its `traceparent`, whoever sent it: it ties lines of logs together and decides nothing. Whether
/// the request is recorded is our own choice, since it costs us; only a listed proxy's word counts there, too.
///
/// ```
/// use portcullis::layers::{EdgeConfig, Traces};
///
/// let config = EdgeConfig { traces: Traces::Percent(5), ..EdgeConfig::default() };
/// # drop(config);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Traces {
    /// None: a request has a trace only where it came with one.
    #[default]
    Off,
    /// Of so many in a hundred traces.
    Percent(u8),
}

/// The trace that a request belongs to, and what is its part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceContext {
    pub(super) trace: Hex<16>,
    /// Its own span, when it is recorded.
    pub(super) span: Option<Hex<8>>,
    /// The span of the caller.
    pub(super) parent: Option<Hex<8>>,
}

impl TraceContext {
    /// Notes it in the span of the request.
    pub(super) fn record(&self, span: &Span) {
        span.record("trace_id", display(self.trace));
        if let Some(own) = self.span {
            span.record("span_id", display(own));
        }
        if let Some(parent) = self.parent {
            span.record("parent_id", display(parent));
        }
    }
}

/// An identifier, shown in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hex<const N: usize>([u8; N]);

impl<const N: usize> Hex<N> {
    /// Lower case only, and not all zeros (section 3.2.2).
    fn read(text: &[u8]) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; N];
        if text.len() != 2 * N {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        bytes.iter().any(|byte| *byte != 0).then_some(Self(bytes))
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What the header says: trace, span of the caller, and whether the caller records it.
fn incoming(headers: &HeaderMap) -> Option<(Hex<16>, Hex<8>, bool)> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let mut parts = value.as_bytes().split(|byte| *byte == b'-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Versions to come may add parts; ours has none, and ff is no version (section 3.2.2.1).
    if version == b"00" && parts.next().is_some() || version == b"ff" || !is_byte(version) || !is_byte(flags)
    {
        return None;
    }
    let sampled = matches!(flags[1], b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f');
    Some((Hex::read(trace)?, Hex::read(span)?, sampled))
}

fn is_byte(text: &[u8]) -> bool {
    text.len() == 2 && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Tells the trace of each request.
pub(super) struct Tracing {
    traces: Traces,
    seeds: [u64; 4],
    counter: AtomicU64,
}

impl Tracing {
    pub(super) fn new(traces: Traces, rng: &dyn Rng) -> Self {
        let seed = || u64::from_be_bytes(rng::bytes(rng));
        Self {
            traces,
            seeds: [seed(), seed(), seed(), seed()],
            counter: AtomicU64::new(0),
        }
    }

    /// The trace of a request, if it has one. `trusted`: whether its sender's word on being recorded counts.
    pub(super) fn of(&self, headers: &HeaderMap, trusted: bool) -> Option<TraceContext> {
        let came = incoming(headers);
        let Traces::Percent(percent) = self.traces else {
            return came.map(|(trace, parent, _)| TraceContext {
                trace,
                span: None,
                parent: Some(parent),
            });
        };
        let count = self.counter.fetch_add(1, Relaxed);
        let [high, low, own, lot] = self.seeds;
        let [high, low, own] = [high, low, own].map(|seed| mix(seed, count));
        let (trace, parent, recorded) = match came {
            Some((trace, parent, sampled)) if trusted => (trace, Some(parent), sampled),
            // Drawn from the trace, so that all parts of one are recorded here or none; and from what only this process knows,
            // so that nobody outside can choose a trace that is always recorded, or never.
            Some((trace, parent, _)) => (
                trace,
                Some(parent),
                is_drawn(mix(lot, chance(trace)) >> 8, percent),
            ),
            // By the trace alone, so that all services that go by the same rule record the same traces.
            None => {
                let trace = Hex(concat(high, low));
                (trace, None, is_drawn(chance(trace), percent))
            }
        };
        Some(TraceContext {
            trace,
            span: recorded.then_some(Hex(own.max(1).to_be_bytes())),
            parent,
        })
    }
}

/// In how many ways the random part of a trace can be: 7 bytes (W3C Trace Context Level 2, section 3.2.2.3).
const CHANCES: u64 = 1 << 56;

/// Whether one of [`CHANCES`] is among so many in a hundred.
fn is_drawn(chance: u64, percent: u8) -> bool {
    u128::from(chance) * 100 < u128::from(percent) * u128::from(CHANCES)
}

/// The random part of a trace.
fn chance(trace: Hex<16>) -> u64 {
    trace.0[9..]
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn concat(high: u64, low: u64) -> [u8; 16] {
    (u128::from(high) << 64 | u128::from(low.max(1))).to_be_bytes()
}

/// Spreads a count over all numbers (the finalizer of SplitMix64): each count another number, without asking the system for
/// randomness each time. Identifiers of traces need be unique and evenly spread, not secret.
fn mix(seed: u64, count: u64) -> u64 {
    let mut z = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use portcullis_core::rng::SystemRng;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (TRACEPARENT, HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn what_is_no_traceparent_counts_as_none() {
        let good = format!("00-{TRACE}-{SPAN}-01");
        let (trace, span, sampled) = incoming(&headers(&[&good])).unwrap();
        assert_eq!(
            (trace.to_string(), span.to_string(), sampled),
            (TRACE.into(), SPAN.into(), true)
        );
        let flagged = |flags| incoming(&headers(&[&format!("00-{TRACE}-{SPAN}-{flags}")])).map(|came| came.2);
        assert_eq!(
            [flagged("00"), flagged("02"), flagged("03")],
            [Some(false), Some(false), Some(true)]
        );
        assert!(
            incoming(&headers(&[&format!(
                "cc-{TRACE}-{SPAN}-01-what-the-future-brings"
            )]))
            .is_some()
        );
        for bad in [
            "",
            "00",
            "00-",
            &good.to_uppercase(),
            &good[..54],
            &format!("{good}0"),
            &format!("{good}-more"),
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("0-{TRACE}-{SPAN}-01"),
            &format!("00-{TRACE}-{SPAN}-1"),
            &format!("00-{TRACE}-{SPAN}-0x"),
            &format!("00-{}-{SPAN}-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{TRACE}0-{SPAN}-01"),
            &format!("00-{}-{SPAN}-01", "g".repeat(32)),
        ] {
            assert_eq!(incoming(&headers(&[bad])), None, "{bad}");
        }
        assert_eq!(incoming(&headers(&[&good, &good])), None, "two of them");
    }

    #[test]
    fn off_means_that_only_a_trace_that_came_is_told() {
        let tracing = Tracing::new(Traces::Off, &SystemRng);
        assert_eq!(tracing.of(&headers(&[]), true), None);
        let context = tracing
            .of(&headers(&[&format!("00-{TRACE}-{SPAN}-01")]), true)
            .unwrap();
        assert_eq!(
            (context.trace.to_string(), context.span),
            (TRACE.to_owned(), None)
        );
        assert_eq!(context.parent.unwrap().to_string(), SPAN);
    }

    #[test]
    fn a_stranger_cannot_have_a_request_recorded_and_a_proxy_can() {
        let none = Tracing::new(Traces::Percent(0), &SystemRng);
        let all = Tracing::new(Traces::Percent(100), &SystemRng);
        let [asked, declined] = ["01", "00"].map(|flags| headers(&[&format!("00-{TRACE}-{SPAN}-{flags}")]));
        let recorded =
            |tracing: &Tracing, headers, trusted| tracing.of(headers, trusted).unwrap().span.is_some();
        assert!(!recorded(&none, &asked, false) && recorded(&none, &asked, true));
        assert!(recorded(&all, &declined, false) && !recorded(&all, &declined, true));
    }

    #[test]
    fn whether_a_trace_is_recorded_is_not_chosen_by_whoever_names_it() {
        let recorded = |percent, trace: &str| {
            let tracing = Tracing::new(Traces::Percent(percent), &SystemRng);
            let asks = headers(&[&format!("00-{trace}-{SPAN}-01")]);
            let all: Vec<bool> = (0..3)
                .map(|_| tracing.of(&asks, false).unwrap().span.is_some())
                .collect();
            assert!(all.iter().all(|one| *one == all[0]), "all of a trace or none");
            all[0]
        };
        let highest = format!("{TRACE:.18}{}", "f".repeat(14));
        let lowest = format!("{TRACE:.18}{}", "0".repeat(14));
        assert!((0..100).all(|_| recorded(100, &highest) && recorded(100, &lowest)));
        assert!((0..100).all(|_| !recorded(0, &highest) && !recorded(0, &lowest)));
        // Another process, another choice: of a hundred, not all.
        for trace in [&highest, &lowest] {
            let count = (0..100).filter(|_| recorded(50, trace)).count();
            assert!((10..90).contains(&count), "{count}");
        }
    }

    #[test]
    fn traces_are_recorded_in_proportion_and_no_two_are_alike() {
        let tracing = Tracing::new(Traces::Percent(25), &SystemRng);
        let all: Vec<TraceContext> = (0..10_000)
            .map(|_| tracing.of(&headers(&[]), false).unwrap())
            .collect();
        let recorded = all.iter().filter(|context| context.span.is_some()).count();
        assert!((2_200..2_800).contains(&recorded), "{recorded}");
        let mut traces: Vec<String> = all.iter().map(|context| context.trace.to_string()).collect();
        traces.sort_unstable();
        traces.dedup();
        assert_eq!(traces.len(), 10_000);
    }
}
