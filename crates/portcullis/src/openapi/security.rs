use std::collections::BTreeSet;

use utoipa::openapi::security::SecurityRequirement;

use crate::{
    access::{Access, Credentials, Requirement},
    provider::TokenSources,
};

/// Name of the scheme that takes a token.
pub(super) const BEARER: &str = "bearerAuth";
/// Name of the scheme that turns a password into a token.
pub(super) const PASSWORD: &str = "passwordAuth";

/// Name of the scheme that takes a token in a cookie.
pub(super) const COOKIE: &str = "cookieAuth";
/// Name of the scheme that takes a token in the query.
pub(super) const QUERY: &str = "queryAuth";

/// Name of the scheme that takes a token of an issuer that describes itself.
const OPENID: &str = "openIdConnect";

/// What a client can authenticate with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ways {
    /// Whether a password becomes a token somewhere.
    pub(super) password: bool,
    /// Where tokens are looked for.
    pub(super) sources: TokenSources,
    /// Where the issuers of tokens describe themselves.
    openid: Vec<String>,
}

impl Ways {
    /// Tokens are looked for there, and are of the issuers that describe themselves at these URLs.
    pub(crate) fn new(sources: TokenSources, openid: Vec<String>) -> Self {
        Self {
            password: false,
            sources,
            openid,
        }
    }

    /// Names of the schemes that take a token of an issuer, and where it describes itself.
    pub(super) fn openid(&self) -> impl Iterator<Item = (String, &str)> {
        self.openid.iter().enumerate().map(|(at, url)| match at {
            0 => (OPENID.to_owned(), url.as_str()),
            more => (format!("{OPENID}{}", more + 1), url.as_str()),
        })
    }
}

/// The `security` of an operation: each member is one way that suffices.
pub(super) fn requirements(access: &Access, accepted: &Ways) -> Vec<SecurityRequirement> {
    if access.credentials == Credentials::Ignored {
        return Vec::new();
    }
    let mut ways = Vec::new();
    if access.credentials == Credentials::Optional {
        ways.push(SecurityRequirement::default());
    }
    ways.push(SecurityRequirement::new(BEARER, [] as [&str; 0]));
    let others = [
        (COOKIE, accepted.sources.cookie_name()),
        (QUERY, accepted.sources.query_name()),
    ];
    for (scheme, _) in others.iter().filter(|(_, name)| name.is_some()) {
        ways.push(SecurityRequirement::new(*scheme, [] as [&str; 0]));
    }
    let scoped = accepted
        .openid()
        .map(|(scheme, _)| scheme)
        .chain(accepted.password.then(|| PASSWORD.to_owned()));
    for scheme in scoped {
        let sets: BTreeSet<_> = alternatives(&access.requirement).into_iter().collect();
        ways.extend(
            sets.into_iter()
                .map(|scopes| SecurityRequirement::new(&scheme, scopes)),
        );
    }
    ways
}

/// The sets of scopes each of which can suffice. OpenAPI has no word for roles.
fn alternatives(requirement: &Requirement) -> Vec<BTreeSet<&'static str>> {
    match requirement {
        Requirement::Public | Requirement::Authenticated | Requirement::Role(_) | Requirement::Policy(_) => {
            vec![BTreeSet::new()]
        }
        Requirement::Scope(name) => vec![BTreeSet::from([*name])],
        Requirement::AnyOf(parts) => parts.iter().flat_map(alternatives).collect(),
        Requirement::AllOf(parts) => {
            parts
                .iter()
                .map(alternatives)
                .fold(vec![BTreeSet::new()], |sets, more| {
                    sets.iter()
                        .flat_map(|set| more.iter().map(move |other| set | other))
                        .collect()
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_and_all_become_sets_of_scopes() {
        let scope = Requirement::Scope;
        let requirement = Requirement::AllOf(vec![
            scope("a"),
            Requirement::AnyOf(vec![
                scope("b"),
                Requirement::Role("r"),
                Requirement::AllOf(vec![scope("c"), scope("d")]),
            ]),
        ]);
        let sets: Vec<Vec<&str>> = alternatives(&requirement)
            .into_iter()
            .map(|set| set.into_iter().collect())
            .collect();
        assert_eq!(sets, [vec!["a", "b"], vec!["a"], vec!["a", "c", "d"]]);
    }
}
