use rcgen::generate_simple_self_signed;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::*;

/// An issuer behind TLS, by the name `localhost`: its port and its certificate.
async fn start(keys: String) -> (u16, String) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let length = keys.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{keys}");
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _closed = stream.shutdown().await;
        }
    });
    (port, made.cert.pem())
}

#[tokio::test]
async fn a_certificate_is_believed_when_its_authority_is() {
    let signer = Signer::new(Algorithm::ES256);
    let (port, pem) = start(signer.jwks().to_string()).await;
    let connect = async |host: &str, pem: Option<&str>| {
        let url = format!("https://{host}:{port}/keys");
        let mut issuer = Issuer::jwks("https://idp.example", url)
            .audience(AUDIENCE)
            .allow_private_addresses();
        if let Some(pem) = pem {
            issuer = issuer.root_certificates(pem);
        }
        Remote::builder()
            .issuer(issuer)
            .connect()
            .await
            .map_err(|error| error.to_string())
    };
    assert!(connect("localhost", Some(&pem)).await.is_ok());
    for (host, pem, says) in [
        ("localhost", None, "certificate"),
        ("127.0.0.1", Some(pem.as_str()), "certificate"),
        ("localhost", Some("no PEM"), "not PEM"),
    ] {
        let error = connect(host, pem).await.err().unwrap();
        assert!(error.contains(says), "{says}: {error}");
    }
}
