//! What is built from which options, and what is said of those that cannot be.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use portcullis_core::{key::MasterKey, rng::SystemRng, token::Algorithm};
use secrecy::ExposeSecret as _;

use super::{again, fast, fresh};
use crate::{
    BuildError, Portcullis,
    embedded::{Builder, NewUser, NewUserError},
};

async fn refusal(builder: Builder) -> String {
    match builder.build().await {
        Ok(_) => panic!("it is built"),
        Err(error) => error.to_string(),
    }
}

fn algorithm(auth: &Portcullis) -> Option<Algorithm> {
    let ring = auth.authority().keys().ring().current();
    ring.active().map(|key| key.algorithm())
}

#[tokio::test]
async fn the_shortest_form_makes_a_database_and_a_private_key() {
    let (folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    assert_eq!(auth.authority().config().issuer, "portcullis");
    assert_eq!(auth.authority().config().audience, "portcullis");
    assert_eq!(algorithm(&auth), Some(Algorithm::ES256));
    for file in ["app.db", "app.db.key"] {
        let mode = std::fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    auth.create_user(NewUser::new("ada@example.com", "correct horse 5 battery"))
        .await
        .unwrap();
    auth.shutdown().await;

    // The same key opens it again.
    let auth = again(&folder).build().await.unwrap();
    let user = auth
        .ensure_user(NewUser::new("ADA@example.com", "another horse 7 staple"))
        .await
        .unwrap();
    assert_eq!(
        (user.email.as_str(), user.name.as_str()),
        ("ada@example.com", "ada")
    );
    auth.shutdown().await;
}

#[tokio::test]
async fn a_data_folder_has_the_form_of_the_servers() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("deep/data");
    let auth = fast(Portcullis::builder().data_dir(&folder))
        .build()
        .await
        .unwrap();
    auth.shutdown().await;
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["master.key", "portcullis.db"]);
}

#[tokio::test]
async fn what_was_not_said_is_asked_for() {
    assert!(
        refusal(Portcullis::builder())
            .await
            .contains(".sqlite(\"app.db\")")
    );
    let nowhere = "postgres://localhost:1/app";
    let text = refusal(Portcullis::builder().database_url(nowhere)).await;
    assert!(text.contains(".master_key_file("), "{text}");
    let text = refusal(Portcullis::builder().database_url("mysql://ada:hunter2@db/app")).await;
    assert!(
        text.contains("postgres://") && !text.contains("hunter2"),
        "{text}"
    );
    let text = refusal(Portcullis::builder().sqlite(":memory:")).await;
    assert!(text.contains("sqlite:///path/file.db"), "{text}");
}

#[tokio::test]
async fn all_that_cannot_be_is_told_at_once_by_the_names_of_the_options() {
    let builder = Portcullis::builder()
        .sqlite("/nowhere/app.db")
        .issuer("http://auth.example.com")
        .access_ttl(Duration::from_secs(8 * 86_400))
        .secret("hunter2")
        .previous_secret("hunter3")
        .master_key_hex("hunter4")
        .password_min_length(4)
        .trusted_proxies(["0.0.0.0/0", "next door"])
        .cors_origins(["*"]);
    let error = builder.build().await.unwrap_err();
    let text = error.to_string();
    for option in [
        "issuer",
        "access_ttl",
        "secret",
        "previous_secret",
        "master_key_hex",
        "password_min_length",
        "cors_origins",
    ] {
        assert!(text.contains(&format!("`{option}` ")), "{option}: {text}");
    }
    assert_eq!(text.matches("`trusted_proxies` ").count(), 2, "{text}");
    let said = format!("{text} {error:?}");
    assert!(!said.contains("hunter"), "{said}");
}

#[tokio::test]
async fn a_lost_key_is_not_replaced_and_a_wrong_one_not_taken() {
    let (folder, builder) = fresh();
    builder.build().await.unwrap().shutdown().await;
    let file = folder.path().join("app.db.key");
    let kept = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let error = again(&folder).build().await.unwrap_err();
    assert!(
        matches!(&error, BuildError::LostMasterKey(path) if *path == file),
        "{error}"
    );
    assert!(!file.exists());

    let other = MasterKey::generate(&SystemRng);
    let hex = other.to_hex();
    let text = refusal(again(&folder).master_key_hex(hex.as_str())).await;
    assert!(text.contains("not the master key"), "{text}");
    // The right one may come from anywhere.
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, kept).unwrap();
    let text = refusal(again(&folder).master_key_file(&elsewhere)).await;
    assert!(text.contains("chmod 600"), "{text}");
    std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o600)).unwrap();
    again(&folder)
        .master_key_file(&elsewhere)
        .build()
        .await
        .unwrap()
        .shutdown()
        .await;
}

#[tokio::test]
async fn what_is_to_exist_is_not_made() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path().join("data");
    let existing = || fast(Portcullis::builder().data_dir(&folder)).existing();
    assert!(matches!(existing().build().await, Err(BuildError::NoFolder(_))));
    std::fs::create_dir(&folder).unwrap();
    assert!(matches!(existing().build().await, Err(BuildError::Database(_))));
    std::fs::write(folder.join("portcullis.db"), "").unwrap();
    assert!(matches!(
        existing().build().await,
        Err(BuildError::NotMigrated(_))
    ));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);

    let auth = fast(Portcullis::builder().data_dir(&folder))
        .algorithm(Algorithm::EdDSA)
        .build()
        .await
        .unwrap();
    // Beside the running application, and without its options.
    let beside = existing().build().await.unwrap();
    beside
        .create_user(NewUser::new("eva@example.com", "correct horse 5 battery"))
        .await
        .unwrap();
    assert_eq!(algorithm(&beside), Some(Algorithm::EdDSA));
    beside.shutdown().await;
    auth.shutdown().await;
    std::fs::remove_file(folder.join("master.key")).unwrap();
    assert!(matches!(
        existing().build().await,
        Err(BuildError::MissingMasterKey(_))
    ));
}

#[tokio::test]
async fn options_reach_the_authority() {
    let (_folder, builder) = fresh();
    let secret = "0123456789abcdef0123456789abcdef";
    let auth = builder
        .issuer("https://app.example.com")
        .secret(secret)
        .access_ttl(Duration::from_secs(60))
        .refresh_ttl(Duration::from_secs(3600))
        .absolute_ttl(Duration::from_secs(7200))
        .refresh_grace(Duration::from_secs(1))
        .leeway(Duration::from_secs(2))
        .registration_enabled(false)
        .limits_enabled(false)
        .max_failures(5)
        .service_name("Blog")
        .password_min_length(12)
        .request_timeout(Duration::from_secs(9))
        .audit_retention(Duration::from_secs(86_400))
        .build()
        .await
        .unwrap();
    let config = auth.authority().config();
    assert_eq!(
        (config.issuer.as_str(), config.audience.as_str()),
        ("https://app.example.com", "https://app.example.com")
    );
    assert_eq!(config.secret.as_ref().unwrap().expose_secret(), secret);
    assert_eq!(config.access_ttl.as_secs(), 60);
    let sessions = (
        config.sessions.idle.as_secs(),
        config.sessions.absolute.as_secs(),
        config.sessions.grace.as_secs(),
    );
    assert_eq!(sessions, (3600, 7200, 1));
    assert_eq!((config.leeway.as_secs(), config.max_failures), (2, 5));
    assert!(!config.registration && !config.limits.enabled);
    assert_eq!(
        (config.password.service_name.as_str(), config.password.min_length),
        ("Blog", 12)
    );
    assert_eq!(config.request_deadline.as_secs(), 9);
    assert_eq!(config.audit_retention, Some(Duration::from_secs(86_400)));
    auth.shutdown().await;

    let (_folder, builder) = fresh();
    let auth = builder.audience("https://api.example.com").build().await.unwrap();
    let config = auth.authority().config();
    assert_eq!(
        (config.issuer.as_str(), config.audience.as_str()),
        ("portcullis", "https://api.example.com")
    );
    auth.shutdown().await;
}

#[tokio::test]
async fn a_user_that_cannot_be_is_refused_by_field() {
    let (_folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    let good = || NewUser::new("ada@example.com", "correct horse 5 battery");
    let cases = [
        (NewUser::new("ada", "correct horse 5 battery"), "email", 422),
        (good().name(""), "name", 422),
        (good().role_named("two words"), "roles", 422),
        (good().role_named("pope"), "roles", 422),
        (NewUser::new("ada@example.com", "short"), "password", 422),
    ];
    for (user, field, status) in cases {
        let error = auth.create_user(user).await.unwrap_err();
        let problem = crate::Problem::from(error);
        assert_eq!(problem.status().as_u16(), status, "{field}");
        assert!(
            problem.body()["errors"][0]["loc"].to_string().contains(field),
            "{field}"
        );
    }
    auth.create_user(good()).await.unwrap();
    let error = auth.create_user(good()).await.unwrap_err();
    assert!(matches!(error, NewUserError::User(_)));
    assert_eq!(crate::Problem::from(error).status(), 409);
    auth.shutdown().await;
}
