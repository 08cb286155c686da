-- The few users who are disabled, in the order of the list.

CREATE INDEX users_inactive ON users (id) WHERE NOT is_active;
