-- A copy into this database (`vestibule copy`) that is not finished: one row until it is, and nothing is served meanwhile.
-- A database is known by the moment at which its first migration was run.

CREATE TABLE copies (
    id               BIGINT  NOT NULL PRIMARY KEY CHECK (id = 1),
    source_url       TEXT    COLLATE "C" NOT NULL,
    source_made_at   TEXT    COLLATE "C" NOT NULL,
    holder           UUID    NOT NULL,
    started_at       BIGINT  NOT NULL,
    is_to_be_emptied BOOLEAN NOT NULL
);
