-- Instants are milliseconds since 1970 in UTC. What is compared by prefix has the order of its bytes.

CREATE TABLE portcullis_counters (
    name TEXT PRIMARY KEY,
    n BIGINT NOT NULL
);
-- roles_epoch: raised by each edit of a role. keys_version: raised by each replacement of the keys.
-- administrators: written first by every act after which an administrator may be missing, so that these acts wait for
-- each other.
INSERT INTO portcullis_counters (name, n) VALUES ('roles_epoch', 1), ('keys_version', 0), ('administrators', 0);

CREATE TABLE portcullis_meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE portcullis_users (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    password TEXT,
    password_kind TEXT,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    token_epoch BIGINT NOT NULL,
    session_epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX portcullis_users_by_email ON portcullis_users (email_key);
CREATE INDEX portcullis_users_by_name ON portcullis_users (name_key);
CREATE INDEX portcullis_users_by_password_kind ON portcullis_users (password_kind);

-- Scopes and implied roles are words with single spaces between: the roles are only ever read all at once.
CREATE TABLE portcullis_roles (
    name TEXT COLLATE "C" PRIMARY KEY,
    description TEXT NOT NULL,
    scopes TEXT NOT NULL,
    implies TEXT NOT NULL
);
INSERT INTO portcullis_roles (name, description, scopes, implies) VALUES
    ('user', 'Everyone who registers.', 'me', ''),
    ('admin', 'Manages users, roles and keys.', 'admin me', '');

CREATE TABLE portcullis_user_roles (
    user_id UUID NOT NULL REFERENCES portcullis_users (id) ON DELETE CASCADE,
    role TEXT COLLATE "C" NOT NULL REFERENCES portcullis_roles (name),
    PRIMARY KEY (user_id, role)
);
CREATE INDEX portcullis_user_roles_by_role ON portcullis_user_roles (role, user_id);

CREATE TABLE portcullis_sessions (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES portcullis_users (id) ON DELETE CASCADE,
    session_epoch BIGINT NOT NULL,
    sealed_salt BYTEA NOT NULL,
    counter BIGINT NOT NULL,
    rotated_at BIGINT,
    rotated_before_at BIGINT,
    narrowed TEXT,
    address TEXT,
    agent TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    -- Never after expires_at, so that this alone tells whether the session is over.
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT
);
CREATE INDEX portcullis_sessions_by_user ON portcullis_sessions (user_id, id);
CREATE INDEX portcullis_sessions_by_expiry ON portcullis_sessions (idle_expires_at);
CREATE INDEX portcullis_sessions_ended ON portcullis_sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE portcullis_attempts (
    bucket UUID PRIMARY KEY,
    attempts BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
CREATE INDEX portcullis_attempts_by_last ON portcullis_attempts (last_at);

CREATE TABLE portcullis_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed_private BYTEA NOT NULL,
    public_jwk TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    activated_at BIGINT,
    retire_at BIGINT
);

CREATE TABLE portcullis_lanes (
    lane BIGINT PRIMARY KEY,
    n BIGINT NOT NULL,
    tag BIGINT NOT NULL
);
INSERT INTO portcullis_lanes (lane, n, tag) VALUES
    (0, 0, 0), (1, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 0), (5, 0, 0), (6, 0, 0), (7, 0, 0),
    (8, 0, 0), (9, 0, 0), (10, 0, 0), (11, 0, 0), (12, 0, 0), (13, 0, 0), (14, 0, 0), (15, 0, 0);

CREATE TABLE portcullis_changes (
    lane BIGINT NOT NULL,
    n BIGINT NOT NULL,
    tag BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- Of a user: token_epoch and session_epoch. Of a role: roles_epoch.
    epoch BIGINT,
    session_epoch BIGINT,
    happened_at BIGINT NOT NULL,
    deny_until BIGINT NOT NULL,
    PRIMARY KEY (lane, n)
);
CREATE INDEX portcullis_changes_by_until ON portcullis_changes (deny_until);

CREATE TABLE portcullis_audit (
    id UUID PRIMARY KEY,
    happened_at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    actor TEXT NOT NULL,
    subject UUID,
    address TEXT,
    request_id TEXT,
    detail TEXT NOT NULL
);
CREATE INDEX portcullis_audit_by_time ON portcullis_audit (happened_at);
CREATE INDEX portcullis_audit_by_kind ON portcullis_audit (kind, id);
CREATE INDEX portcullis_audit_by_subject ON portcullis_audit (subject, id);
CREATE INDEX portcullis_audit_by_actor ON portcullis_audit (actor, id);

CREATE TABLE portcullis_leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until BIGINT NOT NULL
);
