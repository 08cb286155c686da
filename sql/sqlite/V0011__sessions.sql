-- Tokens with a number below `token_floor` are refused: they are from before the user last proved to be there. An earlier
-- release neither reads nor raises it. `rotated_by` is the instance whose clock `rotated_at` is from.
ALTER TABLE sessions ADD COLUMN token_floor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN rotated_by BLOB CHECK (length(rotated_by) = 16);

-- A user's live sessions, of which there are few, apart from those that have ended. A refresh changes none of its columns.
CREATE INDEX sessions_live ON sessions (user_id) WHERE revoked_at IS NULL;

-- When address and user agent of an event are to be removed. Without it they stay as long as the account: it is somebody's
-- act about themselves.
ALTER TABLE audit_events ADD COLUMN origin_until INTEGER;

CREATE INDEX audit_events_origin_until ON audit_events (origin_until) WHERE origin_until IS NOT NULL;
