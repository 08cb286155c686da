-- Users, their roles, their sessions. Times are Unix milliseconds, ids are UUIDv7. Text is compared byte by byte, as in
-- SQLite: prefix searches are ranges.

CREATE TABLE users (
    id               UUID    NOT NULL PRIMARY KEY,
    email            TEXT    COLLATE "C" NOT NULL,
    email_key        TEXT    COLLATE "C" NOT NULL,
    username         TEXT    COLLATE "C" NOT NULL,
    username_key     TEXT    COLLATE "C" NOT NULL,
    full_name        TEXT    COLLATE "C",
    password_hash    TEXT    COLLATE "C",
    email_verified   BOOLEAN NOT NULL,
    is_active        BOOLEAN NOT NULL,
    created_at       BIGINT  NOT NULL,
    updated_at       BIGINT  NOT NULL,
    last_login_at    BIGINT,
    CONSTRAINT users_email_key_key UNIQUE (email_key),
    CONSTRAINT users_username_key_key UNIQUE (username_key)
);

CREATE TABLE roles (
    name        TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    description TEXT    COLLATE "C" NOT NULL,
    is_builtin  BOOLEAN NOT NULL,
    updated_at  BIGINT  NOT NULL
);

CREATE TABLE role_permissions (
    role_name  TEXT COLLATE "C" NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    permission TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (role_name, permission)
);

CREATE TABLE user_roles (
    user_id   UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_name TEXT COLLATE "C" NOT NULL REFERENCES roles (name),
    PRIMARY KEY (user_id, role_name)
);

CREATE INDEX user_roles_role_name ON user_roles (role_name, user_id);

-- One row a session, none a token: `refresh_counter` is the number of the newest refresh token. No index holds a column
-- that a refresh changes, so that the new row stays on the page of the old one (HOT); pages are left room for that.
CREATE TABLE sessions (
    id               UUID    NOT NULL PRIMARY KEY,
    user_id          UUID    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_counter  BIGINT  NOT NULL,
    rotated_at       BIGINT  NOT NULL,
    scope            TEXT    COLLATE "C" NOT NULL,
    authenticated_at BIGINT  NOT NULL,
    created_at       BIGINT  NOT NULL,
    last_used_at     BIGINT  NOT NULL,
    expires_at       BIGINT  NOT NULL,
    revoked_at       BIGINT,
    ip               TEXT    COLLATE "C",
    user_agent       TEXT    COLLATE "C"
) WITH (fillfactor = 80);

CREATE INDEX sessions_user_id ON sessions (user_id);

INSERT INTO roles (name, description, is_builtin, updated_at) VALUES
    ('admin', 'May do everything.', TRUE, 0),
    ('user', 'Every registered user; manages the own account.', TRUE, 0);

INSERT INTO role_permissions (role_name, permission) VALUES
    ('admin', 'users:read'),
    ('admin', 'users:write'),
    ('admin', 'sessions:write'),
    ('admin', 'roles:read'),
    ('admin', 'roles:write'),
    ('admin', 'audit:read'),
    ('admin', 'tokens:introspect');
