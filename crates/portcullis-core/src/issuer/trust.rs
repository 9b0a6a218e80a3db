use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{Grants, Identity};
use crate::{
    clock::Timestamp,
    key::VerifyingKey,
    token::{Algorithm, Claims, Foreign, MAX_LEEWAY, Period, TokenError, json},
};

/// The algorithms that are taken unless told otherwise. HMAC is not among them and cannot be added: an issuer's public key
/// would be a secret that everybody knows (RFC 8725, section 2.1).
pub const ALGORITHMS: [Algorithm; 4] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

/// Longest `sub` (OpenID Connect Core, section 2).
const MAX_SUBJECT: usize = 255;

/// What is believed of one issuer's tokens.
#[derive(Clone, Debug)]
pub struct Trust {
    issuer: Arc<str>,
    audience: String,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    strict_type: bool,
    portcullis: bool,
    grants: Grants,
}

impl Trust {
    /// Tokens of this issuer (`iss`, exactly) for this audience (`aud`, exactly; RFC 8707).
    #[must_use]
    pub fn new(issuer: impl Into<Arc<str>>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            algorithms: ALGORITHMS.to_vec(),
            leeway: crate::token::DEFAULT_LEEWAY,
            strict_type: false,
            portcullis: false,
            grants: Grants::default(),
        }
    }

    /// Only these algorithms. HMAC among them is passed over.
    #[must_use]
    pub fn algorithms(mut self, algorithms: &[Algorithm]) -> Self {
        self.algorithms = ALGORITHMS
            .into_iter()
            .filter(|algorithm| algorithms.contains(algorithm))
            .collect();
        self
    }

    /// Leeway for clocks that disagree: 30 seconds unless told, at most [`MAX_LEEWAY`].
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway.min(MAX_LEEWAY);
        self
    }

    /// Only tokens that say `typ: at+jwt` (RFC 9068, section 4). Without it, no `typ` and `JWT` are taken too, which many
    /// issuers write; the audience then keeps other tokens out.
    #[must_use]
    pub fn strict_type(mut self) -> Self {
        self.strict_type = true;
        self
    }

    /// The issuer is a Portcullis server: its tokens say what its feed of revocations speaks of.
    #[must_use]
    pub fn portcullis(mut self) -> Self {
        self.portcullis = true;
        self.strict_type()
    }

    /// How claims become roles and scopes.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// How claims become roles and scopes now.
    #[must_use]
    pub fn granting(&self) -> &Grants {
        &self.grants
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// `aud`.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.audience
    }

    pub(super) fn leeway_granted(&self) -> Duration {
        self.leeway
    }

    /// What can be said of a token before its key is looked for.
    pub(super) fn check_header(&self, token: &Foreign<'_>) -> Result<Algorithm, TokenError> {
        let access = token.is_of_type("at+jwt");
        let any = !token.has_type() || token.is_of_type("JWT");
        if !access && (self.strict_type || !any) {
            return Err(TokenError::WrongType);
        }
        token.algorithm(&self.algorithms)
    }

    /// Who calls, if the claims hold. `key` has signed them.
    pub(super) fn judge(
        &self,
        claims: Claims,
        key: &VerifyingKey,
        now: Timestamp,
    ) -> Result<(Identity, Period), TokenError> {
        let period = claims.period()?;
        period.check(now, self.leeway)?;
        claims.issued_by(&self.issuer)?;
        claims.is_for(&self.audience)?;
        let principal = if self.portcullis {
            Some(Arc::new(claims.principal()?))
        } else {
            None
        };
        let mut identity = self.identity(claims, period)?;
        identity.kid = Arc::clone(key.kid());
        identity.principal = principal;
        Ok((identity, period))
    }

    /// Who calls, by what the issuer says of a token when it is asked (RFC 7662, section 2.2).
    ///
    /// # Errors
    /// Why that is no answer; within it, why the token is not good.
    pub(super) fn introspected(
        &self,
        answer: &[u8],
        now: Timestamp,
    ) -> Result<Result<Identity, TokenError>, &'static str> {
        let answer = json::object(answer)?;
        match answer.get("active") {
            Some(Value::Bool(true)) => Ok(self.active(Claims(answer), now)),
            Some(Value::Bool(false)) => Ok(Err(TokenError::NotActive)),
            _ => Err("`active` is missing, or neither true nor false"),
        }
    }

    fn active(&self, claims: Claims, now: Timestamp) -> Result<Identity, TokenError> {
        if claims.0.contains_key("iss") {
            claims.issued_by(&self.issuer)?;
        }
        claims.is_for(&self.audience)?;
        let period = claims.period()?;
        period.check(now, self.leeway)?;
        self.identity(claims, period)
    }

    fn identity(&self, claims: Claims, period: Period) -> Result<Identity, TokenError> {
        refuse_others(&claims.0)?;
        let subject = claims.text("sub")?.to_owned();
        if subject.is_empty() || subject.len() > MAX_SUBJECT || subject.chars().any(char::is_control) {
            return Err(TokenError::BadClaim("sub"));
        }
        let text = |name| claims.0.get(name).and_then(Value::as_str).map(str::to_owned);
        let granted = self.grants.of(&claims.0)?;
        Ok(Identity {
            issuer: Arc::clone(&self.issuer),
            subject,
            client: text("client_id").or_else(|| text("azp")),
            roles: granted.roles,
            scopes: granted.scopes,
            expires_at: period.expires,
            kid: Arc::default(),
            principal: None,
            claims: claims.0,
        })
    }
}

/// Tokens that are for something else, whatever `typ` in the header says (RFC 8725, section 2.8), and tokens that are good
/// only in the hands of whoever has a key (RFC 7800): without a look at that key they are anybody's.
fn refuse_others(claims: &Map<String, Value>) -> Result<(), TokenError> {
    // ID tokens (OpenID Connect Core, section 3.3.2.11), and events, logout tokens among them (RFC 8417, section 2.2).
    if ["at_hash", "c_hash", "s_hash", "events"]
        .iter()
        .any(|name| claims.contains_key(*name))
    {
        return Err(TokenError::WrongType);
    }
    // Keycloak says it here.
    let kind = claims.get("typ").and_then(Value::as_str);
    if kind.is_some_and(|kind| ["ID", "Refresh", "Offline", "Logout"].contains(&kind)) {
        return Err(TokenError::WrongType);
    }
    // ID tokens without a hash: those of Entra in the code flow. Keycloak before 25 has it in access tokens, too.
    if claims.contains_key("nonce") && kind != Some("Bearer") {
        return Err(TokenError::WrongType);
    }
    // Cognito, and Hydra where it is asked about refresh tokens.
    let used_as = claims
        .get("token_use")
        .map(|kind| kind.as_str().unwrap_or_default());
    if used_as.is_some_and(|kind| !["access", "access_token"].contains(&kind)) {
        return Err(TokenError::WrongType);
    }
    if claims.contains_key("cnf") {
        return Err(TokenError::BadClaim("cnf"));
    }
    Ok(())
}
