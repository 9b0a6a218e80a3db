-- Raised by a new password: what was proved with an earlier one (a known device) counts no more.
ALTER TABLE portcullis_users ADD COLUMN password_epoch BIGINT NOT NULL DEFAULT 1;
