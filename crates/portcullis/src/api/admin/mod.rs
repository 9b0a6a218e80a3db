//! What administrators do. Every endpoint demands scope `admin`.

pub(super) mod audit;
pub(super) mod page;
pub(super) mod roles;
pub(super) mod users;

pub use self::{audit::AuditResponse, roles::list::RoleResponse};
