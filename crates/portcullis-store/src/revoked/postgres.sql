CREATE TABLE IF NOT EXISTS portcullis_revoked_tokens (
    jti TEXT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS portcullis_revoked_tokens_by_expiry ON portcullis_revoked_tokens (expires_at);
