use std::{any::TypeId, convert::Infallible, marker::PhantomData, ops::Deref};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{StatusCode, request::Parts};

use super::{
    Access, Answers, AnyUser, Caller, Checks, Credentials, DecidedWith, DeclaresAccess, EnforcedWith,
    Exactly, LocalUser, Permission, Requirement,
};
use crate::problem::Problem;

/// What the gate leaves behind in the request when it lets one pass.
#[derive(Clone)]
pub(crate) struct Admitted<U> {
    /// The caller; none only where a login is optional.
    pub(crate) user: Option<U>,
    /// The first argument of the handler, whose demand was met.
    pub(crate) by: TypeId,
}

impl<U: Clone + Send + Sync + 'static> Admitted<U> {
    fn of(parts: &Parts) -> Result<&Self, Problem> {
        parts
            .extensions
            .get()
            .ok_or_else(|| misplaced::<U>("no gate has admitted the request"))
    }
}

/// A handler that asks for what nobody has checked gets no request. The gate makes this impossible for a first
/// argument; it remains possible for a later one, and for axum's own router.
pub(super) fn misplaced<T: ?Sized>(why: &'static str) -> Problem {
    tracing::error!(
        argument = std::any::type_name::<T>(),
        why,
        "a handler's access is not stated by its first argument"
    );
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR)
        .detail("Something failed on our side. The request id tells the operator what.")
}

/// Anyone may call. Credentials are not looked at, so bad ones do no harm.
///
/// ```
/// use portcullis::{Public, Routes, routing::get};
///
/// let routes: Routes = Routes::new().route("/healthz", get(async |_: Public| "ok"));
/// assert_eq!(routes.access_table().to_string(), "GET  /healthz  public\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Public;

impl DeclaresAccess for Public {
    type User = AnyUser;

    fn access() -> Access {
        Access::public()
    }
}

impl<S> EnforcedWith<S> for Public {}

impl<S: Send + Sync> FromRequestParts<S> for Public {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

/// Who calls. `U` is what the gate's provider tells of. As `Option<CurrentUser>`, nobody is fine too; bad
/// credentials are not.
///
/// ```
/// use portcullis::CurrentUser;
///
/// async fn me(user: CurrentUser) -> String {
///     user.user.to_string()
/// }
///
/// /// Nobody is `None`; a token that is not good is still a 401.
/// async fn greet(user: Option<CurrentUser>) -> String {
///     user.map_or("Hello!".into(), |user| format!("Hello {}!", user.user))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CurrentUser<U = LocalUser>(pub U);

impl<U> Deref for CurrentUser<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.0
    }
}

impl<U: 'static> DeclaresAccess for CurrentUser<U> {
    type User = Exactly<U>;

    fn access() -> Access {
        Access {
            requirement: Requirement::Authenticated,
            credentials: Credentials::Required,
            names: Vec::new(),
        }
    }
}

impl<U: 'static> DeclaresAccess for Option<CurrentUser<U>> {
    type User = Exactly<U>;

    fn access() -> Access {
        Access {
            credentials: Credentials::Optional,
            ..Access::public()
        }
    }
}

impl<S, U: 'static> EnforcedWith<S> for CurrentUser<U> {}
impl<S, U: 'static> EnforcedWith<S> for Option<CurrentUser<U>> {}

impl<U, S> FromRequestParts<S> for CurrentUser<U>
where
    U: Clone + Send + Sync + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match &Admitted::<U>::of(parts)?.user {
            Some(user) => Ok(Self(user.clone())),
            None => Err(misplaced::<Self>("the first argument makes a login optional")),
        }
    }
}

impl<U, S> OptionalFromRequestParts<S> for CurrentUser<U>
where
    U: Clone + Send + Sync + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Problem> {
        Ok(Admitted::<U>::of(parts)?.user.clone().map(Self))
    }
}

/// Who calls, and has `P`: a role, a scope, a [`super::Policy`], [`super::AnyOf`] or [`super::AllOf`] of them.
///
/// ```
/// use portcullis::{Allow, AnyOf, Routes, routing::{get, post}};
///
/// portcullis::roles! { pub enum Role { Admin = "admin", Editor = "editor" } }
/// portcullis::scopes! { pub Export = "export": "Export everything"; }
///
/// async fn publish(author: Allow<AnyOf<(Editor, Admin)>>) -> String {
///     format!("by {}", author.user)
/// }
/// async fn export(_: Allow<Export>) -> &'static str { "all" }
///
/// let routes: Routes = Routes::new().route("/articles", post(publish)).route("/export", get(export));
/// assert_eq!(routes.access_table().to_string(), "\
/// POST  /articles  any of (role editor, role admin)
/// GET   /export    scope export
/// ");
/// ```
#[derive(Debug)]
pub struct Allow<P: Permission, U: Answers<P::Asks> = LocalUser>(pub U, PhantomData<fn() -> P>);

impl<P: Permission, U: Answers<P::Asks>> Deref for Allow<P, U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.0
    }
}

impl<P: Permission, U: Answers<P::Asks> + Caller + 'static> DeclaresAccess for Allow<P, U> {
    type User = Exactly<U>;

    fn access() -> Access {
        Access {
            requirement: P::requirement(),
            credentials: Credentials::Required,
            names: P::names(),
        }
    }
}

impl<S, P, U> EnforcedWith<S> for Allow<P, U>
where
    P: Permission + DecidedWith<S>,
    U: Answers<P::Asks> + Caller + 'static,
{
    fn checks() -> Checks<S> {
        let mut checks = Checks::default();
        P::checks(&mut checks);
        checks
    }
}

impl<P, U, S> FromRequestParts<S> for Allow<P, U>
where
    P: Permission,
    U: Answers<P::Asks> + Caller + Clone + Send + Sync + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let admitted = Admitted::<U>::of(parts)?;
        match &admitted.user {
            Some(user) if admitted.by == TypeId::of::<Self>() => Ok(Self(user.clone(), PhantomData)),
            _ => Err(misplaced::<Self>("the first argument demands something else")),
        }
    }
}
