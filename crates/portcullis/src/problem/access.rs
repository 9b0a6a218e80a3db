use std::fmt::Display;

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
    ///
    /// ```
    /// use portcullis::{Problem, access::Requirement, problem::{DEFAULT_REALM, Lacking}};
    ///
    /// let requirement = Requirement::Scope("tasks:write");
    /// let lacking = Lacking { requirement: &requirement, roles: &[], single_role: None };
    /// assert_eq!(Problem::insufficient(DEFAULT_REALM, lacking).status(), 403);
    /// ```
    #[must_use]
    pub fn insufficient(realm: &str, lacking: Lacking<'_>) -> Self {
        let denial = lacking.requirement.denial();
        let needs = Needs {
            roles: denial.required_roles,
            scopes: denial.required_scopes,
        };
        let mut problem = Self::lacking(realm, lacking.requirement, needs, lacking.roles);
        if let Some(role) = lacking.single_role {
            problem = problem.member("current_role", role);
        }
        problem
    }

    /// The same for what is not known before it is asked for: `text` says it to people.
    pub(crate) fn lacking(realm: &str, text: impl Display, mut needs: Needs<'_>, roles: &[String]) -> Self {
        for names in [&mut needs.roles, &mut needs.scopes] {
            names.sort_unstable();
            names.dedup();
        }
        let challenge = Challenge::new(realm.to_owned())
            .insufficient_scope()
            .scopes(needs.scopes.iter().map(|scope| (*scope).to_owned()));
        Self::new(StatusCode::FORBIDDEN)
            .detail(format!("This needs {text}."))
            .header(header::WWW_AUTHENTICATE, challenge.to_header())
            .member("error", "insufficient_scope")
            .member("required_roles", &needs.roles)
            .member("required_scopes", &needs.scopes)
            .member("current_roles", roles)
    }
}

/// The names of which a demand speaks.
pub(crate) struct Needs<'a> {
    pub(crate) roles: Vec<&'a str>,
    pub(crate) scopes: Vec<&'a str>,
}
