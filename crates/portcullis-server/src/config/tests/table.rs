use super::*;

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
