CREATE TABLE IF NOT EXISTS portcullis_revoked_tokens (
    jti TEXT NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS portcullis_revoked_tokens_by_expiry ON portcullis_revoked_tokens (expires_at);
