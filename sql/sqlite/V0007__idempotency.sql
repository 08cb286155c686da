-- Answers to requests that came with an Idempotency-Key, for when one comes again: one row a key, until it expires. Nothing
-- in it can be read or guessed without that key: `id` and `fingerprint` are MACs, `answer` is sealed.

CREATE TABLE idempotency_keys (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    answer      BLOB    NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);
