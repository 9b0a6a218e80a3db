use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Purpose, Refused, own_path, sign_in};
use crate::{
    access::Public,
    api::{
        Api, ByCaller,
        documented::{NotFound, ParameterErrors, Unavailable},
        pages,
    },
    input::{Check, Path, Query, Valid, Validate},
    problem::Problem,
};

/// What the sign-in is to end in: a session in cookies and a page, or a code for an application.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// The path to go to afterwards; `/account` unless told. Other hosts are refused.
    #[param(example = "/")]
    return_to: Option<String>,
    /// For applications without cookies here: where the one-time code is sent, exactly one of `sign_in.redirect_uris`.
    redirect_uri: Option<String>,
    /// With `redirect_uri`: the S256 challenge of a verifier that the code is then exchanged with (RFC 7636).
    code_challenge: Option<String>,
    /// With `redirect_uri`: comes back with the code.
    state: Option<String>,
}

pub(crate) enum Start {
    Page(String),
    Code {
        redirect_uri: String,
        challenge: String,
        state: Option<String>,
    },
}

impl Validate for StartQuery {
    type Valid = Start;

    fn validate(self, check: &mut Check) -> Option<Start> {
        match (self.redirect_uri, self.code_challenge) {
            (None, None) => {
                let path = self.return_to.as_deref().unwrap_or("/account");
                let Some(path) = own_path(path) else {
                    check.refuse("return_to", "value", "a path of this host, such as /account");
                    return None;
                };
                Some(Start::Page(path.to_owned()))
            }
            (Some(redirect_uri), Some(challenge)) => {
                // The S256 of anything has 43 characters (RFC 7636, section 4.2).
                let good = challenge.len() == 43
                    && challenge
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
                if !good {
                    check.refuse(
                        "code_challenge",
                        "value",
                        "an S256 challenge: 43 characters of base64url",
                    );
                    return None;
                }
                if self.state.as_ref().is_some_and(|state| state.len() > 512) {
                    check.refuse("state", "length", "at most 512 bytes");
                    return None;
                }
                Some(Start::Code {
                    redirect_uri,
                    challenge,
                    state: self.state,
                })
            }
            _ => {
                check.refuse(
                    "code_challenge",
                    "value",
                    "redirect_uri and code_challenge come together",
                );
                None
            }
        }
    }
}

/// Begin a sign-in
///
/// A link for a browser: it is sent to the provider, which sends it back. With `redirect_uri` and `code_challenge` the sign-in
/// ends in a one-time code for a single-page or mobile application; without, in a session in cookies.
#[utoipa::path(
    get, path = "/auth/providers/{id}/start", tag = "providers", operation_id = "start_sign_in",
    params(("id" = String, Path, description = "The provider", example = "google"), StartQuery),
    responses(
        (status = 303, description = "To the provider"),
        NotFound, ParameterErrors, Unavailable,
    )
)]
pub(crate) async fn start_sign_in(
    _: Public,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Valid(start): Valid<Query<StartQuery>>,
) -> Result<Response, Problem> {
    let sign_in = sign_in(&api)?;
    let purpose = match start {
        Start::Page(_) if api.browser().is_none() => {
            return Err(
                Problem::not_found().detail("Logins by cookie are not offered here: send `redirect_uri`.")
            );
        }
        Start::Page(return_to) => Purpose::Page { return_to },
        // Exactly (RFC 9700, section 4.1.3): a code sent elsewhere is a login for whoever is there.
        Start::Code { redirect_uri, .. } if !api.sign_in_redirects().contains(&redirect_uri) => {
            return Err(Problem::bad_request(
                "This redirect_uri is not one of those that this server sends codes to.",
            )
            .member("error", "redirect_uri"));
        }
        Start::Code {
            redirect_uri,
            challenge,
            state,
        } => Purpose::Code {
            redirect_uri,
            challenge,
            state,
        },
    };
    match sign_in.begin(&id, &purpose).await {
        Ok((cookie, location)) => Ok((cookie, Redirect::to(&location)).into_response()),
        Err(failure) => {
            let refused = Refused::from(failure);
            // Each refusal is kept: strangers have no more of them than logins.
            api.authority().limit_sign_in(&caller).await?;
            refused.note(api.authority(), &caller, &id);
            Ok(pages::refused(refused, &headers, caller.request_id.as_deref()))
        }
    }
}
