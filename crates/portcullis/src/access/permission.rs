use std::marker::PhantomData;

use super::{Checks, HasRoles, HasScopes, Requirement};

/// What a caller can be asked for: a role or scope made by [`crate::roles!`] or [`crate::scopes!`], a
/// [`super::Policy`], or several of them.
///
/// ```
/// use portcullis::{AnyOf, access::Permission};
///
/// portcullis::roles! { pub enum Role { Admin = "admin", Editor = "editor" } }
///
/// fn in_words<P: Permission>() -> String { P::requirement().to_string() }
///
/// assert_eq!(in_words::<AnyOf<(Admin, Editor)>>(), "any of (role admin, role editor)");
/// fn first<P: Permission>() -> &'static str { P::names()[0].name }
/// assert_eq!(first::<Admin>(), "admin");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a role nor a scope nor a policy",
    label = "not a permission",
    note = "declare it by `portcullis::roles! {{ .. }}` or `portcullis::scopes! {{ .. }}`, implement `portcullis::access::Policy` for it, or use `AnyOf<(..)>` or `AllOf<(..)>` of such"
)]
pub trait Permission: 'static {
    /// What a user type must have for this question to make sense: [`OfRoles`], [`OfScopes`], [`OfUser`], or a tuple.
    type Asks;
    /// What is asked for.
    fn requirement() -> Requirement;
    /// The roles and scopes of which it speaks.
    fn names() -> Vec<Named>;
}

/// A question for users that have roles.
///
/// ```
/// use portcullis::access::{OfRoles, Permission};
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// fn is_a_role<P: Permission<Asks = OfRoles>>() {}
/// is_a_role::<Admin>();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OfRoles;

/// A question for users that have scopes.
///
/// ```
/// use portcullis::access::{OfScopes, Permission};
///
/// portcullis::scopes! { pub Write = "articles:write": "Write articles"; }
///
/// fn is_a_scope<P: Permission<Asks = OfScopes>>() {}
/// is_a_scope::<Write>();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OfScopes;

/// A question for users of type `U`.
///
/// ```
/// use portcullis::{Policy, access::{LocalUser, OfUser, Permission}};
///
/// fn judges_ours<P: Policy<User = LocalUser> + Permission<Asks = OfUser<LocalUser>>>() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OfUser<U>(PhantomData<U>);

/// A user type of which `Asks` can be asked.
///
/// ```
/// use portcullis::access::{Answers, LocalUser, OfRoles, OfScopes};
///
/// fn can_be_asked<U: Answers<OfRoles> + Answers<OfScopes>>() {}
/// can_be_asked::<LocalUser>();
/// ```
#[diagnostic::on_unimplemented(
    message = "a policy for another type of user is demanded of `{Self}`",
    label = "demanded of `{Self}`",
    note = "write the type of the user that the policy judges: `Allow<Policy, User>`"
)]
pub trait Answers<Asks> {}

impl<U: HasRoles> Answers<OfRoles> for U {}
impl<U: HasScopes> Answers<OfScopes> for U {}
impl<U> Answers<OfUser<U>> for U {}

/// What of a permission only the application can decide, with the state `S` of its router. Roles and scopes leave
/// nothing; the macros write this.
///
/// ```
/// use portcullis::access::{Checks, DecidedWith};
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// /// A role needs nothing of the state; a policy needs its `State`.
/// fn asked<S, P: DecidedWith<S>>() -> Checks<S> {
///     let mut asked = Checks::default();
///     P::checks(&mut asked);
///     asked
/// }
/// let _: Checks<()> = asked::<(), Admin>();
/// ```
pub trait DecidedWith<S>: Permission {
    /// Adds what is to be asked.
    fn checks(_into: &mut Checks<S>) {}
}

/// One role or scope by itself.
///
/// ```
/// use portcullis::access::{NamedPermission, PermissionKind};
///
/// portcullis::scopes! { pub Write = "articles:write": "Write articles"; }
///
/// assert_eq!((Write::KIND, Write::NAME), (PermissionKind::Scope, "articles:write"));
/// assert_eq!(Write::DESCRIPTION, "Write articles");
/// ```
pub trait NamedPermission: 'static {
    /// Which of both.
    const KIND: PermissionKind;
    /// As on the wire.
    const NAME: &'static str;
    /// For the documentation.
    const DESCRIPTION: &'static str;
}

/// Whether a permission is a role or a scope.
///
/// ```
/// use portcullis::access::{NamedPermission, PermissionKind};
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// assert_eq!(Admin::KIND, PermissionKind::Role);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermissionKind {
    /// A role.
    Role,
    /// A scope.
    Scope,
}

/// A role or scope, for the documentation.
///
/// ```
/// use portcullis::access::Named;
///
/// portcullis::scopes! { pub Write = "articles:write": "Write articles"; }
///
/// assert_eq!(Named::of::<Write>().description, "Write articles");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Which of both.
    pub kind: PermissionKind,
    /// As on the wire.
    pub name: &'static str,
    /// For people.
    pub description: &'static str,
}

impl Named {
    /// That of `P`.
    #[must_use]
    pub const fn of<P: NamedPermission>() -> Self {
        Self {
            kind: P::KIND,
            name: P::NAME,
            description: P::DESCRIPTION,
        }
    }
}

/// At least one of the permissions: `AnyOf<(Editor, Publisher)>`.
///
/// ```
/// use portcullis::{Allow, AnyOf};
///
/// portcullis::roles! { pub enum Role { Editor = "editor", Publisher = "publisher" } }
///
/// async fn publish(author: Allow<AnyOf<(Editor, Publisher)>>) -> String {
///     format!("by {}", author.user)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AnyOf<P>(PhantomData<P>);

/// All of the permissions: `AllOf<(Editor, Reviewer)>`.
///
/// ```
/// use portcullis::{AllOf, Allow, AnyOf};
///
/// portcullis::roles! { pub enum Role { Admin = "admin", Editor = "editor" } }
/// portcullis::scopes! { pub Export = "export": "Export everything"; }
///
/// /// An access can have a name.
/// type Exporting = AllOf<(Export, AnyOf<(Admin, Editor)>)>;
///
/// async fn export(_: Allow<Exporting>) -> &'static str { "all" }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AllOf<P>(PhantomData<P>);

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<U: ?Sized $(+ Answers<$name>)+, $($name),+> Answers<($($name,)+)> for U {}

        tuples!(@one AnyOf $($name)+);
        tuples!(@one AllOf $($name)+);
    )*};
    (@one $of:ident $($name:ident)+) => {
        impl<$($name: Permission),+> Permission for $of<($($name,)+)> {
            type Asks = ($($name::Asks,)+);

            fn requirement() -> Requirement {
                Requirement::$of(vec![$($name::requirement()),+])
            }

            fn names() -> Vec<Named> {
                [$($name::names()),+].concat()
            }
        }

        impl<S, $($name: DecidedWith<S>),+> DecidedWith<S> for $of<($($name,)+)> {
            fn checks(into: &mut Checks<S>) {
                $($name::checks(into);)+
            }
        }
    };
}

// None of nothing could never be met, all of nothing always: so there is no empty one.
tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}
