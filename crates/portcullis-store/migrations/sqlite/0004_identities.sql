-- Accounts at providers (OpenID Connect, OAuth2), each tied to one user. An account is known by issuer and subject.
CREATE TABLE portcullis_identities (
    id BLOB NOT NULL PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES portcullis_users (id) ON DELETE CASCADE,
    provider TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    email TEXT,
    -- The key of an email that the provider vouches for as the authority on its domain.
    vouched TEXT,
    linked_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX portcullis_identities_by_subject ON portcullis_identities (issuer, subject);
CREATE UNIQUE INDEX portcullis_identities_by_user ON portcullis_identities (user_id, issuer);

-- By which account a session began, and how the provider calls its own session (`sid`): for when it ends there.
CREATE TABLE portcullis_session_origins (
    session_id BLOB NOT NULL PRIMARY KEY REFERENCES portcullis_sessions (id) ON DELETE CASCADE,
    identity_id BLOB NOT NULL REFERENCES portcullis_identities (id) ON DELETE CASCADE,
    provider_session TEXT
) STRICT;
CREATE INDEX portcullis_session_origins_by_identity ON portcullis_session_origins (identity_id);
CREATE INDEX portcullis_session_origins_by_provider ON portcullis_session_origins (provider_session)
    WHERE provider_session IS NOT NULL;

-- What was good for one use and had it, until it would be good for nothing anyway.
CREATE TABLE portcullis_spent (
    id BLOB NOT NULL PRIMARY KEY,
    good_until INTEGER NOT NULL
) STRICT;
CREATE INDEX portcullis_spent_by_until ON portcullis_spent (good_until);
