//! Scopes, roles, and who holds what.

mod description;
mod graph;
mod name;
mod principal;
mod requirement;

pub use self::{
    description::{RoleDescription, RoleDescriptionError},
    graph::{GraphError, Role, RoleGraph},
    name::{AccessNameError, RoleName, Scope},
    principal::{Holder, Principal},
    requirement::{Decision, Denial, PolicyId, Requirement},
};
