//! Traces, taken by a receiver of OTLP that is read with the types generated from its definition.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use serde_json::json;

use crate::harness::{Place, Server, send};

const PATIENCE: Duration = Duration::from_secs(30);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A receiver of OTLP in this process.
struct Otlp {
    endpoint: String,
    messages: Receiver<(String, ExportTraceServiceRequest)>,
    spans: Vec<Span>,
    resource: Option<Resource>,
}

impl Otlp {
    /// One that answers with `status`.
    fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (head, body) = request(&stream);
                let message = ExportTraceServiceRequest::decode(&body[..]).unwrap();
                let _ =
                    (&stream).write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
                if sender.send((head, message)).is_err() {
                    return;
                }
            }
        });
        Self {
            endpoint,
            messages,
            spans: Vec::new(),
            resource: None,
        }
    }

    /// Takes one more message in; its head.
    fn take(&mut self) -> String {
        let (head, message) = self.messages.recv_timeout(PATIENCE).unwrap();
        for resource_spans in message.resource_spans {
            self.resource = resource_spans.resource;
            for scope in resource_spans.scope_spans {
                self.spans.extend(scope.spans);
            }
        }
        head
    }

    /// The span of a name, waited for.
    fn span(&mut self, name: &str) -> Span {
        loop {
            if let Some(span) = self.spans.iter().find(|span| span.name == name) {
                return span.clone();
            }
            self.take();
        }
    }
}

/// Head and body of one request.
fn request(mut stream: &TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn served(otlp: &Otlp) -> (Place, Server) {
    let place = Place::new()
        .env("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT", &otlp.endpoint)
        .env("PORTCULLIS_TELEMETRY__OTLP_HEADERS", "x-api-key=sesame");
    let server = place.serve(&[]);
    (place, server)
}

fn traced(server: &Server, line: &str, body: &str) -> u16 {
    let head = format!("{line}\r\nContent-Type: application/json\r\ntraceparent: 00-{TRACE}-{CALLER}-00");
    send(server.address(), &head, body).0
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .map(|digit| char::from_digit(digit.into(), 16).unwrap())
        .collect()
}

fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.clone()?.value? {
        any_value::Value::StringValue(text) => Some(text),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_a_span_of_its_callers_trace_with_what_took_its_time_below_it() {
    let mut otlp = Otlp::start("200 OK");
    let (_place, mut server) = served(&otlp);
    let ada = json!({ "email": "ada@example.com", "password": "correct horse 9", "name": "Ada" });
    assert_eq!(
        traced(&server, "POST /auth/register HTTP/1.1", &ada.to_string()),
        201
    );
    let head = otlp.take();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(
        head.contains("content-type: application/x-protobuf\r\n"),
        "{head}"
    );
    assert!(head.contains("x-api-key: sesame\r\n"), "{head}");

    let span = otlp.span("POST /auth/register");
    assert_eq!(
        (hex(&span.trace_id), hex(&span.parent_span_id)),
        (TRACE.into(), CALLER.into())
    );
    assert_eq!(span.kind(), SpanKind::Server);
    assert!(span.status.is_none());
    let of = |name| attribute(&span.attributes, name).unwrap();
    assert_eq!(of("http.request.method"), "POST");
    assert_eq!(of("http.route"), "/auth/register");
    assert_eq!(of("http.response.status_code"), "201");
    for name in ["password.hash", "store.act"] {
        let part = otlp.span(name);
        assert_eq!(
            (&part.trace_id, &part.parent_span_id),
            (&span.trace_id, &span.span_id),
            "{name}"
        );
        assert_eq!(part.kind(), SpanKind::Internal);
        assert!(part.start_time_unix_nano >= span.start_time_unix_nano, "{name}");
        assert!(part.end_time_unix_nano <= span.end_time_unix_nano, "{name}");
        assert!(part.end_time_unix_nano > part.start_time_unix_nano, "{name}");
    }
    let resource = otlp.resource.as_ref().unwrap();
    let of = |name| attribute(&resource.attributes, name).unwrap();
    assert_eq!(of("service.name"), "portcullis");
    assert_eq!(of("service.version"), env!("CARGO_PKG_VERSION"));

    // The line of the log has the same trace, and the spans of traces are none of the log's.
    let line = server.wait_for("answered");
    assert_eq!(line["span"]["trace_id"], TRACE);
    assert_eq!(line["span"]["span_id"], hex(&span.span_id).as_str());
    assert_eq!(line["span"]["parent_id"], CALLER);
    assert_eq!(line["span"]["name"], "request");
    let request_id = attribute(&span.attributes, "portcullis.request_id").unwrap();
    assert_eq!(line["span"]["id"], request_id.as_str());
}

#[test]
fn without_a_traceparent_a_request_begins_a_trace_and_nothing_that_a_client_sent_is_in_it() {
    let mut otlp = Otlp::start("200 OK");
    let (_place, server) = served(&otlp);
    let wrong = json!({ "email": "hunter2@example.com", "password": "hunter2 hunter2" }).to_string();
    assert_eq!(
        send(
            server.address(),
            "POST /auth/login?hunter2 HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer hunter2",
            &wrong
        )
        .0,
        401
    );
    assert_eq!(send(server.address(), "GET /hunter2 HTTP/1.1", "").0, 404);
    let login = otlp.span("POST /auth/login");
    let nowhere = otlp.span("request");
    assert!(login.parent_span_id.is_empty() && nowhere.parent_span_id.is_empty());
    assert_ne!(login.trace_id, nowhere.trace_id);
    assert!(login.trace_id.iter().any(|byte| *byte != 0));
    assert!(!format!("{:?}", otlp.spans).contains("hunter2"));
}

#[test]
fn a_method_that_nobody_knows_is_not_kept() {
    let mut otlp = Otlp::start("200 OK");
    let (_place, mut server) = served(&otlp);
    let long = "X".repeat(8000);
    let (status, _) = send(server.address(), &format!("{long} /me HTTP/1.1"), "");
    assert_eq!(status, 405);
    let span = otlp.span("request");
    assert_eq!(
        attribute(&span.attributes, "http.request.method").unwrap(),
        "_OTHER"
    );
    assert!(!format!("{:?}", otlp.spans).contains(&long));
    assert_eq!(server.wait_for("answered")["method"], "other");
}

#[test]
fn what_fails_on_our_side_is_an_error_in_its_trace() {
    let mut otlp = Otlp::start("200 OK");
    let place = Place::new()
        .env("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT", &otlp.endpoint)
        .env("PORTCULLIS_HTTP__REQUEST_TIMEOUT", "100ms")
        // So costly that no request waits for it.
        .env("PORTCULLIS_PASSWORD__MEMORY_KIB", "262144")
        .env("PORTCULLIS_PASSWORD__ITERATIONS", "4");
    let server = place.serve(&[]);
    let login = json!({ "email": "ada@example.com", "password": "correct horse 9" }).to_string();
    assert_eq!(traced(&server, "POST /auth/login HTTP/1.1", &login), 503);
    let span = otlp.span("POST /auth/login");
    assert_eq!(span.status.unwrap().code(), StatusCode::Error);
}

#[test]
fn a_receiver_that_is_away_or_refuses_harms_no_request_and_is_told_of_once() {
    let refusing = Otlp::start("500 Internal Server Error");
    let away = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for endpoint in [&refusing.endpoint, &away] {
        let place = Place::new()
            .env("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT", endpoint)
            .env("PORTCULLIS_METRICS__LISTEN", "127.0.0.1:0");
        let mut server = place.serve(&[]);
        assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
        server.wait_for("traces cannot be exported");
        assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
        let log = server.whole_log();
        assert_eq!(log.matches("traces cannot be exported").count(), 1, "{log}");
        assert!(log.contains("\"stopped\""), "{log}");
    }
}

#[test]
fn off_by_default_and_a_trace_that_comes_is_in_the_log_all_the_same() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    assert_eq!(traced(&server, "GET /healthz HTTP/1.1", ""), 200);
    let line = server.wait_for("answered");
    assert_eq!(line["span"]["trace_id"], TRACE);
    assert_eq!(line["span"]["span_id"], serde_json::Value::Null);
    assert_eq!(send(server.address(), "GET /healthz HTTP/1.1", "").0, 200);
    let line = server.wait_for("answered");
    assert_eq!(line["span"]["trace_id"], serde_json::Value::Null);
}

#[test]
fn an_endpoint_that_cannot_be_is_refused_with_its_key() {
    for endpoint in [
        "localhost:4318",
        "grpc://localhost:4317",
        "http://user:pass@localhost:4318",
    ] {
        let place = Place::new().env("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT", endpoint);
        let said = place.run(&["serve"]).failed();
        assert!(said.contains("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT"), "{said}");
    }
    let place = Place::new().env("PORTCULLIS_TELEMETRY__OTLP_HEADERS", "hunter2");
    let said = place.run(&["serve"]).failed();
    assert!(said.contains("NAME=VALUE") && !said.contains("hunter2"), "{said}");
}
