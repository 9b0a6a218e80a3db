use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode};
use portcullis_core::{authority::TryLater, id::IdentityId};
use serde::Deserialize;

use super::{page, refused, service};
use crate::{
    access::Public,
    api::{
        Api, ByCaller,
        browser::{Resumed, Visit},
        providers::{Purpose, Refused, sign_in},
    },
    cookie::SetCookies,
    input::Form,
    problem::Problem,
};

/// An account that is linked.
struct Link {
    id: String,
    provider: String,
    name: String,
    email: String,
    /// Whether its provider is configured now.
    offered: bool,
}

/// A provider at which nothing is linked.
struct Other {
    id: String,
    name: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    service: &'a str,
    problem: &'a str,
    name: &'a str,
    email: &'a str,
    password: bool,
    links: Vec<Link>,
    others: Vec<Other>,
    csrf: String,
}

/// An answer with the cookies of a session that was carried on.
fn with(cookies: Option<[SetCookies; 2]>, answer: impl IntoResponse) -> Response {
    match cookies {
        Some([session, token]) => (session, token, answer).into_response(),
        None => answer.into_response(),
    }
}

/// Whoever is not logged in is asked to.
fn to_login() -> Response {
    Redirect::to("/login?return_to=%2Faccount").into_response()
}

/// The page.
pub(crate) async fn show(
    _: Public,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    match visit.resume(api.authority(), &caller, &headers).await? {
        Some(resumed) => account(&api, &headers, resumed, StatusCode::OK, "").await,
        None => Ok(to_login()),
    }
}

async fn account(
    api: &Api,
    headers: &HeaderMap,
    resumed: Resumed,
    status: StatusCode,
    problem: &str,
) -> Result<Response, Problem> {
    let Some(browser) = api.browser() else {
        return Err(Problem::not_found());
    };
    let (authority, user) = (api.authority(), resumed.principal.user);
    let Some(profile) = authority.me(&resumed.principal).await? else {
        return Ok(to_login());
    };
    let credentials = authority
        .store()
        .credentials(user)
        .await
        .map_err(TryLater::from)?;
    let identities = authority.identities(user).await?;
    let providers: Vec<_> = sign_in(api)?.providers().collect();
    let links = identities.iter().map(|identity| {
        let offered = providers
            .iter()
            .find(|provider| provider.issuer_name() == identity.issuer);
        Link {
            id: identity.id.to_string(),
            provider: offered.map_or_else(String::new, |provider| provider.id().to_owned()),
            name: offered.map_or_else(
                || identity.provider.clone(),
                |provider| provider.name().to_owned(),
            ),
            email: identity.email.clone().map_or_else(String::new, String::from),
            offered: offered.is_some(),
        }
    });
    let others = providers
        .iter()
        .filter(|provider| {
            !identities
                .iter()
                .any(|identity| identity.issuer == provider.issuer_name())
        })
        .map(|provider| Other {
            id: provider.id().to_owned(),
            name: provider.name().to_owned(),
        });
    let (token, cookies) = browser.csrf().give(headers)?;
    let said = AccountPage {
        service: service(api),
        problem,
        name: profile.name.as_str(),
        email: profile.email.as_str(),
        password: credentials.is_some_and(|credentials| credentials.password.is_some()),
        links: links.collect(),
        others: others.collect(),
        csrf: token.field(),
    };
    let mut answer = (SetCookies::from(cookies), page(status, &said)).into_response();
    answer = with(resumed.cookies, answer);
    Ok(answer)
}

/// The page, with why something was not done.
async fn account_with(
    api: &Api,
    headers: &HeaderMap,
    resumed: Resumed,
    why: &Refused,
) -> Result<Response, Problem> {
    account(api, headers, resumed, why.status(), &why.advice()).await
}

#[derive(Deserialize)]
pub(crate) struct LinkForm {
    provider: String,
}

/// Begins to link an account.
pub(crate) async fn link(
    _: Public,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    headers: HeaderMap,
    Form(form): Form<LinkForm>,
) -> Result<Response, Problem> {
    let Some(resumed) = visit.resume(api.authority(), &caller, &headers).await? else {
        return Ok(to_login());
    };
    let may = api.authority().may_change_identities(&resumed.principal).await;
    if let Err(why) = may.map_err(Refused::from) {
        why.note(api.authority(), &caller, &form.provider);
        return account_with(&api, &headers, resumed, &why).await;
    }
    let purpose = Purpose::Link {
        user: resumed.principal.user,
        session_epoch: resumed.principal.session_epoch,
        return_to: "/account".to_owned(),
    };
    match sign_in(&api)?.begin(&form.provider, &purpose).await {
        Ok((cookie, location)) => Ok(with(resumed.cookies, (cookie, Redirect::to(&location)))),
        Err(failure) => {
            let why = Refused::from(failure);
            why.note(api.authority(), &caller, &form.provider);
            Ok(with(
                resumed.cookies,
                refused(why, &headers, caller.request_id.as_deref()),
            ))
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct UnlinkForm {
    identity: IdentityId,
}

/// Unlinks an account.
pub(crate) async fn unlink(
    _: Public,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    headers: HeaderMap,
    Form(form): Form<UnlinkForm>,
) -> Result<Response, Problem> {
    let Some(resumed) = visit.resume(api.authority(), &caller, &headers).await? else {
        return Ok(to_login());
    };
    let usable = sign_in(&api)?
        .providers()
        .map(|provider| provider.issuer_name().to_owned())
        .collect();
    let unlinked = api
        .authority()
        .unlink_identity(&caller, &resumed.principal, form.identity, usable);
    match unlinked.await {
        Ok(()) => Ok(with(resumed.cookies, Redirect::to("/account"))),
        Err(error) => account_with(&api, &headers, resumed, &Refused::from(error)).await,
    }
}

#[derive(Deserialize)]
pub(crate) struct LogOutForm {
    provider: Option<String>,
}

/// Logs out, at a provider too where that is asked for.
pub(crate) async fn log_out(
    _: Public,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    headers: HeaderMap,
    Form(form): Form<LogOutForm>,
) -> Result<Response, Problem> {
    if let Some(resumed) = visit.resume(api.authority(), &caller, &headers).await? {
        api.authority().logout(&caller, &resumed.principal).await?;
    }
    let sign_in = sign_in(&api)?;
    let back = format!("{}/login", sign_in.public_url());
    let location = match &form.provider {
        Some(provider) => sign_in.sign_out_url(provider, &back).await,
        None => None,
    };
    let location = location.unwrap_or_else(|| "/login".to_owned());
    Ok(visit.forget(Redirect::to(&location)))
}
