use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use portcullis_testkit::{
    client::Client,
    memory::{Memory, allowed_kib},
    people,
    server::{App, Engine, Setup},
};

use crate::{
    probe::{Probe, Request, Times},
    server,
};

/// What became of the logins.
#[derive(Default)]
struct Count {
    evaluated: AtomicU64,
    refused: AtomicU64,
}

/// How often memory is looked at.
const PEEK: Duration = Duration::from_millis(20);

pub(crate) async fn run(logins: usize, time: Duration) {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let app = Setup::new(Engine::Sqlite)
        .impatient()
        .env("PORTCULLIS_PASSWORD__THREADS", &threads.to_string())
        .start(&server::binary())
        .await;
    // Before the first hash: what a thread needs for one it keeps for a while.
    app.client().get("/healthz").await;
    let at_rest = Memory::of(&app.process);
    let ada = app.register("ada").await;
    let (url, token) = (app.process.url().to_owned(), ada.tokens.access_token.clone());
    let measure = async || -> Times {
        let (url, token) = (url.clone(), token.clone());
        let probe = tokio::task::spawn_blocking(move || {
            Probe::open(&url).measure(&Request::get("/me", &token), time)
        });
        probe.await.expect("measured")
    };
    measure().await; // Warm-up.
    let idle = measure().await;

    let (over, count) = (Arc::new(AtomicBool::new(false)), Arc::new(Count::default()));
    let flood: Vec<_> = (0..logins)
        .map(|i| {
            let (client, over, count) = (app.client(), over.clone(), count.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    login(&client, i, &count).await;
                }
            })
        })
        .collect();
    let (flooded, peak) = watched(&app, measure()).await;
    over.store(true, Ordering::SeqCst);
    for login in flood {
        login.await.expect("a login ends");
    }
    report(&idle, &flooded, &count);
    report_memory(at_rest, peak, threads);
}

/// What `measurement` gives, and the most memory while it lasts.
async fn watched<T>(app: &App, measurement: impl Future<Output = T>) -> (T, Memory) {
    let mut measurement = std::pin::pin!(measurement);
    let mut peak = Memory::default();
    loop {
        peak = peak.max(Memory::of(&app.process));
        if let Ok(result) = tokio::time::timeout(PEEK, &mut measurement).await {
            return (result, peak);
        }
    }
}

/// Tries once, and waits as long as it is told to.
async fn login(client: &Client, number: usize, count: &Count) {
    let answer = people::login(client, &format!("nobody{number}@example.com"), people::PASSWORD).await;
    match answer.status.as_u16() {
        401 => count.evaluated.fetch_add(1, Ordering::Relaxed),
        503 => {
            let wait = answer.header("retry-after").parse().unwrap_or(1);
            tokio::time::sleep(Duration::from_secs(wait)).await;
            count.refused.fetch_add(1, Ordering::Relaxed)
        }
        other => panic!("a login in a flood: {other}"),
    };
}

fn report(idle: &Times, flooded: &Times, count: &Count) {
    println!("{:<8} {:>10} {:>12} {:>12}", "GET /me", "answers", "p50", "p99");
    for (name, times) in [("idle", idle), ("flood", flooded)] {
        let (p50, p99) = (times.percentile(50), times.percentile(99));
        println!(
            "{name:<8} {:>10} {:>12} {:>12}",
            times.count(),
            format!("{p50:.1?}"),
            format!("{p99:.1?}")
        );
    }
    let ratio = |percent| {
        flooded.percentile(percent).as_secs_f64() / idle.percentile(percent).as_secs_f64().max(1e-9)
    };
    println!(
        "{:<8} {:>10} {:>11.2}x {:>11.2}x",
        "ratio",
        "",
        ratio(50),
        ratio(99)
    );
    println!(
        "logins: {} evaluated, {} refused with 503\n",
        count.evaluated.load(Ordering::Relaxed),
        count.refused.load(Ordering::Relaxed)
    );
}

fn report_memory(at_rest: Memory, flooded: Memory, threads: u64) {
    println!(
        "{:<28} {:>10} {:>12}",
        "memory of the server, MiB", "at rest", "flood"
    );
    for (name, rest, most) in [
        (
            "allocated (RssAnon)",
            at_rest.anonymous_kib,
            flooded.anonymous_kib,
        ),
        (
            "resident in all (VmRSS)",
            at_rest.resident_kib,
            flooded.resident_kib,
        ),
    ] {
        println!("{name:<28} {:>10} {:>12}", mib(rest), mib(most));
    }
    println!(
        "{:<28} {:>10} {:>12}",
        "bound of what is allocated",
        "",
        mib(allowed_kib(threads))
    );
}

fn mib(kib: u64) -> String {
    format!("{}.{}", kib / 1024, kib % 1024 * 10 / 1024)
}
