//! Who may call a route, said by the first argument of its handler.
//!
//! | first argument | who may call |
//! |---|---|
//! | [`Public`] | anyone; credentials are not looked at |
//! | `Option<`[`CurrentUser`]`>` | anyone; credentials that came must be good |
//! | [`CurrentUser`] | who is logged in |
//! | [`Allow`]`<P>` | who is logged in and has the role or scope `P`, or any of, or all of several; or whom a [`Policy`] lets pass |
//!
//! ```
//! use portcullis::access::{Allow, AnyOf, CurrentUser, Public};
//!
//! portcullis::scopes! {
//!     /// Whoever writes.
//!     pub Write = "articles:write": "Write articles";
//! }
//! portcullis::roles! {
//!     pub enum Role { Admin = "admin", Editor = "editor" }
//!     Admin > Editor;
//! }
//!
//! async fn health(_: Public) -> &'static str { "ok" }
//! async fn me(user: CurrentUser) -> String { user.user.to_string() }
//! async fn write(author: Allow<AnyOf<(Editor, Write)>>) -> String { author.user.to_string() }
//! ```

mod caller;
mod declare;
mod declared;
mod extract;
mod held;
mod local;
mod permission;
mod policy;
#[doc(hidden)]
pub mod wire;

pub use portcullis_core::{
    access::{Denial, Holder, PolicyId, Principal, Requirement, RoleName, Scope},
    authority::Ended,
};

pub(crate) use self::extract::Admitted;
pub use self::{
    caller::{Caller, HasRoles, HasScopes},
    declare::{Access, AnyUser, Credentials, DeclaresAccess, EnforcedWith, Exactly, ServedBy, StatesAccess},
    declared::DeclaredRoles,
    extract::{Allow, CurrentUser, Public},
    held::{HeldRoles, HeldScopes},
    local::LocalUser,
    permission::{
        AllOf, Answers, AnyOf, DecidedWith, Named, NamedPermission, OfRoles, OfScopes, OfUser, Permission,
        PermissionKind,
    },
    policy::{Checks, Holds, Policy, PolicyRequest},
    wire::UnknownRole,
};

#[cfg(test)]
mod tests;
