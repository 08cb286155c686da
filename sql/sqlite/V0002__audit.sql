-- What happened, to whom, by whom. Holds ids, never names or addresses of e-mail, so that it may outlive an account.

CREATE TABLE audit_events (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at         INTEGER NOT NULL,
    action     TEXT    NOT NULL,
    actor_id   BLOB,
    target_id  BLOB,
    session_id BLOB,
    ip         TEXT,
    user_agent TEXT,
    outcome    TEXT    NOT NULL CHECK (outcome IN ('success', 'failure')),
    data       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_events_actor_id ON audit_events (actor_id, id);
CREATE INDEX audit_events_target_id ON audit_events (target_id, id);
