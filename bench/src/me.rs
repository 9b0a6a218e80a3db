//! `GET /me` with a token that the server knows, against a bare axum route that answers the same bytes: each on the same core
//! in turns, the load on the other.

use std::{net::SocketAddr, process::Command, time::Duration};

use axum::{Router, routing::get};
use portcullis_testkit::{
    server::{Engine, Process, Setup},
    stopwatch::Stopwatch,
};
use rustix::thread::{CpuSet, Pid, sched_setaffinity};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::server;

/// The core of whatever is measured, and the core of the load.
const SERVER: usize = 0;
const LOAD: usize = 1;

/// What is asked of one server.
struct Target {
    name: &'static str,
    address: SocketAddr,
    request: Vec<u8>,
    rates: Vec<f64>,
}

pub(crate) async fn run(connections: usize, rounds: usize, time: Duration) {
    let start = async |level: &str| {
        Setup::new(Engine::Sqlite)
            .env("PORTCULLIS_LOG__LEVEL", level)
            .start(&server::binary())
            .await
    };
    let (logging, quiet) = (
        start("info").await,
        start("warn,portcullis_server::serve=info").await,
    );
    let ada = logging.register("ada").await;
    let bob = quiet.register("bob").await;
    let body = ada.client.get("/me").await.expect(200).body;
    let bare = bare_process(&body).await;

    let mut targets = [
        target("bare axum", &bare, ""),
        target("GET /me", &quiet.process, &bob.tokens.access_token),
        target(
            "GET /me, with access log",
            &logging.process,
            &ada.tokens.access_token,
        ),
    ];
    for process in [&bare, &quiet.process, &logging.process] {
        pin(process.id(), SERVER);
    }
    pin(std::process::id(), LOAD);
    for round in 0..=rounds {
        for target in &mut targets {
            let rate = load(target, connections, time).await;
            // The first round warms up.
            if round > 0 {
                target.rates.push(rate);
            }
        }
    }
    report(&mut targets);
}

fn target(name: &'static str, process: &Process, token: &str) -> Target {
    let address = process.url().strip_prefix("http://").expect("plain HTTP");
    let request = format!("GET /me HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\r\n");
    Target {
        name,
        address: address.parse().expect("an address"),
        request: request.into_bytes(),
        rates: Vec::new(),
    }
}

/// Keeps a process and its threads on one core.
fn pin(process: u32, core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core);
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).expect("a process") {
        let thread = thread.expect("a thread").file_name();
        let id: i32 = thread.to_string_lossy().parse().expect("a number");
        sched_setaffinity(Pid::from_raw(id), &cores).expect("pinned");
    }
}

/// Answers per second.
async fn load(target: &Target, connections: usize, time: Duration) -> f64 {
    let all = Stopwatch::start();
    let clients: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(client(target.address, target.request.clone(), time)))
        .collect();
    let mut answers = 0u32;
    for client in clients {
        answers += client.await.expect("answers");
    }
    f64::from(answers) / all.elapsed().as_secs_f64()
}

/// Asks again and again on one connection. The answers are as long as the first, so no more than their length is looked at.
async fn client(address: SocketAddr, request: Vec<u8>, time: Duration) -> u32 {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("no delay");
    let mut buffer = vec![0; 16 * 1024];
    stream.write_all(&request).await.expect("sent");
    let length = stream.read(&mut buffer).await.expect("an answer");
    assert!(buffer.starts_with(b"HTTP/1.1 200 "), "not 200");
    let clock = Stopwatch::start();
    let mut answers = 0;
    while clock.elapsed() < time {
        stream.write_all(&request).await.expect("sent");
        stream.read_exact(&mut buffer[..length]).await.expect("an answer");
        assert!(buffer.starts_with(b"HTTP/1.1 200 "), "not 200");
        answers += 1;
    }
    answers
}

fn report(targets: &mut [Target]) {
    println!("| server, one core | answers/s | spread | of bare axum |");
    println!("|---|---|---|---|");
    let mut bare = None;
    for target in targets {
        target.rates.sort_by(f64::total_cmp);
        let at = |part: usize| target.rates[(target.rates.len() - 1) * part / 4];
        let median = at(2);
        let of = median / *bare.get_or_insert(median);
        let spread = (at(3) - at(1)) / median * 100.0;
        println!("| {} | {median:.0} | {spread:.0}% | {of:.2} |", target.name);
    }
}

async fn bare_process(body: &str) -> Process {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args(["bare", body]);
    Process::of(command).await
}

/// The bare route, in a process of its own.
pub(crate) async fn bare(body: String) {
    let answer = move || {
        let body = body.clone();
        async move { ([("content-type", "application/json")], body) }
    };
    let app = Router::new().route("/me", get(answer));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!(
        "Listening on http://{}",
        listener.local_addr().expect("an address")
    );
    axum::serve(listener, app).await.expect("served");
}
