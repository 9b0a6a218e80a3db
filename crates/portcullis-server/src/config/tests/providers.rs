use super::*;

const CORP: &str =
    "[providers.corp]\nkind = \"oidc\"\nissuer = \"https://idp.example\"\nclient_id = \"app\"\n";

#[test]
fn a_provider_is_a_section_and_its_secret_may_be_a_file() {
    let given = Given::nothing();
    let file = given.dir().join("secret");
    fs::write(&file, "s3cret\n").unwrap();
    let given = given.toml(&format!(
        "{CORP}client_secret_file = \"{}\"\nroles = [\"groups=staff:user\"]\nauthoritative = [\"example.com\"]\n",
        file.display()
    ));
    let settings = given.settings();
    let provider = &settings.providers[0];
    assert_eq!(
        (provider.id(), provider.name(), provider.issuer_name()),
        ("corp", "Corp", "https://idp.example")
    );
    let rules = provider.sign_in_rules();
    assert_eq!(
        (
            rules.provider.as_str(),
            rules.create,
            rules.authoritative.as_slice()
        ),
        ("corp", true, &["example.com".to_owned()][..])
    );
    assert_eq!(rules.roles[0].to_string(), "groups=staff:user");
    let shown: Vec<String> = given
        .load()
        .shown()
        .into_iter()
        .filter(|key| key.name.starts_with("providers."))
        .map(|key| format!("{} = {}", key.name, key.value))
        .collect();
    assert!(
        shown.contains(&"providers.corp.client_secret = ********".to_owned()),
        "{shown:?}"
    );
    assert!(!shown.iter().any(|line| line.contains("s3cret")));
}

#[test]
fn the_environment_adds_providers_and_wins() {
    let settings = Given::nothing()
        .toml(CORP)
        .env("PORTCULLIS_PROVIDERS__CORP__NAME", "Our company")
        .env("PORTCULLIS_PROVIDERS__GIT_HUB__KIND", "github")
        .env("PORTCULLIS_PROVIDERS__GIT_HUB__CLIENT_ID", "app")
        .settings();
    let names: Vec<(&str, &str)> = settings
        .providers
        .iter()
        .map(|provider| (provider.id(), provider.name()))
        .collect();
    assert_eq!(names, [("corp", "Our company"), ("git-hub", "GitHub")]);
}

#[test]
fn what_is_wrong_with_a_provider_is_said_where_it_was_written() {
    let problem = |toml: &str| Given::nothing().toml(toml).problem();
    for (toml, said) in [
        (
            "[providers.x]\nclient_id = \"a\"\n",
            "providers.x.kind: is missing",
        ),
        (
            "[providers.x]\nkind = \"gogle\"\nclient_id = \"a\"\n",
            "`gogle` is not one of oidc, google",
        ),
        (
            "[providers.x]\nkind = \"oidc\"\nclient_id = \"a\"\n",
            "providers.x.issuer: is missing",
        ),
        (
            "[providers.x]\nkind = \"google\"\n",
            "providers.x.client_id: is missing",
        ),
        (
            "[providers.x]\nkind = \"google\"\nclient_id = \"a\"\nclient_ids = \"b\"\n",
            "did you mean client_id?",
        ),
        (
            "[providers.x]\nkind = \"entra\"\nclient_id = \"a\"\ntenant = \"common\"\n",
            "not the identifier of a tenant",
        ),
        (
            "[providers.x]\nkind = \"google\"\nclient_id = \"a\"\nroles = [\"staff\"]\n",
            "is no rule: write CLAIM=VALUE:ROLE",
        ),
        (
            "[providers.x]\nkind = \"google\"\nclient_id = \"a\"\ncreate = \"yes\"\n",
            "neither true nor false",
        ),
        (
            "[providers.x]\nkind = \"github\"\nclient_id = \"a\"\ntoken_url = \"https://x\"\n",
            "are given together",
        ),
        (
            "[providers.x]\nkind = \"google\"\nclient_id = \"a\"\nclient_secret_file = \"/nowhere\"\n",
            "/nowhere cannot be read",
        ),
        ("providers = 1\n", "is a section for each provider"),
        (
            "[providers]\nkind = \"google\"\n",
            "is a section: [providers.NAME]",
        ),
    ] {
        let problem = problem(toml);
        assert!(problem.contains(said), "{toml}: {problem}");
    }
}

#[test]
fn codes_are_sent_to_https_this_machine_or_an_application() {
    let with = |uri: &str| Given::nothing().env("PORTCULLIS_SIGN_IN__REDIRECT_URIS", uri);
    for good in [
        "https://app.example.com/done",
        "http://127.0.0.1/done",
        "com.example.app:/done",
    ] {
        assert_eq!(with(good).settings().sign_in_redirects, [good]);
    }
    for bad in [
        "http://app.example.com/",
        "javascript:alert(1)",
        "https://app.example.com/#x",
        "data:text/html",
        "/done",
    ] {
        assert!(with(bad).problem().contains("neither https"), "{bad}");
    }
}
