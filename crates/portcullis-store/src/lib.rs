//! The [`Store`](portcullis_core::store::Store) port of Portcullis over SQLite and PostgreSQL.
//!
//! Every query is written once and runs on both (`sql.rs`); what differs is in `dialect.rs` and `migrations/`. A folder
//! is a concept; in it each act of the port is one type, an `Act`: what it needs, and one function that does it inside a
//! transaction. Who opens that transaction, and when it is committed, is told by the engine:
//!
//! - `sqlite/`: one writer; many acts share a COMMIT, each behind a savepoint of its own. Readers have a pool.
//! - `postgres/`: a transaction per act, run again from the start when it met another one.
//!
//! All tables are called `portcullis_*`, so that the crate can live in the database of an application, also on the pool
//! that it has already ([`Database::on_sqlite`], [`Database::on_postgres`]).

mod act;
mod audit;
mod condition;
mod database;
mod dialect;
mod errors;
mod feed;
mod identity;
mod key;
mod metrics;
mod migration;
mod options;
mod pause;
mod pool;
mod postgres;
mod revoked;
mod role;
mod session;
mod sql;
mod sqlite;
mod store;
pub mod transfer;
mod upkeep;
mod user;

pub use self::{
    condition::{ClockReading, Condition, EngineCondition, PostgresCondition, SqliteCondition},
    database::Database,
    errors::{OpenError, WrongPragma},
    options::{DatabaseOptions, PoolShare},
    revoked::{PoolRef, RevokedTokens},
    user::Imported,
};
/// The pools of applications.
pub use sqlx::{PgPool, SqlitePool};
