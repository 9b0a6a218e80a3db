use std::io::{self, Write};

use portcullis_testkit::database::Engine;

use super::{MEMBERS, email};

/// What all users have as their password, and its hash: weak, since what is measured is not hashing.
pub(super) const PASSWORD: &str = "correct horse 9 battery";
const HASH: &str =
    "$argon2id$v=19$m=1024,t=2,p=2$M0ZIKSUkxBhD6N3bG+PcGw$eDc/iGA6htvs72LOI4YtueTvMGpgLbFUwg5QGMIxviQ";

/// So many users, as an import takes them. The first ones are administrators.
pub(super) fn roster(to: &mut impl Write, users: u32) -> io::Result<()> {
    writeln!(to, "email,name,roles,password_hash")?;
    for number in 0..users {
        let roles = if number < MEMBERS { "admin user" } else { "user" };
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
             SELECT randomblob(16), id, 1, randomblob(44), 0, '192.0.2.7', 'Mozilla/5.0 (X11; Linux x86_64)',
                    1700000000000, 1700000000000, 4000000000000, 4000000000000 FROM portcullis_users"
                .to_owned(),
        ],
        Engine::Postgres => vec![
            "INSERT INTO portcullis_sessions (id, user_id, session_epoch, sealed_salt, counter, address, agent,
                                              created_at, last_used_at, idle_expires_at, expires_at)
             SELECT gen_random_uuid(), id, 1, decode(md5(id::text) || md5(id::text), 'hex'), 0, '192.0.2.7',
                    'Mozilla/5.0 (X11; Linux x86_64)', 1700000000000, 1700000000000, 4000000000000, 4000000000000
             FROM portcullis_users"
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
    if engine == Engine::Postgres {
        // What autovacuum does in time.
        statements.push("VACUUM ANALYZE".to_owned());
    }
    statements
}
