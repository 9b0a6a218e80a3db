//! Logging in and out by a form.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use portcullis::{
    CurrentUser, Problem, Public,
    api::ByCaller,
    core::{authority::LoginRequest, password::Password},
    csrf::CsrfToken,
    input::Form,
    secret::{ExposeSecret as _, SecretString},
};
use serde::Deserialize;

use crate::{App, page::page};

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    problem: &'a str,
    email: &'a str,
    csrf: String,
}

pub async fn form(_: Public, csrf: CsrfToken) -> Response {
    page(&Page {
        problem: "",
        email: "",
        csrf: csrf.field(),
    })
}

#[derive(Deserialize)]
pub struct Login {
    email: String,
    password: SecretString,
}

pub async fn login(
    _: Public,
    csrf: CsrfToken,
    State(app): State<App>,
    ByCaller(caller): ByCaller,
    headers: HeaderMap,
    Form(login): Form<Login>,
) -> Result<Response, Problem> {
    let request = LoginRequest {
        identifier: login.email.clone(),
        password: Password::new(login.password.expose_secret()),
        scopes: None,
        // A browser that logged in before has attempts of its own: no stranger can use them up.
        device: app.cookies.device().read(&headers).ok().flatten().map(Into::into),
    };
    match app.auth.authority().login(&caller, request).await {
        Ok(pair) => {
            let session = app.cookies.set_session(&pair);
            let session = session.map_err(|error| Problem::internal(&error))?;
            Ok((session, Redirect::to("/")).into_response())
        }
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status() != StatusCode::UNAUTHORIZED {
                return Err(problem);
            }
            Ok(page(&Page {
                problem: "Wrong email or password.",
                email: &login.email,
                csrf: csrf.field(),
            }))
        }
    }
}

pub async fn logout(
    user: CurrentUser,
    State(app): State<App>,
    ByCaller(caller): ByCaller,
) -> Result<Response, Problem> {
    app.auth.authority().logout(&caller, &user).await?;
    Ok((app.cookies.clear_session(), Redirect::to("/login")).into_response())
}

/// Whoever opens a page and is not logged in, or no longer, is asked to.
pub async fn ask_to_log_in(State(app): State<App>, request: Request, next: Next) -> Response {
    let opens_a_page = request.method() == Method::GET;
    let response = next.run(request).await;
    if opens_a_page && response.status() == StatusCode::UNAUTHORIZED {
        return (app.cookies.clear_session(), Redirect::to("/login")).into_response();
    }
    response
}
