use std::io::BufReader;

use proptest::prelude::*;

use super::*;
use crate::password::{FirebaseParams, HashFormatError, StoredHash};

const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$tK1kxwBOsZ/Xj7ZgGSxxMDYTV9lvdJle4NPOUJ9Yiak";

type Lines = Vec<(u64, Result<RosterUser, Refused>)>;

fn read(text: &[u8], format: RosterFormat) -> Result<Lines, RosterError> {
    read_with(text, format, None)
}

fn read_with(
    text: &[u8],
    format: RosterFormat,
    firebase: Option<FirebaseParams>,
) -> Result<Lines, RosterError> {
    // In small pieces: records do not end where buffers do.
    let mut roster = RosterReader::new(BufReader::with_capacity(7, text), format, firebase)?;
    let mut lines = Vec::new();
    while let Some(record) = roster.next()? {
        lines.push((record.line, record.user));
    }
    Ok(lines)
}

fn refused(lines: &Lines) -> Vec<(u64, Refused)> {
    lines
        .iter()
        .filter_map(|(line, user)| Some((*line, user.as_ref().err()?.clone())))
        .collect()
}

/// All of a user, to be compared.
fn shown(user: &RosterUser) -> String {
    format!(
        "{:?} {} {} {:?} {} {:?} {:?}",
        user.id,
        user.email,
        user.name,
        user.roles,
        user.status.as_str(),
        user.created_at,
        user.password.as_ref().map(StoredHash::expose)
    )
}

#[test]
fn csv_with_any_of_the_columns_in_any_order() {
    let text = format!(
        "\u{feff}Name, email ,password_hash,status,roles,id,created_at\r\n\
         \"Lovelace, Ada\",Ada@Example.com,{hash},disabled,user editor,01890a5d-ac96-774b-bcce-b302099a8057,2026-01-31T12:00:00+01:00\r\n\
         \r\n\
         ,eva@example.com,!,,,,\n",
        hash = format_args!("\"{HASH}\"")
    );
    let lines = read(text.as_bytes(), RosterFormat::Csv).unwrap();
    let [(2, Ok(ada)), (4, Ok(eva))] = lines.as_slice() else {
        panic!("{:?}", refused(&lines));
    };
    assert_eq!(
        shown(ada),
        format!(
            "Some(UserId(01890a5d-ac96-774b-bcce-b302099a8057)) Ada@Example.com Lovelace, Ada Some([RoleName(user), RoleName(editor)]) \
             disabled Some(Timestamp(1769857200000)) Some({HASH:?})"
        )
    );
    assert_eq!(shown(eva), "None eva@example.com eva None active None None");
}

#[test]
fn lines_of_json() {
    let text = format!(
        "{{\"email\":\"ada@example.com\",\"name\":\"Ada \\\"A\\\" Lovelace\",\"roles\":[],\"password_hash\":\"{HASH}\"}}\n\n\
         {{\"email\":\"eva@example.com\",\"name\":null}}"
    );
    let lines = read(text.as_bytes(), RosterFormat::JsonLines).unwrap();
    let [(1, Ok(ada)), (3, Ok(eva))] = lines.as_slice() else {
        panic!("{:?}", refused(&lines));
    };
    assert_eq!(
        shown(ada),
        format!("None ada@example.com Ada \"A\" Lovelace Some([]) active None Some({HASH:?})")
    );
    assert_eq!(shown(eva), "None eva@example.com eva None active None None");
}

#[test]
fn each_refused_record_has_its_line_and_its_reason() {
    let text = [
        "email,name,roles,status,created_at,id,password_hash",
        "no-at-sign,,,,,,",
        "ada@example.com,,bad role!,,,,",
        "ada@example.com,,,asleep,,,",
        "ada@example.com,,,,yesterday,,",
        "ada@example.com,,,,,7,",
        "ada@example.com,,,,,,5f4dcc3b5aa765d61d8327deb882cf99",
        "ada@example.com,,,,,,$2b$31$cYzlmIfoo6RjFsqPfH11yeye6xKMhOD/AJmiHvneBkxSMsRX.GmP2",
        "ada@example.com,too,many,fields,,,,,",
        ",nobody,,,,,",
        "\"ada@example.com",
    ]
    .join("\n");
    let lines = read(text.as_bytes(), RosterFormat::Csv).unwrap();
    let found = refused(&lines);
    let reasons: Vec<String> = found
        .iter()
        .map(|(line, reason)| format!("{line}: {reason}"))
        .collect();
    assert_eq!(
        reasons,
        [
            "2: an email address looks like name@example.com",
            "3: roles: a name of a role or scope has letters, digits and `-_.:/` only",
            "4: a status is active or disabled",
            "5: created_at looks like 2026-01-31T12:00:00Z (RFC 3339)",
            "6: an id is a UUID, and not the one of zeros",
            "7: this is no password hash that can be checked: possible are $argon2id$, $argon2i$, $argon2d$, bcrypt ($2a$, $2b$, \
             $2y$), $scrypt$, $pbkdf2-sha256$ and $pbkdf2-sha512$",
            "8: checking this bcrypt hash would cost too much for a login: at most cost 15",
            "9: it has 9 fields, the header has 7",
            "10: it has no email",
            "11: it has 1 fields, the header has 7",
        ]
    );
    for text in [
        "{\"email\":\"ada@example.com\",\"PLANTED\":1}",
        "{\"email\":\"ada@example.com\",\"email\":\"PLANTED@example.com\"}",
        "{\"email\":\"ada@example.com\",\"roles\":\"PLANTED\"}",
        "{\"email\":\"PLANTED@example.com\"",
        "\"PLANTED\"",
        "[\"PLANTED\"]",
        "{\"email\":\"ada@example.com\",\"password_hash\":\"PLANTED\"}",
        "{\"email\":\"ada@example.com\",\"status\":\"PLANTED\"}",
    ] {
        let lines = read(text.as_bytes(), RosterFormat::JsonLines).unwrap();
        let found = refused(&lines);
        let [(1, reason)] = found.as_slice() else {
            panic!("{text}: {found:?}");
        };
        assert!(!format!("{reason} {reason:?}").contains("PLANTED"), "{reason}");
    }
    assert_eq!(
        refused(&read(b"\xff\xfe\n", RosterFormat::JsonLines).unwrap()),
        [(1, Refused::Encoding)]
    );
    assert_eq!(
        refused(&read(b"email\n\xff@x\n", RosterFormat::Csv).unwrap()),
        [(2, Refused::Encoding)]
    );
}

#[test]
fn a_record_without_an_end_fills_no_memory_and_spoils_no_other() {
    let long = "x".repeat(3 * LONGEST_RECORD);
    let many = ",".repeat(200);
    for (text, format) in [
        (format!("email\n{long}\nada@example.com\n"), RosterFormat::Csv),
        (format!("email\n{many}\nada@example.com\n"), RosterFormat::Csv),
        (
            format!("\n{long}\n{{\"email\":\"ada@example.com\"}}\n"),
            RosterFormat::JsonLines,
        ),
    ] {
        let lines = read(text.as_bytes(), format).unwrap();
        assert_eq!(refused(&lines), [(2, Refused::TooLong)]);
        assert!(matches!(lines.as_slice(), [_, (3, Ok(ada))] if ada.email.as_str() == "ada@example.com"));
    }
    let open = format!("email\n\"{long}\nada@example.com\n");
    assert_eq!(
        refused(&read(open.as_bytes(), RosterFormat::Csv).unwrap()),
        [(2, Refused::TooLong)]
    );
}

#[test]
fn a_header_that_is_none_is_told_without_its_words() {
    let error = |text: &str| read(text.as_bytes(), RosterFormat::Csv).err().unwrap();
    assert!(matches!(error(""), RosterError::Empty));
    assert!(matches!(error("name,roles\n"), RosterError::NoEmail));
    assert!(matches!(
        error("email,e-mail\n"),
        RosterError::Column { number: 2 }
    ));
    assert!(matches!(
        error("email,name,email\n"),
        RosterError::Column { number: 3 }
    ));
    assert!(matches!(
        error("email,password_salt\n"),
        RosterError::Column { number: 2 }
    ));
    let planted = error(&format!("ada@example.com,{HASH}\n")).to_string();
    assert!(
        !planted.contains("ada") && !planted.contains("argon2id"),
        "{planted}"
    );
}

const FIREBASE: &str = "base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==
base64_salt_separator: Bw==
rounds: 8
mem_cost: 14";

#[test]
fn users_of_firebase() {
    let params = || Some(FirebaseParams::parse(FIREBASE).unwrap());
    let hash = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
    let json = format!(
        r#"{{"localId":"x1","email":"ada@example.com","emailVerified":true,"passwordHash":"{hash}","salt":"42xEC+ixf3L2lw==","displayName":"Ada","createdAt":"1700000000000","disabled":true,"providerUserInfo":[]}}
{{"localId":"x2","phoneNumber":"+4912345"}}
{{"localId":"x3","email":"eva@example.com"}}
{{"email":"late@example.com","passwordHash":"AAAA","salt":"42xEC+ixf3L2lw=="}}"#
    );
    let lines = read_with(json.as_bytes(), RosterFormat::JsonLines, params()).unwrap();
    let [
        (1, Ok(ada)),
        (2, Err(Refused::NoEmail)),
        (3, Ok(eva)),
        (4, Err(Refused::Hash(HashFormatError::Malformed(..)))),
    ] = lines.as_slice()
    else {
        panic!("{:?}", refused(&lines));
    };
    assert_eq!(
        ada.password.as_ref().unwrap().kind(),
        "$firebase-scrypt$ln=14,r=8,p=1"
    );
    assert_eq!((ada.name.as_str(), ada.status.as_str()), ("Ada", "disabled"));
    assert_eq!(ada.created_at.unwrap().millis(), 1_700_000_000_000);
    assert!(eva.password.is_none());
    let csv = format!("email,password_hash,password_salt\nada@example.com,{hash},42xEC+ixf3L2lw==\n");
    let lines = read_with(csv.as_bytes(), RosterFormat::Csv, params()).unwrap();
    assert!(matches!(lines.as_slice(), [(2, Ok(ada))] if ada.password.is_some()));
}

/// Email, name, roles, whether active, whether with a hash, creation.
type Parts = (String, String, Option<Vec<String>>, bool, bool, Option<i64>);

fn users() -> impl Strategy<Value = Vec<Parts>> {
    prop::collection::vec(
        (
            "[a-zA-Z0-9.+,\"'ü]{1,20}@[a-z]{1,8}\\.example",
            "[\\PC&&[^\\s]]([\\PC]{0,30}[\\PC&&[^\\s]])?",
            prop::option::of(prop::collection::vec("[a-z:/]{1,8}", 0..4)),
            any::<bool>(),
            any::<bool>(),
            prop::option::of(0i64..4_000_000_000_000),
        ),
        0..6,
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(users in users(), csv: bool) {
        let format = if csv { RosterFormat::Csv } else { RosterFormat::JsonLines };
        let users: Vec<RosterUser> = users
            .into_iter()
            .filter_map(|(email, name, roles, active, hash, created)| {
                Some(RosterUser {
                    id: Some("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()),
                    email: email.parse().ok()?,
                    name: name.parse().ok()?,
                    password: hash.then(|| StoredHash::parse(HASH).unwrap()),
                    roles: roles.map(|names| names.iter().map(|name| name.parse().unwrap()).collect()),
                    status: if active { crate::user::UserStatus::Active } else { crate::user::UserStatus::Disabled },
                    created_at: created.map(crate::clock::Timestamp::from_millis),
                })
            })
            .collect();
        let mut writer = RosterWriter::new(Vec::new(), format, true).unwrap();
        for user in &users {
            writer.write(user).unwrap();
        }
        let lines = read(&writer.finish().unwrap(), format).unwrap();
        let back: Vec<String> = lines
            .iter()
            .map(|(line, user)| user.as_ref().map_or_else(|reason| format!("{line}: {reason}"), shown))
            .collect();
        prop_assert_eq!(back, users.iter().map(shown).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), any::<u8>()], 0..300)) {
        let header = [&b"email,name\n"[..], &bytes].concat();
        let _ = read(&header, RosterFormat::Csv);
        let _ = read(&bytes, RosterFormat::JsonLines);
    }
}
