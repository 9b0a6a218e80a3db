-- For the list of those who are disabled: few among many. Whoever is active costs it nothing.
CREATE INDEX portcullis_users_disabled ON portcullis_users (id) WHERE status = 'disabled';
