use std::collections::BTreeSet;

use portcullis_core::{
    access::{Role, RoleDescription, RoleGraph, RoleName, Scope},
    authority::{Authority, Caller},
};

use super::{BuildError, WrongOption};
use crate::access::DeclaredRoles;

/// A role of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    name: &'static str,
    description: &'static str,
    implies: BTreeSet<&'static str>,
    scopes: BTreeSet<&'static str>,
}

/// The roles of the application.
#[derive(Clone, Debug, Default)]
pub(super) struct DeclaredAll(Vec<Declared>);

impl DeclaredAll {
    pub(super) fn add<R: DeclaredRoles>(&mut self) {
        for role in R::all() {
            let declared = self.get(role.name());
            declared.description = role.about();
            declared
                .implies
                .extend(role.implied().iter().map(|lower| lower.name()));
        }
    }

    pub(super) fn grant(&mut self, role: &'static str, scope: &'static str) {
        self.get(role).scopes.insert(scope);
    }

    fn get(&mut self, name: &'static str) -> &mut Declared {
        let index = self
            .0
            .iter()
            .position(|role| role.name == name)
            .unwrap_or_else(|| {
                self.0.push(Declared {
                    name,
                    description: "",
                    implies: BTreeSet::new(),
                    scopes: BTreeSet::new(),
                });
                self.0.len() - 1
            });
        &mut self.0[index]
    }

    /// As they are stored, those first that imply least: a role is stored after those that it implies. What one implies
    /// by way of another is left to that other.
    fn roles(&self) -> Result<Vec<Role>, WrongOption> {
        let mut ordered: Vec<&Declared> = self.0.iter().collect();
        ordered.sort_by_key(|role| role.implies.len());
        ordered.into_iter().map(|role| self.role(role)).collect()
    }

    fn role(&self, role: &Declared) -> Result<Role, WrongOption> {
        let direct = |name: &&&str| {
            let others = self.0.iter().filter(|other| role.implies.contains(other.name));
            !others.into_iter().any(|other| other.implies.contains(**name))
        };
        Ok(Role {
            name: parse(role.name)?,
            description: described(role.description),
            scopes: role
                .scopes
                .iter()
                .map(|scope| parse::<Scope>(scope))
                .collect::<Result<_, _>>()?,
            implies: role
                .implies
                .iter()
                .filter(direct)
                .map(|name| parse::<RoleName>(name))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Stores what is missing. Nothing is taken away: an administrator may have added it.
    pub(super) async fn store(&self, authority: &Authority) -> Result<(), BuildError> {
        let wanted = self.roles().map_err(|wrong| BuildError::Options(vec![wrong]))?;
        for role in wanted {
            let graph = authority.store().roles().await?;
            self.warn(&graph, &role);
            let Some(role) = missing(&graph, role) else {
                continue;
            };
            let name = role.name.clone();
            authority
                .put_role(&Caller::system(), role)
                .await
                .map_err(|source| BuildError::Role { role: name, source })?;
        }
        Ok(())
    }

    /// What the database lets a role do that the application no longer declares.
    fn warn(&self, graph: &RoleGraph, role: &Role) {
        let stored = graph.closure([&role.name]);
        let declared = self.0.iter().find(|declared| declared.name == role.name.as_str());
        for extra in stored.iter().filter(|extra| {
            **extra != role.name
                && self.0.iter().any(|other| other.name == extra.as_str())
                && declared.is_some_and(|declared| !declared.implies.contains(extra.as_str()))
        }) {
            tracing::warn!(
                role = %role.name,
                implies = %extra,
                "a role implies another one in the database, but not in the application: if that is not wanted, change \
                 it by PUT /admin/roles/{{name}}"
            );
        }
    }
}

/// The role as it should be stored, unless it has all that is wanted.
fn missing(graph: &RoleGraph, wanted: Role) -> Option<Role> {
    let Some(stored) = graph.get(wanted.name.as_str()) else {
        return Some(wanted);
    };
    let has = graph.closure([&wanted.name]);
    let described = !stored.description.as_str().is_empty() || wanted.description.as_str().is_empty();
    let complete = described
        && wanted.implies.iter().all(|lower| has.contains(lower))
        && wanted.scopes.is_subset(&stored.scopes);
    (!complete).then(|| Role {
        name: wanted.name,
        description: if stored.description.as_str().is_empty() {
            wanted.description
        } else {
            stored.description.clone()
        },
        scopes: stored.scopes.union(&wanted.scopes).cloned().collect(),
        implies: stored.implies.union(&wanted.implies).cloned().collect(),
    })
}

/// As much of a documentation comment as the description of a role may hold.
fn described(text: &str) -> RoleDescription {
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    text.parse().unwrap_or_default()
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(name: &'static str) -> Result<T, WrongOption> {
    name.parse().map_err(|error| WrongOption {
        option: "roles",
        message: format!("name `{name}`: {error}"),
    })
}
