//! The table of an application's own revocations, on pools of its own.

use std::time::Duration;

use portcullis_core::{
    clock::{Clock as _, MovableClock, Timestamp},
    store::StoreError,
};
use portcullis_store::{PoolRef, RevokedTokens};
use portcullis_testkit::{
    both,
    database::{Engine, TestDatabase},
};
use sqlx::{
    PgPool, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

use crate::fixture::at_once;

const HOUR: Duration = Duration::from_secs(3600);

/// The pool of an application.
#[derive(Clone)]
enum Own {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Own {
    async fn of(db: &TestDatabase) -> Self {
        match db.engine() {
            Engine::Sqlite => {
                let options = SqliteConnectOptions::new()
                    .filename(db.file())
                    .create_if_missing(true)
                    .busy_timeout(Duration::from_secs(5))
                    .journal_mode(SqliteJournalMode::Wal);
                Self::Sqlite(SqlitePoolOptions::new().connect_with(options).await.unwrap())
            }
            Engine::Postgres => Self::Postgres(PgPool::connect(db.url()).await.unwrap()),
        }
    }

    fn revoked(&self) -> RevokedTokens<'_> {
        RevokedTokens::new(match self {
            Self::Sqlite(pool) => PoolRef::from(pool),
            Self::Postgres(pool) => PoolRef::from(pool),
        })
    }

    async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    async fn rows(&self) -> i64 {
        const COUNT: &str = "SELECT COUNT(*) FROM portcullis_revoked_tokens";
        let (count,): (i64,) = match self {
            Self::Sqlite(pool) => sqlx::query_as(COUNT).fetch_one(pool).await.unwrap(),
            Self::Postgres(pool) => sqlx::query_as(COUNT).fetch_one(pool).await.unwrap(),
        };
        count
    }
}

fn now() -> Timestamp {
    MovableClock::default().now()
}

both! {
    async fn a_name_counts_until_its_time(db: TestDatabase) {
        let own = Own::of(&db).await;
        let revoked = own.revoked();
        assert!(!revoked.contains("a", now()).await.unwrap(), "there is no table yet");
        revoked.insert("a", now() + HOUR).await.unwrap();
        let last = now() + HOUR - Duration::from_millis(1);
        assert!(revoked.contains("a", now()).await.unwrap());
        assert!(revoked.contains("a", last).await.unwrap());
        assert!(!revoked.contains("a", now() + HOUR).await.unwrap(), "and no row was deleted");
        assert_eq!(own.rows().await, 1);
        for other in ["A", "a ", "aa", "", "%", "_"] {
            assert!(!revoked.contains(other, now()).await.unwrap(), "{other:?}");
        }
    }

    async fn of_two_times_the_later_counts(db: TestDatabase) {
        let own = Own::of(&db).await;
        let revoked = own.revoked();
        for hours in [1, 3, 2] {
            revoked.insert("a", now() + HOUR * hours).await.unwrap();
        }
        assert!(revoked.contains("a", now() + HOUR * 2).await.unwrap());
        assert!(!revoked.contains("a", now() + HOUR * 3).await.unwrap());
        assert_eq!(own.rows().await, 1);
    }

    async fn a_purge_takes_what_no_longer_counts(db: TestDatabase) {
        let own = Own::of(&db).await;
        let revoked = own.revoked();
        assert_eq!(revoked.purge(now()).await.unwrap(), 0);
        for n in 0..5 {
            revoked.insert(&format!("past {n}"), now()).await.unwrap();
        }
        revoked.insert("good", now() + HOUR).await.unwrap();
        assert_eq!(revoked.purge(now()).await.unwrap(), 5);
        assert!(revoked.contains("good", now()).await.unwrap());
        assert_eq!(own.rows().await, 1);
    }

    async fn a_purge_of_many_is_whole(db: TestDatabase) {
        let own = Own::of(&db).await;
        own.revoked().insert("good", now() + HOUR).await.unwrap();
        db.tamper(
            "INSERT INTO portcullis_revoked_tokens (jti, expires_at)
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
             SELECT 'past ' || i, 1 FROM n"
        ).await;
        assert_eq!(own.revoked().purge(now()).await.unwrap(), 2500);
        assert_eq!(own.rows().await, 1);
    }

    async fn many_that_are_first_at_once_make_one_table(db: TestDatabase) {
        // Without anything of ours.
        let db = TestDatabase::empty(db.engine()).await;
        let own = Own::of(&db).await;
        let done = at_once(8, |n| {
            let own = own.clone();
            async move {
                let revoked = own.revoked();
                let id = format!("{n}");
                if n % 2 == 0 {
                    revoked.insert(&id, now() + HOUR).await?;
                    revoked.contains(&id, now()).await
                } else {
                    revoked.contains(&id, now()).await
                }
            }
        }).await;
        for (n, found) in done.into_iter().enumerate() {
            assert_eq!(found.unwrap(), n % 2 == 0);
        }
        assert_eq!(own.rows().await, 4);
    }

    async fn it_is_there_for_the_next_process(db: TestDatabase) {
        let own = Own::of(&db).await;
        own.revoked().insert("a", now() + HOUR).await.unwrap();
        own.close().await;
        assert!(matches!(own.revoked().contains("a", now()).await, Err(StoreError::Unavailable(_))));
        assert!(Own::of(&db).await.revoked().contains("a", now()).await.unwrap());
    }
}
