use std::{
    collections::{BTreeSet, HashSet},
    hash::BuildHasher,
    sync::Arc,
};

use super::Scope;

/// A field of a user that says which roles it has: one role made by [`crate::roles!`], or several. What a role implies
/// is held too.
///
/// ```
/// use portcullis::access::HeldRoles;
///
/// portcullis::roles! { pub enum Role { Admin = "admin", Editor = "editor" } Admin > Editor; }
///
/// let roles = vec![Role::Admin];
/// assert!(roles.holds("editor"), "implied");
/// assert_eq!(roles.role_names(), ["admin"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which roles a user has",
    label = "not a role, nor several",
    note = "use an enum made by `portcullis::roles!`, or a `Vec` of it",
    note = "not an `Option`: a user without a role has `roles: Vec<Role>`, or a role that may do nothing"
)]
pub trait HeldRoles {
    /// Whether the role is held, by itself or implied.
    fn holds(&self, name: &str) -> bool;
    /// The roles that were given.
    fn role_names(&self) -> Vec<String>;
}

/// A field of a user that says which scopes it has: a `Vec` of [`Scope`], `String` or `&str`.
///
/// ```
/// use portcullis::access::HeldScopes;
///
/// let scopes = vec!["articles:write".to_owned()];
/// assert!(scopes.holds("articles:write") && !scopes.holds("articles"));
/// assert_eq!(scopes.scope_names(), ["articles:write"]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which scopes a user has",
    label = "no scopes",
    note = "use `Vec<portcullis::access::Scope>` or `Vec<String>`"
)]
pub trait HeldScopes {
    /// Whether the scope is held.
    fn holds(&self, name: &str) -> bool;
    /// All of them.
    fn scope_names(&self) -> Vec<String>;
}

macro_rules! several_roles {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        impl<$($generics)*> HeldRoles for $type {
            fn holds(&self, name: &str) -> bool {
                self.iter().any(|role| role.holds(name))
            }

            fn role_names(&self) -> Vec<String> {
                self.iter().flat_map(HeldRoles::role_names).collect()
            }
        }
    )*};
}

several_roles! {
    [R: HeldRoles] Vec<R>;
    [R: HeldRoles] Arc<[R]>;
    [R: HeldRoles] BTreeSet<R>;
    [R: HeldRoles, H: BuildHasher] HashSet<R, H>;
    [R: HeldRoles, const N: usize] [R; N];
}

/// One scope by its name.
trait ScopeName {
    fn name(&self) -> &str;
}

impl ScopeName for Scope {
    fn name(&self) -> &str {
        self.as_str()
    }
}

impl ScopeName for String {
    fn name(&self) -> &str {
        self
    }
}

impl ScopeName for &str {
    fn name(&self) -> &str {
        self
    }
}

macro_rules! several_scopes {
    ($($type:ty),* $(,)?) => {$(
        impl HeldScopes for $type {
            fn holds(&self, name: &str) -> bool {
                self.iter().any(|scope| scope.name() == name)
            }

            fn scope_names(&self) -> Vec<String> {
                self.iter().map(|scope| scope.name().to_owned()).collect()
            }
        }
    )*};
}

several_scopes!(
    Vec<Scope>,
    Vec<String>,
    Vec<&'static str>,
    Arc<[Scope]>,
    BTreeSet<String>,
    HashSet<String>,
);
