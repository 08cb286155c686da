//! The tables as data, for those who move a whole database. A test compares this with what the migrations make, on each
//! engine: a table or column that is missing here does not get past it.

/// What a column holds, whatever the engines call it. Any column may hold NULL as far as this goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Uuid,
    Text,
    Integer,
    Boolean,
    Bytes,
}

use Kind::{Boolean, Bytes, Integer, Text, Uuid};

/// A table whose rows make up an instance.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    /// Every column; those of the primary key first, in its order.
    pub columns: &'static [(&'static str, Kind)],
    /// How many columns the primary key has.
    pub key: usize,
    /// Which rows somebody has made, where the migrations make some as well: a condition.
    pub made_by_people: Option<&'static str>,
}

/// What an instance is made of, in an order in which every reference finds its row.
pub const TABLES: &[Table] = &[
    Table {
        name: "users",
        columns: &[
            ("id", Uuid),
            ("email", Text),
            ("email_key", Text),
            ("username", Text),
            ("username_key", Text),
            ("full_name", Text),
            ("password_hash", Text),
            ("email_verified", Boolean),
            ("is_active", Boolean),
            ("created_at", Integer),
            ("updated_at", Integer),
            ("last_login_at", Integer),
            ("locale", Text),
            ("email_refused_at", Integer),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "roles",
        columns: &[
            ("name", Text),
            ("description", Text),
            ("is_builtin", Boolean),
            ("updated_at", Integer),
        ],
        key: 1,
        made_by_people: Some("NOT is_builtin"),
    },
    Table {
        name: "role_permissions",
        columns: &[("role_name", Text), ("permission", Text)],
        key: 2,
        made_by_people: Some("role_name IN (SELECT name FROM roles WHERE NOT is_builtin)"),
    },
    Table {
        name: "user_roles",
        columns: &[("user_id", Uuid), ("role_name", Text)],
        key: 2,
        made_by_people: None,
    },
    Table {
        name: "sessions",
        columns: &[
            ("id", Uuid),
            ("user_id", Uuid),
            ("refresh_counter", Integer),
            ("rotated_at", Integer),
            ("scope", Text),
            ("authenticated_at", Integer),
            ("created_at", Integer),
            ("last_used_at", Integer),
            ("expires_at", Integer),
            ("revoked_at", Integer),
            ("ip", Text),
            ("user_agent", Text),
            ("token_floor", Integer),
            ("rotated_by", Uuid),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "audit_events",
        columns: &[
            ("id", Uuid),
            ("at", Integer),
            ("action", Text),
            ("actor_id", Uuid),
            ("target_id", Uuid),
            ("session_id", Uuid),
            ("ip", Text),
            ("user_agent", Text),
            ("outcome", Text),
            ("data", Text),
            ("origin_until", Integer),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "throttles",
        columns: &[("subject", Bytes), ("full_at", Integer)],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "idempotency_keys",
        columns: &[
            ("id", Bytes),
            ("fingerprint", Bytes),
            ("answer", Bytes),
            ("expires_at", Integer),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "registrations",
        columns: &[
            ("id", Uuid),
            ("email", Text),
            ("email_key", Text),
            ("username", Text),
            ("username_key", Text),
            ("full_name", Text),
            ("password_hash", Text),
            ("locale", Text),
            ("created_at", Integer),
            ("expires_at", Integer),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "one_time_tokens",
        columns: &[
            ("hash", Bytes),
            ("purpose", Text),
            ("user_id", Uuid),
            ("registration_id", Uuid),
            ("email", Text),
            ("email_key", Text),
            ("expires_at", Integer),
            ("maker_id", Uuid),
            ("permissions", Text),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "held_emails",
        columns: &[
            ("id", Uuid),
            ("email_key", Text),
            ("user_id", Uuid),
            ("expires_at", Integer),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "email_codes",
        columns: &[
            ("address", Bytes),
            ("code", Bytes),
            ("user_id", Uuid),
            ("tries", Integer),
            ("expires_at", Integer),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "known_devices",
        columns: &[
            ("user_id", Uuid),
            ("device", Bytes),
            ("last_seen_at", Integer),
            ("network", Bytes),
        ],
        key: 2,
        made_by_people: None,
    },
    Table {
        name: "failed_checks",
        columns: &[("user_id", Uuid), ("way", Text), ("failures", Integer)],
        key: 2,
        made_by_people: None,
    },
    Table {
        name: "login_codes",
        columns: &[
            ("handle", Bytes),
            ("code", Bytes),
            ("user_id", Uuid),
            ("is_known", Boolean),
            ("is_spent", Boolean),
            ("tries", Integer),
            ("expires_at", Integer),
        ],
        key: 1,
        made_by_people: None,
    },
    Table {
        name: "mails",
        columns: &[
            ("id", Uuid),
            ("kind", Text),
            ("user_id", Uuid),
            ("recipient", Text),
            ("facts", Text),
            ("created_at", Integer),
            ("due_at", Integer),
            ("attempts", Integer),
        ],
        key: 1,
        made_by_people: None,
    },
];

/// Tables that are no part of an instance, each with the reason why.
pub const APART: &[(&str, &str)] = &[
    (
        "copies",
        "tells of a copy into this database that is not finished",
    ),
    (
        "leases",
        "held by the running instances of this database, for some minutes",
    ),
    (
        "vestibule_schema_history",
        "tells of the migrations of this database",
    ),
    (
        "vestibule_migration_lock",
        "keeps those who migrate this database apart",
    ),
];
