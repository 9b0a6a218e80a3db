use axum::{
    Router,
    body::{self, Body as HttpBody},
    extract::{DefaultBodyLimit, Request},
    routing::{get, post},
};
use http::StatusCode;
use portcullis_core::user::{DisplayName, Email};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Body, Check, Form, Json, Path, Query, Valid, Validate};

#[derive(Deserialize)]
#[allow(dead_code, reason = "only read by serde")]
struct Article {
    title: String,
    #[serde(default)]
    stars: u8,
    #[serde(default)]
    tags: Vec<Tag>,
    kind: Option<Kind>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only read by serde")]
struct Tag {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    News,
    Essay,
}

#[derive(Deserialize)]
struct Join {
    email: String,
    name: String,
}

impl Validate for Join {
    type Valid = (Email, DisplayName);

    fn validate(self, check: &mut Check) -> Option<Self::Valid> {
        let email = check.parse("email", &self.email);
        let name = check.parse("name", &self.name);
        Some((email?, name?))
    }
}

fn app() -> Router {
    Router::new()
        .route(
            "/json",
            post(async |Json(article): Json<Article>| format!("{}{}", article.title, article.stars)),
        )
        .route(
            "/form",
            post(async |Form(article): Form<Article>| format!("{}{}", article.title, article.stars)),
        )
        .route("/any", post(async |Body(article): Body<Article>| article.title))
        .route(
            "/maybe",
            post(async |body: Option<Body<Article>>| body.map_or("none".to_owned(), |b| b.0.title)),
        )
        .route(
            "/join",
            post(async |Valid((email, _)): Valid<Json<Join>>| email.to_string()),
        )
        .route(
            "/query",
            get(async |Query(article): Query<Article>| format!("{}{}", article.title, article.stars)),
        )
        .route("/id/{id}", get(async |Path(id): Path<uuid::Uuid>| id.to_string()))
        .route("/number/{n}", get(async |Path(n): Path<u8>| n.to_string()))
        .route("/text/{word}", get(async |Path(word): Path<String>| word))
        .layer(DefaultBodyLimit::max(4096))
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

async fn send(request: Request) -> (StatusCode, String) {
    let response = app().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn post_to(path: &str, content_type: &str, body: impl Into<HttpBody>) -> (StatusCode, String) {
    let request = Request::post(path).header("content-type", content_type);
    send(request.body(body.into()).unwrap()).await
}

async fn get_from(path: &str) -> (StatusCode, String) {
    send(Request::get(path).body(HttpBody::empty()).unwrap()).await
}

fn errors(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["errors"].take()
}

#[tokio::test]
async fn good_bodies_are_read_in_either_encoding() {
    let article = r#"{"title": "Ä", "stars": 3, "unknown": {"deep": []}, "kind": "news"}"#;
    assert_eq!(
        post_to("/json", JSON, article).await,
        (StatusCode::OK, "Ä3".to_owned())
    );
    assert_eq!(
        post_to("/any", "application/json; charset=UTF-8", article)
            .await
            .0,
        StatusCode::OK
    );
    assert_eq!(
        post_to("/any", "application/problem+json", article).await.0,
        StatusCode::OK
    );
    let form = "title=%C3%84+b&stars=4&unknown=1&kind=essay";
    assert_eq!(
        post_to("/form", FORM, form).await,
        (StatusCode::OK, "Ä b4".to_owned())
    );
    assert_eq!(
        post_to("/any", FORM, form).await,
        (StatusCode::OK, "Ä b".to_owned())
    );
    assert_eq!(
        get_from(&format!("/query?{form}")).await,
        (StatusCode::OK, "Ä b4".to_owned())
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_400() {
    let deep = format!("{{\"title\":\"a\",\"x\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let very_deep = format!("{}{}", "[".repeat(1500), "]".repeat(1500));
    let bad: &[&[u8]] = &[
        b"",
        b"  \n",
        b"{",
        b"{\"title\": \"a\"} x",
        b"{\"title\": \"a\", \"title\": \"b\"}",
        b"{\"title\": \"a\", \"tags\": [{\"name\": \"a\", \"name\": \"a\"}]}",
        b"{\"title\": \"\xff\"}",
        b"{\"title\": \"\\ud800\"}",
        b"\xef\xbb\xbf{\"title\": \"a\"}",
        b"{\"title\": NaN}",
        deep.as_bytes(),
        very_deep.as_bytes(),
    ];
    for body in bad {
        let (status, text) = post_to("/json", JSON, body.to_vec()).await;
        assert_eq!(
            status,
            StatusCode::BAD_REQUEST,
            "{}: {text}",
            String::from_utf8_lossy(body)
        );
    }
    for form in ["title=a&title=b", "title=%FF", "title=a&%74itle=b"] {
        assert_eq!(
            post_to("/form", FORM, form).await.0,
            StatusCode::BAD_REQUEST,
            "{form}"
        );
        assert_eq!(
            get_from(&format!("/query?{form}")).await.0,
            StatusCode::BAD_REQUEST,
            "{form}"
        );
    }
    assert_eq!(get_from("/text/%FF").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn another_content_type_is_415_and_says_which_would_do() {
    let types = [
        "text/plain",
        "application/xml",
        "application/json; charset=latin1",
        "multipart/form-data",
        "",
    ];
    for content_type in types {
        let (status, body) = post_to("/json", content_type, "{}").await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        assert!(body.contains("application/json"), "{body}");
    }
    assert_eq!(
        post_to("/json", FORM, "title=a").await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(
        post_to("/form", JSON, "{}").await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let none = Request::post("/any").body(HttpBody::from("{}")).unwrap();
    assert_eq!(send(none).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn too_large_is_413() {
    let body = format!("{{\"title\": \"{}\"}}", "a".repeat(5000));
    assert_eq!(
        post_to("/json", JSON, body).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn wrong_values_are_422_and_say_where_without_repeating_them() {
    let cases = [
        (
            "{}",
            json!([{"loc": ["body", "title"], "msg": "required", "type": "missing"}]),
        ),
        (
            "[]",
            json!([{"loc": ["body"], "msg": "expected an object", "type": "type"}]),
        ),
        (
            r#""hunter2""#,
            json!([{"loc": ["body"], "msg": "expected an object", "type": "type"}]),
        ),
        (
            r#"{"title": 31337}"#,
            json!([{"loc": ["body", "title"], "msg": "expected a string", "type": "type"}]),
        ),
        (
            r#"{"title": null}"#,
            json!([{"loc": ["body", "title"], "msg": "expected a string", "type": "type"}]),
        ),
        (
            r#"{"title": "a", "stars": 31337}"#,
            json!([{"loc": ["body", "stars"], "msg": "expected u8", "type": "value"}]),
        ),
        (
            r#"{"title": "a", "tags": [{"name": "a"}, {"name": 31337}]}"#,
            json!([{"loc": ["body", "tags", 1, "name"], "msg": "expected a string", "type": "type"}]),
        ),
        (
            r#"{"title": "a", "kind": "hunter2"}"#,
            json!([{"loc": ["body", "kind"], "msg": "expected one of: news, essay", "type": "value"}]),
        ),
        (
            r#"{"title": "a\u0000"}"#,
            json!([{"loc": ["body", "title"], "msg": "must not hold U+0000", "type": "value"}]),
        ),
    ];
    for (body, expected) in cases {
        let (status, answer) = post_to("/json", JSON, body).await;
        assert_eq!(
            (status, errors(&answer)),
            (StatusCode::UNPROCESSABLE_ENTITY, expected),
            "{body}"
        );
        assert!(
            !answer.contains("hunter2") && !answer.contains("31337"),
            "{answer}"
        );
    }
    let (status, answer) = get_from("/query?title=a&stars=hunter2").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        errors(&answer),
        json!([{"loc": ["query", "stars"], "msg": "expected u8", "type": "type"}])
    );
}

#[tokio::test]
async fn all_refused_values_are_told_at_once() {
    let (status, answer) = post_to("/join", JSON, r#"{"email": "nobody", "name": ""}"#).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = errors(&answer);
    let locs: Vec<&Value> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["loc"])
        .collect();
    assert_eq!(locs, [&json!(["body", "email"]), &json!(["body", "name"])]);
    let good = post_to("/join", JSON, r#"{"email": "a@example.com", "name": "A"}"#).await;
    assert_eq!(good, (StatusCode::OK, "a@example.com".to_owned()));
}

#[tokio::test]
async fn an_optional_body_may_be_absent_but_not_wrong() {
    let absent = Request::post("/maybe").body(HttpBody::empty()).unwrap();
    assert_eq!(send(absent).await, (StatusCode::OK, "none".to_owned()));
    assert_eq!(
        post_to("/maybe", JSON, "").await,
        (StatusCode::OK, "none".to_owned())
    );
    assert_eq!(
        post_to("/maybe", FORM, "title=a").await,
        (StatusCode::OK, "a".to_owned())
    );
    assert_eq!(post_to("/maybe", JSON, "{").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        post_to("/maybe", "text/plain", "x").await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn a_path_that_does_not_parse_is_422() {
    for (path, loc) in [
        ("/id/hunter2", "id"),
        ("/number/300", "n"),
        ("/text/a%00b", "word"),
    ] {
        let (status, answer) = get_from(path).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {answer}");
        assert_eq!(errors(&answer)[0]["loc"], json!(["path", loc]), "{path}");
        assert!(!answer.contains("hunter2"), "{answer}");
    }
}

mod any_json {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;

    use crate::input::{json, urlencoded};

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "[^\0]*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[^\0]*", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn is_read_as_it_was_written(value in value()) {
            let node = json::parse(value.to_string().as_bytes()).expect("JSON");
            prop_assert_eq!(Value::deserialize(node).unwrap(), value);
        }

        #[test]
        fn or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(node) = json::parse(&bytes) {
                drop(Value::deserialize(node));
            }
            if let Ok(node) = urlencoded::parse(&bytes) {
                drop(Value::deserialize(node));
            }
        }
    }
}
