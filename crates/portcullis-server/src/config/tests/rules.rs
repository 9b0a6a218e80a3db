use super::*;

#[test]
fn a_secret_must_be_long_and_varied() {
    let secret = |algorithm: &str, secret: &str| {
        Given::nothing()
            .env("PORTCULLIS_TOKEN__SECRET", secret)
            .env("PORTCULLIS_TOKEN__ALGORITHM", algorithm)
    };
    let varied = format!("{SECRET}{SECRET}");
    for (algorithm, least) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let problem = secret(algorithm, &varied[..least - 1]).problem();
        assert!(
            problem.contains(&format!(
                "has {} bytes; {algorithm} needs at least {least}",
                least - 1
            )),
            "{problem}"
        );
        assert_eq!(secret(algorithm, &varied[..least]).problems(), [] as [&str; 0]);
    }
    let problem = secret("HS256", &"abc".repeat(20)).problem();
    assert!(problem.contains("repeats a few characters"), "{problem}");
    let problem = Given::nothing()
        .env("PORTCULLIS_TOKEN__SECRET", SECRET)
        .env("PORTCULLIS_TOKEN__PREVIOUS_SECRETS", "short")
        .problem();
    assert!(
        problem.starts_with("PORTCULLIS_TOKEN__PREVIOUS_SECRETS: number 1 has 5 bytes"),
        "{problem}"
    );
}

#[test]
fn secret_and_algorithm_must_agree() {
    let problem = Given::nothing()
        .env("PORTCULLIS_TOKEN__ALGORITHM", "HS256")
        .problem();
    assert!(
        problem.contains("signs with a secret, and none is given"),
        "{problem}"
    );
    let problem = Given::nothing()
        .env("PORTCULLIS_TOKEN__ALGORITHM", "ES256")
        .env("PORTCULLIS_TOKEN__SECRET", SECRET)
        .problem();
    assert!(problem.contains("ES256 does not use it"), "{problem}");
    let problem = Given::nothing()
        .env("PORTCULLIS_TOKEN__PREVIOUS_SECRETS", SECRET)
        .problem();
    assert!(problem.contains("give the secret of now too"), "{problem}");
    let problem = Given::nothing()
        .env("PORTCULLIS_TOKEN__ALGORITHM", "none")
        .problem();
    assert!(problem.contains("is not one of ES256"), "{problem}");
}

#[test]
fn an_issuer_is_https_or_loopback() {
    let issuer = |text: &str| Given::nothing().env("PORTCULLIS_TOKEN__ISSUER", text);
    for good in [
        "https://auth.example.com",
        "https://example.com/auth",
        "http://localhost:8000",
        "http://[::1]:1",
    ] {
        assert_eq!(
            issuer(good).settings().issuer("127.0.0.1:1".parse().unwrap()),
            good
        );
    }
    for bad in [
        "http://auth.example.com",
        "http://localhost.example.com",
        "ftp://example.com",
        "auth.example.com",
        "https://example.com/?a",
        "https://example.com/#a",
        "https://user@example.com",
    ] {
        assert!(
            issuer(bad).problem().starts_with("PORTCULLIS_TOKEN__ISSUER: "),
            "{bad}"
        );
    }
}

#[test]
fn other_machines_get_no_plain_http_unless_the_operator_insists() {
    let open = || Given::nothing().flag("listen", "--listen", "0.0.0.0:8000");
    let problem = open().problem();
    assert!(
        problem.contains("--insecure-http") && problem.contains("trusted_proxies"),
        "{problem}"
    );
    assert_eq!(
        open().flag("http.insecure", "--insecure-http", "true").problems(),
        [] as [&str; 0]
    );
    assert_eq!(
        open()
            .env("PORTCULLIS_HTTP__TRUSTED_PROXIES", "10.0.0.0/8")
            .problems(),
        [] as [&str; 0]
    );
    let tls = open()
        .flag("tls.cert", "--tls-cert", "c.pem")
        .flag("tls.key", "--tls-key", "k.pem");
    assert_eq!(tls.problems(), [] as [&str; 0]);
    assert_eq!(
        tls.settings().issuer("0.0.0.0:8000".parse().unwrap()),
        "https://localhost:8000"
    );
    // What only uses the data does not ask who can reach a listener.
    assert!(open().load().for_data().is_ok());
    assert!(open().load().for_serving().is_err());
}

#[test]
fn a_listener_whose_url_is_no_issuer_needs_one() {
    let open = || {
        Given::nothing().flag("listen", "--listen", "10.1.2.3:8000").flag(
            "http.insecure",
            "--insecure-http",
            "true",
        )
    };
    let problem = open().problem();
    assert!(problem.starts_with("token.issuer: is not given"), "{problem}");
    assert_eq!(
        open()
            .env("PORTCULLIS_TOKEN__ISSUER", "https://auth.example.com")
            .problems(),
        [] as [&str; 0]
    );
}

#[test]
fn dev_is_for_this_machine_only() {
    for address in ["0.0.0.0:8000", "10.0.0.1:8000", "[::]:8000"] {
        let given = Given::nothing().dev().flag("listen", "--listen", address);
        let insisting = given.flag("http.insecure", "--insecure-http", "true");
        assert!(insisting.problem().contains("is refused with --dev"), "{address}");
    }
    for address in ["127.0.0.1:0", "127.4.5.6:1", "[::1]:8000", "localhost:8000"] {
        assert_eq!(
            Given::nothing()
                .dev()
                .flag("listen", "--listen", address)
                .problems(),
            [] as [&str; 0]
        );
    }
    let settings = Given::nothing().dev().settings();
    assert_eq!(settings.cors_origins, ["http://localhost:3000"]);
    assert_eq!(settings.password.blocklist, Blocklist::Warn);
    assert!(settings.limits.enabled);
}

#[test]
fn origins_are_as_browsers_send_them() {
    let origins = |text: &str| Given::nothing().env("PORTCULLIS_CORS__ORIGINS", text);
    let good = origins("https://app.example.com, http://localhost:3000")
        .settings()
        .cors_origins;
    assert_eq!(good, ["https://app.example.com", "http://localhost:3000"]);
    for (bad, says) in [
        ("*", "one by one"),
        ("https://*.example.com", "one by one"),
        ("null", "sandboxed"),
        ("https://app.example.com/", "write https://app.example.com"),
        ("https://App.example.com:443", "write https://app.example.com"),
        ("app.example.com", "not an origin"),
        ("file:///x", "not an origin"),
    ] {
        assert!(
            origins(bad).problem().contains(says),
            "{bad}: {}",
            origins(bad).problem()
        );
    }
}

#[test]
fn proxies_are_addresses_or_networks_but_not_everybody() {
    let proxies = |text: &str| Given::nothing().env("PORTCULLIS_HTTP__TRUSTED_PROXIES", text);
    assert_eq!(
        proxies("10.0.0.0/8, 192.0.2.1,::1")
            .settings()
            .http
            .trusted_proxies
            .len(),
        3
    );
    for everybody in ["0.0.0.0/0", "::/0"] {
        assert!(proxies(everybody).problem().contains("everybody"));
    }
    assert!(
        proxies("proxy.internal")
            .problem()
            .contains("neither an address nor a network")
    );
}

#[test]
fn values_out_of_range_say_the_range() {
    for (name, value, says) in [
        ("PORTCULLIS_PASSWORD__MIN_LENGTH", "7", "8 to 64"),
        ("PORTCULLIS_PASSWORD__MIN_LENGTH", "many", "not a whole number"),
        ("PORTCULLIS_TOKEN__ACCESS_TTL", "2d", "1s to 1d"),
        ("PORTCULLIS_TOKEN__LEEWAY", "10m", "0s to 1m"),
        ("PORTCULLIS_HTTP__MAX_BODY", "1GiB", "not a size"),
        ("PORTCULLIS_HTTP__MAX_BODY", "17MiB", "out of range"),
        (
            "PORTCULLIS_REGISTRATION__ENABLED",
            "yes",
            "neither true nor false",
        ),
        (
            "PORTCULLIS_LIMITS__LOGIN_PER_ADDRESS",
            "off",
            "limits.enabled = false",
        ),
        ("PORTCULLIS_LOG__FORMAT", "xml", "auto, human, json"),
        ("PORTCULLIS_LOG__LEVEL", "a=b=c", "not a filter"),
        ("PORTCULLIS_AUDIT__RETENTION", "1h", "less than a day"),
        ("PORTCULLIS_LISTEN", "8000", "ADDRESS:PORT"),
        ("PORTCULLIS_DATABASE__URL", "mysql://h/d", "begins with neither"),
        ("PORTCULLIS_MASTER_KEY", "abc", "64 hexadecimal digits"),
        ("PORTCULLIS_TLS__CERT", "x", "without tls.key"),
        ("PORTCULLIS_TLS__KEY", "x", "without tls.cert"),
        (
            "PORTCULLIS_LIMITS__REDIS_URL",
            "http://127.0.0.1",
            "not the URL of a Redis",
        ),
        (
            "PORTCULLIS_LIMITS__REDIS_URL",
            "rediss://127.0.0.1/#insecure",
            "TLS without verification",
        ),
        ("PORTCULLIS_LIMITS__REDIS_CA", "x", "without limits.redis_url"),
        (
            "PORTCULLIS_TOKEN__REFRESH_TTL",
            "91d",
            "longer than session.absolute_ttl",
        ),
        ("PORTCULLIS_TOKEN__REFRESH_TTL", "14m", "outlive its session"),
        ("PORTCULLIS_PASSWORD__ITERATIONS", "1", "too weak"),
    ] {
        let problem = Given::nothing().env(name, value).problem();
        assert!(problem.contains(says), "{name}={value}: {problem}");
    }
    assert_eq!(
        Given::nothing()
            .env("PORTCULLIS_AUDIT__RETENTION", "forever")
            .settings()
            .audit_retention,
        None
    );
}

#[test]
fn what_is_allowed_but_dangerous_is_warned_about() {
    let warned = |given: Given| given.warnings().join("\n");
    assert!(
        warned(Given::nothing().env("PORTCULLIS_LIMITS__ENABLED", "false")).contains("rate limits are off")
    );
    let open = Given::nothing().flag("listen", "--listen", "0.0.0.0:1").flag(
        "http.insecure",
        "--insecure-http",
        "true",
    );
    let text = warned(open);
    assert!(
        text.contains("readable on the way") && text.contains("is not what others call"),
        "{text}"
    );
    let url = "postgres://u:pw@localhost/x";
    assert!(
        warned(Given::nothing().flag("database.url", "--database-url", url)).contains("list of processes")
    );
    assert!(warned(Given::nothing().env("PORTCULLIS_DATABASE__URL", url)).is_empty());
    let afar = |query: &str| {
        let url = format!("postgres://u:pw@db.example/x{query}");
        warned(Given::nothing().env("PORTCULLIS_DATABASE__URL", &url))
    };
    assert!(afar("").contains("does not check that db.example is who it says"));
    assert!(afar("?sslmode=require").contains("sslmode=verify-full"));
    assert_eq!(afar("?sslmode=verify-full"), "");
    let traces = |endpoint: &str| {
        let given = Given::nothing().env("PORTCULLIS_TELEMETRY__OTLP_HEADERS", "api-key=secret");
        warned(given.env("PORTCULLIS_TELEMETRY__OTLP_ENDPOINT", endpoint))
    };
    assert!(traces("http://otlp.example.com").contains("are readable on the way to http://otlp.example.com"));
    assert_eq!(traces("https://otlp.example.com"), "");
    assert_eq!(traces("http://127.0.0.1:4318"), "");
}
