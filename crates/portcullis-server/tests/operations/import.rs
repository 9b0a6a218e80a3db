use std::fs;

use portcullis_testkit::{
    client::Client,
    database::{Engine, TestDatabase},
    people,
};
use serde_json::{Value, json};

use crate::harness::{Ended, Place, mode};

const PASSWORD: &str = "correct horse 9 battery";

/// Made by passlib 1.7.4 and Django 5.2: one of each family.
const HASHES: [(&str, &str); 12] = [
    (
        "bcrypt",
        "$2b$05$cYzlmIfoo6RjFsqPfH11yeye6xKMhOD/AJmiHvneBkxSMsRX.GmP2",
    ),
    (
        "passlib-bcrypt-sha256",
        "$bcrypt-sha256$v=2,t=2b,r=5$dRFCjC/427xgXms3F8Qb.u$u3WnKDC6iAb2LXwwXMoba1gYsNavmHO",
    ),
    (
        "passlib-bcrypt-sha256-v1",
        "$bcrypt-sha256$2b,5$qgSr4tjoVApoTcOhhVQ9mO$DQ0c0/XdY5IpSFJFVj/tqI5qZCPb0rq",
    ),
    (
        "pbkdf2-sha256",
        "$pbkdf2-sha256$1000$z9k7ZyzlPIcQQijFGCNkTA$aWhm/ijyAc77TAIQD1EkXdaQUnfUDDwQM70nuhehXdQ",
    ),
    (
        "pbkdf2-sha512",
        "$pbkdf2-sha512$1000$YywFYIxxbu1dqxUixJjTWg$j9cYE8mSTIaHbsOPUG0AjD3JKGJsaoSrrgPq5dS9wec2i9m5N.g5/Ka5o05Rpw8m6/8ZuykLwAwaxGYNSipp/w",
    ),
    (
        "scrypt",
        "$scrypt$ln=10,r=8,p=1$jZGyNibk3DuHcE4JAWBszQ$47MjD1l+2tU29Ovta0Lsyu6b+0mM+zuZCX8vCUm705o",
    ),
    (
        "argon2id",
        "$argon2id$v=19$m=1024,t=2,p=2$M0ZIKSUkxBhD6N3bG+PcGw$eDc/iGA6htvs72LOI4YtueTvMGpgLbFUwg5QGMIxviQ",
    ),
    (
        "django-pbkdf2",
        "pbkdf2_sha256$1000$seasalt12charsXYZ$8PV37yS5z9fBTpCJ7arIZmTsD0yMrv+4Hyw4j77Z7uU=",
    ),
    (
        "django-bcrypt-sha256",
        "bcrypt_sha256$$2b$05$w8k8r2.ue9I3zh50VfcmGuKyZ/RkmjH3ldxqIcGiiwtgSX4gJ7cN.",
    ),
    (
        "django-bcrypt",
        "bcrypt$$2b$05$p9JsS.cUxgriYelD0n18JOQzY9MdmokuEKEjpeLvSohtcEWUNQYKi",
    ),
    (
        "django-scrypt",
        "scrypt$1024$seasalt12chars$8$1$I7dUsJgFPR1bEeS3qdtHco0o7rF5H9inhCLgMsmtgTzjnTxuxbn0+0LsaNe3+xu9PPhU5BYesRd3gflvTfdBzA==",
    ),
    (
        "django-argon2",
        "argon2$argon2id$v=19$m=1024,t=2,p=2$c2Vhc2FsdDEyY2hhcnM$EVhA/myQ1YzcZ0NrnRHzX71slw/AESySDitwm7f7eKw",
    ),
];

/// The project and the account of the documentation of Firebase's scrypt.
const FIREBASE: &str = "hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}";
const FIREBASE_USER: &str = r#"{"localId":"x1","email":"firebase@example.com","emailVerified":true,"passwordHash":"lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==","salt":"42xEC+ixf3L2lw==","displayName":"Fire Base","createdAt":"1700000000000"}"#;

/// A database of this version and a place that uses it.
async fn installation(engine: Engine) -> (Place, TestDatabase) {
    let database = TestDatabase::empty(engine).await;
    let place = Place::new()
        .env("PORTCULLIS_DATABASE__URL", database.url())
        .env(
            "PORTCULLIS_MASTER_KEY",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        )
        .env("PORTCULLIS_TOKEN__ISSUER", "https://auth.example.test")
        .env("PORTCULLIS_LIMITS__ENABLED", "false");
    place.run(&["migrate"]).done();
    (place, database)
}

fn numbers(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"))
}

fn lines(users: &[Value]) -> String {
    users.iter().map(|user| user.to_string() + "\n").collect()
}

macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($place:ident: Place, $database:ident: TestDatabase) $body:block)*) => {
        $(
            mod $name {
                #[allow(unused_imports, reason = "a test may need nothing of the file around it")]
                use super::*;

                async fn run($place: Place, $database: TestDatabase) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn sqlite() {
                    let (place, database) = installation(Engine::Sqlite).await;
                    run(place, database).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn postgres() {
                    let (place, database) = installation(Engine::Postgres).await;
                    run(place, database).await;
                }
            }
        )*
    };
}

on_both! {
    async fn a_user_of_each_family_logs_in_and_has_our_hash_from_then_on(place: Place, database: TestDatabase) {
        let users: Vec<Value> = HASHES
            .iter()
            .map(|(family, hash)| json!({"email": format!("{family}@example.com"), "password_hash": hash}))
            .chain([
                json!({"email": "nobody@example.com", "password_hash": "!unusable"}),
                json!({"email": "off@example.com", "status": "disabled", "password_hash": HASHES[0].1}),
            ])
            .collect();
        place.write("users.jsonl", &lines(&users));
        let said = place.run(&["import", "users.jsonl"]).done();
        assert!(
            said.starts_with("Imported 14 users in ")
                && said.contains("users/s; 0 were there already, 0 lines were refused."),
            "{said}"
        );
        place.write("parameters.txt", FIREBASE);
        place
            .run_with(
                &["import", "-", "--format", "jsonl", "--firebase", "parameters.txt"],
                FIREBASE_USER,
            )
            .done();

        let server = place.serve(&[]);
        let client = Client::new(server.url());
        let emails = HASHES.iter().map(|(family, _)| (*family, PASSWORD));
        for (name, password) in emails.clone().chain([("firebase", "user1password")]) {
            let email = format!("{name}@example.com");
            people::login(&client, &email, "correct horse 9 batterz").await.expect(401);
            people::login(&client, &email, password).await.expect(200);
        }
        let ours = "SELECT COUNT(*) FROM portcullis_users WHERE password_kind = '$argon2id$v=19$m=19456,t=2,p=1'";
        assert_eq!(database.number(ours).await, 13);
        for (name, password) in emails.chain([("firebase", "user1password")]) {
            people::login(&client, &format!("{name}@example.com"), password).await.expect(200);
        }
        for name in ["nobody", "off"] {
            people::login(&client, &format!("{name}@example.com"), PASSWORD).await.expect(401);
        }
    }

    async fn what_is_refused_is_told_and_the_rest_is_imported(place: Place, database: TestDatabase) {
        let csv = [
            "email,name,roles,password_hash".to_owned(),
            "ada@example.com,Ada,admin user,".to_owned(),
            "no email,,,".to_owned(),
            "eva@example.com,,edmin,".to_owned(),
            "mia@example.com,,5f4dcc3b5aa765d61d8327deb882cf99,".to_owned(),
            "Ada@EXAMPLE.com,,,".to_owned(),
            // A gigabyte, and minutes.
            "max@example.com,,,\"$argon2id$v=19$m=1048576,t=3,p=4$c2Vhc2FsdDEyY2hhcnM$EVhA/myQ1YzcZ0NrnRHzX71slw/AESySDitwm7f7eKw\"".to_owned(),
            format!("ben@example.com,,,{}", HASHES[0].1.replace("$05$", "$31$")),
            "tom@example.com,Tom,,".to_owned(),
        ]
        .join("\n");
        place.write("users.csv", &csv);
        let reasons = [
            "3: an email address has no spaces, control or invisible characters",
            "4: there is no role `edmin`; did you mean `admin`? Roles are: admin, user. Make the role first (PUT /admin/roles/NAME), or take it out",
            "5: it has a role that does not exist here. Roles are: admin, user. Make the role first (PUT /admin/roles/NAME), or take it out",
            "6: a user with this email is there already, and stays as they are (--on-duplicate skip passes over such lines)",
            "7: checking this argon2 hash would cost too much for a login: at most m=262144 (256 MiB), m times t 1048576, p=16",
            "8: checking this bcrypt hash would cost too much for a login: at most cost 15",
        ];
        let count = "SELECT COUNT(*) FROM portcullis_users";
        for dry in [true, false] {
            let mut arguments = vec!["import", "users.csv", "--json", "--allow-role", "admin"];
            if dry {
                arguments.push("--dry-run");
            }
            let ended = place.run(&arguments);
            assert_eq!(ended.code, Some(1), "{ended:?}");
            let mut said: Vec<&str> = ended.stderr.lines().collect();
            said.sort_unstable();
            let expected: Vec<String> = reasons.iter().map(|reason| format!("line {reason}")).collect();
            assert_eq!(said, expected);
            let numbers = numbers(&ended);
            assert_eq!(
                (&numbers["imported"], &numbers["skipped"], &numbers["refused"], &numbers["dry_run"]),
                (&json!(2), &json!(0), &json!(6), &json!(dry))
            );
            assert_eq!(numbers["administrators"], 1);
            assert_eq!(database.number(count).await, if dry { 0 } else { 2 });
        }
        // Again: nobody is there twice. The report is a file that no one else reads.
        let ended = place.run(&["import", "users.csv", "--allow-role", "admin", "--report", "refused.csv"]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""), "{ended:?}");
        let report = fs::read_to_string(place.path("refused.csv")).unwrap();
        assert_eq!(report.lines().count(), 9, "{report}");
        assert!(report.starts_with("line,reason\n") && report.contains("\n9,\"a user with this email"), "{report}");
        assert_eq!(mode(&place.path("refused.csv")), 0o600);
        assert_eq!(database.number(count).await, 2);
        let audit = place.run(&["audit", "--kind", "user.imported", "--json"]).done();
        let audit: Value = serde_json::from_str(&audit).unwrap();
        assert_eq!(audit.as_array().unwrap().len(), 2, "{audit}");
        assert_eq!(audit[0]["actor"], "operator", "{audit}");
    }

    async fn a_file_alone_makes_nobody_an_administrator(place: Place, database: TestDatabase) {
        let users = [
            json!({"email": "eve@example.com", "roles": ["user", "admin"], "password_hash": HASHES[0].1}),
            json!({"email": "nil@example.com", "id": "00000000-0000-0000-0000-000000000000"}),
            json!({"email": "ada@example.com"}),
        ];
        for dry in [&["--dry-run"][..], &[]] {
            let arguments = [&["import", "-", "--format", "jsonl"][..], dry].concat();
            let ended = place.run_with(&arguments, &lines(&users));
            assert_eq!(ended.code, Some(1));
            assert_eq!(
                ended.stderr,
                "line 1: its role `admin` may administer, which a file alone does not decide: allow it with --allow-role admin, \
                 or take it out\nline 2: an id is a UUID, and not the one of zeros\n"
            );
            assert!(!ended.stdout.contains("administer"), "{ended:?}");
        }
        // The operator says so, for the file or for all.
        let allowed = place.run_with(&["import", "-", "--format", "jsonl", "--allow-role", "admin"], &lines(&users[..1])).done();
        assert!(allowed.ends_with("\nOf those, 1 may administer.\n"), "{allowed}");
        let bob = lines(&[json!({"email": "bob@example.com"})]);
        place.run_with(&["import", "-", "--format", "jsonl", "--role", "admin"], &bob).done();
        let admins = "SELECT COUNT(*) FROM portcullis_user_roles WHERE role = 'admin'";
        assert_eq!(database.number(admins).await, 2);
        let ended = place.run_with(&["import", "-", "--format", "jsonl", "--allow-role", "edmin"], &bob);
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains("--allow-role edmin: there is no such role"), "{ended:?}");
    }

    async fn an_import_that_was_cut_off_is_run_again(place: Place, database: TestDatabase) {
        let users: Vec<Value> = (0..2_500)
            .map(|i| json!({"email": format!("user{i}@example.com"), "password_hash": HASHES[0].1}))
            .collect();
        place.write("half.jsonl", &lines(&users[..1_200]));
        place.write("all.jsonl", &lines(&[&users[..], &users[..1]].concat()));
        // What comes twice in a file is found by a rehearsal, too, however far apart.
        let ended = place.run(&["import", "all.jsonl", "--dry-run"]);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(1), "Would import 2500 users; 0 are there already, 1 lines are refused.\n"),
            "{ended:?}"
        );
        place.run(&["import", "half.jsonl"]).done();
        let done = place.run(&["import", "all.jsonl", "--on-duplicate", "skip", "--json"]);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{done:?}");
        let numbers = numbers(&done);
        assert_eq!((&numbers["imported"], &numbers["skipped"]), (&json!(1_300), &json!(1_201)));
        assert_eq!(database.number("SELECT COUNT(*) FROM portcullis_users").await, 2_500);
        assert_eq!(database.number("SELECT COUNT(*) FROM portcullis_user_roles").await, 2_500);
        assert_eq!(database.number("SELECT COUNT(*) FROM portcullis_audit WHERE kind = 'user.imported'").await, 2_500);
    }

    async fn what_is_exported_is_imported_elsewhere_the_same(place: Place, database: TestDatabase) {
        let users: Vec<Value> = HASHES
            .iter()
            .enumerate()
            .map(|(i, (family, hash))| json!({
                "email": format!("{family}@Example.com"),
                "name": format!("=\"{family}\", the {i}th; 'ü'"),
                "roles": if i % 3 == 0 { json!([]) } else { json!(["admin", "user"]) },
                "status": if i % 2 == 0 { "active" } else { "disabled" },
                "created_at": format!("2020-01-{:02}T03:04:05.678Z", i + 1),
                "password_hash": hash,
            }))
            .chain([json!({"email": "nobody@example.com"})])
            .collect();
        let import = ["import", "-", "--format", "jsonl", "--allow-role", "admin"];
        place.run_with(&import, &lines(&users)).done();
        let other_engine = match database.engine() {
            Engine::Sqlite => Engine::Postgres,
            Engine::Postgres => Engine::Sqlite,
        };
        for format in ["csv", "jsonl"] {
            let file = format!("users.{format}");
            let ended = place.run(&["export", &file, "--with-hashes"]);
            assert!(ended.stderr.starts_with("Wrote 13 users in ") && ended.stderr.contains("with hashes"), "{ended:?}");
            ended.done();
            assert_eq!(mode(&place.path(&file)), 0o600);
            let exported = fs::read_to_string(place.path(&file)).unwrap();
            let (elsewhere, copied) = installation(other_engine).await;
            elsewhere.write(&file, &exported);
            elsewhere.run(&["import", &file, "--allow-role", "admin"]).done();
            let again = elsewhere.run(&["export", "-", "--format", format, "--with-hashes"]).done();
            assert_eq!(again, exported);
            assert_eq!(copied.number("SELECT COUNT(*) FROM portcullis_users WHERE password IS NULL").await, 1);
            let times = "SELECT CAST(SUM(created_at) AS BIGINT) FROM portcullis_users";
            assert_eq!(copied.number(times).await, database.number(times).await);
            let roles = "SELECT COUNT(*) FROM portcullis_user_roles";
            assert_eq!(copied.number(roles).await, database.number(roles).await);

            // No hash unless it was asked for, and no file is lost.
            let plain = place.run(&["export", "-", "--format", format]).done();
            assert!(!plain.contains("argon2id$") && plain.contains('=') && plain.contains("nobody@example.com"), "{plain}");
            let said = place.run(&["export", &file]).failed();
            assert!(said.contains("is there already"), "{said}");
            assert_eq!(fs::read_to_string(place.path(&file)).unwrap(), exported);
            place.run(&["export", &file, "--force"]).done();
            assert_eq!(fs::read_to_string(place.path(&file)).unwrap(), plain);
        }
        let audit = place.run(&["audit", "--kind", "users.exported", "--json"]).done();
        let audit: Value = serde_json::from_str(&audit).unwrap();
        assert!(
            audit.as_array().unwrap().iter().any(|event| event["detail"]["with_hashes"] == json!(true)),
            "{audit}"
        );
    }
}

#[test]
fn what_cannot_be_imported_or_exported_is_told() {
    let place = Place::new().env("PORTCULLIS_TOKEN__ISSUER", "https://auth.example.test");
    place.write("users.csv", "email\nada@example.com\n");
    let said = place.run(&["import", "users.csv"]).failed();
    assert!(said.contains("there is no data folder"), "{said}");
    place.serve(&[]).terminate();
    let said = place.run(&["import", "none.csv"]).failed();
    assert!(said.contains("none.csv"), "{said}");
    place.write("users.txt", "email\nada@example.com\n");
    let ended = place.run(&["import", "users.txt"]);
    assert!(
        ended.code == Some(2) && ended.stderr.contains("--format csv or jsonl"),
        "{ended:?}"
    );
    place.write("wrong.csv", "e-mail\nada@example.com\n");
    let said = place.run(&["import", "wrong.csv"]).failed();
    assert!(said.contains("column 1 of the header is unknown"), "{said}");
    place.write("parameters.txt", "rounds: 8");
    let ended = place.run(&["import", "users.csv", "--firebase", "parameters.txt"]);
    assert!(
        ended.code == Some(2)
            && ended.stderr.contains("Password Hash Parameters") | ended.stderr.contains("hash_config"),
        "{ended:?}"
    );
    let said = place.run(&["export", "no/where.csv"]).failed();
    assert!(said.contains("cannot be written"), "{said}");
    assert_eq!(place.run(&["export", "where"]).code, Some(2));
}
