use std::collections::HashSet;

use reqwest::Method;

use crate::{
    client::Client,
    people::{self, Tokens},
};

/// What was acknowledged, and what was not.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Emails that were registered (201).
    pub users: Vec<String>,
    /// The latest pair of each session that was opened or carried on (200, 201), and of which nothing else was asked.
    pub live: Vec<Tokens>,
    /// The last pair of each session that was logged out (200).
    pub ended: Vec<Tokens>,
    /// How many acts were acknowledged.
    pub acts: usize,
    /// Answers with 503.
    pub refused: usize,
    /// Connections that broke before there was an answer.
    pub broken: usize,
    /// Requests without an answer, also on the second try.
    pub unanswered: usize,
    /// Answers that must not be, whatever happens to the database.
    pub wrong: Vec<String>,
}

/// What was acknowledged and is gone; nothing of it should be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Users.
    pub users: usize,
    /// Sessions that cannot be carried on.
    pub sessions: usize,
    /// Logouts: the token is taken again, or the session can be carried on.
    pub logouts: usize,
}

impl Ledger {
    /// Adds another one's.
    pub fn add(&mut self, other: Self) {
        self.users.extend(other.users);
        self.live.extend(other.live);
        self.ended.extend(other.ended);
        self.acts += other.acts;
        self.refused += other.refused;
        self.broken += other.broken;
        self.unanswered += other.unanswered;
        self.wrong.extend(other.wrong);
    }

    /// Looks for all that was acknowledged: users among `emails`, the rest at each of `clients`.
    pub async fn lost(&self, emails: &HashSet<String>, clients: &[Client]) -> Lost {
        let mut lost = Lost {
            users: self.users.iter().filter(|email| !emails.contains(*email)).count(),
            ..Lost::default()
        };
        for (number, tokens) in self.live.iter().enumerate() {
            let client = &clients[number % clients.len()];
            let answer = people::refresh(client, &tokens.refresh_token).await;
            lost.sessions += usize::from(answer.status != 200);
        }
        for (number, tokens) in self.ended.iter().enumerate() {
            let mut taken = false;
            for client in clients {
                let me = client.bearer(&tokens.access_token);
                taken |= me.send(me.request(Method::GET, "/me")).await.status != 401;
            }
            let client = &clients[number % clients.len()];
            taken |= people::refresh(client, &tokens.refresh_token).await.status != 401;
            lost.logouts += usize::from(taken);
        }
        lost
    }
}
