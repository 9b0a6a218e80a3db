use crate::config::key::{
    Key,
    Kind::{Bool, List, Path, Text, Word},
};

/// What a provider can be.
pub(super) const KINDS: &[&str] = &[
    "oidc", "google", "entra", "auth0", "keycloak", "okta", "gitlab", "apple", "github", "discord",
];

/// The keys of one provider.
pub(crate) const PROVIDER_KEYS: &[Key] = &[
    Key::unset(
        "kind",
        Word(KINDS),
        "oidc",
        "What it is: oidc, any provider of OpenID Connect, or one that is known by name.",
    ),
    Key::unset(
        "issuer",
        Text,
        "https://idp.example.com/realms/app",
        "Of oidc: its issuer, exactly as it calls itself. Of github and discord: another name for accounts of an installation of \
         one's own.",
    ),
    Key::unset(
        "tenant",
        Text,
        "11111111-2222-3333-4444-555555555555",
        "Of entra: the identifier of the tenant.",
    ),
    Key::unset(
        "domain",
        Text,
        "example.eu.auth0.com",
        "Of auth0 and okta: the domain.",
    ),
    Key::unset(
        "url",
        Text,
        "https://keycloak.example.com",
        "Of keycloak: its URL, to which /realms/REALM is added.",
    ),
    Key::unset("realm", Text, "app", "Of keycloak: the realm."),
    Key::unset(
        "team",
        Text,
        "ABCDE12345",
        "Of apple: the identifier of the team.",
    ),
    Key::unset(
        "key_id",
        Text,
        "ABC123DEFG",
        "Of apple: the identifier of the key.",
    ),
    Key::unset(
        "client_id",
        Text,
        "portcullis",
        "What this server is called there.",
    ),
    Key {
        secret: true,
        ..Key::unset(
            "client_secret",
            Text,
            "(from the provider)",
            "The secret that the provider gave.",
        )
    },
    Key::unset(
        "client_key_file",
        Path,
        "/etc/portcullis/client.pem",
        "File of a private key (PEM or JWK) that signs in the place of a secret: private_key_jwt, and for apple.",
    ),
    Key::unset(
        "client_auth",
        Word(&["basic", "post"]),
        "post",
        "How the secret is sent. Unless told, as the provider says that it takes it.",
    ),
    Key::unset("name", Text, "Our company", "The name on the button."),
    Key::unset("scopes", List, "openid,email,profile", "What is asked for."),
    Key::unset(
        "create",
        Bool,
        "true",
        "Whether somebody who is unknown becomes a user at the first sign-in. Unless told, they do.",
    ),
    Key::unset(
        "domains",
        List,
        "example.com",
        "Only with an email of these domains does somebody become a user.",
    ),
    Key::unset(
        "authoritative",
        List,
        "example.com",
        "On these domains it is the authority: an account whose email is known to be its user's is linked by itself.",
    ),
    Key::unset(
        "emails",
        Word(&["verified", "all"]),
        "verified",
        "Which emails are believed: those that it says are verified, or all, for a provider that says nothing of it and where nobody \
         can state an address of their own.",
    ),
    Key::unset(
        "default_roles",
        List,
        "user",
        "Roles of whoever becomes a user by it. Unless told, those of whoever registers.",
    ),
    Key::unset(
        "roles",
        List,
        "groups=staff:editor",
        "Roles that follow claims at each sign-in, each rule as CLAIM=VALUE:ROLE.",
    ),
    Key::unset(
        "allow_private_addresses",
        Bool,
        "false",
        "Whether it may be within this machine or a private network.",
    ),
    Key::unset(
        "root_certificates_file",
        Path,
        "/etc/portcullis/idp-ca.pem",
        "File of certificates (PEM) of an authority that its own certificate comes from.",
    ),
    Key::unset(
        "authorization_url",
        Text,
        "https://github.example.com/login/oauth/authorize",
        "Of github and discord: where an installation of one's own is. With token_url and userinfo_url.",
    ),
    Key::unset(
        "token_url",
        Text,
        "https://github.example.com/login/oauth/access_token",
        "See authorization_url.",
    ),
    Key::unset(
        "userinfo_url",
        Text,
        "https://github.example.com/api/v3/user",
        "See authorization_url.",
    ),
];
