use std::collections::{BTreeMap, BTreeSet};

use super::{RoleDescription, RoleName, Scope};

/// A named set of scopes, which may imply other roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Name.
    pub name: RoleName,
    /// What it is for.
    pub description: RoleDescription,
    /// Scopes of its own, sorted.
    pub scopes: BTreeSet<Scope>,
    /// Roles whose scopes it has too.
    pub implies: BTreeSet<RoleName>,
}

/// Why an edit of the roles is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A role would imply itself.
    #[error("role `{0}` would imply itself")]
    Cycle(RoleName),
    /// An implied role does not exist.
    #[error("there is no role `{0}`")]
    Unknown(RoleName),
}

/// All roles, as of one `roles_epoch`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleGraph {
    /// The epoch as of which this was read.
    pub epoch: i64,
    roles: BTreeMap<RoleName, Role>,
}

impl RoleGraph {
    /// A graph of what was stored.
    #[must_use]
    pub fn new(epoch: i64, roles: impl IntoIterator<Item = Role>) -> Self {
        Self {
            epoch,
            roles: roles.into_iter().map(|role| (role.name.clone(), role)).collect(),
        }
    }

    /// All roles by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// One role.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// The first of `names` that is not a role.
    #[must_use]
    pub fn unknown<'a>(&self, names: impl IntoIterator<Item = &'a RoleName>) -> Option<&'a RoleName> {
        names.into_iter().find(|name| !self.roles.contains_key(*name))
    }

    /// `names` and all that they imply, sorted. Unknown names stay, and imply nothing.
    #[must_use]
    pub fn closure<'a>(&self, names: impl IntoIterator<Item = &'a RoleName>) -> Vec<RoleName> {
        let mut seen = BTreeSet::new();
        let mut todo: Vec<&RoleName> = names.into_iter().collect();
        while let Some(name) = todo.pop() {
            if seen.insert(name.clone())
                && let Some(role) = self.roles.get(name)
            {
                todo.extend(&role.implies);
            }
        }
        seen.into_iter().collect()
    }

    /// The scopes that `names` have, by themselves and by what they imply, sorted.
    #[must_use]
    pub fn scopes<'a>(&self, names: impl IntoIterator<Item = &'a RoleName>) -> Vec<Scope> {
        let closure = self.closure(names);
        let scopes: BTreeSet<&Scope> = closure
            .iter()
            .filter_map(|name| self.roles.get(name))
            .flat_map(|role| &role.scopes)
            .collect();
        scopes.into_iter().cloned().collect()
    }

    /// The roles that have `scope`, by themselves or by what they imply.
    #[must_use]
    pub fn holders(&self, scope: &str) -> Vec<RoleName> {
        self.roles
            .keys()
            .filter(|name| self.scopes([*name]).iter().any(|s| s.as_str() == scope))
            .cloned()
            .collect()
    }

    /// Of `closure`, the roles whose scopes all lie in `scopes`: what a token narrowed by `scope` may carry.
    #[must_use]
    pub fn within(&self, closure: &[RoleName], scopes: &[Scope]) -> Vec<RoleName> {
        closure
            .iter()
            .filter(|name| self.scopes([*name]).iter().all(|scope| scopes.contains(scope)))
            .cloned()
            .collect()
    }

    /// This graph with `role` put in.
    ///
    /// # Errors
    /// When an implied role does not exist, or `role` would come to imply itself.
    pub fn with(&self, role: Role) -> Result<Self, GraphError> {
        let name = role.name.clone();
        if let Some(unknown) = role
            .implies
            .iter()
            .find(|n| **n != name && !self.roles.contains_key(*n))
        {
            return Err(GraphError::Unknown(unknown.clone()));
        }
        let mut next = self.clone();
        let implies = role.implies.clone();
        next.roles.insert(name.clone(), role);
        if next.closure(&implies).contains(&name) {
            return Err(GraphError::Cycle(name));
        }
        Ok(next)
    }

    /// This graph without the role `name`; nothing implies it any more.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut next = self.clone();
        next.roles.remove(name);
        for role in next.roles.values_mut() {
            role.implies.remove(name);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str, scopes: &[&str], implies: &[&str]) -> Role {
        Role {
            name: name.parse().unwrap(),
            description: RoleDescription::default(),
            scopes: scopes.iter().map(|s| s.parse().unwrap()).collect(),
            implies: implies.iter().map(|s| s.parse().unwrap()).collect(),
        }
    }

    fn graph() -> RoleGraph {
        RoleGraph::new(
            1,
            [
                role("viewer", &["read"], &[]),
                role("editor", &["write"], &["viewer"]),
                role("admin", &["admin"], &["editor"]),
            ],
        )
    }

    fn names(names: &[&str]) -> Vec<RoleName> {
        names.iter().map(|n| n.parse().unwrap()).collect()
    }

    #[test]
    fn a_role_has_what_it_implies() {
        assert_eq!(
            graph().closure(&names(&["admin"])),
            names(&["admin", "editor", "viewer"])
        );
        let scopes: Vec<String> = graph()
            .scopes(&names(&["editor"]))
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(scopes, ["read", "write"]);
        assert_eq!(graph().holders("write"), names(&["admin", "editor"]));
    }

    #[test]
    fn a_cycle_is_refused_however_long() {
        assert_eq!(
            graph().with(role("viewer", &[], &["admin"])),
            Err(GraphError::Cycle("viewer".parse().unwrap()))
        );
        assert_eq!(
            graph().with(role("self", &[], &["self"])),
            Err(GraphError::Cycle("self".parse().unwrap()))
        );
        assert_eq!(
            graph().with(role("x", &[], &["nobody"])),
            Err(GraphError::Unknown("nobody".parse().unwrap()))
        );
    }

    #[test]
    fn a_narrowed_token_keeps_only_whole_roles() {
        let scopes: Vec<Scope> = vec!["read".parse().unwrap()];
        assert_eq!(
            graph().within(&names(&["admin", "editor", "viewer"]), &scopes),
            names(&["viewer"])
        );
    }

    #[test]
    fn a_removed_role_is_implied_by_none() {
        let graph = graph().without("editor");
        assert_eq!(graph.closure(&names(&["admin"])), names(&["admin"]));
    }
}
