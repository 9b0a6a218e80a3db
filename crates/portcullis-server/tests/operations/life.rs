use std::io::{Read, Write as _};

use portcullis_testkit::stopwatch::Stopwatch;
use rustix::process::Signal;

use crate::harness::{Place, Server, chmod, mode};

#[test]
fn a_first_start_makes_everything_private_and_says_what_comes_next() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200 "));
    let next = server.wait_for("there is no administrator yet");
    assert!(
        next["message"]
            .as_str()
            .unwrap()
            .contains("portcullis user add --role admin")
    );
    assert_eq!(mode(&place.path("portcullis-data")), 0o700);
    assert_eq!(mode(&place.path("portcullis-data/master.key")), 0o600);
    for entry in std::fs::read_dir(place.path("portcullis-data")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
    }
    place
        .run_with(
            &["user", "add", "root@example.com", "--role", "admin"],
            "correct horse 9\n",
        )
        .done();
    assert_eq!(server.terminate(), Some(0));
    assert!(!place.serve(&[]).whole_log().contains("no administrator"));
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let place = Place::new();
    let server = place.serve(&[]);
    let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).failed();
    assert!(
        said.contains("already served by process") && said.contains("--data-dir"),
        "{said}"
    );
    // The first is unharmed, and its end lets the next one in, even an end by kill -9.
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200 "));
    server.signal(Signal::KILL);
    server.ended();
    place.serve(&[]);
}

#[test]
fn a_taken_port_is_said_to_be_taken() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = place.run(&["serve", "--listen", &address]).failed();
    assert!(
        said.contains(&format!("{address} is taken")) && said.contains("--listen"),
        "{said}"
    );
}

#[test]
fn another_master_key_is_refused_by_server_command_and_check() {
    let place = Place::new();
    place.serve(&[]).terminate();
    let key = place.path("portcullis-data/master.key");
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["user", "list"]] {
        let said = place.run(command).failed();
        assert!(
            said.contains("not the master key with which the database was made"),
            "{said}"
        );
    }
    let check = place.run(&["check"]);
    assert!(
        check.code == Some(1) && check.stderr.contains("master_key: is not the one"),
        "{check:?}"
    );
}

#[test]
fn a_lost_master_key_is_not_replaced() {
    let place = Place::new();
    place.serve(&[]).terminate();
    let key = place.path("portcullis-data/master.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).failed();
    assert!(
        said.contains("the master key is gone") && said.contains("PORTCULLIS_MASTER_KEY"),
        "{said}"
    );
    assert!(!key.exists());
    // The very same key as a variable, or as a file elsewhere, opens it again.
    let text = String::from_utf8(kept).unwrap();
    let secret = place.write("secret", &text);
    let place = place.env("PORTCULLIS_MASTER_KEY_FILE", secret.to_str().unwrap());
    place.serve(&[]);
}

#[test]
fn a_master_key_that_others_can_read_is_refused() {
    let place = Place::new();
    place.serve(&[]).terminate();
    chmod(&place.path("portcullis-data/master.key"), 0o644);
    let said = place.run(&["serve", "--listen", "127.0.0.1:0"]).failed();
    assert!(said.contains("mode 644") && said.contains("chmod 600"), "{said}");
}

/// A start may take minutes: of a large feed, of a database that does not come.
#[test]
fn sigterm_and_sigint_end_a_start_at_once_and_with_0() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://ada@{}/accounts", silent.local_addr().unwrap());
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new()
            .env("PORTCULLIS_DATABASE__URL", &url)
            .env("PORTCULLIS_DATABASE__TIMEOUT", "10s");
        let mut starting = place.begin(&["serve", "--listen", "127.0.0.1:0"]);
        let _connection = silent.accept().unwrap();
        let waited = Stopwatch::start();
        starting.signal(signal);
        assert_eq!(starting.ended(), Some(0));
        assert!(waited.elapsed().as_secs() < 5, "{:?}", waited.elapsed());
    }
}

#[test]
fn sigterm_and_sigint_let_requests_finish_and_end_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let mut server = place.serve(&[]);
        // A request whose body is on its way when the signal comes.
        let mut stream = server.connect();
        let body = r#"{"email":"a@example.com","password":"wrong password"}"#;
        write!(
            stream,
            "POST /auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        // The server asks for the body, so the request has begun.
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(&head, b"HTTP/1.1 100");
        server.signal(signal);
        server.wait_for("stopping");
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("HTTP/1.1 401 "), "{answer}");
        assert_eq!(server.ended(), Some(0), "{signal:?}");
    }
}

/// A request that has begun and whose body never comes.
fn unfinished(server: &Server) -> std::net::TcpStream {
    let mut stream = server.connect();
    write!(
        stream,
        "POST /auth/login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n\
         Content-Length: 10\r\n\r\n"
    )
    .unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 100");
    stream
}

#[test]
fn a_second_signal_does_not_wait() {
    let place = Place::new()
        .env("PORTCULLIS_HTTP__DRAIN_TIMEOUT", "1h")
        .env("PORTCULLIS_HTTP__REQUEST_TIMEOUT", "1h");
    let mut server = place.serve(&[]);
    let _stream = unfinished(&server);
    server.signal(Signal::TERM);
    server.wait_for("stopping");
    server.signal(Signal::TERM);
    server.wait_for("stopped");
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn until_balancers_have_noticed_a_stopping_server_is_not_ready_and_answers() {
    let place = Place::new().env("PORTCULLIS_HTTP__DRAIN_DELAY", "1h");
    let mut server = place.serve(&[]);
    let mut kept = server.connect();
    let request = b"GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n";
    kept.write_all(request).unwrap();
    assert!(!head(&mut kept).contains("connection: close"));
    server.signal(Signal::TERM);
    server.wait_for("stopping");
    let ready = server.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
    assert!(ready.contains("\"error\":\"stopping\""), "{ready}");
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
    // Whoever has a connection is told to leave it.
    let mut rest = vec![0; 4096];
    assert!(kept.read(&mut rest).unwrap() > 0);
    kept.write_all(request).unwrap();
    let answer = head(&mut kept);
    assert!(
        answer.starts_with("http/1.1 404 ") && answer.contains("connection: close"),
        "{answer}"
    );
    kept.read_to_end(&mut Vec::new()).unwrap();
    server.signal(Signal::TERM);
    server.wait_for("stopped");
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn when_they_have_had_the_time_it_ends() {
    let place = Place::new().env("PORTCULLIS_HTTP__DRAIN_DELAY", "100ms");
    let mut server = place.serve(&[]);
    server.signal(Signal::INT);
    server.wait_for("stopped");
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn no_client_holds_up_an_end_for_long() {
    let place = Place::new().env("PORTCULLIS_HTTP__DRAIN_TIMEOUT", "100ms");
    let mut server = place.serve(&[]);
    let _stream = unfinished(&server);
    server.signal(Signal::TERM);
    server.wait_for("stopped");
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn a_client_that_sends_its_headers_slowly_is_cut_off() {
    let place = Place::new().env("PORTCULLIS_HTTP__HEADER_TIMEOUT", "200ms");
    let server = place.serve(&[]);
    for beginning in ["", "GET", "GET /healthz HTTP/1.1\r\nHost:"] {
        let mut stream = server.connect();
        stream.write_all(beginning.as_bytes()).unwrap();
        let mut rest = Vec::new();
        // An end, with or without an answer, rather than the patience of the reader.
        let end = stream.read_to_end(&mut rest);
        assert!(
            !matches!(&end, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "{beginning:?}: {end:?}"
        );
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
}

#[test]
fn too_many_connections_find_the_door_shut() {
    let place = Place::new().env("PORTCULLIS_HTTP__MAX_CONNECTIONS", "16");
    let server = place.serve(&[]);
    // Each is answered once, so each holds its place.
    let mut held: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = server.connect();
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
                .unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).unwrap();
            assert_eq!(&head, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let mut refused = server.connect();
    let _ = refused.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut answer = Vec::new();
    let _ = refused.read_to_end(&mut answer);
    assert_eq!(answer, b"");
    // A place that is given back can be taken. The client sees the end of its connection a moment before the server
    // has let go of the place, so the first to come may still be early.
    drop(held.pop());
    let taken = (0..1000).any(|_| {
        let mut stream = server.connect();
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n");
        stream.read_exact(&mut [0; 12]).is_ok()
    });
    assert!(taken);
}

/// The head of one answer, in lower case.
fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

#[test]
fn beyond_those_that_are_kept_a_connection_ends_with_its_answer() {
    let place = Place::new().env("PORTCULLIS_HTTP__KEPT_CONNECTIONS", "2");
    let server = place.serve(&[]);
    let ask = |stream: &mut std::net::TcpStream| {
        stream
            .write_all(b"GET /nothing HTTP/1.1\r\nHost: test\r\n\r\n")
            .unwrap();
        head(stream)
    };
    let mut kept = [server.connect(), server.connect()];
    for stream in &mut kept {
        assert!(!ask(stream).contains("connection: close"));
    }
    let mut third = server.connect();
    let answer = ask(&mut third);
    assert!(
        answer.starts_with("http/1.1 404 ") && answer.contains("connection: close"),
        "{answer}"
    );
    // The rest is the body, and then the end.
    third.read_to_end(&mut Vec::new()).unwrap();
    // Those who were there before notice nothing of it.
    for stream in &mut kept {
        let mut rest = vec![0; 4096];
        assert!(stream.read(&mut rest).unwrap() > 0);
        assert!(!ask(stream).contains("connection: close"));
    }
}

#[test]
fn both_versions_are_told_apart_however_they_arrive() {
    // The preface of HTTP/2 and an empty SETTINGS frame (RFC 9113, sections 3.4 and 6.5).
    let http2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let http1: &[u8] = b"POST /auth/login HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n";
    let server = Place::new();
    let server = server.serve(&[]);
    for first in [1, 2, 3, 20, usize::MAX] {
        for bytes in [http1, http2] {
            let mut stream = server.connect();
            stream.set_nodelay(true).unwrap();
            let (first, rest) = bytes.split_at(first.min(bytes.len()));
            stream.write_all(first).unwrap();
            // Another connection's answer says that the server has had time to look at the first bytes.
            server.get("/healthz");
            stream.write_all(rest).unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).unwrap();
            if bytes == http1 {
                assert_eq!(&answer, b"HTTP/1.1 415");
            } else {
                // A frame: three bytes of length, then the type, SETTINGS.
                assert_eq!(answer[3], 4, "{answer:?}");
            }
        }
    }
}

#[test]
fn headers_beyond_their_limit_are_refused() {
    let server = Place::new();
    let server = server.serve(&[]);
    for (length, status) in [(12 * 1024, "200"), (20 * 1024, "431")] {
        let mut stream = server.connect();
        let padding = "a".repeat(length);
        // Refused before all of it is read, it may end in a reset.
        let _ = write!(
            stream,
            "GET /healthz HTTP/1.1\r\nHost: test\r\nX-Padding: {padding}\r\n\r\n"
        );
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes());
    }
}

#[test]
fn dev_seeds_an_administrator_and_a_public_server_refuses_that_password() {
    let place = Place::new();
    let mut server = place.serve(&["--dev"]);
    assert_eq!(server.wait_for("--dev")["email"], "admin@example.com");
    assert!(place.run(&["user", "list"]).done().contains("admin@example.com"));
    server.terminate();
    // Again: nothing is seeded twice.
    place.serve(&["--dev"]).terminate();
    // On this machine only, it is one's own business.
    place.serve(&[]).terminate();
    let public = ["serve", "--listen", "0.0.0.0:0", "--insecure-http"];
    let said = place.run(&public).failed();
    assert!(
        said.contains("the password of --dev") && said.contains("set-password"),
        "{said}"
    );
    place
        .run_with(
            &["user", "set-password", "admin@example.com"],
            "correct horse 9\n",
        )
        .done();
    place.serve(&["--listen", "0.0.0.0:0", "--insecure-http"]);
}

#[test]
fn the_log_is_json_without_a_terminal_and_human_when_asked() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    server.get("/me?token=PLANTED");
    let answered = server.wait_for("answered");
    assert_eq!(
        (&answered["status"], &answered["level"]),
        (&401.into(), &"INFO".into())
    );
    assert!(!server.whole_log().contains("PLANTED"));
    let place = place.env("PORTCULLIS_LOG__FORMAT", "human");
    let said = place
        .run(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            "portcullis-data/master.key",
        ])
        .failed();
    assert_eq!(said, "error: portcullis-data/master.key is not a folder\n");
}
