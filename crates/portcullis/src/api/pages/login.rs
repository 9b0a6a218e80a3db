use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode};
use portcullis_core::{authority::LoginRequest, password::Password};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{page, service};
use crate::{
    access::Public,
    api::{Api, ByCaller, browser::Visit, providers::own_path},
    cookie::SetCookies,
    input::{Form, Query},
    problem::Problem,
};

/// A button.
struct Button {
    name: String,
    href: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    service: &'a str,
    problem: &'a str,
    email: &'a str,
    return_to: &'a str,
    csrf: String,
    providers: Vec<Button>,
}

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    return_to: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct LoginForm {
    email: String,
    password: SecretString,
    #[serde(default)]
    return_to: String,
}

/// Where to go after a login; never to another host.
fn destination(asked: Option<&str>) -> &str {
    asked.and_then(own_path).unwrap_or("/account")
}

fn form(
    api: &Api,
    headers: &HeaderMap,
    status: StatusCode,
    problem: &str,
    email: &str,
    return_to: &str,
) -> Result<Response, Problem> {
    let Some(browser) = api.browser() else {
        return Err(Problem::not_found().detail("Logins by cookie are not offered here."));
    };
    let (token, cookies) = browser.csrf().give(headers)?;
    let providers = api
        .sign_in()
        .into_iter()
        .flat_map(crate::sign_in::SignIn::providers);
    let said = LoginPage {
        service: service(api),
        problem,
        email,
        return_to,
        csrf: token.field(),
        providers: providers
            .map(|provider| Button {
                name: provider.name().to_owned(),
                href: crate::sign_in::with_query(
                    &format!("/auth/providers/{}/start", provider.id()),
                    [("return_to", return_to)],
                ),
            })
            .collect(),
    };
    Ok((SetCookies::from(cookies), page(status, &said)).into_response())
}

/// The page with the form.
pub(crate) async fn show(
    _: Public,
    State(api): State<Api>,
    Query(query): Query<LoginQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let to = destination(query.return_to.as_deref());
    form(&api, &headers, StatusCode::OK, "", "", to)
}

/// The form, filled in.
pub(crate) async fn submit(
    _: Public,
    State(api): State<Api>,
    ByCaller(caller): ByCaller,
    visit: Visit,
    headers: HeaderMap,
    Form(login): Form<LoginForm>,
) -> Result<Response, Problem> {
    let to = destination(Some(&login.return_to)).to_owned();
    let request = LoginRequest {
        identifier: login.email.clone(),
        password: Password::new(login.password.expose_secret()),
        scopes: None,
        device: visit.device_token(),
    };
    match api.authority().login(&caller, request).await {
        Ok(pair) => visit.begin_page(api.authority(), &caller, &pair, &to).await,
        Err(error) => {
            let problem = Problem::from(error);
            let (status, said) = match problem.status() {
                StatusCode::UNAUTHORIZED => (StatusCode::FORBIDDEN, "Wrong email or password."),
                StatusCode::TOO_MANY_REQUESTS => (
                    StatusCode::TOO_MANY_REQUESTS,
                    "Too many attempts. Wait a minute, and try again.",
                ),
                _ => return Err(problem),
            };
            let shown = form(&api, &headers, status, said, &login.email, &to)?;
            // `Retry-After` and the fields of the limit.
            let mut answer = problem.into_response();
            answer.headers_mut().remove(http::header::CONTENT_TYPE);
            answer.headers_mut().remove(http::header::CONTENT_LENGTH);
            answer.headers_mut().remove(http::header::WWW_AUTHENTICATE);
            let (mut parts, body) = shown.into_parts();
            for (name, value) in answer.headers() {
                parts.headers.entry(name).or_insert_with(|| value.clone());
            }
            Ok(Response::from_parts(parts, body))
        }
    }
}
