use std::{
    ops::Not as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_core::rng::{self, SystemRng};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::task::JoinHandle;

use super::{Ledger, Nodes};
use crate::{
    client::{Answer, Client},
    people::{PASSWORD, Tokens, registration},
    stopwatch::Stopwatch,
};

/// People who register, log in, look at themselves, refresh and log out, at whichever node is their turn. Whose connection
/// breaks tries once more, at the next node, as a load balancer does.
pub struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<Ledger>>,
}

struct Shared {
    clients: Vec<Client>,
    /// Nodes that get no requests at present.
    out: Vec<AtomicBool>,
    turn: AtomicUsize,
    over: AtomicBool,
    running: Stopwatch,
    acknowledged: Mutex<Acknowledged>,
}

#[derive(Clone, Copy, Default)]
struct Acknowledged {
    last: Duration,
    longest_gap: Duration,
    acts: usize,
}

impl Load {
    /// Begins it, with so many people at a time.
    #[must_use]
    pub fn begin(nodes: &Nodes, people: usize) -> Self {
        let clients = nodes.clients();
        let shared = Arc::new(Shared {
            out: clients.iter().map(|_| AtomicBool::new(false)).collect(),
            clients,
            turn: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            running: Stopwatch::start(),
            acknowledged: Mutex::default(),
        });
        let workers: Vec<_> = (0..people)
            .map(|_| {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut worker = Worker {
                        shared,
                        ledger: Ledger::default(),
                    };
                    worker.work().await;
                    worker.ledger
                })
            })
            .collect();
        Self { shared, workers }
    }

    /// The same behind a balancer that asks each node ten times a second whether it is ready, and sends requests only to those
    /// that are.
    #[must_use]
    pub fn balanced(nodes: &Nodes, people: usize) -> Self {
        let load = Self::begin(nodes, people);
        let shared = Arc::clone(&load.shared);
        tokio::spawn(async move {
            while !shared.over.load(Ordering::SeqCst) {
                for (client, out) in shared.clients.iter().zip(&shared.out) {
                    let answer = client.try_send(client.request(Method::GET, "/readyz")).await;
                    out.store(
                        answer.is_ok_and(|answer| answer.status == 200).not(),
                        Ordering::SeqCst,
                    );
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        load
    }

    /// Waits until so many more acts were acknowledged.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub async fn acts(&self, more: usize) {
        let waited = Stopwatch::start();
        let acts = || self.shared.acknowledged.lock().unwrap().acts;
        let target = acts() + more;
        while acts() < target {
            assert!(
                waited.elapsed() < Duration::from_secs(60),
                "nothing is acknowledged"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The longest time without any acknowledged act so far.
    #[must_use]
    pub fn longest_gap(&self) -> Duration {
        self.shared.acknowledged.lock().unwrap().longest_gap
    }

    /// Ends it, once each has an answer to what was asked last.
    pub async fn end(self) -> Ledger {
        self.shared.over.store(true, Ordering::SeqCst);
        let mut ledger = Ledger::default();
        for worker in self.workers {
            ledger.add(worker.await.expect("no panic"));
        }
        ledger
    }
}

struct Worker {
    shared: Arc<Shared>,
    ledger: Ledger,
}

impl Worker {
    async fn work(&mut self) {
        for number in 0.. {
            if self.shared.over.load(Ordering::SeqCst) {
                return;
            }
            self.person(number).await;
        }
    }

    /// One person. Whoever gets no answer, or 503, gives up: nobody knows what became of it.
    async fn person(&mut self, number: usize) -> Option<()> {
        let email = format!("{:016x}@example.com", u64::from_be_bytes(rng::bytes(&SystemRng)));
        let (answer, again) = self
            .ask(|client| {
                let request = client.request(Method::POST, "/auth/register");
                request.json(&registration(&email, PASSWORD, "Someone"))
            })
            .await?;
        if again && answer.status == 409 {
            return None;
        }
        let mut tokens = Tokens::of(&self.expect(answer, 201)?);
        self.ledger.users.push(email.clone());
        if number.is_multiple_of(4) {
            let first = tokens;
            let (answer, _) = self
                .ask(|client| {
                    let request = client.request(Method::POST, "/auth/login");
                    request.json(&json!({"email": email, "password": PASSWORD}))
                })
                .await?;
            tokens = Tokens::of(&self.expect(answer, 200)?);
            self.ledger.live.push(first);
        }
        let (answer, _) = self
            .ask(|client| {
                let client = client.bearer(&tokens.access_token);
                client.request(Method::GET, "/me")
            })
            .await?;
        self.look(answer, 200)?;
        let (answer, _) = self
            .ask(|client| {
                let request = client.request(Method::POST, "/auth/refresh");
                request.json(&json!({"refresh_token": tokens.refresh_token}))
            })
            .await?;
        let tokens = Tokens::of(&self.expect(answer, 200)?);
        if number.is_multiple_of(2) {
            self.ledger.live.push(tokens);
            return Some(());
        }
        let (answer, again) = self
            .ask(|client| {
                let client = client.bearer(&tokens.access_token);
                client.request(Method::POST, "/auth/logout")
            })
            .await?;
        if !(again && answer.status == 401) {
            self.expect(answer, 200)?;
        }
        self.ledger.ended.push(tokens);
        Some(())
    }

    /// An answer, and whether it is that to a second try.
    async fn ask(&mut self, request: impl Fn(&Client) -> RequestBuilder) -> Option<(Answer, bool)> {
        let mut tried = None;
        for again in [false, true] {
            let turn = self.shared.next(tried);
            tried = Some(turn);
            let client = self.shared.clients[turn].clone();
            if let Ok(answer) = client.try_send(request(&client)).await {
                if answer.status == 503 {
                    self.ledger.refused += 1;
                    // As long as the least that it may say.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    return None;
                }
                return Some((answer, again));
            }
            self.ledger.broken += 1;
        }
        self.ledger.unanswered += 1;
        None
    }

    /// An acknowledgement.
    fn expect(&mut self, answer: Answer, code: u16) -> Option<Answer> {
        let answer = self.look(answer, code)?;
        self.ledger.acts += 1;
        self.shared.acknowledge();
        Some(answer)
    }

    fn look(&mut self, answer: Answer, code: u16) -> Option<Answer> {
        if answer.status == code {
            return Some(answer);
        }
        self.ledger
            .wrong
            .push(format!("{}: {} {}", answer.request, answer.status, answer.body));
        None
    }
}

impl Shared {
    /// Whose turn it is, but for whom was just tried; where nobody is ready, whoever comes.
    fn next(&self, tried: Option<usize>) -> usize {
        let turns = || self.turn.fetch_add(1, Ordering::SeqCst) % self.clients.len();
        (0..self.clients.len())
            .map(|_| turns())
            .find(|turn| !self.out[*turn].load(Ordering::SeqCst) && tried != Some(*turn))
            .unwrap_or_else(turns)
    }

    fn acknowledge(&self) {
        let now = self.running.elapsed();
        let mut acknowledged = self.acknowledged.lock().unwrap();
        let gap = now.saturating_sub(acknowledged.last);
        acknowledged.longest_gap = acknowledged.longest_gap.max(gap);
        acknowledged.last = acknowledged.last.max(now);
        acknowledged.acts += 1;
    }
}
