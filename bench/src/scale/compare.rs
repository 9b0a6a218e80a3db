use std::time::Duration;

use super::{
    Scale,
    ask::{Asked, KINDS, Kind},
    place::{Place, Running},
};
use crate::probe::Times;

/// What two installations cost, asked in turns.
#[derive(Default)]
struct Rounds {
    few: Vec<Duration>,
    many: Vec<Duration>,
    /// Of each round, the median of the large one against that of the small one.
    ratios: Vec<f64>,
    /// Of each round, the median of the small one against that of the round before: what the machine does by itself.
    drifts: Vec<f64>,
    before: Option<f64>,
}

/// What came of a kind of request.
pub(super) struct Verdict {
    pub(super) kind: Kind,
    /// The median of all rounds' ratios.
    pub(super) ratio: f64,
    /// Whether rounds differ by so much that the ratio says little.
    pub(super) noisy: bool,
}

impl Rounds {
    fn add(&mut self, few: Vec<Duration>, many: Vec<Duration>) {
        let median = |times: &[Duration]| Times::of(times.to_vec()).percentile(50).as_secs_f64().max(1e-9);
        let (small, large) = (median(&few), median(&many));
        self.ratios.push(large / small);
        if let Some(before) = self.before.replace(small) {
            self.drifts.push((small / before).max(before / small));
        }
        self.few.extend(few);
        self.many.extend(many);
    }

    fn report(mut self, kind: Kind) -> Verdict {
        let (few, many) = (Times::of(self.few), Times::of(self.many));
        let ratio = quantile(&mut self.ratios, 0.5);
        let (low, high) = (quantile(&mut self.ratios, 0.25), quantile(&mut self.ratios, 0.75));
        let drift = quantile(&mut self.drifts, 0.5);
        let noisy = high - low > ratio * 0.25;
        println!(
            "{:<28} {:>9} {:>9} {ratio:>6.2}x  {low:>5.2} to {high:.2} {drift:>7.2}x {:>9} {:>9}{}",
            kind.name(),
            format!("{:.1?}", few.percentile(50)),
            format!("{:.1?}", many.percentile(50)),
            format!("{:.1?}", few.percentile(99)),
            format!("{:.1?}", many.percentile(99)),
            if noisy { "  noisy" } else { "" },
        );
        Verdict { kind, ratio, noisy }
    }
}

/// Of some; 1 of none.
fn quantile(of: &mut [f64], at: f64) -> f64 {
    of.sort_by(f64::total_cmp);
    let last = f64::from(u32::try_from(of.len().saturating_sub(1)).unwrap_or(u32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the length"
    )]
    let place = (last * at).round() as usize;
    of.get(place).copied().unwrap_or(1.0)
}

/// Starts both, and asks both for everything.
pub(super) async fn compare(scale: &Scale, small: &Place, large: &Place) -> Vec<Verdict> {
    let (small_server, large_server) = (small.start().await, large.start().await);
    report_starts(scale, &small_server, &large_server);
    let mut few = Asked::new(small, &small_server, scale.few).await;
    let mut many = Asked::new(large, &large_server, scale.users).await;
    println!(
        "{:<28} {:>9} {:>9} {:>7} {:>14} {:>8} {:>9} {:>9}",
        "", "p50 small", "large", "ratio", "quartiles", "drift", "p99 small", "large"
    );
    let slice = Duration::from_millis(scale.slice);
    let mut verdicts = Vec::new();
    let mut halves = [Duration::ZERO; 2];
    for kind in KINDS {
        // Once for the caches.
        few.ask(*kind, slice, &mut Vec::new()).await;
        many.ask(*kind, slice, &mut Vec::new()).await;
        let mut rounds = Rounds::default();
        for round in 0..scale.rounds {
            let (mut fast, mut slow) = (Vec::new(), Vec::new());
            // Neither is always the one that comes after the other.
            if round % 2 == 0 {
                few.ask(*kind, slice, &mut fast).await;
                many.ask(*kind, slice, &mut slow).await;
            } else {
                many.ask(*kind, slice, &mut slow).await;
                few.ask(*kind, slice, &mut fast).await;
            }
            rounds.add(fast, slow);
        }
        if let Some(half) = [Kind::Lookup, Kind::Login].iter().position(|other| other == kind) {
            halves[half] = Times::of(rounds.many.clone()).percentile(50);
        }
        verdicts.push(rounds.report(*kind));
    }
    println!(
        "of a whole login of the large installation, the lookup is {:.1} %",
        halves[0].as_secs_f64() / halves[1].as_secs_f64().max(1e-9) * 100.0
    );
    verdicts
}

fn report_starts(scale: &Scale, small: &Running, large: &Running) {
    let (fast, slow) = (small.started_in, large.started_in);
    println!("start to the first 200 of /readyz: {fast:.0?} small, {slow:.2?} large");
    if scale.denied == 0 {
        return;
    }
    let denied = f64::from(scale.denied);
    println!(
        "denied entries: {:.0} a second at the start; {:.0} bytes each, from {} to {} MiB allocated (RssAnon)",
        denied / slow.saturating_sub(fast).as_secs_f64().max(1e-3),
        f64::from(u32::try_from(large.anonymous_kib.saturating_sub(small.anonymous_kib)).unwrap_or(u32::MAX))
            * 1024.0
            / denied,
        small.anonymous_kib / 1024,
        large.anonymous_kib / 1024,
    );
}
