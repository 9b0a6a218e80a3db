use std::{any::Any, fmt, sync::Arc};

use axum::{
    RequestPartsExt as _,
    extract::{FromRef, FromRequestParts},
};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Uri, request::Parts};
use serde::de::DeserializeOwned;

use super::{Caller, DecidedWith, Named, OfUser, Permission, PolicyId, Requirement, extract::misplaced};
use crate::{input::Path, problem::Problem};

/// A decision that only the application can make: whether this user may do this to that. It sees the path, the state
/// and the user, and is made before the body is read.
///
/// ```
/// use std::{collections::HashMap, sync::Arc};
/// use portcullis::{access::{Allow, AnyOf, LocalUser, Policy, PolicyRequest}, core::id::UserId, problem::Problem};
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// #[derive(Clone)]
/// struct Articles(Arc<HashMap<u32, UserId>>);
///
/// /// Who wrote the article of the path.
/// struct Author;
///
/// impl Policy for Author {
///     type User = LocalUser;
///     type State = Articles;
///     const DESCRIPTION: &'static str = "author of the article";
///
///     async fn allows(user: &LocalUser, request: &mut PolicyRequest, articles: &Articles) -> Result<bool, Problem> {
///         let id: u32 = request.path().await?;
///         let author = articles.0.get(&id).ok_or_else(Problem::not_found)?;
///         Ok(*author == user.user)
///     }
/// }
///
/// async fn delete(_: Allow<AnyOf<(Author, Admin)>>) {}
/// ```
pub trait Policy: 'static {
    /// Whom it judges.
    type User: Caller + Clone + Send + Sync + 'static;
    /// What it needs of the router's state.
    type State: Send + Sync;
    /// Whom it lets pass, for the access table, the documentation and a 403: "author of the article".
    const DESCRIPTION: &'static str;

    /// Whether `user` may go on.
    ///
    /// # Errors
    /// When that cannot be told, or the answer is another one: 404 for what is not there, 503 for a database that does
    /// not answer ([`Problem::unavailable`]). Nobody passes then.
    fn allows(
        user: &Self::User,
        request: &mut PolicyRequest,
        state: &Self::State,
    ) -> impl Future<Output = Result<bool, Problem>> + Send;
}

/// What a policy sees of the request: all but its body.
///
/// ```
/// use axum::extract::Query;
/// use portcullis::{Policy, Problem, access::{LocalUser, PolicyRequest}};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Which { draft: bool }
///
/// /// Drafts are read by nobody.
/// struct NotADraft;
///
/// impl Policy for NotADraft {
///     type User = LocalUser;
///     type State = ();
///     const DESCRIPTION: &'static str = "whoever asks for no draft";
///
///     async fn allows(_: &LocalUser, request: &mut PolicyRequest, (): &()) -> Result<bool, Problem> {
///         let Query(which) = request.extract::<Query<Which>>().await.map_err(|_| Problem::bad_request("`draft`?"))?;
///         Ok(!which.draft)
///     }
/// }
/// fn is_a_reader(request: &PolicyRequest) -> bool {
///     request.method() == "GET" && request.uri().path().starts_with("/articles") && request.headers().contains_key("accept")
/// }
/// ```
pub struct PolicyRequest {
    parts: Parts,
}

impl fmt::Debug for PolicyRequest {
    /// Without headers: they hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PolicyRequest({} {})",
            self.parts.method,
            self.parts.uri.path()
        )
    }
}

impl PolicyRequest {
    pub(crate) const fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// The parameters of the path, as [`crate::input::Path`] reads them.
    ///
    /// ```
    /// use portcullis::{Problem, access::PolicyRequest};
    ///
    /// async fn which(request: &mut PolicyRequest) -> Result<u64, Problem> { request.path().await }
    /// ```
    ///
    /// # Errors
    /// With the answer that the handler would give.
    pub async fn path<T: DeserializeOwned + Send + 'static>(&mut self) -> Result<T, Problem> {
        self.parts.extract::<Path<T>>().await.map(|Path(value)| value)
    }

    /// Anything else that axum can read of a request without its body or state.
    ///
    /// # Errors
    /// Those of the extractor.
    pub async fn extract<E: FromRequestParts<()> + 'static>(&mut self) -> Result<E, E::Rejection> {
        E::from_request_parts(&mut self.parts, &()).await
    }

    /// Method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.parts.method
    }

    /// Path and query.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.parts.uri
    }

    /// Headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }
}

type User<'a> = &'a (dyn Any + Send + Sync);
type Ask<S> = dyn for<'a> Fn(&'a mut PolicyRequest, &'a S, User<'a>) -> BoxFuture<'a, Result<bool, Problem>>
    + Send
    + Sync;

/// The policies that a route asks, ready to be asked with a state `S`.
///
/// ```
/// use portcullis::{Public, access::{Checks, EnforcedWith}};
///
/// // What asks no policy has none.
/// let _: Checks<()> = Public::checks();
/// ```
pub struct Checks<S>(Vec<(PolicyId, Arc<Ask<S>>)>);

impl<S> Default for Checks<S> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S> Clone for Checks<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

fn erase<S, F>(ask: F) -> Arc<Ask<S>>
where
    F: for<'a> Fn(&'a mut PolicyRequest, &'a S, User<'a>) -> BoxFuture<'a, Result<bool, Problem>>
        + Send
        + Sync
        + 'static,
{
    Arc::new(ask)
}

impl<S: Send + Sync + 'static> Checks<S> {
    fn add<P: Policy>(&mut self)
    where
        S: Holds<P::State>,
    {
        let ask = erase(|request: &mut PolicyRequest, state: &S, user| {
            Box::pin(async move {
                let Some(user) = user.downcast_ref::<P::User>() else {
                    return Err(misplaced::<P>("the policy judges another type of user"));
                };
                P::allows(user, request, &state.part()).await
            })
        });
        self.extend(Self(vec![(id_of::<P>(), ask)]));
    }

    pub(crate) fn extend(&mut self, more: Self) {
        for (id, ask) in more.0 {
            if self.0.iter().all(|(known, _)| *known != id) {
                self.0.push((id, ask));
            }
        }
    }

    /// Asks one. What nobody can answer is a failure, not a no.
    pub(crate) async fn ask(
        &self,
        id: PolicyId,
        request: &mut PolicyRequest,
        state: &S,
        user: User<'_>,
    ) -> Result<bool, Problem> {
        match self.0.iter().find(|(known, _)| *known == id) {
            Some((_, ask)) => ask(request, state, user).await,
            None => Err(misplaced::<PolicyId>("the policy is not known to its route")),
        }
    }

    /// The same for a router with another state: `state` is what these are asked with.
    pub(crate) fn bind<S2: Send + Sync + 'static>(self, state: S) -> Checks<S2> {
        let state = Arc::new(state);
        let bound = self.0.into_iter().map(|(id, ask)| {
            let state = Arc::clone(&state);
            let bound = erase(move |request: &mut PolicyRequest, _: &S2, user| {
                let (ask, state) = (Arc::clone(&ask), Arc::clone(&state));
                Box::pin(async move { ask(request, &state, user).await })
            });
            (id, bound)
        });
        Checks(bound.collect())
    }
}

const fn id_of<P: Policy>() -> PolicyId {
    PolicyId::of::<P>(P::DESCRIPTION)
}

#[diagnostic::do_not_recommend]
impl<P: Policy> Permission for P {
    type Asks = OfUser<P::User>;

    fn requirement() -> Requirement {
        Requirement::Policy(id_of::<P>())
    }

    fn names() -> Vec<Named> {
        Vec::new()
    }
}

/// Whether the router's state has what a policy or a provider needs.
///
/// ```
/// use axum::extract::FromRef;
/// use portcullis::access::Holds;
///
/// #[derive(Clone, FromRef)]
/// struct App { name: &'static str, port: u16 }
///
/// fn port(state: &impl Holds<u16>) -> u16 { state.part() }
///
/// assert_eq!(port(&App { name: "articles", port: 8000 }), 8000);
/// ```
#[diagnostic::on_unimplemented(
    message = "the state of this gate, `{Self}`, does not hold `{T}`",
    label = "no `{T}` in the state",
    note = "add a field of type `{T}` to `{Self}` and `#[derive(axum::extract::FromRef)]` above it, or use `{T}` as the state"
)]
pub trait Holds<T> {
    /// A copy of it.
    fn part(&self) -> T;
}

#[diagnostic::do_not_recommend]
impl<S, T: FromRef<S>> Holds<T> for S {
    fn part(&self) -> T {
        T::from_ref(self)
    }
}

impl<S, P> DecidedWith<S> for P
where
    S: Holds<P::State> + Send + Sync + 'static,
    P: Policy,
{
    fn checks(into: &mut Checks<S>) {
        into.add::<P>();
    }
}
