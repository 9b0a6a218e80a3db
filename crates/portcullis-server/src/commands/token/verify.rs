use std::{fs, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Args;
use portcullis_core::{
    clock::{Clock as _, SystemClock},
    key::{JwkSet, KeyMaterialError},
    token::{Expected, MAX_FOREIGN_TOKEN, MAX_JWS, TokenError, verify_jws, verify_with_jwks},
};
use serde_json::{Value, json};

use super::stdin;
use crate::{commands::Failure, output};

/// Verify a token on stdin with a set of keys, and print its claims
///
/// Any issuer's JWT: signature, exp (which must be there), nbf and iat, without leeway; issuer and audience where
/// asked for. The key fixes the algorithm. Keys that are weak or broken are refused.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// The keys: a JWKS, or one JWK
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
    /// What `iss` must be
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// What `aud` must be or contain
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// Check the signature alone, and print the payload as it is, whatever it is
    #[arg(long, conflicts_with_all = ["issuer", "audience"])]
    raw: bool,
    /// Print JSON: valid, then claims (with --raw: payload, in base64url) or reason
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  curl -s http://127.0.0.1:8000/.well-known/jwks.json > jwks.json
  echo \"$TOKEN\" | portcullis token verify --jwks jwks.json --issuer http://127.0.0.1:8000
  echo \"$JWS\" | portcullis token verify --jwks jwks.json --raw

Exit codes: 0 valid, 1 not valid (with the reason on stderr), 2 wrong usage.";

/// Why a token is not valid: itself, or the keys.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("the set of keys is refused: {0}")]
    Keys(#[from] KeyMaterialError),
}

/// What was signed.
enum Valid {
    Claims(Value),
    Payload(Vec<u8>),
}

impl Verify {
    pub(super) fn run(self) -> Result<(), Failure> {
        let keys = fs::read(&self.jwks)
            .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", self.jwks.display())))?;
        let token = stdin::token(if self.raw { MAX_JWS } else { MAX_FOREIGN_TOKEN })?;
        match self.check(&token, &keys) {
            Ok(valid) => self.print(&valid),
            Err(refused) => {
                if self.json {
                    output::json(&json!({ "valid": false, "reason": refused.to_string() }))?;
                }
                output::failure(refused);
                Err(Failure::Said)
            }
        }
    }

    fn check(&self, token: &str, keys: &[u8]) -> Result<Valid, Refused> {
        let keys = JwkSet::parse(keys)?;
        if self.raw {
            return Ok(Valid::Payload(verify_jws(token, &keys)?));
        }
        let expected = Expected {
            issuer: self.issuer.as_deref(),
            audience: self.audience.as_deref(),
            leeway: Duration::ZERO,
        };
        let claims = verify_with_jwks(token, &keys, &expected, SystemClock.now())?;
        Ok(Valid::Claims(claims))
    }

    fn print(&self, valid: &Valid) -> Result<(), Failure> {
        match valid {
            Valid::Claims(claims) if self.json => output::json(&json!({ "valid": true, "claims": claims }))?,
            Valid::Claims(claims) => output::json(claims)?,
            Valid::Payload(payload) if self.json => {
                output::json(&json!({ "valid": true, "payload": URL_SAFE_NO_PAD.encode(payload) }))?;
            }
            Valid::Payload(payload) => output::bytes(payload)?,
        }
        Ok(())
    }
}
