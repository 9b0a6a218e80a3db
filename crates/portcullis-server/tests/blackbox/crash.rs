//! kill -9 at random moments of a load of registrations, logins and logouts, 50 times over.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use portcullis_core::rng::{self, SystemRng};
use portcullis_testkit::{
    client::Client,
    people::{self, PASSWORD, Tokens, registration},
    server::{Engine, Setup},
};
use serde_json::json;
use tokio::sync::Notify;

use crate::start;

const ROUNDS: usize = 50;
const CLIENTS: usize = 8;

/// What was acknowledged in one round.
#[derive(Default)]
struct Acknowledged {
    users: Vec<String>,
    logged_in: Vec<Tokens>,
    logged_out: Vec<Tokens>,
}

/// One client until the server is gone: register, log in twice, log out once, again.
async fn load(
    client: Client,
    name: String,
    acknowledgements: Arc<AtomicUsize>,
    enough: Arc<Notify>,
    limit: usize,
) -> Acknowledged {
    let mut done = Acknowledged::default();
    let count = || {
        if acknowledgements.fetch_add(1, Ordering::SeqCst) + 1 == limit {
            enough.notify_one();
        }
    };
    for number in 0.. {
        let email = format!("{name}-{number}@example.com");
        let request = client.request(reqwest::Method::POST, "/auth/register");
        let Ok(answer) = client
            .try_send(request.json(&registration(&email, PASSWORD, "Someone")))
            .await
        else {
            break;
        };
        done.users.push(email.clone());
        done.logged_in.push(Tokens::of(&answer.expect(201)));
        count();

        let request = client.request(reqwest::Method::POST, "/auth/login");
        let Ok(answer) = client
            .try_send(request.json(&json!({"email": email, "password": PASSWORD})))
            .await
        else {
            break;
        };
        let tokens = Tokens::of(&answer.expect(200));
        count();

        let by_token = client.bearer(&tokens.access_token);
        if let Ok(answer) = by_token
            .try_send(by_token.request(reqwest::Method::POST, "/auth/logout"))
            .await
        {
            answer.expect(200);
            done.logged_out.push(tokens);
            count();
        } else {
            // Nobody knows whether this logout happened.
            break;
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() {
    let mut app = start(Setup::new(Engine::Sqlite)).await;
    let (mut users, mut logouts) = (0, 0);
    for round in 0..ROUNDS {
        let limit = 1 + usize::from(rng::bytes::<1>(&SystemRng)[0]) % 30;
        let (acknowledgements, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let tasks: Vec<_> = (0..CLIENTS)
            .map(|i| {
                let name = format!("r{round}c{i}");
                tokio::spawn(load(
                    app.client(),
                    name,
                    acknowledgements.clone(),
                    enough.clone(),
                    limit,
                ))
            })
            .collect();
        enough.notified().await;
        app.process.kill();
        let mut rounds = Vec::new();
        for task in tasks {
            rounds.push(task.await.unwrap());
        }
        app.restart().await;

        let client = app.client();
        for done in rounds {
            users += done.users.len();
            logouts += done.logged_out.len();
            for email in &done.users {
                let answer = people::login(&client, email, PASSWORD).await;
                assert_eq!(
                    answer.status, 200,
                    "round {round}: {email} was acknowledged: {}",
                    answer.body
                );
            }
            for tokens in &done.logged_out {
                client
                    .bearer(&tokens.access_token)
                    .get("/me")
                    .await
                    .expect_invalid_token();
                people::refresh(&client, &tokens.refresh_token).await.expect(401);
            }
            for tokens in &done.logged_in {
                client.bearer(&tokens.access_token).get("/me").await.expect(200);
            }
        }
    }
    assert!(
        users > ROUNDS && logouts > ROUNDS / 2,
        "too little happened: {users} users, {logouts} logouts"
    );
}
