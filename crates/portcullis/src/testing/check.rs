use std::fmt;

use axum::{Router, body::Body, extract::Request};
use http::{Method, StatusCode};
use tower::ServiceExt as _;

use crate::{
    access::{Caller, Requirement},
    gate::{AccessTable, Gate, GateError},
};

/// A route that does not refuse whom its access table says it refuses.
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
}

impl fmt::Display for AccessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            route,
            caller,
            expected,
            found,
        } = self;
        write!(f, "{route} as {caller}: expected {expected}, found {found}")
    }
}

/// Calls each guarded route of the access table without credentials, which must be 401, and as `stranger`, who has no
/// role that any route asks for, which must be 403 wherever more than a login is asked for. Where a policy is asked, 404
/// and 422 refuse too: it may not find what the made-up path names.
///
/// `gate` is called for each: it makes the application's gate, with its state.
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
    let table = gate().access_table();
    let build = |gate: Gate<(), U>| {
        gate.into_router()
            .unwrap_or_else(|error: GateError| panic!("{error}"))
    };
    let (nobody, foreign) = (build(gate()), build(gate().as_user(stranger.clone())));
    let mut faults = Vec::new();
    for row in table.rows().iter().filter(|row| row.is_guarded()) {
        let method = match row.method.as_str() {
            "*" => Method::GET,
            _ => row.method.clone(),
        };
        let path = concrete(&row.path);
        let mut expect = |caller, expected, found, fine: bool| {
            if !fine {
                faults.push(AccessFault {
                    route: format!("{} {}", row.method, row.path),
                    caller,
                    expected,
                    found,
                });
            }
        };
        let found = call(&nobody, &method, &path).await;
        expect(
            "nobody",
            StatusCode::UNAUTHORIZED,
            found,
            found == StatusCode::UNAUTHORIZED,
        );
        if !row.requirement().met_by(&stranger) {
            let found = call(&foreign, &method, &path).await;
            let refused = found == StatusCode::FORBIDDEN
                || (asks_a_policy(row.requirement())
                    && matches!(
                        found,
                        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY
                    ));
            expect("a stranger", StatusCode::FORBIDDEN, found, refused);
        }
    }
    if faults.is_empty() { Ok(table) } else { Err(faults) }
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

async fn call(router: &Router, method: &Method, path: &str) -> StatusCode {
    let request = Request::builder().method(method).uri(path).body(Body::empty());
    match request {
        Ok(request) => match router.clone().oneshot(request).await {
            Ok(response) => response.status(),
            Err(never) => match never {},
        },
        // The path of a route that was built is one.
        Err(_) => StatusCode::BAD_REQUEST,
    }
}
