-- Users, their roles, their sessions. Times are Unix milliseconds, ids are UUIDv7 in 16 bytes.

CREATE TABLE users (
    id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email            TEXT    NOT NULL,
    email_key        TEXT    NOT NULL,
    username         TEXT    NOT NULL,
    username_key     TEXT    NOT NULL,
    full_name        TEXT,
    password_hash    TEXT,
    email_verified   INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    is_active        INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    last_login_at    INTEGER,
    CONSTRAINT users_email_key_key UNIQUE (email_key),
    CONSTRAINT users_username_key_key UNIQUE (username_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE roles (
    name        TEXT    NOT NULL PRIMARY KEY,
    description TEXT    NOT NULL,
    is_builtin  INTEGER NOT NULL CHECK (is_builtin IN (0, 1)),
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE role_permissions (
    role_name  TEXT NOT NULL REFERENCES roles (name) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    PRIMARY KEY (role_name, permission)
) STRICT, WITHOUT ROWID;

CREATE TABLE user_roles (
    user_id   BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_name TEXT NOT NULL REFERENCES roles (name),
    PRIMARY KEY (user_id, role_name)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_roles_role_name ON user_roles (role_name, user_id);

-- One row a session, none a token: `refresh_counter` is the number of the newest refresh token.
CREATE TABLE sessions (
    id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id          BLOB    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_counter  INTEGER NOT NULL,
    rotated_at       INTEGER NOT NULL,
    scope            TEXT    NOT NULL,
    authenticated_at INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    last_used_at     INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    revoked_at       INTEGER,
    ip               TEXT,
    user_agent       TEXT
) STRICT, WITHOUT ROWID;

-- None on expires_at: every refresh changes it, and would write the index as well; only the clean-up looks for it.
CREATE INDEX sessions_user_id ON sessions (user_id);

INSERT INTO roles (name, description, is_builtin, updated_at) VALUES
    ('admin', 'May do everything.', 1, 0),
    ('user', 'Every registered user; manages the own account.', 1, 0);

INSERT INTO role_permissions (role_name, permission) VALUES
    ('admin', 'users:read'),
    ('admin', 'users:write'),
    ('admin', 'sessions:write'),
    ('admin', 'roles:read'),
    ('admin', 'roles:write'),
    ('admin', 'audit:read'),
    ('admin', 'tokens:introspect');
