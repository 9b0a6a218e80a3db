use std::os::unix::fs::{PermissionsExt as _, chown};

use super::*;

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

#[test]
fn files_that_strangers_may_have_put_there_are_not_taken() {
    for name in [".env", "portcullis.toml"] {
        let given = Given::nothing().dot_env("PORTCULLIS_LOG__LEVEL=debug").toml("");
        let path = given.dir().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let problem = given.problem();
        assert!(
            problem.contains(name) && problem.contains("everybody can write it"),
            "{problem}"
        );
        // As root only: who else could give it to somebody?
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        if chown(&path, Some(65534), None).is_ok() {
            let problem = given.problem();
            assert!(
                problem.contains("belongs to another user (uid 65534)"),
                "{problem}"
            );
            // In their own folder it is theirs to say, unless all can write there.
            chown(given.dir(), Some(65534), None).unwrap();
            assert_eq!(given.problems(), [] as [&str; 0]);
            fs::set_permissions(given.dir(), fs::Permissions::from_mode(0o1777)).unwrap();
            assert!(given.problem().contains("uid 65534"));
        }
    }
}
