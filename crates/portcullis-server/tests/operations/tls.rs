use std::{
    io::{Read as _, Write as _},
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustix::process::Signal;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};

use crate::harness::{Place, Server, chmod};

struct Certificate {
    pem: String,
    key: String,
    der: CertificateDer<'static>,
}

fn certificate() -> Certificate {
    made(&CertificateParams::new(vec!["localhost".to_owned()]).unwrap())
}

fn made(params: &CertificateParams) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    Certificate {
        pem: made.pem(),
        key: key.serialize_pem(),
        der: made.der().clone(),
    }
}

/// A server with TLS in `place`.
pub(crate) fn served(place: Place) -> (Place, Server) {
    let own = certificate();
    place.write("cert.pem", &own.pem);
    place.write("key.pem", &own.key);
    let server = place.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    (place, server)
}

/// `GET /healthz` by TLS, trusting one certificate: the whole answer.
fn get(server: &Server, trusted: &Certificate) -> Result<String, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = StreamOwned::new(
        ClientConnection::new(Arc::new(config), name).unwrap(),
        server.connect(),
    );
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn sighup_brings_the_new_certificate_and_keeps_the_old_one_when_that_is_broken() {
    let place = Place::new();
    let (first, second) = (certificate(), certificate());
    place.write("cert.pem", &first.pem);
    place.write("key.pem", &first.key);
    let mut server = place.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    assert!(server.url().starts_with("https://127.0.0.1:"));
    let answer = get(&server, &first).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer
            .to_lowercase()
            .contains("strict-transport-security: max-age="),
        "{answer}"
    );
    assert!(get(&server, &second).is_err());

    // Half a renewal: the certificate is there, its key is not yet.
    place.write("cert.pem", &second.pem);
    server.signal(Signal::HUP);
    server.wait_for("tls.reload_failed");
    get(&server, &first).unwrap();

    place.write("key.pem", &second.key);
    server.signal(Signal::HUP);
    server.wait_for("tls.reloaded");
    get(&server, &second).unwrap();
    assert!(get(&server, &first).is_err());
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_certificate_that_ran_out_is_told_of() {
    let place = Place::new();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(2020, 1, 31);
    let (good, over) = (certificate(), made(&params));
    let write = |certificate: &Certificate| {
        place.write("cert.pem", &certificate.pem);
        place.write("key.pem", &certificate.key);
        chmod(&place.path("key.pem"), 0o600);
    };
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    write(&good);
    let mut server = place.serve(&tls);
    let check = place.run(&[&["check"], tls.as_slice()].concat());
    assert_eq!((check.code, check.stderr.as_str()), (Some(0), "All is well.\n"));

    write(&over);
    let says = "the certificate has expired at 2020-01-31T00:00:00Z";
    let check = place.run(&[&["check"], tls.as_slice()].concat());
    assert!(check.code == Some(1) && check.stderr.contains(says), "{check:?}");
    server.signal(Signal::HUP);
    assert_eq!(server.wait_for(says)["cert"], "cert.pem");
}

#[test]
fn without_tls_sighup_changes_nothing() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    server.signal(Signal::HUP);
    server.wait_for("SIGHUP");
    let answer = server.get("/healthz");
    assert!(answer.starts_with("HTTP/1.1 200 "));
    assert!(!answer.to_lowercase().contains("strict-transport-security"));
}

#[test]
fn plain_http_on_a_tls_port_gets_nothing() {
    let place = Place::new();
    let only = certificate();
    place.write("cert.pem", &only.pem);
    place.write("key.pem", &only.key);
    let server = place.serve(&["--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    let mut stream = server.connect();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(
        !answer.starts_with(b"HTTP/"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
}

#[test]
fn files_that_do_not_fit_are_named() {
    let place = Place::new();
    let (first, second) = (certificate(), certificate());
    place.write("cert.pem", &first.pem);
    place.write("key.pem", &second.key);
    place.write("empty.pem", "");
    for (cert, key, says) in [
        ("cert.pem", "key.pem", "cannot be used"),
        ("none.pem", "key.pem", "none.pem cannot be read"),
        ("empty.pem", "key.pem", "empty.pem holds no certificate"),
        ("cert.pem", "cert.pem", "private key cert.pem cannot be read"),
    ] {
        let said = place
            .run(&[
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--tls-cert",
                cert,
                "--tls-key",
                key,
            ])
            .failed();
        assert!(said.contains(says), "{said}");
        let check = place.run(&["check", "--tls-cert", cert, "--tls-key", key]);
        assert!(check.code == Some(1) && check.stderr.contains(says), "{check:?}");
    }
    let usage = place.run(&["serve", "--tls-cert", "cert.pem"]);
    assert_eq!(usage.code, Some(2));
}
