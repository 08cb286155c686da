-- What happened, to whom, by whom. Holds ids, never names or addresses of e-mail, so that it may outlive an account.

CREATE TABLE audit_events (
    id         UUID   NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    action     TEXT   COLLATE "C" NOT NULL,
    actor_id   UUID,
    target_id  UUID,
    session_id UUID,
    ip         TEXT   COLLATE "C",
    user_agent TEXT   COLLATE "C",
    outcome    TEXT   COLLATE "C" NOT NULL CHECK (outcome IN ('success', 'failure')),
    data       TEXT   COLLATE "C" NOT NULL
);

CREATE INDEX audit_events_actor_id ON audit_events (actor_id, id);
CREATE INDEX audit_events_target_id ON audit_events (target_id, id);
