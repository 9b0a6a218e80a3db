use serde::Serialize;
use serde_json::{Map, Value};

use super::TokenError;
use crate::{
    access::{Principal, RoleName, Scope},
    clock::Timestamp,
};

/// What an access token states (RFC 9068, section 2.2): no personal data.
///
/// On the wire: `iss`, `aud`, `client_id`, and of the principal `sub`, `sid`, `jti`, `iat`, `exp` (whole seconds),
/// `scope`, `roles`, and as private claims the epochs `te`, `se`, `re`, and `narrowed` where it is so.
#[derive(Clone, Debug)]
pub struct AccessClaims<'a> {
    /// Who issues the token: a URL.
    pub issuer: &'a str,
    /// For whom it is.
    pub audience: &'a str,
    /// Through which client the user logged in (RFC 9068, section 2.2).
    pub client_id: &'a str,
    /// Who will be calling, and for how long.
    pub principal: &'a Principal,
}

#[derive(Serialize)]
struct Wire<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: crate::id::UserId,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: crate::id::TokenId,
    sid: crate::id::SessionId,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "<[RoleName]>::is_empty")]
    roles: &'a [RoleName],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    narrowed: bool,
    te: i64,
    se: i64,
    re: i64,
}

impl AccessClaims<'_> {
    /// As the payload of a token.
    pub(super) fn json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let Principal {
            user,
            session,
            token,
            roles,
            scopes,
            narrowed,
            issued_at,
            expires_at,
            token_epoch,
            session_epoch,
            roles_epoch,
        } = self.principal;
        let mut scope = String::new();
        for one in scopes {
            if !scope.is_empty() {
                scope.push(' ');
            }
            scope.push_str(one.as_str());
        }
        serde_json::to_vec(&Wire {
            iss: self.issuer,
            aud: self.audience,
            sub: *user,
            client_id: self.client_id,
            iat: issued_at.unix_seconds(),
            exp: expires_at.unix_seconds(),
            jti: *token,
            sid: *session,
            scope,
            roles,
            narrowed: *narrowed,
            te: *token_epoch,
            se: *session_epoch,
            re: *roles_epoch,
        })
    }
}

/// The claims of a token whose signature holds, looked at one by one.
pub(crate) struct Claims(pub(crate) Map<String, Value>);

/// When a token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// `exp`.
    pub(crate) expires: Timestamp,
    /// The later of `nbf` and `iat`.
    pub(crate) begins: Option<Timestamp>,
}

impl Period {
    /// # Errors
    /// When `now` lies outside by more than the leeway.
    pub(crate) fn check(self, now: Timestamp, leeway: std::time::Duration) -> Result<(), TokenError> {
        if now >= self.expires + leeway {
            return Err(TokenError::Expired);
        }
        if self.begins.is_some_and(|begins| now + leeway < begins) {
            return Err(TokenError::NotYetValid);
        }
        Ok(())
    }
}

impl Claims {
    pub(crate) fn period(&self) -> Result<Period, TokenError> {
        let expires = self.instant("exp")?.ok_or(TokenError::MissingClaim("exp"))?;
        let begins = self.instant("nbf")?.max(self.instant("iat")?);
        Ok(Period { expires, begins })
    }

    /// A `NumericDate` (RFC 7519, section 2), with or without fraction. Never text.
    pub(crate) fn instant(&self, name: &'static str) -> Result<Option<Timestamp>, TokenError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let number = value.as_number().ok_or(TokenError::BadClaim(name))?;
        if let Some(seconds) = number.as_i64() {
            return Ok(Some(Timestamp::from_unix_seconds(seconds)));
        }
        let seconds = number
            .as_f64()
            .filter(|s| s.is_finite())
            .ok_or(TokenError::BadClaim(name))?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "saturates: far away is far enough"
        )]
        let millis = (seconds * 1000.0) as i64;
        Ok(Some(Timestamp::from_millis(millis)))
    }

    pub(crate) fn issued_by(&self, issuer: &str) -> Result<(), TokenError> {
        match self.0.get("iss") {
            None => Err(TokenError::MissingClaim("iss")),
            Some(Value::String(iss)) if iss == issuer => Ok(()),
            Some(_) => Err(TokenError::WrongIssuer),
        }
    }

    /// `aud` is one text or a list of texts (RFC 7519, section 4.1.3).
    pub(crate) fn is_for(&self, audience: &str) -> Result<(), TokenError> {
        let named = match self.0.get("aud") {
            None => return Err(TokenError::MissingClaim("aud")),
            Some(Value::String(aud)) => aud == audience,
            Some(Value::Array(list)) => {
                if !list.iter().all(Value::is_string) {
                    return Err(TokenError::BadClaim("aud"));
                }
                list.iter().any(|aud| aud == audience)
            }
            Some(_) => return Err(TokenError::BadClaim("aud")),
        };
        if named {
            Ok(())
        } else {
            Err(TokenError::WrongAudience)
        }
    }

    /// A claim that must be there and be text.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, TokenError> {
        match self.0.get(name) {
            None => Err(TokenError::MissingClaim(name)),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(TokenError::BadClaim(name)),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, TokenError> {
        self.text(name)?.parse().map_err(|_| TokenError::BadClaim(name))
    }

    fn epoch(&self, name: &'static str) -> Result<i64, TokenError> {
        self.0
            .get(name)
            .ok_or(TokenError::MissingClaim(name))?
            .as_i64()
            .ok_or(TokenError::BadClaim(name))
    }

    fn scopes(&self) -> Result<Vec<Scope>, TokenError> {
        if !self.0.contains_key("scope") {
            return Ok(Vec::new());
        }
        self.text("scope")?
            .split(' ')
            .map(|scope| scope.parse().map_err(|_| TokenError::BadClaim("scope")))
            .collect()
    }

    fn roles(&self) -> Result<Vec<RoleName>, TokenError> {
        let list = match self.0.get("roles") {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(TokenError::BadClaim("roles")),
        };
        list.iter()
            .map(|role| {
                role.as_str()
                    .and_then(|role| role.parse().ok())
                    .ok_or(TokenError::BadClaim("roles"))
            })
            .collect()
    }

    fn narrowed(&self) -> Result<bool, TokenError> {
        match self.0.get("narrowed") {
            None => Ok(false),
            Some(Value::Bool(narrowed)) => Ok(*narrowed),
            Some(_) => Err(TokenError::BadClaim("narrowed")),
        }
    }

    /// Who is calling, if these are the claims of one of our access tokens.
    pub(crate) fn principal(&self) -> Result<Principal, TokenError> {
        self.text("client_id")?;
        let mut scopes = self.scopes()?;
        scopes.sort_unstable();
        let mut roles = self.roles()?;
        roles.sort_unstable();
        Ok(Principal {
            user: self.parsed("sub")?,
            session: self.parsed("sid")?,
            token: self.parsed("jti")?,
            roles,
            scopes,
            narrowed: self.narrowed()?,
            issued_at: self.instant("iat")?.ok_or(TokenError::MissingClaim("iat"))?,
            expires_at: self.instant("exp")?.ok_or(TokenError::MissingClaim("exp"))?,
            token_epoch: self.epoch("te")?,
            session_epoch: self.epoch("se")?,
            roles_epoch: self.epoch("re")?,
        })
    }
}
