//! The one table of configuration keys. The parser, the names in the environment, the suggestion for a mistyped
//! key, `portcullis config --example`, `portcullis check` and the reference in the book all come from it.

use std::time::Duration;

use super::key::{
    Default::{Is, Unset},
    Key,
    Kind::{Bool, Duration as Time, Integer, List, Listen, Path, Quota, Retention, Size, Text, Word},
};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

const fn key(
    name: &'static str,
    kind: super::key::Kind,
    default: super::key::Default,
    meaning: &'static str,
) -> Key {
    Key {
        name,
        kind,
        default,
        secret: false,
        meaning,
    }
}

const fn secret(
    name: &'static str,
    kind: super::key::Kind,
    example: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        secret: true,
        ..Key::unset(name, kind, example, meaning)
    }
}

/// All keys, in the order in which they are shown. Keys at the top come first (TOML needs that), then section by
/// section.
pub(crate) const KEYS: &[Key] = &[
    key(
        "listen",
        Listen,
        Is("127.0.0.1:8000"),
        "Address and port to listen on. Port 0 takes a free one.",
    ),
    key(
        "data_dir",
        Path,
        Is("portcullis-data"),
        "Folder of the master key and the SQLite database. Made with mode 0700 at the first start.",
    ),
    secret(
        "master_key",
        Text,
        "(64 hexadecimal digits)",
        "Seals signing keys and derives all other keys. Without it, the file master.key in the data folder is used and \
         made. Nodes that share a database share this key.",
    ),
    key(
        "service.name",
        Text,
        Is("Portcullis"),
        "Name of the service, for people. Refused as a password.",
    ),
    secret(
        "database.url",
        Text,
        "postgres://portcullis:PASSWORD@db.example.com/portcullis",
        "Database: sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME. Without it, portcullis.db in the data folder. Of several \
         hosts (HOST1,HOST2:5433) the one that takes writes is used. ?sslmode=verify-full&sslrootcert=FILE encrypts and \
         verifies.",
    ),
    key(
        "database.max_connections",
        Integer(2, 1000),
        Is("10"),
        "Connections held to the database at most, for reading (SQLite) or altogether (PostgreSQL). Two more are kept for \
         revocations: to read of them, and to hear that there are some.",
    ),
    key(
        "database.timeout",
        // An act must be over well within the minute for which a revocation is remembered beyond the life of a token.
        Time(Duration::from_millis(100), Duration::from_secs(10)),
        Is("5s"),
        "How long to wait for a connection, and for one statement. What takes longer is answered 503.",
    ),
    key(
        "database.queue",
        Integer(1, 1_000_000),
        Is("500"),
        "Requests that may wait for a connection at a time. More get 503 at once.",
    ),
    key(
        "database.notify",
        Bool,
        Is("true"),
        "Nodes tell each other of revocations by NOTIFY of PostgreSQL, on a connection of their own. Off, they learn of them when \
         they look by themselves, every half second: for poolers through which LISTEN does not work.",
    ),
    key(
        "database.migrate",
        Bool,
        Is("false"),
        "Apply pending migrations to a PostgreSQL database at the start. Without it such a start is refused, and \
         `portcullis migrate` applies them. A SQLite file is always brought up to date.",
    ),
    key(
        "token.issuer",
        Text,
        Unset {
            example: "https://auth.example.com",
        },
        "Public URL of this service, the `iss` of its tokens: https, or http on a loopback address. Without it, the \
         URL on which it listens.",
    ),
    key(
        "token.audience",
        Text,
        Unset {
            example: "https://api.example.com",
        },
        "For whom access tokens are meant, their `aud`. Without it, the issuer.",
    ),
    key(
        "token.access_ttl",
        Time(SECOND, DAY),
        Is("15m"),
        "How long an access token is valid. Short is good: a refresh brings the next.",
    ),
    key(
        "token.refresh_ttl",
        Time(SECOND, Duration::from_secs(366 * 86_400)),
        Is("7d"),
        "A session that is not refreshed for so long ends.",
    ),
    key(
        "token.refresh_grace",
        Time(Duration::ZERO, MINUTE),
        Is("10s"),
        "For how long a spent refresh token gets the same successor again, so that a lost answer costs nothing.",
    ),
    key(
        "token.leeway",
        Time(Duration::ZERO, Duration::from_secs(60)),
        Is("0s"),
        "By how much clocks of other machines may differ when `exp` and `nbf` are checked.",
    ),
    key(
        "token.algorithm",
        Word(&["ES256", "EdDSA", "RS256", "PS256", "HS256", "HS384", "HS512"]),
        Unset { example: "ES256" },
        "How access tokens are signed. Without it, HS256 when token.secret is given, else that of the keys \
         in the database, which are made for ES256.",
    ),
    secret(
        "token.secret",
        Text,
        "(openssl rand -base64 48)",
        "Shared secret for HS256 (at least 32 bytes), HS384 (48) or HS512 (64). No key is published in the JWKS then.",
    ),
    secret(
        "token.previous_secrets",
        List,
        "(the secret before)",
        "Earlier secrets under which tokens are still taken. A secret with a comma is given as TOML or in a file, one \
         on each line.",
    ),
    key(
        "session.absolute_ttl",
        Time(MINUTE, Duration::from_secs(3660 * 86_400)),
        Is("90d"),
        "A session ends after so long, however often it is refreshed.",
    ),
    key(
        "registration.enabled",
        Bool,
        Is("true"),
        "Whether people may make accounts for themselves.",
    ),
    key(
        "password.min_length",
        Integer(8, 64),
        Is("8"),
        "Characters that a new password has at least.",
    ),
    key(
        "password.memory_kib",
        Integer(7168, 262_144),
        Is("19456"),
        "Memory of one Argon2id hash in KiB (m). Hashes that are weaker are upgraded when their owners log in.",
    ),
    key(
        "password.iterations",
        Integer(1, 146),
        Is("2"),
        "Passes of one Argon2id hash over its memory (t).",
    ),
    key(
        "password.parallelism",
        Integer(1, 16),
        Is("1"),
        "Lanes of one Argon2id hash (p).",
    ),
    key(
        "password.threads",
        Integer(1, 1024),
        Unset { example: "2" },
        "Threads that hash. Without it, one for each processor. All of them together use threads x memory.",
    ),
    key(
        "password.queue",
        Integer(4, 1_000_000),
        Is("256"),
        "Requests that may wait for their password to be hashed; more get 503 at once.",
    ),
    key(
        "password.deadline",
        Time(Duration::from_millis(10), MINUTE),
        Is("5s"),
        "A password that could not be hashed within so long gets 503 at once.",
    ),
    key(
        "limits.enabled",
        Bool,
        Is("true"),
        "Rate limits. Switch them off for load tests only: nothing else stops password guessing.",
    ),
    key(
        "limits.capacity",
        Integer(1000, 10_000_000),
        Is("100000"),
        "Addresses and accounts that the limits remember at most.",
    ),
    secret(
        "limits.redis_url",
        Text,
        "rediss://portcullis:PASSWORD@redis.example.com:6379",
        "Redis or Valkey through which nodes share their limits: redis://HOST:PORT, or rediss:// for TLS. Without it, each node \
         counts for itself; so does each while that one is away.",
    ),
    key(
        "limits.redis_ca",
        Path,
        Unset {
            example: "/etc/portcullis/redis-ca.pem",
        },
        "Authorities (PEM) by one of which the certificate of limits.redis_url must be, and by no other. Without it, by one of \
         the web.",
    ),
    key(
        "limits.max_failures",
        Integer(3, 100),
        Is("100"),
        "Consecutive failed logins after which an account takes only devices that it knows.",
    ),
    key(
        "limits.login_per_address",
        Quota,
        Is("5/minute"),
        "Logins from one address (a /64 of IPv6).",
    ),
    key(
        "limits.login_per_account",
        Quota,
        Is("5/minute"),
        "Logins to one account, from everywhere.",
    ),
    key(
        "limits.refresh_per_address",
        Quota,
        Is("5/minute"),
        "Refreshes from one address.",
    ),
    key(
        "limits.refresh_per_account",
        Quota,
        Is("5/minute"),
        "Refreshes of one session.",
    ),
    key(
        "limits.register_per_address",
        Quota,
        Is("5/minute"),
        "Registrations from one address.",
    ),
    key(
        "limits.register_per_account",
        Quota,
        Is("5/minute"),
        "Registrations of one email.",
    ),
    key(
        "limits.password_per_address",
        Quota,
        Is("5/minute"),
        "Changes of passwords and profiles from one address.",
    ),
    key(
        "limits.password_per_account",
        Quota,
        Is("5/minute"),
        "Changes of one account's password or profile.",
    ),
    key(
        "cors.origins",
        List,
        Is(""),
        "Origins whose pages may call this service with credentials, such as https://app.example.com.",
    ),
    key(
        "cookies.name",
        Text,
        Is("portcullis"),
        "Beginning of the names of the cookies that a login sets when it asks for cookies in the place of tokens. Over \
         https __Host- stands before it.",
    ),
    key(
        "cookies.same_site",
        Word(&["lax", "strict", "none"]),
        Is("lax"),
        "Whether browsers send these cookies with requests that other sites cause: when a link is followed, never, or \
         always. `none` needs a token.issuer with https.",
    ),
    key(
        "sign_in.redirect_uris",
        List,
        Is(""),
        "Where the one-time code of a sign-in with a provider may be sent, exactly: single-page and mobile applications.",
    ),
    key(
        "http.trusted_proxies",
        List,
        Is(""),
        "Addresses or networks (10.0.0.0/8) of the proxies in front, whose forwarding headers are believed.",
    ),
    key(
        "http.insecure",
        Bool,
        Is("false"),
        "Take plain HTTP from other machines without TLS and without a listed proxy. Passwords and tokens are then \
         readable on the way.",
    ),
    key(
        "http.max_body",
        Size(1024, 16 * 1024 * 1024),
        Is("64KiB"),
        "Largest body of a request.",
    ),
    key(
        "http.request_timeout",
        Time(Duration::from_millis(100), HOUR),
        Is("30s"),
        "A request that is not answered by then gets 503.",
    ),
    key(
        "http.header_timeout",
        Time(MILLISECOND, MINUTE),
        Is("10s"),
        "A client that has not sent its headers by then is cut off.",
    ),
    key(
        "http.drain_delay",
        Time(Duration::ZERO, HOUR),
        Is("0s"),
        "How long a stopping server goes on taking requests while /readyz says 503. Behind a balancer: a second more than it takes \
         to notice, so that it sends requests elsewhere before the listener closes.",
    ),
    key(
        "http.drain_timeout",
        Time(Duration::ZERO, HOUR),
        Is("30s"),
        "How long a stopping server waits after that for requests that it has begun.",
    ),
    key(
        "http.max_connections",
        Integer(16, 1_000_000),
        Is("10000"),
        "Connections at a time, and requests under way on them. More connections are closed, and more requests get 503, \
         at once.",
    ),
    key(
        "http.kept_connections",
        Integer(0, 1_000_000),
        Is("512"),
        "Connections that may stay open between requests, at 20 KiB each (30 with TLS). Who comes when there are so many gets one \
         answer of HTTP/1.1, and its connection is closed.",
    ),
    key(
        "tls.cert",
        Path,
        Unset {
            example: "/etc/portcullis/fullchain.pem",
        },
        "Certificate chain (PEM). With tls.key it switches TLS on. Read again on SIGHUP.",
    ),
    key(
        "tls.key",
        Path,
        Unset {
            example: "/etc/portcullis/privkey.pem",
        },
        "Private key of the certificate (PEM).",
    ),
    key(
        "metrics.listen",
        Listen,
        Unset {
            example: "127.0.0.1:9464",
        },
        "Address and port on which Prometheus finds /metrics, and nothing else. Without it there are none. Plain HTTP: keep it \
         on a network of the operator's own.",
    ),
    secret(
        "metrics.token",
        Text,
        "(openssl rand -base64 32)",
        "Bearer token that whoever reads the metrics must send. Without it, everyone who can reach metrics.listen may.",
    ),
    key(
        "telemetry.otlp_endpoint",
        Text,
        Unset {
            example: "http://127.0.0.1:4318",
        },
        "Where traces are sent: the URL of a receiver of OTLP over HTTP, to which /v1/traces is added. Without it there are none.",
    ),
    secret(
        "telemetry.otlp_headers",
        List,
        "x-api-key=(the key)",
        "Headers that the receiver wants, NAME=VALUE.",
    ),
    key(
        "telemetry.service_name",
        Text,
        Is("portcullis"),
        "service.name of the traces.",
    ),
    key(
        "telemetry.sample_percent",
        Integer(0, 100),
        Is("100"),
        "Of how many in a hundred traces the spans are sent.",
    ),
    key(
        "log.format",
        Word(&["auto", "human", "json"]),
        Is("auto"),
        "Form of the log on stderr: auto is human on a terminal and JSON otherwise.",
    ),
    key(
        "log.level",
        Text,
        Is("info"),
        "What is logged: error, warn, info, debug or trace, also by part (info,portcullis_core=debug).",
    ),
    key(
        "audit.retention",
        Retention,
        Is("365d"),
        "How long audit events are kept.",
    ),
    key(
        "keys.rotate_after",
        Retention,
        Is("90d"),
        "Once the key that signs is so old, maintenance lets the next one sign, which has been in the JWKS for a day at \
         least. A day or more, or forever.",
    ),
    key(
        "maintenance.schedule",
        Text,
        Is("0 17 3 * * *"),
        "When expired sessions, changes that no token needs, old audit events and signing keys are seen to, by one node of \
         all: second, minute, hour, day of the month, month and day of the week, in UTC. Or never.",
    ),
];
