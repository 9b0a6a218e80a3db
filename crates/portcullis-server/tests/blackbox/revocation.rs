//! What must void an access token, does so for the very next request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use portcullis_testkit::{
    client::Answer,
    people::{self, Member, PASSWORD, Tokens},
    server::{App, Setup},
};
use serde_json::json;

use crate::start;

const NEW: &str = "another horse 7 staple";

/// The acts of which each voids tokens of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Logout,
    LogoutByRefreshToken,
    LogoutAll,
    AdminLogout,
    EndSession,
    Disable,
    Delete,
    DeleteOneself,
    Roles,
    RoleEdit,
    RoleDelete,
    Password,
}

const ACTS: [Act; 12] = [
    Act::Logout,
    Act::LogoutByRefreshToken,
    Act::LogoutAll,
    Act::AdminLogout,
    Act::EndSession,
    Act::Disable,
    Act::Delete,
    Act::DeleteOneself,
    Act::Roles,
    Act::RoleEdit,
    Act::RoleDelete,
    Act::Password,
];

impl Act {
    /// Whether the user can log in afterwards, and with what.
    fn password_after(self) -> Option<&'static str> {
        match self {
            Self::Disable | Self::Delete | Self::DeleteOneself => None,
            Self::Password => Some(NEW),
            _ => Some(PASSWORD),
        }
    }

    /// Whether the session goes on: a refresh brings a new access token.
    fn keeps_session(self) -> bool {
        matches!(self, Self::Roles | Self::RoleEdit | Self::RoleDelete)
    }

    /// Whether it reaches the user's other sessions.
    fn reaches_all(self) -> bool {
        !matches!(self, Self::Logout | Self::LogoutByRefreshToken | Self::EndSession)
    }

    /// Does it to `victim`.
    async fn on(self, admin: &Member, victim: &Member) {
        let path = format!("/admin/users/{}", victim.id);
        let answer = match self {
            Self::Logout => victim.client.post("/auth/logout").await,
            Self::LogoutByRefreshToken => {
                let body = json!({"refresh_token": victim.tokens.refresh_token});
                victim.client.anonymous().post_json("/auth/logout", &body).await
            }
            Self::LogoutAll => victim.client.post("/auth/logout-all").await,
            Self::AdminLogout => admin.client.post(&format!("{path}/logout")).await,
            Self::EndSession => {
                victim
                    .client
                    .delete(&format!("/me/sessions/{}", victim.session()))
                    .await
            }
            Self::Disable => admin.client.patch(&path, &json!({"status": "disabled"})).await,
            Self::Delete => admin.client.delete(&path).await,
            Self::DeleteOneself => {
                victim
                    .client
                    .delete_json("/me", &json!({"password": PASSWORD}))
                    .await
            }
            Self::Roles => admin.client.patch(&path, &json!({"roles": ["user"]})).await,
            Self::RoleEdit => {
                let role = json!({"description": "", "scopes": ["me", "other"], "implies": []});
                admin.client.put("/admin/roles/special", &role).await
            }
            Self::RoleDelete => admin.client.delete("/admin/roles/special").await,
            Self::Password => {
                let body = json!({"current_password": PASSWORD, "new_password": NEW});
                victim.client.post_json("/me/password", &body).await
            }
        };
        assert!(
            answer.status.is_success(),
            "{self:?}: {} {}",
            answer.status,
            answer.body
        );
    }

    /// Someone with a role of their own, on whom everything can be tried.
    async fn victim(self, app: &App, admin: &Member) -> Member {
        let role = json!({"description": "", "scopes": ["me", "special"], "implies": []});
        let put = admin.client.put("/admin/roles/special", &role).await;
        assert!(put.status.is_success(), "{}", put.body);
        let member = app.register(&format!("{self:?}").to_lowercase()).await;
        let path = format!("/admin/users/{}", member.id);
        admin
            .client
            .patch(&path, &json!({"roles": ["user", "special"]}))
            .await
            .expect(200);
        member.refreshed().await
    }
}

on_both!(
    the_next_request_is_401_and_a_token_of_the_same_second_is_good,
    the_next_request_is_401_under_load,
    a_login_that_races_with_the_end_of_the_account_does_not_escape,
    a_refresh_that_races_does_not_escape,
    a_login_caught_in_hashing_does_not_escape,
    disabling_from_a_second_process_bites_within_a_second,
);

async fn the_next_request_is_401_and_a_token_of_the_same_second_is_good(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    for act in ACTS {
        let victim = act.victim(&app, &admin).await;
        let other = victim.again().await;
        let bystander = app.register(&format!("bystander-{act:?}")).await;
        for member in [&victim, &other, &bystander] {
            member.me().await.expect(200);
        }
        act.on(&admin, &victim).await;
        victim.me().await.expect_invalid_token();
        assert_eq!(
            other.me().await.status == 401,
            act.reaches_all(),
            "{act:?} and the other session"
        );
        let refreshed = victim.refresh().await;
        assert_eq!(
            refreshed.status == 200,
            act.keeps_session(),
            "{act:?}: refresh {}",
            refreshed.status
        );
        let login = people::login(
            &app.client(),
            &victim.email,
            act.password_after().unwrap_or(PASSWORD),
        )
        .await;
        assert_eq!(
            login.status == 200,
            act.password_after().is_some(),
            "{act:?}: login {}",
            login.status
        );
        if login.status == 200 {
            // No clock decides: the new token is good though it may be of the same second.
            let tokens = Tokens::of(&login);
            app.client()
                .bearer(&tokens.access_token)
                .get("/me")
                .await
                .expect(200);
            victim.me().await.expect_invalid_token();
        }
        bystander.me().await.expect(200);
        admin.me().await.expect(200);
    }
}

async fn the_next_request_is_401_under_load(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    for act in [
        Act::Logout,
        Act::Disable,
        Act::Roles,
        Act::Password,
        Act::RoleEdit,
    ] {
        let victim = act.victim(&app, &admin).await;
        // Requests with the token are under way all the time: they fill whatever caches there are.
        let stop = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..4)
            .map(|_| {
                let (victim, stop) = (victim.clone(), stop.clone());
                tokio::spawn(async move {
                    while !stop.load(Ordering::SeqCst) {
                        victim.me().await;
                    }
                })
            })
            .collect();
        victim.me().await.expect(200);
        act.on(&admin, &victim).await;
        for _ in 0..20 {
            victim.me().await.expect_invalid_token();
        }
        stop.store(true, Ordering::SeqCst);
        for task in load {
            task.await.unwrap();
        }
    }
}

/// Whatever came first, the act or the request that was answered so: nobody is in by it now.
async fn brought_nothing(app: &App, answer: &Answer) {
    if answer.status == 200 {
        let tokens = Tokens::of(answer);
        app.client()
            .bearer(&tokens.access_token)
            .get("/me")
            .await
            .expect_invalid_token();
        people::refresh(&app.client(), &tokens.refresh_token)
            .await
            .expect(401);
    }
}

async fn a_login_that_races_with_the_end_of_the_account_does_not_escape(setup: Setup) {
    let app = start(setup).await;
    let admin = app.admin().await;
    for (round, act) in [Act::Disable, Act::Delete, Act::Password]
        .into_iter()
        .cycle()
        .take(12)
        .enumerate()
    {
        let victim = app.register(&format!("victim{round}")).await;
        let logins: Vec<_> = (0..6)
            .map(|_| {
                let (client, email) = (app.client(), victim.email.clone());
                tokio::spawn(async move { people::login(&client, &email, PASSWORD).await })
            })
            .collect();
        act.on(&admin, &victim).await;
        for login in logins {
            brought_nothing(&app, &login.await.unwrap()).await;
        }
    }
}

async fn a_refresh_that_races_does_not_escape(setup: Setup) {
    let app = start(setup.env("PORTCULLIS_TOKEN__REFRESH_GRACE", "60s")).await;
    let admin = app.admin().await;
    let acts = [
        Act::Logout,
        Act::LogoutAll,
        Act::AdminLogout,
        Act::Disable,
        Act::Delete,
    ];
    for (round, act) in acts.into_iter().cycle().take(15).enumerate() {
        let victim = app.register(&format!("victim{round}")).await;
        let refreshes: Vec<_> = (0..6)
            .map(|_| {
                let victim = victim.clone();
                tokio::spawn(async move { victim.refresh().await })
            })
            .collect();
        act.on(&admin, &victim).await;
        for refresh in refreshes {
            brought_nothing(&app, &refresh.await.unwrap()).await;
        }
    }
}

/// Forces the race: one login is in the middle of its hashing when the act is done and answered.
async fn a_login_caught_in_hashing_does_not_escape(setup: Setup) {
    let slow = setup
        .env("PORTCULLIS_PASSWORD__MEMORY_KIB", "131072")
        .env("PORTCULLIS_PASSWORD__ITERATIONS", "6")
        .env("PORTCULLIS_PASSWORD__DEADLINE", "60s");
    let app = start(slow).await;
    let admin = app.admin().await;
    for act in [Act::LogoutAll, Act::AdminLogout, Act::Disable, Act::Delete] {
        let victim = app.register(&format!("{act:?}").to_lowercase()).await;
        let idle = app.process.cpu_ticks();
        let login = {
            let (client, email) = (app.client(), victim.email.clone());
            tokio::spawn(async move { people::login(&client, &email, PASSWORD).await })
        };
        // Hashing shows as processor time: then the login has read the account, and will not read it again.
        while app.process.cpu_ticks() < idle + 5 {
            assert!(!login.is_finished(), "the login was too fast to be caught");
            tokio::task::yield_now().await;
        }
        act.on(&admin, &victim).await;
        assert!(!login.is_finished(), "{act:?} came too late to force the race");
        let answer = login.await.unwrap();
        assert_ne!(
            answer.status, 200,
            "{act:?}: a login on a password checked before it escaped: {}",
            answer.body
        );
    }
}

async fn disabling_from_a_second_process_bites_within_a_second(setup: Setup) {
    use portcullis_testkit::stopwatch::Stopwatch;

    let app = start(setup).await;
    let ada = app.register("ada").await;
    ada.me().await.expect(200);
    app.command(&["user", "disable", &ada.email], "").await.success();
    let done = Stopwatch::start();
    while ada.me().await.status == 200 {
        let since = done.elapsed();
        assert!(
            since < std::time::Duration::from_millis(1200),
            "still good after {since:?}"
        );
    }
    ada.me().await.expect_invalid_token();
    ada.refresh().await.expect(401);
    people::login(&app.client(), &ada.email, PASSWORD)
        .await
        .expect(401);
}
