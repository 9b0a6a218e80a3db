use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::HeaderMap;
use portcullis_core::authority::{Caller, Identified};
use secrecy::ExposeSecret as _;

use super::{Purpose, Refused, exchange, sign_in};
use crate::{
    access::Public,
    api::{
        Api, ByCaller,
        browser::Visit,
        documented::{NotFound, Unavailable},
        pages,
    },
    input::{Form, Path, Query},
    problem::Problem,
    sign_in::{CallbackQuery, SignIn, SignedIn},
};

/// Come back from a provider
///
/// Where a provider sends the browser back to. Ends in a session in cookies, a code for an application, or a linked account, as the
/// sign-in was begun. For browsers: what goes wrong is said by a page.
#[utoipa::path(
    get, path = "/auth/providers/{id}/callback", tag = "providers", operation_id = "finish_sign_in",
    params(("id" = String, Path, description = "The provider", example = "google")),
    responses(
        (status = 303, description = "Signed in: to the page or application that began it"),
        (status = 400, description = "The answer of the provider is refused: a page"),
        (status = 403, description = "Not allowed here: a page"),
        NotFound, Unavailable,
    )
)]
pub(crate) async fn finish_sign_in(
    _: Public,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query<CallbackQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sign_in = sign_in(&api)?;
    // Any page can make a browser come here: only where it began a sign-in does that count, or a page could spend the logins of all
    // who look at it.
    if sign_in.has_begun::<Purpose>(&id, &headers, &query) {
        api.authority().limit_sign_in(&caller).await?;
    }
    let (answer, code) = match sign_in.finish::<Purpose>(&id, &headers, query).await {
        Ok(who) => {
            let app = match &who.carried {
                Purpose::Code {
                    redirect_uri, state, ..
                } => Some((redirect_uri.clone(), state.clone())),
                Purpose::Page { .. } | Purpose::Link { .. } => None,
            };
            (end(&api, &caller, &visit, &id, &headers, who).await?, app)
        }
        Err(failure) => (Err(failure.into()), None),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(refused) => {
            refused.note(api.authority(), &caller, &id);
            match code {
                Some((redirect_uri, state)) => refuse_app(&redirect_uri, state.as_deref(), &refused),
                None => pages::refused(refused, &headers, caller.request_id.as_deref()),
            }
        }
    };
    Ok((sign_in.forget(), answer).into_response())
}

/// Come back from a provider by a form
///
/// As Apple does it (`response_mode=form_post`). The same as by GET, to which it leads: the cookie of the sign-in does not come with a
/// form of another site.
#[utoipa::path(
    post, path = "/auth/providers/{id}/callback", tag = "providers", operation_id = "finish_sign_in_by_form",
    params(("id" = String, Path, description = "The provider", example = "apple")),
    responses((status = 303, description = "The same by GET"), NotFound)
)]
pub(crate) async fn finish_sign_in_by_form(
    _: Public,
    State(api): State<Api>,
    Path(id): Path<String>,
    Form(answer): Form<CallbackQuery>,
) -> Result<Response, Problem> {
    let sign_in = sign_in(&api)?;
    if !sign_in.providers().any(|provider| provider.id() == id) {
        return Err(Problem::not_found().detail("There is no such provider."));
    }
    let location = format!("{}?{}", sign_in.redirect_uri(&id), answer.to_query());
    Ok(Redirect::to(&location).into_response())
}

/// What becomes of who came back.
async fn end(
    api: &Api,
    caller: &Arc<Caller>,
    visit: &Visit,
    id: &str,
    headers: &HeaderMap,
    who: SignedIn<Purpose>,
) -> Result<Result<Response, Refused>, Problem> {
    let (authority, sign_in) = (api.authority(), sign_in(api)?);
    let SignedIn {
        profile,
        provider_session,
        carried,
    } = who;
    let Some(rules) = rules(sign_in, id) else {
        return Err(Problem::not_found());
    };
    match carried {
        Purpose::Link {
            user,
            session_epoch,
            return_to,
        } => {
            // Whoever began it must be here, logged in: else somebody else's browser would link an account.
            let here = visit.logged_in(authority, headers).await?;
            if here.is_none_or(|principal| principal.user != user || principal.narrowed) {
                return Ok(Err(Refused::NotLoggedIn));
            }
            let linked = authority.link_identity(caller, user, session_epoch, rules, &profile);
            Ok(linked
                .await
                .map(|()| Redirect::to(&return_to).into_response())
                .map_err(Refused::from))
        }
        Purpose::Page { return_to } => {
            let pair = match authority
                .identify(caller, rules, &profile, provider_session)
                .await
            {
                Ok(identified) => authority.sign_in(caller, identified).await,
                Err(error) => Err(error),
            };
            match pair {
                Ok(pair) => Ok(Ok(visit.begin_page(authority, caller, &pair, &return_to).await?)),
                Err(error) => Ok(Err(error.into())),
            }
        }
        Purpose::Code {
            redirect_uri,
            challenge,
            state,
        } => match authority
            .identify(caller, rules, &profile, provider_session)
            .await
        {
            Ok(identified) => {
                let code = code(api, identified, challenge)?;
                let mut query = vec![("code", code.expose_secret()), ("iss", sign_in.public_url())];
                query.extend(state.as_deref().map(|state| ("state", state)));
                let location = crate::sign_in::with_query(&redirect_uri, query);
                Ok(Ok(Redirect::to(&location).into_response()))
            }
            Err(error) => Ok(Err(error.into())),
        },
    }
}

fn rules<'a>(sign_in: &'a SignIn, id: &str) -> Option<&'a crate::sign_in::SignInRules> {
    sign_in
        .providers()
        .find(|provider| provider.id() == id)
        .map(crate::sign_in::Provider::sign_in_rules)
}

fn code(api: &Api, identified: Identified, challenge: String) -> Result<secrecy::SecretString, Problem> {
    let authority = api.authority();
    let until = authority.clock().now() + exchange::LIFETIME;
    let content = exchange::Code {
        identified,
        challenge,
    };
    let sealed = authority
        .tickets()
        .seal(exchange::KIND, &content, until, &**authority.rng());
    sealed.ok_or_else(|| Problem::internal(&std::io::Error::other("a code that is too long")))
}

fn refuse_app(redirect_uri: &str, state: Option<&str>, refused: &Refused) -> Response {
    let (reason, _) = refused.reason();
    let mut query = vec![("error", "access_denied"), ("error_description", reason)];
    query.extend(state.map(|state| ("state", state)));
    Redirect::to(&crate::sign_in::with_query(redirect_uri, query)).into_response()
}
