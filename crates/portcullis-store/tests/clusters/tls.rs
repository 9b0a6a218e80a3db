use portcullis_core::store::Store as _;
use portcullis_store::{Database, DatabaseOptions};
use portcullis_testkit::postgres::Postgres;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// What becomes of an open at `host` with this end of the URL.
async fn open(server: &Postgres, host: &str, query: &str) -> Result<(), String> {
    let url = server.url().replace("127.0.0.1", host) + query;
    let opened = Database::open(&DatabaseOptions::new(url)).await;
    let database = opened.map_err(|error| error.to_string())?;
    // The connections beside the first one, too.
    database.ping().await.map_err(|error| error.to_string())?;
    database
        .load_feed(portcullis_core::clock::Timestamp::from_millis(0))
        .await
        .map_err(|error| error.to_string())?;
    database.feed_moved().await;
    database.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_verified_with_its_name_where_that_is_asked_for() {
    let mut server = Postgres::start(&["fsync = off"]);
    let (ours, theirs) = (authority(), authority());
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &ours).unwrap();
    server.write("server.crt", &leaf.pem());
    server.write("server.key", &key.serialize_pem());

    let plain = open(&server, "127.0.0.1", "?sslmode=require").await.unwrap_err();
    assert!(plain.contains("TLS"), "a server without TLS: {plain}");

    server.write("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
    server.reconfigure(&[
        "ssl = on",
        "ssl_cert_file = 'server.crt'",
        "ssl_key_file = 'server.key'",
    ]);

    let folder = tempfile::tempdir().unwrap();
    let (ca, other) = (folder.path().join("ca.pem"), folder.path().join("other.pem"));
    std::fs::write(&ca, ours.pem()).unwrap();
    std::fs::write(&other, theirs.pem()).unwrap();
    let root = |file: &std::path::Path, mode| format!("?sslmode={mode}&sslrootcert={}", file.display());

    open(&server, "localhost", &root(&ca, "verify-full"))
        .await
        .unwrap();
    open(&server, "127.0.0.1", &root(&ca, "verify-ca")).await.unwrap();
    open(&server, "127.0.0.1", "?sslmode=require").await.unwrap();

    let name = open(&server, "127.0.0.1", &root(&ca, "verify-full"))
        .await
        .unwrap_err();
    assert!(name.contains("certificate"), "another name: {name}");
    for mode in ["verify-full", "verify-ca"] {
        let unknown = open(&server, "localhost", &root(&other, mode)).await.unwrap_err();
        assert!(unknown.contains("certificate"), "another authority: {unknown}");
        let unknown = open(&server, "localhost", &format!("?sslmode={mode}"))
            .await
            .unwrap_err();
        assert!(unknown.contains("certificate"), "no authority named: {unknown}");
    }
    let open = open(&server, "localhost", "?sslmode=disable").await.unwrap_err();
    assert!(
        open.contains("no encryption"),
        "TLS is asked for by the server: {open}"
    );
}
