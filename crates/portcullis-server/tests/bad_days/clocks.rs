//! Somebody sets the clock.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use portcullis::{Gate, Portcullis};
use portcullis_core::{
    clock::{Clock, SystemClock, Timestamp},
    key::MasterKey,
};
use portcullis_testkit::{
    client::Client, nodes::refused_after, people::Member, postgres::Postgres, server::configuration,
};

const HOUR: i64 = 3_600_000;

/// The machine's clocks, of which somebody sets the one on the wall, in milliseconds.
#[derive(Default)]
struct Stepped(AtomicI64);

impl Stepped {
    fn step(&self, by: i64) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for Stepped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().millis() + self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

/// A node in this process, on a clock that can be set.
struct Node {
    clock: Arc<Stepped>,
    client: Client,
    portcullis: Portcullis,
}

async fn node(url: &str) -> Node {
    let clock = Arc::new(Stepped::default());
    let portcullis = Portcullis::builder()
        .database_url(url)
        .master_key(MasterKey::from_hex(&"5a".repeat(32)).unwrap())
        .clock(Arc::clone(&clock) as Arc<dyn Clock>)
        .configure(|own| *own = configuration())
        .build()
        .await
        .unwrap();
    let app = Gate::new(portcullis.clone())
        .merge(portcullis.routes())
        .into_router()
        .unwrap()
        .layer(portcullis.edge());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).await.unwrap();
    });
    Node {
        clock,
        client,
        portcullis,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clock_of_one_node_is_stepped() {
    let database = Postgres::start(&["fsync = off"]);
    let (right, wrong) = (node(&database.url()).await, node(&database.url()).await);
    for (step, late) in [(HOUR, true), (-HOUR, false), (-9_000, false), (9_000, false)] {
        let label = format!("u{step}");
        let ada = Member::register(&right.client, &label.replace('-', "m")).await;
        let eva = Member::register(&right.client, &label.replace('-', "m").replace('u', "v")).await;
        let there = ada.client.at(wrong.client.base());
        there.get("/me").await.expect(200);

        wrong.clock.step(step);
        let answer = wrong.client.get("/readyz").await.expect(503);
        assert_eq!(answer.json()["error"], "clock");
        // An hour later the token is over; an hour earlier it is not valid yet.
        if step.abs() == HOUR && late {
            there.get("/me").await.expect(401);
        }
        // A logout is heard of whatever the time is.
        ada.client.post("/auth/logout").await.expect(200);
        refused_after(
            std::slice::from_ref(&wrong.client),
            &ada.tokens.access_token,
            Duration::from_secs(5),
        )
        .await;

        // Nor is it forgotten when the clock is set right: what was over by then only seemed to be.
        wrong.clock.step(-step);
        refused_after(
            std::slice::from_ref(&wrong.client),
            &ada.tokens.access_token,
            Duration::from_secs(5),
        )
        .await;
        there.get("/me").await.expect_invalid_token();
        eva.client.at(wrong.client.base()).get("/me").await.expect(200);
        wrong.client.get("/readyz").await.expect(200);
    }
    wrong.portcullis.shutdown().await;
    right.portcullis.shutdown().await;
}
