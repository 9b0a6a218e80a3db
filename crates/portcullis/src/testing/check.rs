use std::{collections::BTreeMap, fmt};

use axum::{Router, body::Body, extract::Request};
use http::{Method, StatusCode};
use tower::ServiceExt as _;

use crate::{
    access::{Caller, Requirement},
    gate::{AccessRow, AccessTable, Gate, GateError, Watch},
};

/// A route that does not refuse whom its access table says it refuses, or of which that is not shown.
///
/// ```
/// use portcullis::testing::AccessFault;
///
/// fn said(faults: &[AccessFault]) -> String {
///     faults.iter().map(|fault| format!("{fault}\n")).collect()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessFault {
    /// Method and path.
    pub route: String,
    /// Who called.
    pub caller: &'static str,
    /// What was expected.
    pub expected: StatusCode,
    /// What came.
    pub found: StatusCode,
    /// What that means.
    pub kind: FaultKind,
}

/// What is wrong with a route.
///
/// ```
/// use portcullis::testing::{AccessFault, FaultKind};
///
/// fn is_open(fault: &AccessFault) -> bool { fault.kind == FaultKind::LetIn }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// Its guard let them in, whatever its handler made of it.
    LetIn,
    /// It was refused, but by another answer.
    OtherAnswer,
    /// Its policy found nothing at the made-up path that is named here, so whom it refuses is not shown. Say by
    /// [`AccessCheck::path`] where there is something.
    NothingThere(String),
}

impl fmt::Display for AccessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            route,
            caller,
            expected,
            found,
            kind,
        } = self;
        write!(f, "{route} as {caller}: expected {expected}, found {found}")?;
        match kind {
            FaultKind::LetIn => f.write_str(": its guard let them in"),
            FaultKind::OtherAnswer => Ok(()),
            FaultKind::NothingThere(path) => write!(
                f,
                ": its policy found nothing at {path}, which is made up, so whom it refuses is not shown. Name a path \
                 where there is something: `AccessCheck::new(..).path(\"{}\", \"..\")`",
                route.split(' ').next_back().unwrap_or_default()
            ),
        }
    }
}

/// [`AccessCheck`] with made-up paths alone: for gates that ask no policy, or only such as refuse whatever is named.
///
/// ```
/// use portcullis::{Gate, access::LocalUser, testing::{TestPrincipal, check_access}};
///
/// async fn every_route_refuses(app: impl Fn() -> Gate) {
///     let faults = check_access(app, TestPrincipal::new().build()).await.err();
///     assert_eq!(faults, None);
/// }
/// ```
///
/// # Errors
/// With all routes that do not refuse.
///
/// # Panics
/// When the gate cannot be built.
pub async fn check_access<U>(
    gate: impl Fn() -> Gate<(), U>,
    stranger: U,
) -> Result<AccessTable, Vec<AccessFault>>
where
    U: Caller + Clone + Send + Sync + 'static,
{
    AccessCheck::new(gate, stranger).run().await
}

/// Calls each guarded route of the access table without credentials, which must be 401, and as a stranger, who has no
/// role that any route asks for, which must be 403 wherever more than a login is asked for; and no guard may let them in.
///
/// A parameter of a path stands for `1`. A policy that answers 404, 400 or 422 there may have found nothing to decide on:
/// that is a fault of the check, unless [`AccessCheck::path`] named something that is there.
///
/// ```
/// use portcullis::{Allow, Gate, Policy, Problem, access::{LocalUser, PolicyRequest}, routing::get};
/// use portcullis::testing::{AccessCheck, TestPrincipal};
/// # use portcullis::provider::{AuthError, AuthProvider, Parts};
/// # struct Provider;
/// # impl AuthProvider for Provider {
/// #     type User = LocalUser;
/// #     async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
/// #         portcullis::provider::bearer(parts)?;
/// #         Err(AuthError::invalid("unknown"))
/// #     }
/// # }
///
/// /// There is one note, and its owner is nobody.
/// struct Owner;
///
/// impl Policy for Owner {
///     type User = LocalUser;
///     type State = ();
///     const DESCRIPTION: &'static str = "owner of the note";
///
///     async fn allows(_: &LocalUser, request: &mut PolicyRequest, (): &()) -> Result<bool, Problem> {
///         match request.path::<u32>().await? {
///             7 => Ok(false),
///             _ => Err(Problem::not_found()),
///         }
///     }
/// }
///
/// fn app() -> Gate { Gate::new(Provider).route("/notes/{id}", get(async |_: Allow<Owner>| "note")) }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let check = AccessCheck::new(app, TestPrincipal::new().build());
/// check.path("/notes/{id}", "/notes/7").run().await.unwrap();
/// # });
/// ```
#[must_use = "it does nothing until it is `run`"]
pub struct AccessCheck<F, U> {
    gate: F,
    stranger: U,
    paths: BTreeMap<String, String>,
}

impl<F, U> fmt::Debug for AccessCheck<F, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessCheck")
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl<F, U> AccessCheck<F, U>
where
    F: Fn() -> Gate<(), U>,
    U: Caller + Clone + Send + Sync + 'static,
{
    /// Of what `gate` makes: the application's gate, with its state. It is called for each kind of caller.
    pub fn new(gate: F, stranger: U) -> Self {
        Self {
            gate,
            stranger,
            paths: BTreeMap::new(),
        }
    }

    /// Calls `path` for `route`, as `/notes/7` for `/notes/{id}`: something that is there, and is not the stranger's.
    pub fn path(mut self, route: &str, path: &str) -> Self {
        self.paths.insert(route.to_owned(), path.to_owned());
        self
    }

    /// The access table, if each guarded route of it refuses.
    ///
    /// # Errors
    /// With all routes that do not refuse, or of which that is not shown.
    ///
    /// # Panics
    /// When the gate cannot be built.
    pub async fn run(self) -> Result<AccessTable, Vec<AccessFault>> {
        let table = (self.gate)().access_table();
        let build = |gate: Gate<(), U>| {
            gate.into_router()
                .unwrap_or_else(|error: GateError| panic!("{error}"))
        };
        let nobody = build((self.gate)());
        let foreign = build((self.gate)().as_user(self.stranger.clone()));
        let mut faults = Vec::new();
        for row in table.rows().iter().filter(|row| row.is_guarded()) {
            faults.extend(self.fault(row, &nobody, "nobody", StatusCode::UNAUTHORIZED).await);
            if !row.requirement().met_by(&self.stranger) {
                faults.extend(
                    self.fault(row, &foreign, "a stranger", StatusCode::FORBIDDEN)
                        .await,
                );
            }
        }
        if faults.is_empty() { Ok(table) } else { Err(faults) }
    }

    async fn fault(
        &self,
        row: &AccessRow,
        router: &Router,
        caller: &'static str,
        expected: StatusCode,
    ) -> Option<AccessFault> {
        let named = self.paths.get(&row.path);
        let path = named.cloned().unwrap_or_else(|| concrete(&row.path));
        let (found, let_in) = call(router, &row.method, &path).await;
        let is_lost = matches!(
            found,
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
        );
        let kind = if let_in {
            FaultKind::LetIn
        } else if found == expected {
            return None;
        } else if caller == "a stranger" && is_lost && asks_a_policy(row.requirement()) {
            // It may hide what is there from who may not see it.
            if named.is_some() {
                return None;
            }
            FaultKind::NothingThere(path)
        } else {
            FaultKind::OtherAnswer
        };
        Some(AccessFault {
            route: format!("{} {}", row.method, row.path),
            caller,
            expected,
            found,
            kind,
        })
    }
}

fn asks_a_policy(requirement: &Requirement) -> bool {
    match requirement {
        Requirement::Policy(_) => true,
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => parts.iter().any(asks_a_policy),
        _ => false,
    }
}

/// The path with something in the place of its parameters.
fn concrete(path: &str) -> String {
    if path.starts_with('(') {
        return "/nothing-is-here".to_owned();
    }
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| if segment.starts_with('{') { "1" } else { segment })
        .collect();
    segments.join("/")
}

/// What is answered, and whether the guard let the request in.
async fn call(router: &Router, method: &Method, path: &str) -> (StatusCode, bool) {
    let method = match method.as_str() {
        "*" => Method::GET,
        _ => method.clone(),
    };
    let watch = Watch::default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .extension(watch.clone())
        .body(Body::empty());
    match request {
        Ok(request) => match router.clone().oneshot(request).await {
            Ok(response) => (response.status(), watch.has_let_in()),
            Err(never) => match never {},
        },
        Err(error) => panic!("{path}: {error}"),
    }
}
