-- A copy into this database (`vestibule copy`) that is not finished: one row until it is, and nothing is served meanwhile.
-- A database is known by the moment at which its first migration was run.

CREATE TABLE copies (
    id               INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    source_url       TEXT    NOT NULL,
    source_made_at   TEXT    NOT NULL,
    holder           BLOB    NOT NULL CHECK (length(holder) = 16),
    started_at       INTEGER NOT NULL,
    is_to_be_emptied INTEGER NOT NULL CHECK (is_to_be_emptied IN (0, 1))
) STRICT, WITHOUT ROWID;
