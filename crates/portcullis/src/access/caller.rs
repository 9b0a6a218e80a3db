use std::sync::Arc;

use super::{Holder, Principal};

/// A user as the gate needs to know one: what is held, and what the log and the client are told when it is not enough.
///
/// `#[derive(portcullis::Caller)]` writes it for a struct with a field `id`, and with `role` or `roles`, and `scopes`,
/// where it has them:
///
/// ```
/// portcullis::roles! { pub enum Role { Admin = "admin", Reader = "reader" } Admin > Reader; }
///
/// #[derive(Clone, portcullis::Caller)]
/// struct User { id: i64, email: String, role: Role }
///
/// use portcullis::access::{Caller, Holder};
/// let user = User { id: 7, email: "ada@example.com".into(), role: Role::Admin };
/// assert_eq!(Caller::id(&user), "7");
/// assert!(user.has_role("reader") && !user.has_scope("tasks:read"));
/// assert_eq!((Caller::roles(&user), Caller::scopes(&user)), (vec!["admin".to_owned()], vec![]));
/// assert_eq!(Caller::single_role(&user).as_deref(), Some("admin"));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no user that a gate can know",
    label = "not a `Caller`",
    note = "write `#[derive(portcullis::Caller)]` above `{Self}`: it needs a field `id`, and takes `role` or `roles`, and `scopes`",
    note = "a decorated handler, and one with `CurrentUser<..>` or `Allow<..>`, begins with its user"
)]
pub trait Caller: Holder {
    /// For the log.
    fn id(&self) -> String;
    /// For the answer of a 403 and the log: what was given, not what that implies.
    fn roles(&self) -> Vec<String>;
    /// For the log of a 403.
    fn scopes(&self) -> Vec<String>;
    /// The one role, where a user has exactly one: clients are told it as `current_role`.
    fn single_role(&self) -> Option<String> {
        None
    }
}

/// A user that can hold roles.
///
/// ```
/// use portcullis::access::HasRoles;
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// /// The derive sees `role` or `roles`.
/// #[derive(Clone, portcullis::Caller)]
/// struct User { id: u64, role: Role }
///
/// fn has_roles<U: HasRoles>() {}
/// has_roles::<User>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no roles",
    label = "a role is demanded of `{Self}`",
    note = "give it a field `role: Role` or `roles: Vec<Role>` under `#[derive(portcullis::Caller)]`, or implement `portcullis::access::HasRoles` for it"
)]
pub trait HasRoles: Caller {}

/// A user that can hold scopes.
///
/// ```
/// use portcullis::access::{HasScopes, Scope};
///
/// /// The derive sees `scopes`.
/// #[derive(Clone, portcullis::Caller)]
/// struct User { id: u64, scopes: Vec<Scope> }
///
/// fn has_scopes<U: HasScopes>() {}
/// has_scopes::<User>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no scopes",
    label = "a scope is demanded of `{Self}`",
    note = "give it a field `scopes: Vec<Scope>` under `#[derive(portcullis::Caller)]`, or implement `portcullis::access::HasScopes` for it"
)]
pub trait HasScopes: Caller {}

impl Caller for Principal {
    fn id(&self) -> String {
        self.user.to_string()
    }

    fn roles(&self) -> Vec<String> {
        self.roles.iter().map(ToString::to_string).collect()
    }

    fn scopes(&self) -> Vec<String> {
        self.scopes.iter().map(ToString::to_string).collect()
    }

    fn single_role(&self) -> Option<String> {
        match self.roles.as_slice() {
            [role] => Some(role.to_string()),
            _ => None,
        }
    }
}

impl HasRoles for Principal {}
impl HasScopes for Principal {}

impl<T: Caller + ?Sized> Caller for Arc<T> {
    fn id(&self) -> String {
        T::id(self)
    }

    fn roles(&self) -> Vec<String> {
        T::roles(self)
    }

    fn scopes(&self) -> Vec<String> {
        T::scopes(self)
    }

    fn single_role(&self) -> Option<String> {
        T::single_role(self)
    }
}

impl<T: HasRoles + ?Sized> HasRoles for Arc<T> {}
impl<T: HasScopes + ?Sized> HasScopes for Arc<T> {}
