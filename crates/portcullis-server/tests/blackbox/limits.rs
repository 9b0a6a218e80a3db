//! Rate limits, from outside.

use std::{net::Ipv4Addr, sync::Arc};

use portcullis_core::clock::MovableClock;
use portcullis_testkit::{
    client::{Answer, Client},
    manners,
    people::{self, Member, PASSWORD, Tokens, registration},
    server::{App, Local, Setup, configuration},
};
use reqwest::Method;
use serde_json::json;

use crate::start;

on_both!(
    five_logins_a_minute_from_one_address,
    five_logins_a_minute_to_one_account,
    also_for_refresh_register_and_password_change,
    a_token_does_not_fill_the_audit_log,
    come_before_the_password_is_checked,
    believe_forwarding_headers_of_listed_proxies_only,
    are_off_when_switched_off,
    a_full_table_forgets_nobody_at_its_limit,
);

/// A client at another address of this machine.
fn at(app: &App, last: u8) -> Client {
    Client::from_address(app.process.url(), Ipv4Addr::new(127, 0, 0, last).into())
}

/// A user made at the command line: no limit counts it.
async fn add(app: &App, email: &str) {
    app.command(
        &["user", "add", email, "--name", "Someone"],
        &format!("{PASSWORD}\n"),
    )
    .await
    .success();
}

fn remaining(answer: &Answer) -> u64 {
    let limits = manners::limits(answer.header("ratelimit"));
    limits.iter().map(|limit| limit.remaining).min().expect("a limit")
}

async fn five_logins_a_minute_from_one_address(setup: Setup) {
    let app = start(setup.limited()).await;
    let client = at(&app, 10);
    let mut left = Vec::new();
    for i in 0..5 {
        let answer = people::login(&client, &format!("nobody{i}@example.com"), PASSWORD)
            .await
            .expect(401);
        let policies = manners::policies(answer.header("ratelimit-policy"));
        assert!(
            policies
                .iter()
                .all(|policy| policy.quota == 5 && policy.window == 60),
            "{policies:?}"
        );
        left.push(remaining(&answer));
    }
    assert_eq!(left, [4, 3, 2, 1, 0]);
    let refused = people::login(&client, "nobody9@example.com", PASSWORD)
        .await
        .expect(429);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    people::login(&at(&app, 11), "nobody9@example.com", PASSWORD)
        .await
        .expect(401);
}

async fn five_logins_a_minute_to_one_account(setup: Setup) {
    let app = start(setup.limited()).await;
    add(&app, "ada@example.com").await;
    // Each attempt from an address of its own, in another spelling.
    for (last, email) in (20..).zip([
        "ada@example.com",
        "ADA@example.com",
        " ada@example.com",
        "Ada@Example.Com",
        "ada@EXAMPLE.com",
    ]) {
        people::login(&at(&app, last), email, "wrong horse 9 battery")
            .await
            .expect(401);
    }
    people::login(&at(&app, 30), "ada@example.com", "wrong horse 9 battery")
        .await
        .expect(429);
    // Also an account that does not exist: the limit must not tell which ones do.
    for last in 31..36 {
        people::login(&at(&app, last), "nobody@example.com", PASSWORD)
            .await
            .expect(401);
    }
    people::login(&at(&app, 36), "nobody@example.com", PASSWORD)
        .await
        .expect(429);
}

async fn also_for_refresh_register_and_password_change(setup: Setup) {
    let app = start(setup.limited()).await;
    let client = at(&app, 40);
    for i in 0..5 {
        let body = registration(&format!("ada{i}@example.com"), PASSWORD, "Ada");
        client.post_json("/auth/register", &body).await.expect(201);
    }
    let body = registration("ada9@example.com", PASSWORD, "Ada");
    client.post_json("/auth/register", &body).await.expect(429);

    let mut ada = Member::login(&at(&app, 41), "ada0@example.com", PASSWORD).await;
    for _ in 0..5 {
        ada = ada.refreshed().await;
    }
    ada.refresh().await.expect(429);
    ada.me().await.expect(200);

    let wrong =
        json!({"current_password": "wrong horse 9 battery", "new_password": "another horse 7 staple"});
    for _ in 0..5 {
        ada.client.post_json("/me/password", &wrong).await.expect(422);
    }
    ada.client.post_json("/me/password", &wrong).await.expect(429);
}

/// Each change is a row of the audit log and one of the feed, for a year and for all nodes.
async fn a_token_does_not_fill_the_audit_log(setup: Setup) {
    let app = start(setup.limited()).await;
    let ada = Member::register(&at(&app, 44), "ada").await;
    let mut statuses = Vec::new();
    for (number, last) in (45..52).enumerate() {
        // From many addresses: it is the account that counts.
        let client = at(&app, last).bearer(&ada.tokens.access_token);
        let answer = client
            .patch("/me", &json!({"name": format!("Ada {number}")}))
            .await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    let kept = app
        .command(&["audit", "--kind", "user.updated", "--json"], "")
        .await
        .success()
        .json();
    assert_eq!(kept.as_array().unwrap().len(), 5, "{kept}");
}

async fn come_before_the_password_is_checked(setup: Setup) {
    let app = start(setup.limited()).await;
    add(&app, "ada@example.com").await;
    for last in 50..55 {
        people::login(&at(&app, last), "ada@example.com", "wrong horse 9 battery")
            .await
            .expect(401);
    }
    let right = people::login(&at(&app, 55), "ada@example.com", PASSWORD)
        .await
        .expect(429);
    let wrong = people::login(&at(&app, 56), "ada@example.com", "wrong horse 9 battery")
        .await
        .expect(429);
    assert_eq!(right.json()["detail"], wrong.json()["detail"]);
}

async fn login_via(client: &Client, header: (&str, &str), email: &str) -> u16 {
    let body = json!({"email": email, "password": PASSWORD});
    let request = client
        .request(Method::POST, "/auth/login")
        .header(header.0, header.1)
        .json(&body);
    client.send(request).await.status.as_u16()
}

async fn believe_forwarding_headers_of_listed_proxies_only(setup: Setup) {
    let app = start(setup.clone().limited()).await;
    let client = at(&app, 60);
    let mut statuses = Vec::new();
    for i in 0..6 {
        let address = format!("203.0.113.{i}");
        statuses.push(
            login_via(
                &client,
                ("x-forwarded-for", &address),
                &format!("n{i}@example.com"),
            )
            .await,
        );
    }
    assert_eq!(
        statuses,
        [401, 401, 401, 401, 401, 429],
        "spoofed addresses must not help"
    );

    let app = start(
        setup
            .limited()
            .env("PORTCULLIS_HTTP__TRUSTED_PROXIES", "127.0.0.60"),
    )
    .await;
    let proxy = at(&app, 60);
    for i in 0..6 {
        let address = format!("203.0.113.{i}");
        assert_eq!(
            login_via(
                &proxy,
                ("x-forwarded-for", &address),
                &format!("n{i}@example.com")
            )
            .await,
            401
        );
    }
    // What a client wrote itself, left of what the proxy added, counts for nothing.
    let mut statuses = Vec::new();
    for i in 0..6 {
        let chain = format!("198.51.100.{i}, 203.0.113.77");
        statuses.push(login_via(&proxy, ("x-forwarded-for", &chain), &format!("m{i}@example.com")).await);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    let other = at(&app, 61);
    let mut statuses = Vec::new();
    for i in 0..6 {
        let address = format!("192.0.2.{i}");
        statuses.push(
            login_via(
                &other,
                ("x-forwarded-for", &address),
                &format!("k{i}@example.com"),
            )
            .await,
        );
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429], "not a listed proxy");
}

async fn are_off_when_switched_off(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    for _ in 0..12 {
        people::login(&app.client(), &ada.email, "wrong horse 9 battery")
            .await
            .expect(401);
    }
    ada.again().await;
    assert!(
        app.process.log().to_lowercase().contains("limits"),
        "the log warns:\n{}",
        app.process.log()
    );
}

/// In this process, and without the work for unknown accounts: 1,500 logins would take half a minute.
async fn a_full_table_forgets_nobody_at_its_limit(setup: Setup) {
    let mut configuration = configuration();
    configuration.limits.enabled = true;
    configuration.limits.capacity = 1000;
    configuration.hashing.dummy = false;
    let app = Local::start(setup.engine, Arc::new(MovableClock::default()), configuration).await;
    let at = |last| Client::from_address(app.client().base(), Ipv4Addr::new(127, 0, 0, last).into());
    for last in 70..75 {
        people::login(&at(last), "ada@example.com", "wrong horse 9 battery")
            .await
            .expect(401);
    }
    people::login(&at(75), "ada@example.com", PASSWORD)
        .await
        .expect(429);
    let tasks: Vec<_> = (0..15u8)
        .map(|group| {
            let url = app.client().base().to_owned();
            tokio::spawn(async move {
                for i in 0..100u8 {
                    let address = Ipv4Addr::new(127, 1, group, i + 1);
                    let client = Client::from_address(&url, address.into());
                    let answer = people::login(&client, &format!("n{group}-{i}@example.com"), PASSWORD).await;
                    // New keys may be turned away when the table is full of keys that count.
                    assert!([401, 429].contains(&answer.status.as_u16()), "{}", answer.status);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    people::login(&at(76), "ada@example.com", PASSWORD)
        .await
        .expect(429);
}

mod device {
    //! Known devices: a stranger cannot lock an owner out.

    use super::*;

    on_both!(
        an_owner_gets_in_past_a_stranger,
        is_good_for_its_own_account_only,
        cannot_be_guessed_through
    );

    async fn an_owner_gets_in_past_a_stranger(setup: Setup) {
        let app = start(setup.limited()).await;
        let ada = Member::register(&at(&app, 80), "ada").await;
        let device = ada.tokens.device_token.clone().expect("a device token");
        for last in 81..86 {
            people::login(&at(&app, last), &ada.email, "wrong horse 9 battery")
                .await
                .expect(401);
        }
        people::login(&at(&app, 86), &ada.email, PASSWORD)
            .await
            .expect(429);
        let answer = people::login_from(&at(&app, 87), &ada.email, PASSWORD, &device)
            .await
            .expect(200);
        Tokens::of(&answer);
    }

    async fn is_good_for_its_own_account_only(setup: Setup) {
        let app = start(setup.limited()).await;
        add(&app, "bob@example.com").await;
        let ada = Member::register(&at(&app, 90), "ada").await;
        let device = ada.tokens.device_token.clone().expect("a device token");
        for last in 91..96 {
            people::login(&at(&app, last), "bob@example.com", "wrong horse 9 battery")
                .await
                .expect(401);
        }
        people::login_from(&at(&app, 96), "bob@example.com", PASSWORD, &device)
            .await
            .expect(429);
        people::login_from(&at(&app, 97), "bob@example.com", PASSWORD, "garbage")
            .await
            .expect(429);
    }

    async fn cannot_be_guessed_through(setup: Setup) {
        let app = start(setup.limited()).await;
        let ada = Member::register(&at(&app, 100), "ada").await;
        let device = ada.tokens.device_token.clone().expect("a device token");
        let mut refused = 0;
        for last in 101..113 {
            let answer =
                people::login_from(&at(&app, last), &ada.email, "wrong horse 9 battery", &device).await;
            refused += u32::from(answer.status == 429);
        }
        assert_eq!(refused, 7, "a stolen device token has a limit of its own");
    }
}
