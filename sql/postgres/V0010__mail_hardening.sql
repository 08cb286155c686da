-- Former addresses that are kept for their users while a change of address can be undone. One row a change; `id` is the id of
-- the notice that brings the link.
CREATE TABLE held_emails (
    id         UUID NOT NULL PRIMARY KEY,
    email_key  TEXT COLLATE "C" NOT NULL,
    user_id    UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE INDEX held_emails_email_key ON held_emails (email_key);
CREATE INDEX held_emails_user_id ON held_emails (user_id);
CREATE INDEX held_emails_expires_at ON held_emails (expires_at);

-- The links that are out hold their addresses from now on in the new table.
INSERT INTO held_emails (id, email_key, user_id, expires_at)
    SELECT encode(substr(hash, 1, 16), 'hex')::uuid, email_key, user_id, expires_at FROM one_time_tokens
    WHERE purpose = 'undo_email_change' AND user_id IS NOT NULL AND email_key IS NOT NULL;

-- A used or revoked token keeps its row under the purpose `used` until it would have expired: a retried mail does not bring it
-- back. Of a link that an administrator made: who made it, and the permissions that its user had then.
ALTER TABLE one_time_tokens ADD COLUMN maker_id UUID REFERENCES users (id) ON DELETE CASCADE;
ALTER TABLE one_time_tokens ADD COLUMN permissions TEXT COLLATE "C";

CREATE INDEX one_time_tokens_maker_id ON one_time_tokens (maker_id);
