//! What a guard adds to a handler when it knows the token: `cargo bench -p portcullis-bench --bench guard`. The law is at
//! most a microsecond between the two.
#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark fails by panicking; criterion's macros document nothing"
)]

#[path = "../src/guarded.rs"]
mod guarded;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use guarded::{Pair, answer};

fn guard(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let setup = runtime.block_on(Pair::new());
    // The edge sets a timer for each request.
    let _entered = runtime.enter();
    let mut group = criterion.benchmark_group("guard");
    for (name, router) in [("bare", &setup.bare), ("Allow<P>", &setup.guarded)] {
        let mut router = router.clone();
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || setup.request(),
                |request| answer(&mut router, request),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, guard);
criterion_main!(benches);
