use std::{
    any::{Any, TypeId},
    fmt,
    marker::PhantomData,
    panic::Location,
    sync::{Arc, LazyLock},
};

use axum::{
    extract::Request,
    handler::Handler,
    response::Response,
    routing::{self, MethodFilter, MethodRouter},
};
use futures_util::future::BoxFuture;
use http::{Method, Uri};
use utoipa::openapi::{RefOr, Schema, path::Operation};

use super::{
    AccessRow, GateError, Place,
    guard::{Guard, Guarded, Run},
};
use crate::{
    access::{Access, Caller, Checks, Credentials, EnforcedWith, ServedBy, StatesAccess},
    openapi::Described,
    provider::AnyProvider,
    rate_limit::{Limit, Limits},
    traffic::RouteTraffic,
};

/// Stands for all methods that have no handler of their own: `*`, which no client can send (RFC 9110, section 9.1 makes
/// it a token, but it is not registered).
pub(crate) fn any() -> Method {
    ANY.clone()
}

static ANY: LazyLock<Method> = LazyLock::new(|| Method::from_bytes(b"*").unwrap_or(Method::CONNECT));

/// What the OpenAPI document says of a route.
pub(super) enum Documented {
    /// Nothing.
    No,
    /// Only what the access table knows.
    Barely,
    /// What `#[utoipa::path]` says.
    By(Box<Description>),
}

pub(super) struct Description {
    pub(super) operation: Operation,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

/// What all guards of a gate share.
pub(super) struct Keeper<S, U> {
    pub(super) provider: Arc<dyn AnyProvider<S, U>>,
    pub(super) realm: Arc<str>,
    pub(super) csrf_by_layer: bool,
}

/// One method of one path, its access, and its handler.
///
/// ```
/// use portcullis::{Public, Routes, routing::get};
///
/// let routes: Routes = Routes::new().route("/healthz", get(async |_: Public| "ok"));
/// assert_eq!(format!("{routes:?}"), "[Route(GET /healthz: public)]");
/// ```
pub struct Route<S, U> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) access: Access,
    pub(super) place: Place,
    pub(super) documented: Documented,
    /// The type of the handler's first argument.
    by: TypeId,
    checks: Checks<S>,
    limits: Limits,
    run: Arc<Run<S>>,
    /// Whether what runs sees its path without that of the route.
    mounts: bool,
    /// Whether requests that pages of others forge are refused.
    unforged: bool,
    /// An argument that states access and is not the first.
    too_late: Option<&'static str>,
    user: PhantomData<fn(U)>,
}

impl<S, U> Route<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: Caller + Clone + Send + Sync + 'static,
{
    pub(crate) fn new<H, T>(method: Method, handler: H, location: &'static Location<'static>) -> Self
    where
        H: Handler<T, S>,
        T: StatesAccess<S, U> + 'static,
    {
        let place = Place {
            handler: std::any::type_name::<H>(),
            location,
        };
        let run = Arc::new(move |request: Request, state: S| boxed(handler.clone().call(request, state)));
        Self {
            too_late: T::too_late(),
            ..Self::stating::<T::First>(method, place, run)
        }
    }

    /// Of a whole service, whose access `A` it does not state itself.
    pub(super) fn mounting<A: EnforcedWith<S>>(place: Place, run: Arc<Run<S>>) -> Self {
        Self {
            documented: Documented::No,
            mounts: true,
            ..Self::stating::<A>(any(), place, run)
        }
    }

    fn stating<A: EnforcedWith<S>>(method: Method, place: Place, run: Arc<Run<S>>) -> Self {
        Self {
            method,
            path: String::new(),
            access: A::access().closed(),
            place,
            documented: Documented::Barely,
            by: TypeId::of::<A>(),
            checks: A::checks(),
            limits: Limits::default(),
            run,
            mounts: false,
            unforged: false,
            too_late: None,
            user: PhantomData,
        }
    }

    pub(crate) fn hide(&mut self) {
        self.documented = Documented::No;
    }

    pub(super) fn demand<A: EnforcedWith<S, User: ServedBy<U>>>(&mut self) {
        self.access = A::access().closed().and(self.access.clone());
        self.checks.extend(A::checks());
    }

    pub(crate) fn limit(&mut self, limit: Limit) {
        self.limits.add(limit);
    }

    /// Whether a later argument states access, which would never be met.
    pub(super) fn too_late(&self) -> Option<GateError> {
        self.too_late.map(|argument| GateError::TooLate {
            method: self.method.clone(),
            path: self.path.clone(),
            place: self.place,
            argument,
        })
    }

    /// Where who calls is told by a cookie: whether pages of others could call it in a visitor's name. Also by GET, for that
    /// is how a WebSocket begins.
    pub(super) fn forgeable(&self) -> Option<GateError> {
        let asks = self.access.credentials != Credentials::Ignored;
        (asks && !self.unforged).then(|| GateError::Forgeable {
            method: self.method.clone(),
            path: self.path.clone(),
            place: self.place,
        })
    }

    /// Puts something around the handler, behind the guard.
    pub(super) fn around(&mut self, wrap: impl FnOnce(Arc<Run<S>>) -> Arc<Run<S>>) {
        self.run = wrap(Arc::clone(&self.run));
    }

    /// Puts something around the handler that refuses forged requests, unless something does already.
    pub(super) fn refuse_forged(&mut self, wrap: impl FnOnce(Arc<Run<S>>) -> Arc<Run<S>>) {
        if !self.unforged {
            self.around(wrap);
            self.unforged = true;
        }
    }

    pub(super) fn row(&self) -> AccessRow {
        AccessRow {
            method: self.method.clone(),
            path: self.path.clone(),
            access: self.access.clone(),
        }
    }

    pub(super) fn described(&self) -> Option<Described<'_>> {
        let (operation, schemas): (_, &[_]) = match &self.documented {
            Documented::No => return None,
            Documented::Barely => (None, &[]),
            Documented::By(description) => (Some(&description.operation), &description.schemas),
        };
        Some(Described {
            method: &self.method,
            path: &self.path,
            access: &self.access,
            limited: !self.limits.is_empty(),
            operation,
            schemas,
        })
    }

    pub(super) fn with_state<S2>(self, state: S) -> Route<S2, U>
    where
        S2: Clone + Send + Sync + 'static,
    {
        let run = self.run;
        Route {
            method: self.method,
            path: self.path,
            access: self.access,
            place: self.place,
            documented: self.documented,
            by: self.by,
            checks: self.checks.bind(state.clone()),
            limits: self.limits,
            run: Arc::new(move |request, _| run(request, state.clone())),
            mounts: self.mounts,
            unforged: self.unforged,
            too_late: self.too_late,
            user: PhantomData,
        }
    }

    /// The handler behind its guard.
    pub(super) fn guarded(self, gate: &Keeper<S, U>) -> Guarded<S, U> {
        let run = if self.mounts {
            below(&self.path, self.run)
        } else {
            self.run
        };
        Guarded {
            run: self.limits.behind::<S, U>(run),
            guard: Arc::new(Guard {
                access: self.access,
                by: self.by,
                checks: self.checks,
                limits: self.limits,
                traffic: Arc::new(RouteTraffic::new(self.path.into())),
                provider: Arc::clone(&gate.provider),
                realm: Arc::clone(&gate.realm),
                is_alone: !self.unforged && !gate.csrf_by_layer,
            }),
        }
    }

    pub(super) fn build(self, gate: &Keeper<S, U>) -> Result<MethodRouter<S>, GateError> {
        if self.method == *ANY {
            return Ok(routing::any(self.guarded(gate)));
        }
        match MethodFilter::try_from(self.method.clone()) {
            Ok(filter) => Ok(MethodRouter::new().on(filter, self.guarded(gate))),
            Err(_) => Err(GateError::Method {
                method: self.method,
                path: self.path,
                place: self.place,
            }),
        }
    }
}

/// Takes the path of the route off that of the request, all but its `{*rest}`.
fn below<S: 'static>(path: &str, run: Arc<Run<S>>) -> Arc<Run<S>> {
    // By the number of segments, whatever its parameters stand for.
    let segments = path.strip_suffix("/{*rest}").unwrap_or(path).matches('/').count();
    Arc::new(move |mut request: Request, state| {
        let path = request.uri().path();
        let end = path.match_indices('/').nth(segments);
        let rest = end.map_or("/", |(at, _)| &path[at..]);
        let below = match request.uri().query() {
            None => rest.to_owned(),
            Some(query) => format!("{rest}?{query}"),
        };
        let mut parts = request.uri().clone().into_parts();
        // The end of a valid path is one, from a `/` on.
        parts.path_and_query = below.parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        run(request, state)
    })
}

/// The future behind a pointer, once: axum's handlers that are functions have put theirs behind one already.
fn boxed<F: Future<Output = Response> + Send + 'static>(future: F) -> BoxFuture<'static, Response> {
    let mut slot = Some(future);
    if let Some(boxed) = (&mut slot as &mut dyn Any)
        .downcast_mut::<Option<BoxFuture<'static, Response>>>()
        .and_then(Option::take)
    {
        return boxed;
    }
    match slot {
        Some(future) => Box::pin(future),
        // Taken above, and then it was returned.
        None => Box::pin(std::future::pending()),
    }
}

impl<S, U> fmt::Debug for Route<S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({} {}: {})", self.method, self.path, self.access)
    }
}
