//! `/metrics` for Prometheus, on a listener of its own: nothing there is for the users of the service.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use axum_server::Handle;
use hyper::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE},
};
use portcullis_core::metrics::{self, Metrics};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::http;
use crate::config::MetricsSettings;

struct Told {
    metrics: Metrics,
    token: Option<SecretString>,
}

/// Begins to serve; the handle ends it.
pub(super) fn serve(
    listener: TcpListener,
    metrics: Metrics,
    settings: &MetricsSettings,
) -> io::Result<Handle<SocketAddr>> {
    let address = listener.local_addr()?;
    let app = app(metrics, settings.token.clone());
    let handle = Handle::new();
    tokio::spawn({
        let handle = handle.clone();
        async move {
            if let Err(error) = http::run_private(listener, app, handle).await {
                tracing::error!(%error, "metrics can no longer be read");
            }
        }
    });
    tracing::info!(url = format!("http://{address}/metrics"), "metrics");
    Ok(handle)
}

fn app(metrics: Metrics, token: Option<SecretString>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .with_state(Arc::new(Told { metrics, token }))
}

async fn scrape(State(told): State<Arc<Told>>, headers: HeaderMap) -> Response {
    if !told.token.as_ref().is_none_or(|token| bears(&headers, token)) {
        let challenge = [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, told.metrics.text()).into_response()
}

/// Whether the request has the token (RFC 6750, section 2.1), exactly once.
fn bears(headers: &HeaderMap, token: &SecretString) -> bool {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return false;
    };
    let Some((scheme, sent)) = value.as_bytes().split_at_checked(7) else {
        return false;
    };
    scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(sent.ct_eq(token.expose_secret().as_bytes()))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request};
    use tower::ServiceExt as _;

    use super::*;

    async fn status(token: Option<&str>, path: &str, sent: &[&str]) -> u16 {
        let app = app(Metrics::new(), token.map(SecretString::from));
        let mut request = Request::get(path);
        for value in sent {
            request = request.header(AUTHORIZATION, *value);
        }
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        response.status().as_u16()
    }

    #[tokio::test]
    async fn whoever_reads_shows_the_token() {
        let token = Some("0123456789abcdef012345");
        for (sent, expected) in [
            (&[][..], 401),
            (&["Bearer 0123456789abcdef012345"], 200),
            (&["bearer 0123456789abcdef012345"], 200),
            (&["Bearer 0123456789abcdef01234"], 401),
            (&["Bearer 0123456789abcdef0123456"], 401),
            (&["Bearer "], 401),
            (&["Basic 0123456789abcdef012345"], 401),
            (&["B"], 401),
            (
                &["Bearer 0123456789abcdef012345", "Bearer 0123456789abcdef012345"],
                401,
            ),
        ] {
            assert_eq!(status(token, "/metrics", sent).await, expected, "{sent:?}");
        }
        assert_eq!(status(None, "/metrics", &[]).await, 200);
    }

    #[tokio::test]
    async fn there_is_nothing_else() {
        for path in ["/", "/healthz", "/me", "/metrics/"] {
            assert_eq!(status(None, path, &[]).await, 404, "{path}");
        }
    }
}
