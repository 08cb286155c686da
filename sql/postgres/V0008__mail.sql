-- Mail that waits to be sent, the tokens and codes that mails carry, and what is told by mail. No token, code or text of a
-- mail is in here: they are made when it is sent.

ALTER TABLE users ADD COLUMN locale TEXT COLLATE "C";
-- When a mail server last refused the address for good.
ALTER TABLE users ADD COLUMN email_refused_at BIGINT;

-- `due_at` is when it may be sent, or tried again if whoever is sending it has died; NULL once it was given up. `recipient`
-- is the address at the time, or what was typed where nobody has been looked for yet.
CREATE TABLE mails (
    id         UUID NOT NULL PRIMARY KEY,
    kind       TEXT COLLATE "C" NOT NULL,
    user_id    UUID REFERENCES users (id) ON DELETE CASCADE,
    recipient  TEXT COLLATE "C" NOT NULL,
    facts      TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    due_at     BIGINT,
    attempts   BIGINT NOT NULL
);

CREATE INDEX mails_due_at ON mails (due_at);
CREATE INDEX mails_created_at ON mails (created_at) WHERE due_at IS NOT NULL;
CREATE INDEX mails_user_id ON mails (user_id);

-- Accounts that somebody wants to have, until the address is confirmed. Nothing here tells whether the address has one.
CREATE TABLE registrations (
    id            UUID NOT NULL PRIMARY KEY,
    email         TEXT COLLATE "C" NOT NULL,
    email_key     TEXT COLLATE "C" NOT NULL,
    username      TEXT COLLATE "C" NOT NULL,
    username_key  TEXT COLLATE "C" NOT NULL,
    full_name     TEXT COLLATE "C",
    password_hash TEXT COLLATE "C" NOT NULL,
    locale        TEXT COLLATE "C",
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL
);

CREATE INDEX registrations_email_key ON registrations (email_key, created_at);
CREATE INDEX registrations_username_key ON registrations (username_key, created_at);
CREATE INDEX registrations_expires_at ON registrations (expires_at);

-- One row a token that has not been used: SHA-256 of it, what it is for, of whom, and the address that it proves or sets.
CREATE TABLE one_time_tokens (
    hash            BYTEA NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    purpose         TEXT COLLATE "C" NOT NULL,
    user_id         UUID REFERENCES users (id) ON DELETE CASCADE,
    registration_id UUID REFERENCES registrations (id) ON DELETE CASCADE,
    email           TEXT COLLATE "C",
    email_key       TEXT COLLATE "C",
    expires_at      BIGINT NOT NULL
);

CREATE INDEX one_time_tokens_user_id ON one_time_tokens (user_id);
CREATE INDEX one_time_tokens_registration_id ON one_time_tokens (registration_id);
CREATE INDEX one_time_tokens_email_key ON one_time_tokens (email_key, purpose);
CREATE INDEX one_time_tokens_expires_at ON one_time_tokens (expires_at);

-- The newest code of an address; both are MACs. Addresses without an account have one, too, which nobody knows.
CREATE TABLE email_codes (
    address    BYTEA NOT NULL PRIMARY KEY CHECK (length(address) = 32),
    code       BYTEA NOT NULL CHECK (length(code) = 32),
    user_id    UUID REFERENCES users (id) ON DELETE CASCADE,
    tries      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX email_codes_user_id ON email_codes (user_id);
CREATE INDEX email_codes_expires_at ON email_codes (expires_at);

-- Devices that have logged in: a MAC of program and network.
CREATE TABLE known_devices (
    user_id      UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device       BYTEA NOT NULL CHECK (length(device) = 32),
    last_seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, device)
);

CREATE INDEX known_devices_last_seen_at ON known_devices (last_seen_at);

-- Mails are throttled as failed logins are.
ALTER TABLE login_throttles RENAME TO throttles;
DROP INDEX login_throttles_full_at;
CREATE INDEX throttles_full_at ON throttles (full_at);
