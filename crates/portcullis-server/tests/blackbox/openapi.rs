//! `/openapi.json` and `/docs`.

use portcullis_testkit::server::Setup;

use crate::start;

on_both!(
    describes_how_to_log_in,
    says_for_each_operation_what_may_come,
    the_docs_page_needs_nobody_else
);

async fn describes_how_to_log_in(setup: Setup) {
    let app = start(setup).await;
    let document = app.client().get("/openapi.json").await.expect(200).json();
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    let schemes = &document["components"]["securitySchemes"];
    let bearer = &schemes["bearerAuth"];
    assert_eq!(
        (&bearer["type"], &bearer["scheme"], &bearer["bearerFormat"]),
        (&"http".into(), &"bearer".into(), &"JWT".into())
    );
    let flow = schemes
        .as_object()
        .unwrap()
        .values()
        .find(|scheme| scheme["type"] == "oauth2")
        .expect("an OAuth2 scheme")["flows"]["password"]
        .clone();
    assert!(
        flow["tokenUrl"].as_str().unwrap().ends_with("/auth/login"),
        "{flow}"
    );
    for scope in ["me", "admin"] {
        assert!(
            flow["scopes"][scope].as_str().is_some_and(|text| text.len() > 5),
            "{scope} in {flow}"
        );
    }
    // The same that the command prints.
    let printed = app.command(&["openapi"], "").await.success().json();
    assert_eq!(printed["paths"], document["paths"]);
}

async fn says_for_each_operation_what_may_come(setup: Setup) {
    let app = start(setup).await;
    let document = app.client().get("/openapi.json").await.expect(200).json();
    let mut ids = std::collections::HashSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(
                ids.insert(operation["operationId"].as_str().expect("operationId")),
                "{at}"
            );
            assert!(
                operation["summary"].is_string() || operation["description"].is_string(),
                "{at} says nothing"
            );
            let responses = operation["responses"].as_object().unwrap();
            let secured = operation["security"].as_array().is_some_and(|list| {
                !list.is_empty() && list.iter().all(|one| !one.as_object().unwrap().is_empty())
            });
            if path.starts_with("/admin") || path.starts_with("/me") {
                assert!(secured, "{at} without security");
                assert!(responses.contains_key("401"), "{at} without 401");
            }
            if path.starts_with("/admin") {
                assert!(responses.contains_key("403"), "{at} without 403");
            }
            for (code, response) in responses {
                if code.starts_with(['4', '5']) {
                    assert!(
                        response["content"].get("application/problem+json").is_some()
                            || response.get("$ref").is_some(),
                        "{at}: {code} is no problem: {response}"
                    );
                }
            }
        }
    }
    let text = document.to_string();
    for word in ["password_hash", "\"hash\"", "salt", "session_epoch"] {
        assert!(!text.contains(word), "{word} in the document");
    }
}

async fn the_docs_page_needs_nobody_else(setup: Setup) {
    let app = start(setup).await;
    let page = app.client().get("/docs").await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    for (at, _) in page
        .body
        .match_indices("src=")
        .chain(page.body.match_indices("href="))
    {
        let target: String = page.body[at..]
            .chars()
            .skip_while(|c| *c != '=')
            .skip(2)
            .take(8)
            .collect();
        assert!(
            !target.starts_with("http") && !target.starts_with("//"),
            "{target} in {}",
            page.body
        );
    }
    let csp = page.header("content-security-policy");
    assert!(
        !csp.contains("unsafe-eval") && !csp.contains("http:") && !csp.contains("https:"),
        "{csp}"
    );
}
