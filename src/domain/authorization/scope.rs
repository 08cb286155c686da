//! Scopes (RFC 6749 §3.3): a session may hold less than its user, never more. Scopes are permissions, and `account`: the own
//! account. A session that asked for no scope has all of them.

use crate::domain::{Error, Result};

/// Changes of the own account, and nothing else.
pub const ACCOUNT: &str = "account";

/// What a session may do: its user's permissions and `account`, as far as its scope has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    has_account: bool,
    /// In the order of the user's.
    permissions: Vec<String>,
}

impl Granted {
    /// What is left of the user's `permissions` in a session with this stored scope, which is empty for everything.
    pub fn new(permissions: Vec<String>, scope: &str) -> Self {
        let all = Self {
            has_account: true,
            permissions,
        };
        if scope.is_empty() {
            all
        } else {
            all.within(scope)
        }
    }

    /// What of it this scope names. Unlike a stored one, an empty one names nothing.
    pub fn within(mut self, scope: &str) -> Self {
        let is_named = |name: &str| scope.split(' ').any(|word| word == name);
        self.has_account &= is_named(ACCOUNT);
        self.permissions.retain(|permission| is_named(permission));
        self
    }

    /// Whether `scope` is among it.
    pub fn has(&self, scope: &str) -> bool {
        (scope == ACCOUNT && self.has_account) || self.permissions.iter().any(|held| held == scope)
    }

    /// Checks the scope that a client asks for; gives the form in which it is stored: empty for everything.
    ///
    /// # Errors
    /// [`Error::InvalidScope`] for more than is granted.
    pub fn parse(&self, asked: &str) -> Result<String> {
        let words: Vec<&str> = asked.split(' ').filter(|word| !word.is_empty()).collect();
        if words.iter().all(|word| self.has(word)) {
            Ok(words.join(" "))
        } else {
            Err(Error::InvalidScope)
        }
    }

    /// As tokens and answers show it.
    pub fn shown(&self) -> String {
        let account = self.has_account.then_some(ACCOUNT);
        account
            .into_iter()
            .chain(self.permissions.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions() -> Vec<String> {
        vec!["users:read".to_owned(), "users:write".to_owned()]
    }

    fn whole() -> Granted {
        Granted::new(permissions(), "")
    }

    #[test]
    fn a_scope_narrows_and_never_widens() {
        assert_eq!(whole().parse("").expect("valid"), "");
        assert_eq!(whole().shown(), "account users:read users:write");
        for (asked, shown) in [
            ("account users:read", "account users:read"),
            ("users:write  users:read", "users:read users:write"),
            ("account", "account"),
            ("users:read", "users:read"),
        ] {
            let stored = whole().parse(asked).expect("valid");
            assert_eq!(Granted::new(permissions(), &stored).shown(), shown);
        }
        for bad in ["roles:write", "account roles:write", "users", "*"] {
            let refused = whole().parse(bad);
            assert!(matches!(refused, Err(Error::InvalidScope)), "{bad}");
        }
    }

    #[test]
    fn a_session_without_the_account_cannot_ask_for_it() {
        let narrow = Granted::new(permissions(), "users:read");
        assert!(narrow.has("users:read") && !narrow.has(ACCOUNT) && !narrow.has("users:write"));
        assert!(matches!(narrow.parse("account"), Err(Error::InvalidScope)));
    }

    /// Its user has lost the one permission that it was limited to.
    #[test]
    fn a_session_with_nothing_left_shows_nothing_and_may_nothing() {
        let empty = Granted::new(Vec::new(), "users:read");
        assert_eq!(empty.shown(), "");
        assert_eq!(whole().within(&empty.shown()), empty);
    }
}
