use axum::{
    body::Bytes,
    extract::{FromRequest, OptionalFromRequest, Request, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};

use super::{Place, deserialize, json, urlencoded};
use crate::problem::Problem;

/// A JSON body, read strictly; or a JSON answer.
///
/// ```
/// use portcullis::{Public, input::Json};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize, Serialize)]
/// struct Article { title: String }
///
/// async fn echo(_: Public, Json(article): Json<Article>) -> Json<Article> {
///     Json(article)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A body in `application/x-www-form-urlencoded`.
///
/// ```
/// use portcullis::{Public, input::Form};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Note { note: String }
///
/// async fn keep(_: Public, Form(note): Form<Note>) -> String {
///     note.note
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

/// A body in JSON or as a form: the content type says which.
///
/// ```
/// use portcullis::{Public, input::Body};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Note { note: String }
///
/// /// From a script as JSON, from a page as a form.
/// async fn keep(_: Public, Body(note): Body<Note>) -> String {
///     note.note
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    Form,
}

/// The encoding, or `None` when no content type came.
fn encoding(headers: &HeaderMap, allowed: &[Encoding]) -> Result<Option<Encoding>, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else {
        return Ok(None);
    };
    let value = value.to_str().map_err(|_| unsupported(allowed))?;
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset_fits = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, charset)) if name.eq_ignore_ascii_case("charset") => {
            matches!(
                charset.trim_matches('"').to_ascii_lowercase().as_str(),
                "utf-8" | "utf8"
            )
        }
        _ => true,
    });
    let found = match essence.as_str() {
        "application/json" => Some(Encoding::Json),
        "application/x-www-form-urlencoded" => Some(Encoding::Form),
        other if other.starts_with("application/") && other.ends_with("+json") => Some(Encoding::Json),
        _ => None,
    };
    match found {
        Some(encoding) if charset_fits && allowed.contains(&encoding) => Ok(Some(encoding)),
        _ => Err(unsupported(allowed)),
    }
}

fn unsupported(allowed: &[Encoding]) -> Problem {
    let names: Vec<&str> = allowed
        .iter()
        .map(|encoding| match encoding {
            Encoding::Json => "application/json",
            Encoding::Form => "application/x-www-form-urlencoded",
        })
        .collect();
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .detail(format!("Send the body as {} in UTF-8.", names.join(" or ")));
    match HeaderValue::try_from(names.join(", ")) {
        // RFC 9110, section 15.5.16.
        Ok(accept) => problem.header(header::ACCEPT, accept),
        Err(_) => problem,
    }
}

/// Whether the body is a form in `application/x-www-form-urlencoded`.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    encoding(headers, &[Encoding::Form]).is_ok_and(|found| found.is_some())
}

/// 413.
pub(crate) fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE).detail("The body is larger than this server takes.")
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(rejection)
                if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE =>
            {
                too_large()
            }
            _ => Problem::bad_request("The body could not be read to its end."),
        })
}

fn decode<T: DeserializeOwned>(encoding: Encoding, bytes: &[u8]) -> Result<T, Problem> {
    let node = match encoding {
        Encoding::Json => json::parse(bytes)?,
        Encoding::Form => urlencoded::parse(bytes)?,
    };
    deserialize(node, Place::Body)
}

async fn read<T, S>(request: Request, state: &S, allowed: &[Encoding]) -> Result<T, Problem>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    let encoding = encoding(request.headers(), allowed)?.ok_or_else(|| unsupported(allowed))?;
    decode(encoding, &bytes(request, state).await?)
}

/// Like [`read`], but a request without a body is none.
async fn read_optional<T, S>(request: Request, state: &S, allowed: &[Encoding]) -> Result<Option<T>, Problem>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    let headers = request.headers().clone();
    let bytes = bytes(request, state).await?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let encoding = encoding(&headers, allowed)?.ok_or_else(|| unsupported(allowed))?;
    decode(encoding, &bytes).map(Some)
}

macro_rules! body {
    ($name:ident: $($encoding:ident)+) => {
        impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for $name<T> {
            type Rejection = Problem;

            async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
                read(request, state, &[$(Encoding::$encoding),+]).await.map(Self)
            }
        }

        impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for $name<T> {
            type Rejection = Problem;

            async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
                let value = read_optional(request, state, &[$(Encoding::$encoding),+]).await?;
                Ok(value.map(Self))
            }
        }
    };
}

body!(Json: Json);
body!(Form: Form);
body!(Body: Json Form);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => (
                [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
                body,
            )
                .into_response(),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}
