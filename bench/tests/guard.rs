//! What a guard allocates when it knows the token. A number of allocations is the same on every machine, so it is a test.

#[path = "../src/guarded.rs"]
mod guarded;

use guarded::{Pair, answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_allocates_nothing_but_the_place_of_the_user() {
    let mut setup = Pair::new().await;
    let (first, second) = (setup.request(), setup.request());
    let bare = allocation_counter::measure(|| drop(answer(&mut setup.bare, first)));
    let guarded = allocation_counter::measure(|| drop(answer(&mut setup.guarded, second)));
    // Fewer where the place that it finds has to be made without it, too.
    assert!(
        guarded.count_total <= bare.count_total + 1,
        "more than the box in which the request carries the user's Arc: bare {bare:?}, guarded {guarded:?}"
    );
}

/// Every request is counted, so counting must cost next to nothing: decision 0120.
#[test]
fn counting_allocates_nothing() {
    let metrics = portcullis::core::metrics::Metrics::new();
    let number = metrics.counter("a_total", "Of a.", &[]);
    let histogram = portcullis::core::metrics::Histogram::default();
    let counted = allocation_counter::measure(|| {
        number.add(1);
        histogram.observe(std::time::Duration::from_micros(30));
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert_eq!((number.get(), histogram.count()), (1, 1));
}
