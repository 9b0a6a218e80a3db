//! 2,000 logins at once, without limits, again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portcullis_testkit::{
    memory::allowed_kib,
    people,
    server::{Engine, Setup},
    stopwatch::Stopwatch,
};

use crate::start;

const THREADS: u64 = 2;
/// What memory once got and gives back in pieces shows only after several floods.
const FLOODS: usize = 4;
const LOGINS: usize = 2000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_memory_is_bounded_surplus_is_refused_and_me_goes_on() {
    let setup = Setup::new(Engine::Sqlite)
        .impatient()
        .env("PORTCULLIS_PASSWORD__THREADS", &THREADS.to_string());
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let other = portcullis_testkit::client::Client::from_address(app.process.url(), [127, 0, 0, 9].into());
    let other = other.bearer(&ada.tokens.access_token);
    other.get("/me").await.expect(200);
    // Code is mapped from the file, and a build for tests has much of it: what counts is what was allocated.
    let before = app.process.anonymous_kib();

    let over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (over, other) = (over.clone(), other.clone());
        tokio::spawn(async move {
            let (mut answers, mut slowest) = (0u32, Duration::ZERO);
            while !over.load(Ordering::SeqCst) {
                let begun = Stopwatch::start();
                other.get("/me").await.expect(200);
                slowest = slowest.max(begun.elapsed());
                answers += 1;
            }
            (answers, slowest)
        })
    };
    // Everyone has a connection of their own, and keeps it as long as the server does.
    let clients: Vec<_> = (0..LOGINS).map(|_| app.client()).collect();
    let (mut refused, mut evaluated, mut peak) = (0, 0, before);
    for _ in 0..FLOODS {
        let logins: Vec<_> = clients
            .iter()
            .enumerate()
            .map(|(i, client)| {
                let (client, email) = (client.clone(), format!("nobody{}@example.com", i % 50));
                tokio::spawn(async move {
                    people::login(&client, &email, people::PASSWORD)
                        .await
                        .status
                        .as_u16()
                })
            })
            .collect();
        for login in logins {
            peak = peak.max(app.process.anonymous_kib());
            match login.await.unwrap() {
                // Its Retry-After is checked with the manners of every answer.
                503 => refused += 1,
                401 => evaluated += 1,
                other => panic!("a login in a flood: {other}"),
            }
        }
    }
    over.store(true, Ordering::SeqCst);
    let (answers, slowest) = reader.await.unwrap();
    peak = peak.max(app.process.anonymous_kib());
    assert!(
        refused > 500 * FLOODS,
        "{refused} refused, {evaluated} evaluated: the queue has no end"
    );
    assert!(
        evaluated > 20,
        "{evaluated} evaluated: nobody gets in during a flood"
    );
    assert!(answers > 50, "{answers} answers of /me during the flood");
    assert!(
        slowest < Duration::from_secs(3),
        "/me stood still for {slowest:?}"
    );
    let bound = allowed_kib(THREADS);
    assert!(
        peak <= bound,
        "{peak} KiB allocated, bound {bound}; {before} before"
    );
}
