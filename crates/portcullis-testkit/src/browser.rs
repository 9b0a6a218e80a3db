//! A browser with a page of the application under test: keeps cookies, and says where a request comes from.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::client::{Answer, Client};

/// One browser.
#[derive(Clone)]
pub struct Browser {
    client: Client,
    /// Its cookies, by name.
    pub cookies: BTreeMap<String, String>,
    /// What its page sends as `X-CSRF-Token`.
    pub csrf_token: Option<String>,
}

impl Browser {
    /// Without cookies.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            cookies: BTreeMap::new(),
            csrf_token: None,
        }
    }

    /// A request with the cookies, from a page of another site.
    pub fn forged(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path)
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "cross-site")
    }

    /// A request with the cookies, from a page of the application.
    pub fn own(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .request(method, path)
            .header("origin", self.client.base())
            .header("sec-fetch-site", "same-origin");
        match &self.csrf_token {
            Some(token) => request.header("x-csrf-token", token),
            None => request,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = self.client.request(method, path);
        if pairs.is_empty() {
            request
        } else {
            request.header("cookie", pairs.join("; "))
        }
    }

    /// Sends it, and keeps the cookies of the answer.
    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = self.client.send(request).await;
        for line in lines(&answer) {
            let pair = line.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a pair");
            if line.contains("; Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// GET, by the page.
    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.own(Method::GET, path);
        self.send(request).await
    }

    /// POST without a body, by the page.
    pub async fn post(&mut self, path: &str) -> Answer {
        let request = self.own(Method::POST, path);
        self.send(request).await
    }

    /// JSON, by the page.
    pub async fn json(&mut self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.own(method, path).json(body);
        self.send(request).await
    }

    /// Logs in by cookie, and keeps the token for acts.
    pub async fn login(&mut self, email: &str, password: &str) -> Answer {
        let body = serde_json::json!({"email": email, "password": password, "cookies": true});
        let answer = self.json(Method::POST, "/auth/login", &body).await.expect(200);
        self.csrf_token = answer.json()["csrf_token"].as_str().map(ToOwned::to_owned);
        answer
    }
}

/// The `Set-Cookie` lines of an answer.
pub fn lines(answer: &Answer) -> Vec<String> {
    let lines = answer.headers.get_all("set-cookie").iter();
    lines
        .map(|line| line.to_str().expect("text").to_owned())
        .collect()
}
