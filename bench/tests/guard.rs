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
    assert_eq!(
        guarded.count_total - bare.count_total,
        1,
        "the box in which the request carries the user's Arc: bare {bare:?}, guarded {guarded:?}"
    );
}
