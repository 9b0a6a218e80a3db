use std::marker::PhantomData;

use super::Requirement;

/// What a caller can be asked for: a role or scope made by [`crate::roles!`] or [`crate::scopes!`], or several of
/// them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a role nor a scope",
    label = "not a permission",
    note = "declare it by `portcullis::roles! {{ .. }}` or `portcullis::scopes! {{ .. }}`, or use `AnyOf<(..)>` or `AllOf<(..)>` of such"
)]
pub trait Permission: 'static {
    /// What is asked for.
    fn requirement() -> Requirement;
    /// The roles and scopes of which it speaks.
    fn names() -> Vec<Named>;
}

/// One role or scope by itself.
pub trait NamedPermission: Permission {
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

/// At least one of the permissions: `AnyOf<(Editor, Publisher)>`.
#[derive(Clone, Copy, Debug)]
pub struct AnyOf<P>(PhantomData<P>);

/// All of the permissions: `AllOf<(Editor, Reviewer)>`.
#[derive(Clone, Copy, Debug)]
pub struct AllOf<P>(PhantomData<P>);

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: Permission),+> Permission for AnyOf<($($name,)+)> {
            fn requirement() -> Requirement {
                Requirement::AnyOf(vec![$($name::requirement()),+])
            }

            fn names() -> Vec<Named> {
                [$($name::names()),+].concat()
            }
        }

        impl<$($name: Permission),+> Permission for AllOf<($($name,)+)> {
            fn requirement() -> Requirement {
                Requirement::AllOf(vec![$($name::requirement()),+])
            }

            fn names() -> Vec<Named> {
                [$($name::names()),+].concat()
            }
        }
    )*};
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
