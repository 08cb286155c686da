-- Failed logins by account: one row while an account has failures that still count. `full_at` is the moment at which
-- all attempts are available again (the theoretical arrival time of GCRA).

CREATE TABLE login_throttles (
    subject BYTEA  NOT NULL PRIMARY KEY,
    full_at BIGINT NOT NULL
);

CREATE INDEX login_throttles_full_at ON login_throttles (full_at);
