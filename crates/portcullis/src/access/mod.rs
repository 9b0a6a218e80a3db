//! Who may call a route, said by the first argument of its handler.
//!
//! | first argument | who may call |
//! |---|---|
//! | [`Public`] | anyone; credentials are not looked at |
//! | `Option<`[`CurrentUser`]`>` | anyone; credentials that came must be good |
//! | [`CurrentUser`] | who is logged in |
//! | [`Allow`]`<P>` | who is logged in and has the role or scope `P`, or any of, or all of several |
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
mod extract;
mod permission;

pub use portcullis_core::access::{Denial, Holder, Principal, Requirement, RoleName, Scope};

pub(crate) use self::extract::Admitted;
pub use self::{
    caller::{Caller, LocalUser},
    declare::{Access, AnyUser, Credentials, DeclaresAccess, Exactly, ServedBy, StatesAccess},
    extract::{Allow, CurrentUser, Public},
    permission::{AllOf, AnyOf, Named, NamedPermission, Permission, PermissionKind},
};

#[cfg(test)]
mod tests;
