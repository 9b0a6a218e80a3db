//! `/metrics` of a real server, and what is made of it: the book's table, the dashboard, the alerts, the runbook.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use portcullis_testkit::stopwatch::Stopwatch;
use serde_json::{Value, json};

use crate::{
    harness::{Place, Server, send},
    migrate::on_postgres,
    tls,
};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    let path = repository(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "how `./test` tells the tests what it installed"
)]
fn promtool() -> Command {
    let path = std::env::var("PORTCULLIS_TEST_PROMTOOL")
        .unwrap_or_else(|_| panic!("PORTCULLIS_TEST_PROMTOOL is not set: run `./test`"));
    Command::new(path)
}

/// Runs promtool, which must be content and, where it lints, silent.
#[track_caller]
fn promtool_accepts(arguments: &[&str], stdin: &str) -> String {
    let mut child = promtool()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let (status, body) = send(
        server.address(),
        &format!("POST {path} HTTP/1.1\r\nContent-Type: application/json"),
        &body.to_string(),
    );
    (status, serde_json::from_str(&body).unwrap_or_default())
}

fn me(server: &Server, token: &str) -> u16 {
    send(
        server.address(),
        &format!("GET /me HTTP/1.1\r\nAuthorization: Bearer {token}"),
        "",
    )
    .0
}

/// Where metrics are read.
fn address(server: &Server) -> String {
    let said = server.said("metrics").unwrap();
    let url = said["url"].as_str().unwrap();
    let address = url
        .strip_prefix("http://")
        .and_then(|url| url.strip_suffix("/metrics"));
    address.unwrap().to_owned()
}

/// Reads `/metrics`.
fn scrape(server: &Server) -> String {
    let (status, text) = send(&address(server), "GET /metrics HTTP/1.1", "");
    assert_eq!(status, 200);
    text
}

fn place() -> Place {
    Place::new()
        .env("PORTCULLIS_METRICS__LISTEN", "127.0.0.1:0")
        .env("PORTCULLIS_LIMITS__LOGIN_PER_ADDRESS", "2/hour")
}

/// A server to which everything has happened that it counts at all times.
fn used() -> (Place, Server) {
    let place = place();
    let server = place.serve(&[]);
    using(&server);
    (place, server)
}

fn using(server: &Server) {
    let ada = json!({ "email": "ada@example.com", "password": "correct horse 9", "name": "Ada" });
    let (status, registered) = post(server, "/auth/register", &ada);
    assert_eq!(status, 201, "{registered}");
    assert_eq!(post(server, "/auth/register", &ada).0, 409);
    let login = json!({ "email": "ada@example.com", "password": "correct horse 9" });
    let (status, pair) = post(server, "/auth/login", &login);
    assert_eq!(status, 200, "{pair}");
    let wrong = json!({ "email": "ada@example.com", "password": "wrong horse 9" });
    assert_eq!(post(server, "/auth/login", &wrong).0, 401);
    assert_eq!(post(server, "/auth/login", &login).0, 429, "by address");
    let refresh = json!({ "refresh_token": pair["refresh_token"] });
    let (status, fresh) = post(server, "/auth/refresh", &refresh);
    assert_eq!(status, 200, "{fresh}");
    let token = fresh["access_token"].as_str().unwrap();
    assert_eq!((me(server, token), me(server, token)), (200, 200));
    assert_eq!(me(server, "garbage"), 401);
    let (status, _) = send(
        server.address(),
        &format!("POST /auth/logout HTTP/1.1\r\nAuthorization: Bearer {token}"),
        "",
    );
    assert_eq!(status, 200);
    assert_eq!(me(server, token), 401);
    assert_eq!(send(server.address(), "GET /made/up/path HTTP/1.1", "").0, 404);
    assert_eq!(send(server.address(), "MADEUP /me HTTP/1.1", "").0, 405);
}

/// The families of a scrape: name and kind.
fn families(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect()
}

#[test]
fn a_scrape_counts_what_happened() {
    let (_place, server) = used();
    let text = scrape(&server);
    for line in [
        r#"portcullis_http_requests_total{route="/me",method="GET",status="200"} 2"#,
        r#"portcullis_http_requests_total{route="/me",method="GET",status="401"} 2"#,
        r#"portcullis_http_requests_total{route="/auth/login",method="POST",status="429"} 1"#,
        r#"portcullis_http_requests_total{route="-",method="GET",status="404"} 1"#,
        r#"portcullis_http_requests_total{route="-",method="other",status="405"} 1"#,
        r#"portcullis_http_request_duration_seconds_count{route="/me",method="GET"} 4"#,
        r#"portcullis_logins_total{result="ok"} 1"#,
        r#"portcullis_logins_total{result="invalid"} 1"#,
        r#"portcullis_logins_total{result="limited"} 1"#,
        r#"portcullis_logins_total{result="busy"} 0"#,
        r#"portcullis_limit_refusals_total{limit="login"} 1"#,
        r#"portcullis_registrations_total{result="ok"} 1"#,
        r#"portcullis_registrations_total{result="taken"} 1"#,
        r#"portcullis_refreshes_total{result="ok"} 1"#,
        r#"portcullis_logouts_total{of="session"} 1"#,
        r#"portcullis_sessions_ended_total{reason="logout"} 1"#,
        r#"portcullis_access_tokens_refused_total{reason="invalid"} 1"#,
        r#"portcullis_access_tokens_refused_total{reason="revoked"} 1"#,
        r#"portcullis_revocation_index_entries{kind="session"} 1.0"#,
        r#"portcullis_revocation_reads_total{result="failed"} 0"#,
        "portcullis_revocation_loads_total 1",
        "portcullis_revocation_lease_seconds 5.0",
        r#"portcullis_hash_jobs_total{result="done"} 3"#,
        "portcullis_hash_wait_seconds_count 3",
        "portcullis_hash_queue_capacity 256.0",
        "portcullis_http_requests_under_way 0.0",
        "portcullis_limit_shared_away 0.0",
        r#"portcullis_limit_shared_decisions_total{by="alone"} 0"#,
        r#"portcullis_maintenance_runs_total{task="keys",result="failed"} 0"#,
        r#"portcullis_maintenance_removed_total{task="audit"} 0"#,
        r#"portcullis_database_info{engine="sqlite"} 1.0"#,
        r#"portcullis_database_connections_max{pool="read"} 10.0"#,
        concat!(
            r#"portcullis_build_info{version=""#,
            env!("CARGO_PKG_VERSION"),
            r#""} 1.0"#
        ),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {text}"))
            .trim()
            .parse()
            .unwrap()
    };
    assert!((0.0..5.0).contains(&value("portcullis_revocation_staleness_seconds ")));
    assert!(value("process_resident_memory_bytes ") > 1e6);
    assert!(value("process_open_fds ") > 5.0);
    assert!(value("process_start_time_seconds ") > 1.7e9);
    assert!(value("portcullis_hash_work_seconds_total ") > 0.0);
    for client in ["made/up", "MADEUP", "ada@", "127.0.0.1"] {
        assert!(!text.contains(client), "{client} in {text}");
    }
    // Nothing of this is on the address of the service.
    assert!(server.get("/metrics").starts_with("HTTP/1.1 404 "));
}

/// Of HTTP/2 an idle one would be kept for ever.
#[test]
fn idle_connections_do_not_shut_prometheus_out() {
    let place = place();
    let server = place.serve(&[]);
    let address = address(&server);
    let idle: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            // The preface, and settings: none.
            stream
                .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
                .unwrap();
            stream
        })
        .collect();
    for mut stream in idle {
        let mut answer = Vec::new();
        // It ends, whether by an answer or without one.
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"\0\0"), "a frame of HTTP/2");
    }
    scrape(&server);
}

#[test]
fn a_node_knows_when_maintenance_was_done_and_whether_it_is_due() {
    let (_place, server) = used();
    let begun = Stopwatch::start();
    let text = loop {
        let text = scrape(&server);
        if text.contains(r#"last_success_timestamp_seconds{task="keys"}"#) {
            break text;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{text}");
    };
    assert!(
        text.lines()
            .any(|line| line == "portcullis_maintenance_overdue_seconds 0.0"),
        "{text}"
    );
    for task in ["sessions", "feed", "attempts", "audit", "keys"] {
        let name = format!("portcullis_maintenance_last_success_timestamp_seconds{{task=\"{task}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        let at: f64 = line
            .unwrap_or_else(|| panic!("{name} in {text}"))
            .parse()
            .unwrap();
        let started = text
            .lines()
            .find_map(|line| line.strip_prefix("process_start_time_seconds "))
            .unwrap();
        let after: f64 = at - started.parse::<f64>().unwrap();
        assert!((-1.0..60.0).contains(&after), "{name}: {after}");
        let done = format!("portcullis_maintenance_runs_total{{task=\"{task}\",result=\"done\"}} 1");
        assert!(text.contains(&done), "{done} in {text}");
    }

    // Never done and not to be done is not overdue.
    let place = place().env("PORTCULLIS_MAINTENANCE__SCHEDULE", "never");
    let server = place.serve(&[]);
    let text = scrape(&server);
    assert!(
        text.contains("portcullis_maintenance_overdue_seconds 0.0\n"),
        "{text}"
    );
    assert!(!text.contains("last_success_timestamp_seconds{"), "{text}");
}

#[test]
fn a_redis_that_is_away_is_seen() {
    let place = place().env("PORTCULLIS_LIMITS__REDIS_URL", "redis://127.0.0.1:1");
    let server = place.serve(&[]);
    using(&server);
    let text = scrape(&server);
    assert!(text.contains("portcullis_limit_shared_away 1.0\n"), "{text}");
    let decisions = |by: &str| -> u64 {
        let name = format!("portcullis_limit_shared_decisions_total{{by=\"{by}\"}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.unwrap().parse().unwrap()
    };
    assert_eq!(decisions("all"), 0);
    assert!(decisions("alone") > 3, "{text}");
    let check = place.run(&["check"]);
    assert!(
        check.code == Some(0) && check.stderr.contains("limits.redis_url"),
        "{check:?}"
    );
    assert!(check.stderr.contains("no connection"), "{check:?}");
}

#[test]
fn promtool_reads_a_scrape_and_has_nothing_to_say() {
    let (_place, server) = used();
    let said = promtool_accepts(&["check", "metrics"], &scrape(&server));
    assert_eq!(said, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_counts_the_same() {
    let (_place, on_file) = used();
    let (_database, place) = on_postgres().await;
    let place = place
        .env("PORTCULLIS_METRICS__LISTEN", "127.0.0.1:0")
        .env("PORTCULLIS_LIMITS__LOGIN_PER_ADDRESS", "2/hour");
    let server = place.serve(&["--migrate"]);
    using(&server);
    let text = scrape(&server);
    assert_eq!(families(&text), families(&scrape(&on_file)));
    for line in [
        r#"portcullis_logins_total{result="ok"} 1"#,
        r#"portcullis_database_info{engine="postgres"} 1.0"#,
        r#"portcullis_database_connections_max{pool="main"} 10.0"#,
        r#"portcullis_database_connections_max{pool="feed"} 1.0"#,
        r#"portcullis_database_connections{pool="feed"} 1.0"#,
        r#"portcullis_database_connections_refused_total{pool="main"} 0"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn without_an_address_there_are_no_metrics() {
    let place = Place::new();
    let server = place.serve(&[]);
    assert!(server.get("/metrics").starts_with("HTTP/1.1 404 "));
    assert!(server.said("metrics").is_none());
}

#[test]
fn an_address_for_everyone_is_warned_of_and_that_of_the_service_is_refused() {
    let check = |listen: &str, token: Option<&str>| {
        let mut place = Place::new().env("PORTCULLIS_METRICS__LISTEN", listen);
        if let Some(token) = token {
            place = place.env("PORTCULLIS_METRICS__TOKEN", token);
        }
        let ended = place.run(&["check"]);
        (ended.code, ended.stdout + &ended.stderr)
    };
    let (code, said) = check("0.0.0.0:9464", None);
    assert!(code == Some(0) && said.contains("give metrics.token"), "{said}");
    let (code, said) = check("0.0.0.0:9464", Some("0123456789012345678901"));
    assert!(code == Some(0) && !said.contains("give metrics.token"), "{said}");
    let (code, said) = check("127.0.0.1:9464", Some("short"));
    assert!(code == Some(1) && said.contains("openssl rand"), "{said}");
    let (code, said) = check("127.0.0.1:8000", None);
    assert!(code == Some(1) && said.contains("choose another port"), "{said}");
}

/// Rows of the table of metrics in the book: names and kind.
fn documented() -> BTreeMap<String, String> {
    let page = read("docs/src/monitoring.md");
    let mut documented = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if !matches!(cells[2], "counter" | "gauge" | "histogram") {
            continue;
        }
        for name in cells[1].split('`').skip(1).step_by(2) {
            assert_eq!(
                documented.insert(name.to_owned(), cells[2].to_owned()),
                None,
                "{name}"
            );
        }
    }
    documented
}

/// Every family that a server can have.
fn live() -> BTreeMap<String, String> {
    let (_place, server) = used();
    let mut live = families(&scrape(&server));
    let place = place().env("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:9");
    let (_place, server) = tls::served(place);
    live.extend(families(&scrape(&server)));
    live
}

/// Names of metrics in an expression, without what a histogram adds to them.
fn metrics_in(expression: &str) -> BTreeSet<String> {
    expression
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.starts_with("portcullis_") || word.starts_with("process_"))
        .map(|name| {
            let base = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|end| name.strip_suffix(end).filter(|base| base.ends_with("_seconds")));
            base.unwrap_or(name).to_owned()
        })
        .collect()
}

/// All expressions of the dashboard.
fn dashboard() -> Vec<String> {
    fn gather(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value.as_str() {
                        Some(text) if name == "expr" => found.push(text.to_owned()),
                        Some(text) if name == "definition" => {
                            let inner = text.trim_start_matches("label_values(");
                            found.push(inner.split_once(',').unwrap().0.to_owned());
                        }
                        _ => gather(value, found),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| gather(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let text = read("deploy/grafana/portcullis.json");
    gather(&serde_json::from_str(&text).unwrap(), &mut found);
    assert!(found.len() > 40, "{found:?}");
    found
}

const RULES: &str = "deploy/prometheus/portcullis.rules.yml";

#[test]
fn what_is_documented_shown_and_alerted_on_is_what_there_is() {
    let (live, documented) = (live(), documented());
    assert_eq!(documented, live, "docs/src/monitoring.md against a live scrape");
    let shown: BTreeSet<String> = dashboard().iter().flat_map(|text| metrics_in(text)).collect();
    let alerted = metrics_in(&read(RULES));
    for name in shown.iter().chain(&alerted) {
        assert!(live.contains_key(name), "{name} is nowhere counted");
    }
    // All but these can be seen on the dashboard.
    let unseen: Vec<&String> = live.keys().filter(|name| !shown.contains(*name)).collect();
    assert_eq!(unseen, ["portcullis_hash_queue_capacity"]);
}

#[test]
fn a_name_that_is_not_there_is_found() {
    let expression =
        "sum(rate(portcullis_hash_wait_seconds_bucket{route=\"/me\"}[5m])) / process_made_up > 1";
    let found: Vec<String> = metrics_in(expression).into_iter().collect();
    assert_eq!(found, ["portcullis_hash_wait_seconds", "process_made_up"]);
}

#[test]
fn promtool_understands_every_expression_and_the_alerts_fire_when_they_should() {
    let rules = repository(RULES);
    promtool_accepts(&["check", "rules", rules.to_str().unwrap()], "");
    let tests = repository("deploy/prometheus/portcullis.rules.test.yml");
    promtool_accepts(&["test", "rules", tests.to_str().unwrap()], "");
    let config = repository("deploy/prometheus/prometheus.yml");
    promtool_accepts(
        &["check", "config", "--syntax-only", config.to_str().unwrap()],
        "",
    );

    // Of the dashboard's expressions it makes rules, once Grafana's own variables are filled in.
    let rules: Vec<Value> = dashboard()
        .iter()
        .map(|expression| {
            let expression = expression
                .replace("$__rate_interval", "1m")
                .replace("$instance", ".*");
            assert!(!expression.contains('$'), "{expression}");
            json!({ "record": "dashboard", "expr": expression })
        })
        .enumerate()
        .map(|(number, mut rule)| {
            rule["record"] = json!(format!("dashboard:{number}"));
            rule
        })
        .collect();
    let file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    // JSON is YAML.
    let text = json!({ "groups": [{ "name": "dashboard", "rules": rules }] }).to_string();
    fs::write(file.path(), text).unwrap();
    promtool_accepts(&["check", "rules", file.path().to_str().unwrap()], "");
}

#[test]
fn every_alert_has_its_entry_in_the_runbook_and_leads_there() {
    let rules = read(RULES);
    let after = |start: &str| -> Vec<String> {
        let lines = rules.lines().filter_map(|line| line.trim().strip_prefix(start));
        lines.map(str::to_owned).collect()
    };
    let alerts = after("- alert: ");
    assert!(alerts.len() > 10, "{alerts:?}");
    let anchors: Vec<String> = alerts
        .iter()
        .map(|alert| format!("runbook.md#{}", alert.to_lowercase()))
        .collect();
    assert_eq!(after("runbook: "), anchors);
    let page = read("docs/src/runbook.md");
    let entries: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(entries, alerts);
}
