use std::marker::PhantomData;

use super::{Checks, HasRoles, HasScopes, Requirement};

/// What a caller can be asked for: a role or scope made by [`crate::roles!`] or [`crate::scopes!`], a
/// [`super::Policy`], or several of them.
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
#[derive(Clone, Copy, Debug)]
pub struct OfRoles;

/// A question for users that have scopes.
#[derive(Clone, Copy, Debug)]
pub struct OfScopes;

/// A question for users of type `U`.
#[derive(Clone, Copy, Debug)]
pub struct OfUser<U>(PhantomData<U>);

/// A user type of which `Asks` can be asked.
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
pub trait DecidedWith<S>: Permission {
    /// Adds what is to be asked.
    fn checks(_into: &mut Checks<S>) {}
}

/// One role or scope by itself.
pub trait NamedPermission: 'static {
    /// Which of both.
    const KIND: PermissionKind;
    /// As on the wire.
    const NAME: &'static str;
    /// For the documentation.
    const DESCRIPTION: &'static str;
}

/// Whether a permission is a role or a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermissionKind {
    /// A role.
    Role,
    /// A scope.
    Scope,
}

/// A role or scope, for the documentation.
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
#[derive(Clone, Copy, Debug)]
pub struct AnyOf<P>(PhantomData<P>);

/// All of the permissions: `AllOf<(Editor, Reviewer)>`.
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
