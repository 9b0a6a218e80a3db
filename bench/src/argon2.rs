//! One hash at the default costs, by our kernel and by the portable code of the crate `argon2`, in turns.

use portcullis_argon2::{Algorithm, Argon2, Block, Params, Version};
use portcullis_testkit::stopwatch::Stopwatch;

/// Prints both medians and their ratio.
pub(crate) fn run(rounds: usize, memory_kib: u32, passes: u32) {
    let new = || {
        let params = Params::new(memory_kib, passes, 1, None).expect("costs");
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    };
    let kernels = [new(), new().portable()];
    let mut memory = vec![Block::new(); kernels[0].blocks()];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (argon2, times) in kernels.iter().zip(&mut times) {
            let one = Stopwatch::start();
            let mut digest = [0; 32];
            argon2
                .hash_into(b"correct horse", b"battery staple..", &mut memory, &mut digest)
                .expect("hashed");
            times.push(one.elapsed());
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        (
            times[times.len() / 10],
            times[times.len() / 2],
            times[times.len() * 9 / 10],
        )
    });
    println!(
        "Argon2id, {memory_kib} KiB, {passes} passes, one lane, {rounds} rounds in turns, memory reused\n"
    );
    println!("| kernel | p10 ms | median ms | p90 ms |");
    println!("|---|---|---|---|");
    for (argon2, (low, median, high)) in kernels.iter().zip(medians) {
        let [low, median, high] = [low, median, high].map(|time| time.as_secs_f64() * 1e3);
        println!(
            "| {} | {low:.2} | {median:.2} | {high:.2} |",
            argon2.kernel().name()
        );
    }
    let ratio = medians[1].1.as_secs_f64() / medians[0].1.as_secs_f64();
    println!("\n{ratio:.2} times as many hashes as the portable code.");
}
