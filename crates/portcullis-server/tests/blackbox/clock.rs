//! What time changes, on a clock that is moved.

use std::{sync::Arc, time::Duration};

use portcullis_core::clock::{Clock as _, MovableClock, SystemClock};
use portcullis_testkit::{
    client::Client,
    people::{self, Member, PASSWORD},
    server::{Engine, Local, Setup, configuration},
};

on_both!(
    an_access_token_ends_with_its_time,
    a_spent_refresh_token_is_theft_after_the_grace_window,
    replays_do_not_extend_the_grace_window,
    two_steps_back_is_theft_once_a_rotation_is_old,
    an_unused_session_ends_after_a_week,
    a_session_ends_after_90_days_whatever_is_done,
    a_limit_opens_again_when_it_said,
    a_device_is_known_for_longer_than_its_session,
    an_archive_needs_a_login_of_late,
    a_node_whose_clock_is_not_that_of_its_database_is_not_ready,
);

struct Timed {
    app: Local,
    clock: Arc<MovableClock>,
}

async fn start(setup: &Setup, limits: bool) -> Timed {
    let clock = Arc::new(MovableClock::default());
    let mut configuration = configuration();
    configuration.limits.enabled = limits;
    Timed {
        app: Local::start(setup.engine, clock.clone(), configuration).await,
        clock,
    }
}

impl Timed {
    fn client(&self) -> Client {
        self.app.client()
    }

    async fn ada(&self) -> Member {
        Member::register(&self.client(), "ada").await
    }

    fn seconds(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn days(&self, days: u64) {
        self.seconds(days * 86_400);
    }
}

async fn an_access_token_ends_with_its_time(setup: Setup) {
    let timed = start(&setup, false).await;
    let ada = timed.ada().await;
    timed.seconds(899);
    ada.me().await.expect(200);
    timed.seconds(1);
    ada.me().await.expect_invalid_token();
    ada.refreshed().await.me().await.expect(200);
}

async fn a_spent_refresh_token_is_theft_after_the_grace_window(setup: Setup) {
    let timed = start(&setup, false).await;
    let first = timed.ada().await;
    let second = first.refreshed().await;
    timed.seconds(10);
    assert_eq!(
        first.refreshed().await.tokens.refresh_token,
        second.tokens.refresh_token,
        "a lost answer"
    );
    timed.seconds(1);
    first.refresh().await.expect(401);
    second.me().await.expect_invalid_token();
    second.refresh().await.expect(401);
    first.again().await.me().await.expect(200);
}

async fn replays_do_not_extend_the_grace_window(setup: Setup) {
    let timed = start(&setup, false).await;
    let first = timed.ada().await;
    let second = first.refreshed().await;
    for _ in 0..3 {
        timed.seconds(3);
        first.refresh().await.expect(200);
    }
    timed.seconds(3);
    first.refresh().await.expect(401);
    second.refresh().await.expect(401);
}

async fn two_steps_back_is_theft_once_a_rotation_is_old(setup: Setup) {
    let timed = start(&setup, false).await;
    let first = timed.ada().await;
    let second = first.refreshed().await;
    timed.seconds(8);
    let third = second.refreshed().await;
    // Both rotations are fresh: a client that fell behind itself.
    first.refresh().await.expect(401);
    third.me().await.expect(200);
    timed.seconds(5);
    first.refresh().await.expect(401);
    third.me().await.expect_invalid_token();
    third.refresh().await.expect(401);
}

async fn an_unused_session_ends_after_a_week(setup: Setup) {
    let timed = start(&setup, false).await;
    let ada = timed.ada().await;
    timed.days(6);
    let ada = ada.refreshed().await;
    timed.days(6);
    let ada = ada.refreshed().await;
    timed.days(7);
    ada.refresh().await.expect(401);
}

async fn a_session_ends_after_90_days_whatever_is_done(setup: Setup) {
    let timed = start(&setup, false).await;
    let mut ada = timed.ada().await;
    for _ in 0..14 {
        timed.days(6);
        ada = ada.refreshed().await;
    }
    timed.days(5);
    ada = ada.refreshed().await;
    timed.days(1);
    ada.refresh().await.expect(401);
}

async fn a_limit_opens_again_when_it_said(setup: Setup) {
    let timed = start(&setup, true).await;
    let client = timed.client();
    for i in 0..5 {
        people::login(&client, &format!("nobody{i}@example.com"), PASSWORD)
            .await
            .expect(401);
        timed.seconds(2);
    }
    let refused = people::login(&client, "nobody@example.com", PASSWORD)
        .await
        .expect(429);
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert_eq!(wait, 50, "the first of the five is 10 seconds old");
    timed.seconds(wait - 1);
    people::login(&client, "nobody@example.com", PASSWORD)
        .await
        .expect(429);
    timed.seconds(1);
    people::login(&client, "nobody@example.com", PASSWORD)
        .await
        .expect(401);
}

async fn a_device_is_known_for_longer_than_its_session(setup: Setup) {
    let timed = start(&setup, true).await;
    let ada = timed.ada().await;
    let device = ada.tokens.device_token.clone().expect("a device token");
    timed.days(30);
    let client = timed.client();
    for _ in 0..5 {
        people::login(&client, &ada.email, "wrong horse 9 battery")
            .await
            .expect(401);
    }
    // The account's bucket is full; the address's too: a minute later only the account's device gets in at once.
    people::login(&client, &ada.email, PASSWORD).await.expect(429);
    let elsewhere = Client::from_address(client.base(), [127, 0, 0, 33].into());
    people::login(&elsewhere, &ada.email, PASSWORD).await.expect(429);
    people::login_from(&elsewhere, &ada.email, PASSWORD, &device)
        .await
        .expect(200);
}

async fn an_archive_needs_a_login_of_late(setup: Setup) {
    let timed = start(&setup, false).await;
    let ada = timed.ada().await;
    timed.seconds(599);
    ada.client.get("/me/export").await.expect(200);
    timed.seconds(1);
    let late = ada.client.get("/me/export").await.expect(401);
    assert_eq!(
        late.header("www-authenticate"),
        "Bearer realm=\"portcullis\", error=\"insufficient_user_authentication\", max_age=\"600\""
    );
    assert_eq!(late.json()["max_age"], 600);
    // Whoever has the refresh token alone does not get further.
    let ada = ada.refreshed().await;
    ada.client.get("/me/export").await.expect(401);
    ada.me().await.expect(200);
    ada.again().await.client.get("/me/export").await.expect(200);

    let timed = start(&setup, true).await;
    let ada = timed.ada().await;
    for _ in 0..5 {
        ada.client.get("/me/export").await.expect(200);
    }
    ada.client.get("/me/export").await.expect(429);
}

async fn a_node_whose_clock_is_not_that_of_its_database_is_not_ready(setup: Setup) {
    let timed = start(&setup, false).await;
    for (wrong_by, side) in [
        (0, None),
        (1_500, None),
        (9_000, Some("ahead of")),
        (-9_000, Some("behind")),
    ] {
        let right = SystemClock.now().millis();
        timed.clock.step(right + wrong_by - timed.clock.now().millis());
        let answer = timed.client().get("/readyz").await;
        // SQLite has no clock of its own.
        let side = side.filter(|_| setup.engine == Engine::Postgres);
        let Some(side) = side else {
            answer.expect(200);
            continue;
        };
        let body = answer.expect(503).json();
        assert_eq!(body["error"], "clock");
        let detail = body["detail"].as_str().unwrap();
        assert!(
            detail.contains(&format!("s {side} ")) && detail.contains("NTP"),
            "{detail}"
        );
    }
}
