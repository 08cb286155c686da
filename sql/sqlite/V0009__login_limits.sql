-- What guesses at passwords and login codes are limited by.

-- The network that a device was last seen in: a MAC. NULL where an earlier release has written the row.
ALTER TABLE known_devices ADD COLUMN network BLOB;

CREATE INDEX known_devices_network ON known_devices (network, last_seen_at);

-- Failed checks of an account since the last right one, by the way in which they came.
CREATE TABLE failed_checks (
    user_id  BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    way      TEXT    NOT NULL,
    failures INTEGER NOT NULL,
    PRIMARY KEY (user_id, way)
) STRICT, WITHOUT ROWID;

-- Codes to log in with: one row a request. `handle` is the SHA-256 of what the client got, `code` a MAC. A request for an
-- address without an account has one as well, which fits nothing. `is_known`: asked for from a device of the user. A code
-- that was used or taken back keeps its row, so that no retry of its mail makes it anew.
CREATE TABLE login_codes (
    handle     BLOB    NOT NULL PRIMARY KEY CHECK (length(handle) = 32),
    code       BLOB    NOT NULL CHECK (length(code) = 32),
    user_id    BLOB    REFERENCES users (id) ON DELETE CASCADE,
    is_known   INTEGER NOT NULL CHECK (is_known IN (0, 1)),
    is_spent   INTEGER NOT NULL CHECK (is_spent IN (0, 1)),
    tries      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX login_codes_user_id ON login_codes (user_id);
CREATE INDEX login_codes_expires_at ON login_codes (expires_at);
