//! The file of users among several processes, some of which are killed.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use portcullis::users::{JsonFile, Record, UserStore as _};
use serde::{Deserialize, Serialize};

const VARIABLE: &str = "PORTCULLIS_TEST_JSON_FILE";

#[derive(Serialize, Deserialize)]
struct User {
    name: String,
    /// So that writing takes a while.
    text: String,
}

impl Record for User {
    fn key(&self) -> &str {
        &self.name
    }
}

/// This test once more, as a process that creates users until it is killed, and says each one that is created.
fn writer(path: &str, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_was_acknowledged_survives_kill_9", "--nocapture"])
        .env(VARIABLE, format!("{name}={path}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

async fn write_for_ever(name: &str, path: &str) {
    let file = JsonFile::open(path).unwrap();
    for number in 0.. {
        let (name, text) = (format!("{name}{number}"), "x".repeat(3_000));
        file.create(User {
            name: name.clone(),
            text,
        })
        .await
        .unwrap();
        println!("created {name}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    #[expect(
        clippy::disallowed_methods,
        reason = "how the parent tells a child that it is one"
    )]
    if let Ok(order) = std::env::var(VARIABLE) {
        let (name, path) = order.split_once('=').unwrap();
        return write_for_ever(name, path).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.json");
    let path = path.to_str().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..3 {
        let mut writers = ["a", "b"].map(|name| writer(path, &format!("{name}{round}-")));
        // One is killed after a few, somewhere in the middle of the next ones; the other goes on and is killed later.
        for (child, most) in writers.iter_mut().zip([5 + round, 10 + round]) {
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let mut created = |line: &str| {
                let name = line.split("created ").nth(1)?.to_owned();
                acknowledged.insert(name).then_some(())
            };
            let mut count = 0;
            while count < most {
                count += usize::from(created(&lines.next().unwrap().unwrap()).is_some());
            }
            child.kill().unwrap();
            child.wait().unwrap();
            // What it said before it was killed.
            for line in lines.map_while(Result::ok) {
                let _: Option<()> = created(&line);
            }
        }
        let file = JsonFile::<User>::open(path).unwrap();
        let users = file.load().await.unwrap();
        let names: BTreeSet<String> = users.into_iter().map(|user| user.name).collect();
        let lost: Vec<&String> = acknowledged.difference(&names).collect();
        assert!(lost.is_empty(), "{lost:?}");
        // Nobody holds the lock.
        let name = format!("parent{round}");
        let text = String::new();
        file.create(User { name, text }).await.unwrap();
    }
}
