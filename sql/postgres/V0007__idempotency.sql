-- Answers to requests that came with an Idempotency-Key, for when one comes again: one row a key, until it expires. Nothing
-- in it can be read or guessed without that key: `id` and `fingerprint` are MACs, `answer` is sealed.

CREATE TABLE idempotency_keys (
    id          BYTEA  NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    fingerprint BYTEA  NOT NULL CHECK (length(fingerprint) = 32),
    answer      BYTEA  NOT NULL,
    expires_at  BIGINT NOT NULL
);

CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);
