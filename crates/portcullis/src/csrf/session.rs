use std::sync::Arc;

use http::HeaderMap;
use portcullis_core::{authority::Authority, key::BoundTokens};

use super::Inner;
use crate::cookie::{Cookie, DuplicateCookie, SessionCookies};

#[derive(Clone)]
pub(super) enum Tokens {
    Own(Arc<BoundTokens>),
    Of(Arc<Authority>),
}

impl Tokens {
    pub(super) fn get(&self) -> &BoundTokens {
        match self {
            Self::Own(tokens) => tokens,
            Self::Of(authority) => authority.page_tokens(),
        }
    }
}

/// How the session of a request is found.
#[derive(Clone)]
pub(super) enum Session {
    /// The cookie's value is its id.
    Id(Cookie),
    /// Its tokens are in cookies.
    Portcullis(Arc<Authority>, SessionCookies),
}

impl Session {
    /// The session's id. Whether it is still good is for the provider to say: a token for a session that is not opens
    /// nothing.
    pub(super) fn id(&self, headers: &HeaderMap) -> Result<Option<String>, DuplicateCookie> {
        match self {
            Self::Id(cookie) => Ok(cookie.read(headers)?.map(ToOwned::to_owned)),
            Self::Portcullis(authority, cookies) => {
                let refresh = cookies.refresh().read(headers)?;
                if let Some(session) = refresh.and_then(|token| authority.session_of(token)) {
                    return Ok(Some(session.to_string()));
                }
                // Only of a token that is good: anybody can claim to be of any session.
                let access = cookies.access().read(headers)?;
                let verified = access.and_then(|token| authority.authenticate_now(token)?.ok());
                Ok(verified.map(|token| token.session.to_string()))
            }
        }
    }
}

/// What the tokens of a request are bound to.
pub(super) enum Binding {
    Session(String),
    /// Where nobody is logged in.
    PreSession(String),
}

impl Binding {
    pub(super) fn bytes(&self) -> Vec<u8> {
        // The first byte keeps them apart.
        match self {
            Self::Session(id) => [b"s", id.as_bytes()].concat(),
            Self::PreSession(id) => [b"p", id.as_bytes()].concat(),
        }
    }
}

impl Inner {
    pub(super) fn binding(&self, headers: &HeaderMap) -> Result<Option<Binding>, DuplicateCookie> {
        if let Some(id) = self.session.id(headers)? {
            return Ok(Some(Binding::Session(id)));
        }
        let id = self.pre_session.read(headers)?;
        Ok(id.map(|id| Binding::PreSession(id.to_owned())))
    }
}
