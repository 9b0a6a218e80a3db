use std::sync::Arc;

use arc_swap::ArcSwapOption;
use portcullis_core::access::{Role, RoleGraph};

use crate::{
    act::{Corrupt, Failure},
    sql::{Connection, fetch_all, fetch_one},
};

/// The last roles that were read, with the epoch as of which they hold.
///
/// Only what a reader saw committed enters: an epoch that is rolled back is given again, to other roles.
#[derive(Default)]
pub(crate) struct RoleCache(ArcSwapOption<RoleGraph>);

impl RoleCache {
    /// The roles as of `epoch`, if these are here.
    pub(crate) fn at(&self, epoch: i64) -> Option<Arc<RoleGraph>> {
        self.0.load_full().filter(|graph| graph.epoch == epoch)
    }

    /// Forgets: the store went back in time, so one epoch may stand for two sets of roles.
    pub(crate) fn forget(&self) {
        self.0.store(None);
    }
}

/// The cache, as one may use it.
#[derive(Clone, Copy)]
pub(crate) struct Roles<'a> {
    cache: &'a RoleCache,
    fill: bool,
}

impl<'a> Roles<'a> {
    /// For a reader, who sees only what is committed.
    pub(crate) fn of_reader(cache: &'a RoleCache) -> Self {
        Self { cache, fill: true }
    }

    /// For a transaction that may still be rolled back.
    pub(crate) fn of_transaction(cache: &'a RoleCache) -> Self {
        Self { cache, fill: false }
    }

    /// The roles as of `epoch`; `None` when the store has moved on from it.
    pub(crate) async fn at<E>(
        self,
        connection: &mut Connection<'_>,
        epoch: i64,
    ) -> Result<Option<Arc<RoleGraph>>, Failure<E>> {
        if let Some(graph) = self.cache.at(epoch) {
            return Ok(Some(graph));
        }
        let graph = self.read(connection).await?;
        Ok((graph.epoch == epoch).then_some(graph))
    }

    /// The roles now, from the cache if they are the same still.
    pub(crate) async fn now<E>(self, connection: &mut Connection<'_>) -> Result<Arc<RoleGraph>, Failure<E>> {
        let (epoch,) = fetch_one!(
            connection,
            (i64,),
            "SELECT n FROM portcullis_counters WHERE name = 'roles_epoch'"
        )?;
        match self.cache.at(epoch) {
            Some(graph) => Ok(graph),
            None => self.read(connection).await,
        }
    }

    /// The roles, read.
    async fn read<E>(self, connection: &mut Connection<'_>) -> Result<Arc<RoleGraph>, Failure<E>> {
        let graph = Arc::new(read_graph(connection).await?);
        if self.fill {
            self.cache.0.store(Some(Arc::clone(&graph)));
        }
        Ok(graph)
    }
}

type RoleRow = (
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Epoch and roles, in one statement.
async fn read_graph<E>(connection: &mut Connection<'_>) -> Result<RoleGraph, Failure<E>> {
    let rows = fetch_all!(
        connection,
        RoleRow,
        "SELECT c.n, r.name, r.description, r.scopes, r.implies
         FROM portcullis_counters c LEFT JOIN portcullis_roles r ON 1 = 1
         WHERE c.name = 'roles_epoch'"
    )?;
    let epoch = rows
        .first()
        .ok_or_else(|| Corrupt::new("the epoch of the roles"))?
        .0;
    let mut roles = Vec::with_capacity(rows.len());
    for row in rows {
        if let (_, Some(name), Some(description), Some(scopes), Some(implies)) = row {
            roles.push(Role {
                name: name.parse().map_err(|_| Corrupt::new("the name of a role"))?,
                description: description
                    .parse()
                    .map_err(|_| Corrupt::new("the description of a role"))?,
                scopes: parse_all(&scopes).ok_or_else(|| Corrupt::new("the scopes of a role"))?,
                implies: parse_all(&implies).ok_or_else(|| Corrupt::new("what a role implies"))?,
            });
        }
    }
    Ok(RoleGraph::new(epoch, roles))
}

/// Names with spaces between; `None` when one is none.
pub(crate) fn parse_all<T: std::str::FromStr, C: FromIterator<T>>(text: &str) -> Option<C> {
    text.split(' ')
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().ok())
        .collect()
}
