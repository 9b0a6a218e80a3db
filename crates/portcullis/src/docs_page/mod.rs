//! The documentation page: Swagger UI, embedded, so that it works offline and asks nobody else.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::{access::Public, gate::Routes, input::Path, problem::Problem, routing::get};

/// Changes when the files do, so that browsers do not mix old and new ones.
const VERSION: HeaderValue = HeaderValue::from_static("\"swagger-ui-5.35.0-1\"");

/// Everything from this origin, nothing inline; the style sheet has its icons in `data:` addresses.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

struct Asset {
    name: &'static str,
    content_type: HeaderValue,
    bytes: &'static [u8],
    compressed: bool,
}

const JAVASCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
const CSS: HeaderValue = HeaderValue::from_static("text/css; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

static PAGE: &[u8] = include_bytes!("assets/index.html");

static ASSETS: [Asset; 5] = [
    Asset {
        name: "swagger-ui-bundle.js",
        content_type: JAVASCRIPT,
        bytes: include_bytes!("assets/swagger-ui-bundle.js.gz"),
        compressed: true,
    },
    Asset {
        name: "swagger-ui.css",
        content_type: CSS,
        bytes: include_bytes!("assets/swagger-ui.css.gz"),
        compressed: true,
    },
    Asset {
        name: "page.js",
        content_type: JAVASCRIPT,
        bytes: include_bytes!("assets/page.js"),
        compressed: false,
    },
    Asset {
        name: "page.css",
        content_type: CSS,
        bytes: include_bytes!("assets/page.css"),
        compressed: false,
    },
    Asset {
        name: "licenses.txt",
        content_type: TEXT,
        bytes: include_bytes!("assets/LICENSES.txt"),
        compressed: false,
    },
];

async fn page(_: Public) -> Response {
    (
        [
            (header::CONTENT_TYPE, HTML),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ],
        PAGE,
    )
        .into_response()
}

/// The compressed files exist in that form only: every browser reads them, and nothing else needs them.
async fn file(_: Public, Path(name): Path<String>, headers: http::HeaderMap) -> Result<Response, Problem> {
    let asset = ASSETS
        .iter()
        .find(|asset| asset.name == name)
        .ok_or_else(Problem::not_found)?;
    let caching = [
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=3600"),
        ),
        (header::ETAG, VERSION),
    ];
    if headers.get(header::IF_NONE_MATCH) == Some(&VERSION) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let mut response = (caching, asset.bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, asset.content_type.clone());
    if asset.compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// `/docs` and its files. The page reads `openapi.json` beside it.
pub(crate) fn routes<S, U>() -> Routes<S, U>
where
    S: Clone + Send + Sync + 'static,
    U: crate::access::Caller + Clone + Send + Sync + 'static,
{
    Routes::new()
        .route("/docs", get(page).undocumented())
        .route("/docs/{file}", get(file).undocumented())
}

#[cfg(test)]
mod tests;
