use std::io::{self, Write};

use portcullis_testkit::database::Engine;

use super::{MEMBERS, email, number_of};

/// What all users have as their password, and its hash with the parameters that are the defaults: a login upgrades none.
pub(super) const PASSWORD: &str = "correct horse 9 battery";
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$M0ZIKSUkxBhD6N3bG+PcGw$/kx9ZKPPRNJzb+bDkWROcZnml2AW6KdrqKtTEIcgk8w";

/// What is written, for places that are kept: others than these are made anew.
pub(super) const VERSION: &str = "2";

/// So many users, as an import takes them. Members are administrators.
pub(super) fn roster(to: &mut impl Write, users: u32) -> io::Result<()> {
    writeln!(to, "email,name,roles,password_hash")?;
    let mut members = (0..MEMBERS).map(|member| number_of(member, users)).peekable();
    for number in 0..users {
        let roles = match members.next_if_eq(&number) {
            Some(_) => "admin user",
            None => "user",
        };
        writeln!(to, "{},Person {number:07},{roles},\"{HASH}\"", email(number))?;
    }
    to.flush()
}

/// A session of each user, and so many more that ended while their tokens live.
pub(super) fn statements(engine: Engine, denied: u32) -> Vec<String> {
    let mut statements = match engine {
        Engine::Sqlite => vec![
            "INSERT INTO portcullis_sessions (id, user_id, session_epoch, sealed_salt, counter, address, agent,
                                              created_at, last_used_at, idle_expires_at, expires_at)
             SELECT unhex(printf('018bcfe5%04x7%03x', rowid / 4096 % 65536, rowid % 4096) || hex(randomblob(8))), id, 1,
                    randomblob(44), 0, '192.0.2.7', 'Mozilla/5.0 (X11; Linux x86_64)',
                    1700000000000, 1700000000000, 4000000000000, 4000000000000 FROM portcullis_users"
                .to_owned(),
        ],
        Engine::Postgres => vec![
            "INSERT INTO portcullis_sessions (id, user_id, session_epoch, sealed_salt, counter, address, agent,
                                              created_at, last_used_at, idle_expires_at, expires_at)
             SELECT ('018bcfe5' || lpad(to_hex(n / 4096 % 65536), 4, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
                     || left(md5(id::text), 16))::uuid,
                    id, 1, decode(md5(id::text) || md5(id::text), 'hex'), 0, '192.0.2.7',
                    'Mozilla/5.0 (X11; Linux x86_64)', 1700000000000, 1700000000000, 4000000000000, 4000000000000
             FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM portcullis_users) u"
                .to_owned(),
        ],
    };
    for lane in 0..16 {
        let rows = denied / 16 + u32::from(lane < denied % 16);
        if rows == 0 {
            continue;
        }
        // A UUIDv7 as text: time in front, the lane and something scattered behind.
        statements.push(match engine {
            Engine::Sqlite => format!(
                "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < {rows})
                 INSERT INTO portcullis_changes (lane, n, tag, kind, subject, happened_at, deny_until)
                 SELECT {lane}, n, n, 'session_ended',
                        printf('019c0000-%04x-7%03x-8%03x-%04x%08x', n / 4096, n % 4096, {lane}, n % 65521,
                               (n * 2654435761) & 4294967295),
                        1700000000000, 4000000000000 FROM i"
            ),
            Engine::Postgres => format!(
                "INSERT INTO portcullis_changes (lane, n, tag, kind, subject, happened_at, deny_until)
                 SELECT {lane}, n, n, 'session_ended',
                        '019c0000-' || lpad(to_hex(n / 4096), 4, '0') || '-7' || lpad(to_hex(n % 4096), 3, '0')
                        || '-8' || lpad(to_hex({lane}), 3, '0') || '-' || lpad(to_hex(n % 65521), 4, '0')
                        || lpad(to_hex((n::bigint * 2654435761) & 4294967295), 8, '0'),
                        1700000000000, 4000000000000 FROM generate_series(1, {rows}) n"
            ),
        });
        statements.push(format!(
            "UPDATE portcullis_lanes SET n = {rows}, tag = {rows} WHERE lane = {lane}"
        ));
    }
    statements.extend(match engine {
        Engine::Sqlite => vec!["PRAGMA wal_checkpoint(TRUNCATE)".to_owned()],
        // What autovacuum and time do.
        Engine::Postgres => vec!["VACUUM ANALYZE".to_owned(), "CHECKPOINT".to_owned()],
    });
    statements
}
