//! What every answer keeps to, whatever was asked (design section 8).

use crate::client::Answer;

/// Words that would mean that something internal reached a client.
const INTERNAL: &[&str] = &[
    "sqlx",
    "sqlite",
    "postgres",
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE FROM",
    "portcullis_",
    "constraint",
    "panicked",
    "RUST_BACKTRACE",
    ".rs:",
    "src/",
    "/crates/",
    "/tmp/",
    "/root/",
    "/home/",
    "stack backtrace",
    "os error",
    "thread '",
    "$argon2",
    "$2b$",
    "unwrap()",
];

/// Checks one answer.
///
/// # Panics
/// When it lacks manners: that is the purpose.
#[track_caller]
pub fn check(answer: &Answer) {
    let code = answer.status.as_u16();
    let at = &answer.request;

    assert!(
        !answer.header("x-request-id").is_empty(),
        "{at}: {code} without x-request-id"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{at}: {code}");
    assert!(
        !answer.header("referrer-policy").is_empty(),
        "{at}: {code} without Referrer-Policy"
    );
    let csp = answer.header("content-security-policy");
    assert!(
        csp.contains("frame-ancestors 'none'"),
        "{at}: {code} has Content-Security-Policy `{csp}`"
    );

    match code {
        401 => {
            let challenge = answer.header("www-authenticate");
            assert!(
                challenge.starts_with("Bearer"),
                "{at}: 401 with WWW-Authenticate `{challenge}`"
            );
        }
        403 if answer.body.contains("insufficient_scope") => {
            let challenge = answer.header("www-authenticate");
            let asks_scopes = answer.json()["required_scopes"]
                .as_array()
                .is_some_and(|scopes| !scopes.is_empty());
            assert!(
                challenge.contains("error=\"insufficient_scope\"")
                    && challenge.contains("scope=\"") == asks_scopes,
                "{at}: 403 with WWW-Authenticate `{challenge}`"
            );
        }
        405 => assert!(!answer.header("allow").is_empty(), "{at}: 405 without Allow"),
        429 => {
            retry_after(answer);
            let policies = policies(answer.header("ratelimit-policy"));
            let limits = limits(answer.header("ratelimit"));
            assert!(
                limits.iter().any(|limit| limit.remaining == 0),
                "{at}: 429 though RateLimit says {limits:?}"
            );
            assert!(
                limits
                    .iter()
                    .all(|limit| policies.iter().any(|policy| policy.name == limit.name)),
                "{at}: a limit without policy: {limits:?} {policies:?}"
            );
        }
        503 => retry_after(answer),
        _ => {}
    }

    if code >= 400 {
        let kind = answer.header("content-type");
        assert!(
            kind.starts_with("application/problem+json"),
            "{at}: {code} is `{kind}`"
        );
        let problem = answer.json();
        assert_eq!(problem["status"], code, "{at}: {}", answer.body);
        for member in ["title", "detail"] {
            assert!(
                problem[member].as_str().is_some_and(|text| !text.is_empty()),
                "{at}: {code} without {member}: {}",
                answer.body
            );
        }
        for word in INTERNAL {
            assert!(
                !answer.body.contains(word),
                "{at}: {code} tells `{word}`: {}",
                answer.body
            );
        }
        assert_ne!(code, 500, "{at}: {}", answer.body);
    }

    if answer.body.contains("\"access_token\"") && code < 300 && !at.ends_with("/openapi.json") {
        assert!(
            answer.header("cache-control").contains("no-store"),
            "{at}: a token that may be cached"
        );
    }
}

#[track_caller]
fn retry_after(answer: &Answer) {
    let value = answer.header("retry-after");
    assert!(
        value
            .parse::<u64>()
            .is_ok_and(|seconds| (1..=3600).contains(&seconds)),
        "{}: {} with Retry-After `{value}`",
        answer.request,
        answer.status
    );
}

/// One item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).
#[derive(Debug)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// How many requests in a window.
    pub quota: u64,
    /// Length of the window, seconds.
    pub window: u64,
}

/// One item of `RateLimit`.
#[derive(Debug)]
pub struct Limit {
    /// Name of its policy.
    pub name: String,
    /// How many requests are left.
    pub remaining: u64,
    /// Seconds until there are more.
    pub reset: u64,
}

/// Reads `RateLimit-Policy`.
///
/// # Panics
/// When it is no list of RFC 9651.
#[track_caller]
pub fn policies(field: &str) -> Vec<Policy> {
    let read = |item: Item| Policy {
        quota: item.integer("q"),
        window: item.integer("w"),
        name: item.name,
    };
    items(field).into_iter().map(read).collect()
}

/// Reads `RateLimit`.
///
/// # Panics
/// When it is no list of RFC 9651.
#[track_caller]
pub fn limits(field: &str) -> Vec<Limit> {
    let read = |item: Item| Limit {
        remaining: item.integer("r"),
        reset: item.integer("t"),
        name: item.name,
    };
    items(field).into_iter().map(read).collect()
}

/// A string with parameters.
struct Item {
    name: String,
    parameters: Vec<(String, String)>,
}

impl Item {
    #[track_caller]
    fn integer(&self, key: &str) -> u64 {
        self.parameters
            .iter()
            .find(|(name, _)| name == key)
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or_else(|| panic!("no integer `{key}` with \"{}\"", self.name))
    }
}

/// A list of strings with parameters: as much of RFC 9651 as these two fields use.
#[track_caller]
fn items(field: &str) -> Vec<Item> {
    assert!(!field.is_empty(), "no RateLimit field");
    field
        .split(',')
        .map(|item| {
            let mut parts = item.trim().split(';').map(str::trim);
            let name = parts
                .next()
                .and_then(|name| name.strip_prefix('"')?.strip_suffix('"'))
                .unwrap_or_else(|| panic!("not a string: `{item}`"))
                .to_owned();
            let parameters = parts
                .map(|part| {
                    let (key, value) = part
                        .split_once('=')
                        .unwrap_or_else(|| panic!("`{part}` in `{item}`"));
                    (key.to_owned(), value.to_owned())
                })
                .collect();
            Item { name, parameters }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_example_of_the_draft() {
        let policies = policies("\"login\";q=5;w=60, \"day\";q=100;w=86400");
        assert_eq!(
            (policies[0].name.as_str(), policies[0].quota, policies[1].window),
            ("login", 5, 86_400)
        );
        let limits = limits("\"login\";r=4;t=55");
        assert_eq!((limits[0].remaining, limits[0].reset), (4, 55));
    }

    fn answer(code: u16, fields: &[(&'static str, &str)], body: &str) -> Answer {
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in [
            ("x-request-id", "1"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("content-type", "application/problem+json"),
        ]
        .into_iter()
        .chain(fields.iter().copied())
        {
            headers.insert(name, value.parse().unwrap());
        }
        Answer {
            status: reqwest::StatusCode::from_u16(code).unwrap(),
            headers,
            body: body.to_owned(),
            request: "GET /".to_owned(),
        }
    }

    fn fails(answer: Answer) -> bool {
        std::panic::catch_unwind(move || check(&answer)).is_err()
    }

    #[test]
    fn each_lapse_is_noticed() {
        let body = |code: u16| format!("{{\"status\":{code},\"title\":\"t\",\"detail\":\"d\"}}");
        let bearer = ("www-authenticate", "Bearer");
        assert!(!fails(answer(401, &[bearer], &body(401))));
        assert!(fails(answer(401, &[], &body(401))));
        assert!(fails(answer(401, &[bearer], &body(400))));
        assert!(fails(answer(
            401,
            &[bearer, ("content-type", "application/json")],
            &body(401)
        )));
        assert!(fails(answer(405, &[], &body(405))));
        assert!(fails(answer(500, &[], &body(500))));
        assert!(fails(answer(200, &[("x-content-type-options", "")], "{}")));
        assert!(fails(answer(
            200,
            &[("content-security-policy", "default-src 'none'")],
            "{}"
        )));
        assert!(fails(answer(
            400,
            &[],
            "{\"status\":400,\"title\":\"t\",\"detail\":\"sqlx broke\"}"
        )));
        assert!(fails(answer(200, &[], "{\"access_token\":\"x\"}")));
        assert!(!fails(answer(
            200,
            &[("cache-control", "no-store")],
            "{\"access_token\":\"x\"}"
        )));
        let limited = [
            ("retry-after", "12"),
            ("ratelimit-policy", "\"login\";q=5;w=60"),
            ("ratelimit", "\"login\";r=0;t=12"),
        ];
        assert!(!fails(answer(429, &limited, &body(429))));
        assert!(fails(answer(429, &limited[1..], &body(429))));
        assert!(fails(answer(429, &limited[..2], &body(429))));
    }
}
