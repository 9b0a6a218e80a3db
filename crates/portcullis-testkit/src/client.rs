//! A client that holds every answer against what all answers must keep to.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Method, RequestBuilder, StatusCode,
    header::{AUTHORIZATION, HeaderMap},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::manners;

/// Who is asking: nobody, or the bearer of a token.
#[derive(Clone)]
pub struct Client {
    base: Arc<str>,
    http: reqwest::Client,
    bearer: Option<String>,
}

/// An answer whose manners hold.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// Fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: String,
    /// Method and path of the request, for messages.
    pub request: String,
}

impl Client {
    /// Nobody in particular, at `base` (`http://127.0.0.1:8000`).
    #[must_use]
    pub fn new(base: &str) -> Self {
        Self::with(base, reqwest::Client::builder())
    }

    /// Nobody in particular, from another local address: every address of 127.0.0.0/8 is this machine.
    #[must_use]
    pub fn from_address(base: &str, address: std::net::IpAddr) -> Self {
        Self::with(base, reqwest::Client::builder().local_address(address))
    }

    fn with(base: &str, builder: reqwest::ClientBuilder) -> Self {
        let http = builder
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .user_agent("portcullis-suite")
            .build()
            .expect("a client");
        Self {
            base: base.trim_end_matches('/').into(),
            http,
            bearer: None,
        }
    }

    /// The same connection, with a token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        Self {
            bearer: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The same token, shown to a server at `base`.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').into(),
            ..self.clone()
        }
    }

    /// The same connection, without a token.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            bearer: None,
            ..self.clone()
        }
    }

    /// Where the server is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request to be completed and given to [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let request = self.http.request(method, url);
        match &self.bearer {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    /// Sends, and checks the manners of the answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request)
            .await
            .unwrap_or_else(|e| panic!("no answer: {e:?}"))
    }

    /// Like [`Client::send`], where the connection may break (a server that is being killed).
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request = request.build()?;
        let name = format!("{} {}", request.method(), request.url().path());
        let answer = self.http.execute(request).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.text().await?;
        let answer = Answer {
            status,
            headers,
            body,
            request: name,
        };
        manners::check(&answer);
        Ok(answer)
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST without a body.
    pub async fn post(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// POST of JSON.
    pub async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// POST of a form.
    pub async fn post_form(&self, path: &str, body: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, path).form(body)).await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// DELETE with JSON.
    pub async fn delete_json(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::DELETE, path).json(body)).await
    }
}

impl Answer {
    /// Fails unless the status is `code`.
    #[track_caller]
    pub fn expect(self, code: u16) -> Self {
        assert_eq!(self.status.as_u16(), code, "{}: {}", self.request, self.body);
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|e| panic!("{}: not JSON ({e}): {}", self.request, self.body))
    }

    /// The body as `T`.
    #[track_caller]
    pub fn read<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{}: {e}: {}", self.request, self.body))
    }

    /// A field, or the empty text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// Fails unless this is a 401 that calls the token bad (RFC 6750, section 3.1).
    #[track_caller]
    pub fn expect_invalid_token(self) -> Self {
        let answer = self.expect(401);
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains("error=\"invalid_token\""),
            "{}: challenge `{challenge}`",
            answer.request
        );
        answer
    }

    /// The `loc` of each entry of `errors` of a 422, joined with `.`.
    #[track_caller]
    pub fn wrong_fields(&self) -> Vec<String> {
        self.json()["errors"]
            .as_array()
            .unwrap_or_else(|| panic!("{}: no `errors` in {}", self.request, self.body))
            .iter()
            .map(|error| {
                assert!(error["msg"].is_string() && error["type"].is_string(), "{error}");
                error["loc"]
                    .as_array()
                    .expect("loc is an array")
                    .iter()
                    .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
                    .collect::<Vec<_>>()
                    .join(".")
            })
            .collect()
    }

    /// The path of the `Link` with `rel="next"` (RFC 8288), if there is one.
    #[must_use]
    pub fn next_page(&self) -> Option<String> {
        self.headers
            .get_all("link")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(|value| {
                let (target, rest) = value.strip_prefix('<')?.split_once('>')?;
                rest.contains("rel=\"next\"").then(|| target.to_owned())
            })
    }
}
