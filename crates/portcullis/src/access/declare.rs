use std::{fmt, marker::PhantomData};

use super::{Checks, Named, Requirement};

/// Whether a route looks at credentials.
///
/// ```
/// use portcullis::{CurrentUser, Public, access::{Credentials, DeclaresAccess}};
///
/// assert_eq!(Public::access().credentials, Credentials::Ignored);
/// assert_eq!(<Option<CurrentUser>>::access().credentials, Credentials::Optional);
/// assert_eq!(<CurrentUser>::access().credentials, Credentials::Required);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credentials {
    /// Never: bad ones do no harm.
    Ignored,
    /// None is fine, bad ones are not.
    Optional,
    /// Always.
    Required,
}

/// All that a first argument says of who may call.
///
/// ```
/// use portcullis::{Allow, access::{Access, DeclaresAccess}};
///
/// portcullis::roles! { pub enum Role { Admin = "admin", Editor = "editor" } }
///
/// let both = <Allow<Admin>>::access().and(<Allow<Editor>>::access());
/// assert_eq!(both.to_string(), "all of (role admin, role editor)");
/// assert_eq!(both.clone().and(Access::public()), both);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What is demanded of the caller.
    pub requirement: Requirement,
    /// Whether credentials are looked at.
    pub credentials: Credentials,
    /// The roles and scopes of which the requirement speaks.
    pub names: Vec<Named>,
}

impl Access {
    /// Anyone, credentials unseen.
    #[must_use]
    pub const fn public() -> Self {
        Self {
            requirement: Requirement::Public,
            credentials: Credentials::Ignored,
            names: Vec::new(),
        }
    }

    /// The same, fail closed: whoever demands anything of the caller demands credentials.
    pub(crate) fn closed(mut self) -> Self {
        if !self.requirement.is_public() {
            self.credentials = Credentials::Required;
        }
        self
    }

    /// Both must hold. What anyone may do is not named twice.
    #[must_use]
    #[expect(
        clippy::match_same_arms,
        reason = "in this order: `Public` gives way to all, then `Authenticated`"
    )]
    pub fn and(self, other: Self) -> Self {
        let requirement = match (self.requirement, other.requirement) {
            (Requirement::Public, only) | (only, Requirement::Public) => only,
            (Requirement::Authenticated, only) | (only, Requirement::Authenticated) => only,
            (one, two) if one == two => one,
            (one, two) => Requirement::AllOf(vec![one, two]),
        };
        Self {
            requirement,
            credentials: self.credentials.max(other.credentials),
            names: [self.names, other.names].concat(),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.credentials {
            Credentials::Optional => write!(f, "{}, login optional", self.requirement),
            Credentials::Ignored | Credentials::Required => self.requirement.fmt(f),
        }
    }
}

/// An argument that says who may call.
///
/// ```
/// use std::convert::Infallible;
///
/// use axum::extract::FromRequestParts;
/// use http::request::Parts;
/// use portcullis::{Routes, access::{Access, AnyUser, DeclaresAccess, EnforcedWith}, routing::get};
///
/// /// A first argument of one's own, that says the same as `Public`.
/// struct Anyone;
///
/// impl DeclaresAccess for Anyone {
///     type User = AnyUser;
///     fn access() -> Access { Access::public() }
/// }
///
/// impl<S> EnforcedWith<S> for Anyone {}
///
/// impl<S: Sync> FromRequestParts<S> for Anyone {
///     type Rejection = Infallible;
///     async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> { Ok(Self) }
/// }
///
/// let routes: Routes = Routes::new().route("/", get(async |_: Anyone| "hello"));
/// assert_eq!(routes.access_table().to_string(), "GET  /  public\n");
/// ```
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler does not say who may call it",
    label = "does not state access",
    note = "`{Self}` comes first: put `_: Public`, `user: CurrentUser`, `user: Option<CurrentUser>` or `user: Allow<..>` before it, or write `#[authenticated]` or `#[requires(..)]` above the handler if it begins with your own user type"
)]
pub trait DeclaresAccess: 'static {
    /// [`AnyUser`], or [`Exactly`] the type of user that it hands over.
    type User;
    /// What it says.
    fn access() -> Access;
}

/// What of an access only the application can decide, with the state `S` of its router.
///
/// ```
/// use portcullis::{CurrentUser, access::{Checks, EnforcedWith}};
///
/// fn asked<S, FirstArgument: EnforcedWith<S>>() -> Checks<S> { FirstArgument::checks() }
/// let _: Checks<()> = asked::<(), CurrentUser>();
/// ```
#[diagnostic::on_unimplemented(
    message = "the first argument of this handler does not say who may call it",
    label = "does not state access",
    note = "`{Self}` comes first: put `_: Public`, `user: CurrentUser`, `user: Option<CurrentUser>` or `user: Allow<..>` before it, or write `#[authenticated]` or `#[requires(..)]` above the handler if it begins with your own user type"
)]
pub trait EnforcedWith<S>: DeclaresAccess {
    /// What is to be asked.
    fn checks() -> Checks<S> {
        Checks::default()
    }
}

/// Served whatever the provider's user type is.
///
/// ```
/// use portcullis::{Public, access::{AnyUser, DeclaresAccess}};
///
/// fn asks_nobody<A: DeclaresAccess<User = AnyUser>>() {}
/// asks_nobody::<Public>();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AnyUser;

/// Served by a provider whose user type is `U`.
///
/// ```
/// use portcullis::{CurrentUser, access::{DeclaresAccess, Exactly, LocalUser}};
///
/// fn wants_ours<A: DeclaresAccess<User = Exactly<LocalUser>>>() {}
/// wants_ours::<CurrentUser>();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Exactly<U>(PhantomData<U>);

/// Whether a gate whose provider tells of `U` can serve the handler.
///
/// ```
/// use portcullis::access::{AnyUser, Exactly, LocalUser, ServedBy};
///
/// fn is_served<A: ServedBy<LocalUser>>() {}
/// is_served::<AnyUser>();
/// is_served::<Exactly<LocalUser>>();
/// ```
#[diagnostic::on_unimplemented(
    message = "this handler wants another type of user than the gate's provider tells of",
    label = "the provider tells of `{U}`",
    note = "write `CurrentUser<{U}>` or `Allow<.., {U}>`, or give the gate the provider that belongs to the handler"
)]
pub trait ServedBy<U> {}

impl<U> ServedBy<U> for AnyUser {}
impl<U> ServedBy<U> for Exactly<U> {}

/// The arguments of a handler, the first of which says who may call.
///
/// ```
/// use axum::handler::Handler;
/// use portcullis::{CurrentUser, Public, access::{LocalUser, StatesAccess}};
///
/// fn too_late<H: Handler<T, ()>, T: StatesAccess<(), LocalUser>>(_: H) -> Option<&'static str> { T::too_late() }
/// assert_eq!(too_late(async |_: Public| "hello"), None);
/// assert!(too_late(async |_: Public, _: CurrentUser| "hello").unwrap().contains("CurrentUser"));
/// ```
#[diagnostic::on_unimplemented(
    message = "this handler does not say who may call it",
    label = "no argument states access",
    note = "its first argument must be `_: Public`, `user: CurrentUser`, `user: Option<CurrentUser>` or `user: Allow<..>`"
)]
pub trait StatesAccess<S, U> {
    /// The first argument.
    type First: EnforcedWith<S>;

    /// An argument after the first that would state access too late to be enforced.
    fn too_late() -> Option<&'static str>;
}

/// Where [`super::Public`], [`super::CurrentUser`] and [`super::Allow`] are.
const STATES_ACCESS: &str = concat!(env!("CARGO_CRATE_NAME"), "::access::extract::");

macro_rules! handler_arguments {
    ($([$($rest:ident)*])*) => {$(
        impl<S, U, Marker, First, $($rest,)*> StatesAccess<S, U> for (Marker, First, $($rest,)*)
        where
            First: EnforcedWith<S, User: ServedBy<U>>,
        {
            type First = First;

            fn too_late() -> Option<&'static str> {
                let rest: &[&'static str] = &[$(std::any::type_name::<$rest>()),*];
                rest.iter().copied().find(|argument| argument.contains(STATES_ACCESS))
            }
        }
    )*};
}

handler_arguments! {
    []
    [T2]
    [T2 T3]
    [T2 T3 T4]
    [T2 T3 T4 T5]
    [T2 T3 T4 T5 T6]
    [T2 T3 T4 T5 T6 T7]
    [T2 T3 T4 T5 T6 T7 T8]
    [T2 T3 T4 T5 T6 T7 T8 T9]
    [T2 T3 T4 T5 T6 T7 T8 T9 T10]
    [T2 T3 T4 T5 T6 T7 T8 T9 T10 T11]
    [T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12]
    [T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13]
    [T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14]
    [T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15]
    [T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 T16]
}
