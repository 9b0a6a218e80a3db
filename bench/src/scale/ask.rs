use std::time::Duration;

use portcullis_core::{store::Store as _, user::Email};
use portcullis_store::Database;
use portcullis_testkit::{client::Client, people, stopwatch::Stopwatch};
use serde_json::json;

use super::{
    MEMBERS, email, number_of,
    place::{Place, Running},
    seed::PASSWORD,
};
use crate::probe::{Probe, Request};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Me,
    Lookup,
    LookupOfMany,
    LookupOfAnybody,
    Login,
    Refresh,
    List,
    ListBehind,
    ListOfRole,
    ListByPrefix,
    ListByCommonPrefix,
    ListDisabled,
    ListDisabledOfRole,
}

pub(super) const KINDS: &[Kind] = &[
    Kind::Me,
    Kind::Lookup,
    Kind::LookupOfMany,
    Kind::LookupOfAnybody,
    Kind::Login,
    Kind::Refresh,
    Kind::List,
    Kind::ListBehind,
    Kind::ListOfRole,
    Kind::ListByPrefix,
    Kind::ListByCommonPrefix,
    Kind::ListDisabled,
    Kind::ListDisabledOfRole,
];

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Me => "GET /me",
            Self::Lookup => "login: the lookup",
            Self::LookupOfMany => ".. of one of 20,000",
            Self::LookupOfAnybody => ".. of anybody",
            Self::Login => "POST /auth/login",
            Self::Refresh => "POST /auth/refresh",
            Self::List => "GET /admin/users",
            Self::ListBehind => ".. from the middle on",
            Self::ListOfRole => ".. ?role=admin",
            Self::ListByPrefix => ".. ?q=user0000123",
            Self::ListByCommonPrefix => ".. ?q=person",
            Self::ListDisabled => ".. ?status=disabled",
            Self::ListDisabledOfRole => ".. ?status=disabled&role=user",
        }
    }
}

impl Kind {
    /// Whether the limit is for it. How many users log in again and again is another matter than how many there are: it decides
    /// which pages are in the caches of processor, database and system.
    pub(super) fn is_held(self) -> bool {
        !matches!(self, Self::LookupOfMany | Self::LookupOfAnybody)
    }
}

/// So many users log in again and again, in either installation.
const ACTIVE: u32 = 1_000;
/// Or so many: 2 % of a million.
const MANY: u32 = 20_000;

/// Someone who is logged in.
struct Member {
    access: String,
    refresh: String,
}

/// An installation that is asked, one request after the other.
pub(super) struct Asked {
    probe: Probe,
    store: Database,
    members: Vec<Member>,
    users: u32,
    middle: String,
    number: u32,
}

impl Asked {
    pub(super) async fn new(place: &Place, running: &Running, users: u32) -> Self {
        let client = Client::new(running.process.url());
        let mut members = Vec::new();
        for member in 0..MEMBERS.min(users) {
            let answer = people::login(&client, &email(number_of(member, users)), PASSWORD)
                .await
                .expect(200)
                .json();
            let text = |name: &str| answer[name].as_str().expect("a token").to_owned();
            members.push(Member {
                access: text("access_token"),
                refresh: text("refresh_token"),
            });
        }
        let store = Database::open(&place.database.options()).await.expect("it opens");
        let middle: Email = email(users / 2).parse().expect("an email");
        let middle = store
            .credentials_by_email(&middle.key())
            .await
            .expect("an answer");
        let mut asked = Self {
            probe: Probe::open(running.process.url()),
            store,
            members,
            users,
            middle: middle.expect("a user").user.to_string(),
            number: 0,
        };
        for number in 0..MANY {
            asked.number = number;
            asked.look_up(asked.one_of(MANY)).await;
        }
        asked
    }

    /// Asks until `time` is over; adds how long each answer took.
    pub(super) async fn ask(&mut self, kind: Kind, time: Duration, into: &mut Vec<Duration>) {
        let all = Stopwatch::start();
        while all.elapsed() < time {
            self.number = self.number.wrapping_add(1);
            into.push(match kind {
                Kind::Lookup => self.look_up(self.one_of(ACTIVE)).await,
                Kind::LookupOfMany => self.look_up(self.one_of(MANY)).await,
                Kind::LookupOfAnybody => self.look_up(self.one_of(self.users)).await,
                Kind::Login => self.log_in(),
                Kind::Refresh => self.refresh(),
                other => self.get(other),
            });
        }
    }

    fn get(&mut self, kind: Kind) -> Duration {
        let path = match kind {
            Kind::ListBehind => format!("/admin/users?limit=50&cursor={}", self.middle),
            Kind::ListOfRole => "/admin/users?limit=50&role=admin".to_owned(),
            Kind::ListByPrefix => "/admin/users?limit=50&q=user0000123".to_owned(),
            Kind::ListByCommonPrefix => "/admin/users?limit=50&q=person".to_owned(),
            Kind::ListDisabled => "/admin/users?limit=50&status=disabled".to_owned(),
            Kind::ListDisabledOfRole => "/admin/users?limit=50&status=disabled&role=user".to_owned(),
            Kind::List => "/admin/users?limit=50".to_owned(),
            Kind::Me
            | Kind::Lookup
            | Kind::LookupOfMany
            | Kind::LookupOfAnybody
            | Kind::Login
            | Kind::Refresh => "/me".to_owned(),
        };
        let member = &self.members[self.number as usize % self.members.len()];
        let watch = Stopwatch::start();
        self.probe.ask(&Request::get(&path, &member.access));
        watch.elapsed()
    }

    /// Another one each time, of so many that are spread over all.
    fn one_of(&self, active: u32) -> u32 {
        let active = active.min(self.users);
        let number = u64::from(self.number) * 2_654_435_761 % u64::from(active);
        u32::try_from(number).unwrap_or(0) * (self.users / active)
    }

    /// What a login looks up, without what it hashes.
    async fn look_up(&mut self, number: u32) -> Duration {
        let email: Email = email(number).parse().expect("an email");
        let key = email.key();
        let watch = Stopwatch::start();
        let found = self.store.credentials_by_email(&key).await;
        let took = watch.elapsed();
        assert!(found.expect("an answer").is_some(), "{email} is there");
        took
    }

    fn log_in(&mut self) -> Duration {
        let request = Request::post(
            "/auth/login",
            &json!({ "email": email(self.one_of(ACTIVE)), "password": PASSWORD }),
        );
        let watch = Stopwatch::start();
        self.probe.ask(&request);
        watch.elapsed()
    }

    fn refresh(&mut self) -> Duration {
        let at = self.number as usize % self.members.len();
        let request = Request::post(
            "/auth/refresh",
            &json!({ "refresh_token": self.members[at].refresh }),
        );
        let watch = Stopwatch::start();
        let body = self.probe.ask(&request);
        let took = watch.elapsed();
        let answer: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        answer["refresh_token"]
            .as_str()
            .expect("a token")
            .clone_into(&mut self.members[at].refresh);
        took
    }
}
