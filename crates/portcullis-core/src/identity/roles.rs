use std::{collections::BTreeSet, fmt, str::FromStr};

use serde_json::{Map, Value};

use crate::access::RoleName;

/// Whoever has this value in this claim at the provider has this role here: `groups=staff:editor`.
///
/// The claim may be a text or a list of texts; dots lead into members (`realm_access.roles`). Where no member has such a name,
/// a claim whose whole name has dots is looked for, as Auth0 wants custom ones (`https://example.com/roles`).
///
/// ```
/// use portcullis_core::identity::RoleRule;
///
/// let rule: RoleRule = "realm_access.roles=staff:editor".parse()?;
/// let claims = serde_json::json!({ "realm_access": { "roles": ["staff"] } });
/// assert!(rule.holds(claims.as_object().unwrap()));
/// # Ok::<(), portcullis_core::identity::RoleRuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    claim: String,
    value: String,
    /// The role.
    pub role: RoleName,
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rule: write CLAIM=VALUE:ROLE, such as groups=staff:editor")]
pub struct RoleRuleError(String);

impl FromStr for RoleRule {
    type Err = RoleRuleError;

    /// The value may have colons; a role has none.
    fn from_str(text: &str) -> Result<Self, RoleRuleError> {
        let wrong = || RoleRuleError(text.to_owned());
        let (claim, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (value, role) = rest.rsplit_once(':').ok_or_else(wrong)?;
        if claim.is_empty() || value.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            claim: claim.to_owned(),
            value: value.to_owned(),
            role: role.parse().map_err(|_| wrong())?,
        })
    }
}

impl fmt::Display for RoleRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{}", self.claim, self.value, self.role)
    }
}

impl RoleRule {
    /// Whether the claims say so.
    #[must_use]
    pub fn holds(&self, claims: &Map<String, Value>) -> bool {
        let whole = || claims.get(&self.claim);
        let found = match self.claim.split_once('.') {
            None => whole(),
            Some((first, rest)) => rest
                .split('.')
                .fold(claims.get(first), |value, name| value?.as_object()?.get(name))
                .or_else(whole),
        };
        match found {
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(&self.value)),
            _ => false,
        }
    }
}

/// The roles of a user after a sign-in: those that a rule gives, and those that no rule speaks of, as they were. So a role
/// that an administrator gave by hand stays, and one that a group gave goes with the group.
#[must_use]
pub fn follow(rules: &[RoleRule], claims: &Map<String, Value>, held: &[RoleName]) -> Vec<RoleName> {
    let given = rules
        .iter()
        .filter(|rule| rule.holds(claims))
        .map(|rule| &rule.role);
    let others = held
        .iter()
        .filter(|role| !rules.iter().any(|rule| rule.role == **role));
    let all: BTreeSet<RoleName> = given.chain(others).cloned().collect();
    all.into_iter().collect()
}
