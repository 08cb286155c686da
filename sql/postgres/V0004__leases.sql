-- Background jobs that one instance does for all: who does it, and until when nobody else will.

CREATE TABLE leases (
    name       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    holder     UUID   NOT NULL,
    expires_at BIGINT NOT NULL
);
