//! Sessions: one row a login. The refresh token's number is the only thing that a refresh changes.

use std::time::Duration;

use super::db::{Result, Row, Tx};
use super::users::{USER_COLUMNS, User, map_user, user_columns, words};
use crate::clock::{Timestamp, millis};
use crate::ids::{InstanceId, SessionId, UserId};

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    /// Number of the newest refresh token.
    pub refresh_counter: i64,
    /// Tokens of a lower number are refused: they are from before the user last proved to be there.
    pub token_floor: i64,
    /// When that number was last raised, by the clock of the instance that raised it.
    pub rotated_at: Timestamp,
    /// That instance; `None` where an earlier release raised it.
    pub rotated_by: Option<InstanceId>,
    /// The scope asked for at login (RFC 6749 §3.3); empty for all that the user may do.
    pub scope: String,
    /// When the user last proved to be there with a password.
    pub authenticated_at: Timestamp,
    pub created_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// A session about to be stored.
#[derive(Debug)]
pub struct NewSession<'a> {
    pub id: SessionId,
    pub user_id: UserId,
    pub scope: &'a str,
    pub at: Timestamp,
    /// The instance that begins it.
    pub by: InstanceId,
    pub expires_at: Timestamp,
    pub ip: &'a str,
    pub user_agent: Option<&'a str>,
}

/// How long sessions live, looked at from a moment.
#[derive(Debug, Clone, Copy)]
pub struct Lifetimes {
    pub now: Timestamp,
    /// From one refresh to the next.
    pub idle: Duration,
    /// From the login on, whatever happens meanwhile (ASVS 7.3.2).
    pub absolute: Duration,
}

impl Lifetimes {
    /// When a session that begins now ends unless it is refreshed.
    pub fn first_end(self) -> Timestamp {
        self.now.plus(self.idle.min(self.absolute))
    }

    /// Sessions that began at this moment or before it are over.
    pub fn over(self) -> Timestamp {
        self.now.minus(self.absolute)
    }
}

/// A live session with its user and the user's permissions.
#[derive(Debug, Clone)]
pub struct Authenticated {
    pub session: Session,
    pub user: User,
    /// By way of roles, before the session's scope narrows them.
    pub permissions: Vec<String>,
}

/// Which sessions of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    Just(SessionId),
    AllBut(SessionId),
}

macro_rules! session_columns {
    () => {
        "sessions.id, sessions.user_id, sessions.refresh_counter, sessions.token_floor, sessions.rotated_at, \
         sessions.rotated_by, sessions.scope, sessions.authenticated_at, sessions.created_at, sessions.expires_at, \
         sessions.revoked_at"
    };
}

fn map_session(row: &Row<'_>, start: usize) -> Result<Session> {
    Ok(Session {
        id: row.get(start)?,
        user_id: row.get(start + 1)?,
        refresh_counter: row.get(start + 2)?,
        token_floor: row.get(start + 3)?,
        rotated_at: row.get(start + 4)?,
        rotated_by: row.get(start + 5)?,
        scope: row.get(start + 6)?,
        authenticated_at: row.get(start + 7)?,
        created_at: row.get(start + 8)?,
        expires_at: row.get(start + 9)?,
        revoked_at: row.get(start + 10)?,
    })
}

const SESSION_COLUMNS: usize = 11;

/// Stores a new session whose first refresh token has the number 0.
pub async fn insert(tx: &mut Tx<'_>, session: &NewSession<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO sessions (id, user_id, refresh_counter, rotated_at, scope, authenticated_at, created_at, \
         last_used_at, expires_at, ip, user_agent, rotated_by) VALUES (?1, ?2, 0, ?4, ?3, ?4, ?4, ?4, ?5, ?6, ?7, ?8)",
        &[
            session.id.into(),
            session.user_id.into(),
            session.scope.into(),
            session.at.into(),
            session.expires_at.into(),
            session.ip.into(),
            session.user_agent.into(),
            session.by.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The statement of [`end_oldest`].
pub const END_OLDEST: &str = "UPDATE sessions SET revoked_at = ?3 WHERE id IN \
     (SELECT id FROM sessions WHERE user_id = ?1 AND revoked_at IS NULL AND id <> ?2 AND expires_at > ?3 \
     ORDER BY last_used_at DESC, id DESC LIMIT 1000000 OFFSET ?4) AND revoked_at IS NULL";

/// Ends those live sessions of a user that were not used for longest, so that `keep` are left beside `newest`; says how many.
/// Logins of one user run one after the other, so that no two count the same sessions.
pub async fn end_oldest(
    tx: &mut Tx<'_>,
    user_id: UserId,
    newest: SessionId,
    keep: i64,
    now: Timestamp,
) -> Result<u64> {
    tx.execute(
        END_OLDEST,
        &[user_id.into(), newest.into(), now.into(), keep.into()],
    )
    .await
}

/// The session with this id, whatever its state.
pub async fn find(tx: &mut Tx<'_>, id: SessionId) -> Result<Option<Session>> {
    tx.query_opt(
        concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions WHERE id = ?1"
        ),
        &[id.into()],
        |row| map_session(row, 0),
    )
    .await
}

/// A session that is neither revoked nor expired, with its active user and their permissions, for a token with the number
/// `counter`: `None` also where the session has left such tokens behind.
pub async fn authenticate(
    tx: &mut Tx<'_>,
    id: SessionId,
    counter: i64,
    lifetimes: Lifetimes,
) -> Result<Option<Authenticated>> {
    let values = [
        id.into(),
        lifetimes.now.into(),
        lifetimes.over().into(),
        counter.into(),
    ];
    tx.query_opt(AUTHENTICATE, &values, |row| {
        Ok(Authenticated {
            user: map_user(row)?,
            session: map_session(row, USER_COLUMNS)?,
            permissions: words(row.get(USER_COLUMNS + SESSION_COLUMNS)?),
        })
    })
    .await
}

/// The statement of [`authenticate`].
pub const AUTHENTICATE: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", ",
    session_columns!(),
    ", (SELECT string_agg(permission, ' ') FROM user_roles \
        JOIN role_permissions ON role_permissions.role_name = user_roles.role_name \
        WHERE user_id = users.id) \
     FROM sessions JOIN users ON users.id = sessions.user_id \
     WHERE sessions.id = ?1 AND sessions.revoked_at IS NULL AND sessions.expires_at > ?2 \
     AND sessions.created_at > ?3 AND sessions.token_floor <= ?4 AND users.is_active"
);

/// Raises the refresh counter from `counter`, which must be the newest, of a live session of an active user; gives the
/// session and the user's permissions. It lives on for its idle lifetime, though never past its absolute end. `None` when any
/// of that does not hold: the caller looks at the row to say why.
pub async fn rotate(
    tx: &mut Tx<'_>,
    id: SessionId,
    counter: i64,
    lifetimes: Lifetimes,
    by: InstanceId,
) -> Result<Option<(Session, Vec<String>)>> {
    tx.query_opt(
        concat!(
            "UPDATE sessions SET refresh_counter = refresh_counter + 1, rotated_at = ?3, last_used_at = ?3, \
             rotated_by = ?6, \
             expires_at = CASE WHEN created_at + ?5 < ?4 THEN created_at + ?5 ELSE ?4 END \
             WHERE id = ?1 AND refresh_counter = ?2 AND revoked_at IS NULL AND expires_at > ?3 \
             AND created_at + ?5 > ?3 AND EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND is_active) RETURNING ",
            session_columns!(),
            ", (SELECT string_agg(permission, ' ') FROM user_roles \
                JOIN role_permissions ON role_permissions.role_name = user_roles.role_name \
                WHERE user_roles.user_id = sessions.user_id)"
        ),
        &[
            id.into(),
            counter.into(),
            lifetimes.now.into(),
            lifetimes.now.plus(lifetimes.idle).into(),
            millis(lifetimes.absolute).into(),
            by.into(),
        ],
        |row| Ok((map_session(row, 0)?, words(row.get(SESSION_COLUMNS)?))),
    )
    .await
}

/// Notes that the user has just proved to be there again, and raises the refresh counter and the floor with it: all tokens
/// from before are refused from now on. By two, so that for an earlier release the refresh token from before is not within the
/// grace of a refresh, which would make its holder fresh. The session ends when it would have ended. `None` when it is not
/// alive.
pub async fn reauthenticate(
    tx: &mut Tx<'_>,
    id: SessionId,
    now: Timestamp,
    by: InstanceId,
) -> Result<Option<Session>> {
    tx.query_opt(
        concat!(
            "UPDATE sessions SET authenticated_at = ?2, last_used_at = ?2, rotated_at = ?2, rotated_by = ?3, \
             refresh_counter = refresh_counter + 2, token_floor = refresh_counter + 2 \
             WHERE id = ?1 AND revoked_at IS NULL AND expires_at > ?2 RETURNING ",
            session_columns!()
        ),
        &[id.into(), now.into(), by.into()],
        |row| map_session(row, 0),
    )
    .await
}

/// The statement of [`revoke`] for all of them.
pub const REVOKE_ALL: &str =
    "UPDATE sessions SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL";

/// Ends live sessions of a user and says how many.
pub async fn revoke(tx: &mut Tx<'_>, user_id: UserId, which: Which, now: Timestamp) -> Result<u64> {
    match which {
        Which::All => {
            tx.execute(
                REVOKE_ALL,
                &[user_id.into(), now.into()],
            )
            .await
        }
        Which::Just(id) => {
            tx.execute(
                "UPDATE sessions SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL AND id = ?3",
                &[user_id.into(), now.into(), id.into()],
            )
            .await
        }
        Which::AllBut(id) => {
            tx.execute(
                "UPDATE sessions SET revoked_at = ?2 WHERE user_id = ?1 AND revoked_at IS NULL AND id <> ?3",
                &[user_id.into(), now.into(), id.into()],
            )
            .await
        }
    }
}

/// When a session is no longer needed.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Expired before this moment.
    pub expired: Timestamp,
    /// Or revoked before this one.
    pub revoked: Timestamp,
}

/// The next `limit` sessions in the order of their ids, from the first after `after`; each with whether it is spent. No
/// index tells which are: every refresh would have to write it. Read part by part, no statement takes long however many
/// sessions there are.
pub async fn part(
    tx: &mut Tx<'_>,
    spent: Spent,
    after: SessionId,
    limit: i64,
) -> Result<Vec<(SessionId, bool)>> {
    tx.query_all(
        PART,
        &[
            after.into(),
            spent.expired.into(),
            spent.revoked.into(),
            limit.into(),
        ],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
    .await
}

/// The statement of [`part`].
pub const PART: &str = "SELECT id, expires_at < ?2 OR (revoked_at IS NOT NULL AND revoked_at < ?3) FROM sessions \
     WHERE id > ?1 ORDER BY id LIMIT ?4";

/// Deletes a session if it is spent.
pub async fn delete_spent(tx: &mut Tx<'_>, id: SessionId, spent: Spent) -> Result<u64> {
    tx.execute(
        "DELETE FROM sessions WHERE id = ?1 AND (expires_at < ?2 OR revoked_at < ?3)",
        &[id.into(), spent.expired.into(), spent.revoked.into()],
    )
    .await
}
