use std::{ffi::OsString, fs, path::Path, time::Duration};

use portcullis_core::{limit::Quota, password::Blocklist, token::Algorithm};
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

const SECRET: &str = "k3Jv9qLx2mZ8wRt5yHn7bGf4dSa6pUe1";

/// A configuration in the making.
struct Given {
    sources: Sources,
    _folder: tempfile::TempDir,
}

impl Given {
    fn nothing() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources {
            working_dir: folder.path().to_owned(),
            ..Sources::default()
        };
        Self {
            sources,
            _folder: folder,
        }
    }

    fn dir(&self) -> &Path {
        &self.sources.working_dir
    }

    fn toml(self, text: &str) -> Self {
        fs::write(self.dir().join("portcullis.toml"), text).unwrap();
        self
    }

    fn dot_env(self, text: &str) -> Self {
        fs::write(self.dir().join(".env"), text).unwrap();
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &'static str, flag: &'static str, value: &str) -> Self {
        self.sources.flags.push((key, flag, value.to_owned()));
        self
    }

    fn dev(mut self) -> Self {
        self.sources.dev = true;
        self
    }

    fn load(&self) -> Config {
        Config::load(&self.sources)
    }

    fn settings(&self) -> Settings {
        let config = self.load();
        assert_eq!(config.problems(), []);
        config
            .for_serving()
            .unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// The problems as lines.
    fn problems(&self) -> Vec<String> {
        self.load().problems().iter().map(ToString::to_string).collect()
    }

    /// The one problem.
    fn problem(&self) -> String {
        let problems = self.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.into_iter().next().unwrap()
    }

    fn warnings(&self) -> Vec<String> {
        self.load().warnings.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn nothing_given_is_a_good_configuration() {
    let settings = Given::nothing().settings();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.data_dir, Path::new("portcullis-data"));
    assert_eq!(settings.token.access_ttl, Duration::from_secs(900));
    assert_eq!(settings.session.idle, Duration::from_secs(7 * 86_400));
    assert_eq!(settings.session.absolute, Duration::from_secs(90 * 86_400));
    assert_eq!(settings.token.algorithm, Algorithm::ES256);
    assert_eq!(settings.password.min_length, 8);
    assert_eq!(settings.password.blocklist, Blocklist::Enforce);
    assert_eq!(settings.hashing.params.to_string(), "m=19456,t=2,p=1");
    assert_eq!(
        settings.limits.login.per_address,
        "5/minute".parse::<Quota>().unwrap()
    );
    assert_eq!(settings.http.max_body, 65_536);
    assert!(settings.registration_enabled && settings.limits.enabled);
    assert!(settings.cors_origins.is_empty());
    assert_eq!(settings.issuer(settings.listen), "http://127.0.0.1:8000");
    assert_eq!(settings.audience(settings.listen), "http://127.0.0.1:8000");
    assert!(Given::nothing().warnings().is_empty());
}

#[test]
fn each_layer_wins_over_the_one_before() {
    let ttl = |given: Given| given.settings().token.access_ttl.as_secs();
    let given = Given::nothing().toml("[token]\naccess_ttl = '1m'");
    assert_eq!(given.settings().token.access_ttl.as_secs(), 60);
    let given = given.dot_env("PORTCULLIS_TOKEN__ACCESS_TTL=2m\nOTHER_PROGRAM=x");
    assert_eq!(given.settings().token.access_ttl.as_secs(), 120);
    let given = given
        .env("PORTCULLIS_TOKEN__ACCESS_TTL", "3m")
        .env("PATH", "/bin");
    assert_eq!(given.settings().token.access_ttl.as_secs(), 180);
    assert_eq!(ttl(given.flag("token.access_ttl", "--access-ttl", "4m")), 240);
}

proptest! {
    /// Whatever layers give a key: the last one that does wins, and `check` says which that was.
    #[test]
    fn the_last_layer_that_gives_a_key_wins(gives in prop::array::uniform4(any::<bool>())) {
        let mut given = Given::nothing();
        let mut expected = (15 * 60, "default".to_owned());
        if gives[0] {
            given = given.toml("token = { access_ttl = '1m' }");
            expected = (60, "token.access_ttl in portcullis.toml".to_owned());
        }
        if gives[1] {
            given = given.dot_env("PORTCULLIS_TOKEN__ACCESS_TTL='2m'");
            expected = (120, "PORTCULLIS_TOKEN__ACCESS_TTL in .env".to_owned());
        }
        if gives[2] {
            given = given.env("PORTCULLIS_TOKEN__ACCESS_TTL", "3m");
            expected = (180, "PORTCULLIS_TOKEN__ACCESS_TTL".to_owned());
        }
        if gives[3] {
            given = given.flag("token.access_ttl", "--access-ttl", "4m");
            expected = (240, "--access-ttl".to_owned());
        }
        let shown = given.load().shown();
        let shown = shown.iter().find(|key| key.name == "token.access_ttl").unwrap();
        prop_assert_eq!((given.settings().token.access_ttl.as_secs(), shown.origin.clone()), expected);
    }
}

#[test]
fn every_key_of_the_table_is_read_and_every_default_is_good() {
    let mut from = Resolver::new(Layers::default());
    Settings::resolve(&mut from, false);
    let asked: Vec<_> = from.asked.iter().copied().collect();
    let mut known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    known.sort_unstable();
    assert_eq!(asked, known);
    assert_eq!(from.finish().problems, []);
}

#[test]
fn the_example_is_a_configuration_once_uncommented() {
    let example = example();
    let lines = example.lines().map(|line| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let assigns = bare
            .split_once(" = ")
            .is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        if assigns || line.starts_with('[') {
            bare
        } else {
            ""
        }
    });
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    let table: toml::Table = text.parse().unwrap();
    let given: usize = table
        .values()
        .map(|value| value.as_table().map_or(1, toml::Table::len))
        .sum();
    assert_eq!(given, KEYS.len());
    // Only what cannot be invented is wrong with it: secrets, and that they were given beside ES256.
    let places: Vec<_> = Given::nothing()
        .toml(&text)
        .load()
        .problems()
        .into_iter()
        .map(|p| p.place)
        .collect();
    assert!(
        places
            .iter()
            .all(|place| place.starts_with("master_key ") || place.starts_with("token.secret ")),
        "{places:?}"
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_name() {
    let problem = Given::nothing().toml("[token]\nacces_ttl = '1m'").problem();
    assert_eq!(
        problem,
        "token.acces_ttl in portcullis.toml: there is no such key; did you mean token.access_ttl?"
    );
    let problem = Given::nothing()
        .toml("[tokens]\nissuer = 'https://a.example'")
        .problem();
    assert!(problem.contains("did you mean token.issuer?"), "{problem}");
    let problem = Given::nothing()
        .env("PORTCULLIS_LIMIT__ENABLED", "false")
        .problem();
    assert_eq!(
        problem,
        "PORTCULLIS_LIMIT__ENABLED: there is no such key; did you mean PORTCULLIS_LIMITS__ENABLED?"
    );
    let problem = Given::nothing().dot_env("PORTCULLIS_LISTN=1").problem();
    assert_eq!(
        problem,
        "PORTCULLIS_LISTN in .env: there is no such key; did you mean PORTCULLIS_LISTEN?"
    );
    let problem = Given::nothing().toml("zzz = 1").problem();
    assert!(
        problem.ends_with("`portcullis config --example` lists all"),
        "{problem}"
    );
}

#[test]
fn a_key_where_a_section_is_and_the_other_way_round() {
    let problem = Given::nothing().toml("token = 'x'").problem();
    assert!(
        problem.starts_with("token in portcullis.toml: there is no such key"),
        "{problem}"
    );
    let problem = Given::nothing().toml("[listen]\nport = 1").problem();
    assert!(
        problem.starts_with("listen in portcullis.toml: must be a text"),
        "{problem}"
    );
}

#[test]
fn all_problems_come_at_once() {
    let problems = Given::nothing()
        .toml("[token]\naccess_ttl = 'soon'\nsecret = 'short'\n[cors]\norigins = ['*']")
        .env("PORTCULLIS_HTTP__TRUSTED_PROXIES", "nonsense,0.0.0.0/0")
        .env("PORTCULLIS_PASSWORD__MIN_LENGTH", "3")
        .flag("listen", "--listen", "here")
        .problems();
    assert_eq!(problems.len(), 7, "{problems:#?}");
}

#[test]
fn a_secret_can_be_a_file_in_every_layer() {
    let given = Given::nothing();
    let path = given.dir().join("secret");
    fs::write(&path, format!("{SECRET}\n")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    for given in [
        Given::nothing().env("PORTCULLIS_TOKEN__SECRET_FILE", &path),
        Given::nothing().dot_env(&format!("PORTCULLIS_TOKEN__SECRET_FILE={path}")),
        Given::nothing().toml(&format!("[token]\nsecret_file = '{path}'")),
    ] {
        let settings = given.settings();
        assert_eq!(settings.token.secret.unwrap().expose_secret(), SECRET);
        assert_eq!(settings.token.algorithm, Algorithm::HS256);
    }
}

#[test]
fn a_file_of_earlier_secrets_has_one_on_each_line() {
    let given = Given::nothing();
    let path = given.dir().join("previous");
    fs::write(&path, format!("{SECRET},with a comma\n{SECRET}2\n")).unwrap();
    let settings = given
        .env("PORTCULLIS_TOKEN__SECRET", SECRET)
        .env("PORTCULLIS_TOKEN__PREVIOUS_SECRETS_FILE", path.to_str().unwrap())
        .settings();
    let previous: Vec<_> = settings
        .token
        .previous_secrets
        .iter()
        .map(|s| s.expose_secret().to_owned())
        .collect();
    assert_eq!(previous, [format!("{SECRET},with a comma"), format!("{SECRET}2")]);
}

#[test]
fn a_secret_and_its_file_together_are_refused_and_so_is_a_missing_file() {
    let problem = Given::nothing()
        .env("PORTCULLIS_TOKEN__SECRET", SECRET)
        .env("PORTCULLIS_TOKEN__SECRET_FILE", "/nowhere")
        .problem();
    assert!(problem.contains("keep one of them"), "{problem}");
    let problem = Given::nothing()
        .env("PORTCULLIS_MASTER_KEY_FILE", "/nowhere")
        .problem();
    assert!(
        problem.starts_with("PORTCULLIS_MASTER_KEY_FILE: /nowhere cannot be read"),
        "{problem}"
    );
    let problem = Given::nothing()
        .env("PORTCULLIS_LISTEN_FILE", "/nowhere")
        .problem();
    assert!(problem.contains("there is no such key"), "{problem}");
}

#[test]
fn no_problem_and_nothing_shown_repeats_a_secret() {
    let planted = "PLANTED-wRt5yHn7";
    let given = Given::nothing()
        .toml(&format!("[token]\nprevious_secrets = [['{planted}']]\nunknown = '{planted}'\n[database]\nurl = 'mysql://u:{planted}@h/d'"))
        .dot_env(&format!("PORTCULLIS_MASTER_KEY={planted}\n{planted}"))
        .env("PORTCULLIS_TOKEN__SECRET", planted)
        .env("PORTCULLIS_TOKEN__UNKNOWN", planted);
    let config = given.load();
    let text: Vec<_> = config.problems().iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 7, "{text:#?}");
    assert!(!text.join("\n").contains(planted), "{text:#?}");
    assert!(config.shown().iter().all(|key| !key.value.contains(planted)));
    let problem = Given::nothing()
        .toml(&format!("[token]\nsecret = '{planted}"))
        .problem();
    assert!(
        problem.starts_with("portcullis.toml, line 2: is not TOML") && !problem.contains(planted),
        "{problem}"
    );
}

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
fn an_empty_value_is_refused_so_that_no_unset_variable_weakens_anything() {
    let problem = Given::nothing().env("PORTCULLIS_TOKEN__SECRET", "").problem();
    assert!(problem.contains("is empty"), "{problem}");
    let problem = Given::nothing().env("PORTCULLIS_LIMITS__ENABLED", "").problem();
    assert!(problem.contains("is empty"), "{problem}");
    assert!(
        Given::nothing()
            .env("PORTCULLIS_CORS__ORIGINS", "")
            .settings()
            .cors_origins
            .is_empty()
    );
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
fn the_configuration_file_can_be_named_and_must_then_be_there() {
    let given = Given::nothing();
    fs::write(given.dir().join("other.toml"), "listen = '127.0.0.1:9'").unwrap();
    let given = given.env("PORTCULLIS_CONFIG", "other.toml");
    assert_eq!(given.settings().listen.port(), 9);
    let mut given = given;
    given.sources.config_file = Some("missing.toml".into());
    assert!(given.problem().starts_with("missing.toml: cannot be read"));
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
    let url = "postgres://u:pw@db/x";
    assert!(
        warned(Given::nothing().flag("database.url", "--database-url", url)).contains("list of processes")
    );
    assert!(warned(Given::nothing().env("PORTCULLIS_DATABASE__URL", url)).is_empty());
}

#[test]
fn a_variable_that_is_not_utf8_is_refused_not_ignored() {
    use std::os::unix::ffi::OsStringExt;
    let mut given = Given::nothing();
    let value = OsString::from_vec(vec![0xff, 0xfe]);
    given
        .sources
        .environment
        .push(("PORTCULLIS_TOKEN__SECRET".into(), value));
    assert_eq!(given.problem(), "PORTCULLIS_TOKEN__SECRET: is not UTF-8");
}
