use http::{StatusCode, header};
use portcullis_core::access::Requirement;

use super::{Challenge, Problem};

/// What a caller has, beside what a route asks for.
///
/// ```
/// use portcullis::{Allow, Problem, access::DeclaresAccess, problem::{DEFAULT_REALM, Lacking}};
///
/// portcullis::roles! { pub enum Role { Admin = "admin" } }
///
/// let requirement = <Allow<Admin>>::access().requirement;
/// let lacking = Lacking { requirement: &requirement, roles: &["editor".into()], single_role: None };
/// let body = Problem::insufficient(DEFAULT_REALM, lacking).body();
/// assert_eq!((&body["required_roles"][0], &body["current_roles"][0]), (&"admin".into(), &"editor".into()));
/// ```
#[derive(Clone, Debug)]
pub struct Lacking<'a> {
    /// What the route asks for.
    pub requirement: &'a Requirement,
    /// The roles that the caller has.
    pub roles: &'a [String],
    /// The one role of a user who has exactly one.
    pub single_role: Option<String>,
}

impl Problem {
    /// 403: the caller is known and may not. Says what is needed and what there is (RFC 6750, section 3.1).
    #[must_use]
    pub fn insufficient(realm: &str, lacking: Lacking<'_>) -> Self {
        let mut needs = lacking.requirement.denial();
        for names in [&mut needs.required_roles, &mut needs.required_scopes] {
            names.sort_unstable();
            names.dedup();
        }
        let challenge = Challenge::new(realm.to_owned())
            .insufficient_scope()
            .scopes(needs.required_scopes.iter().copied());
        let mut problem = Self::new(StatusCode::FORBIDDEN)
            .detail(format!("This needs {}.", lacking.requirement))
            .header(header::WWW_AUTHENTICATE, challenge.to_header())
            .member("error", "insufficient_scope")
            .member("required_roles", &needs.required_roles)
            .member("required_scopes", &needs.required_scopes)
            .member("current_roles", lacking.roles);
        if let Some(role) = lacking.single_role {
            problem = problem.member("current_role", role);
        }
        problem
    }
}
