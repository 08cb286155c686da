//! Scopes (RFC 6749 §3.3): a session may hold less than its user, never more. Scopes are permissions, and `account`,
//! which every session has: the own account.

use super::{Error, Result};

/// The own account, and nothing else.
pub const ACCOUNT: &str = "account";

/// Checks the scope asked for at a login against what the user may do; gives the form in which it is stored: empty for
/// everything.
pub fn parse(asked: &str, permissions: &[String]) -> Result<String> {
    let words: Vec<&str> = asked.split(' ').filter(|word| !word.is_empty()).collect();
    let is_held = |word: &&str| *word == ACCOUNT || permissions.iter().any(|held| held == word);
    if words.iter().all(is_held) {
        Ok(words.join(" "))
    } else {
        Err(Error::InvalidScope)
    }
}

/// The permissions in force in a session with this stored scope, in the order given.
pub fn narrow(mut permissions: Vec<String>, scope: &str) -> Vec<String> {
    if !scope.is_empty() {
        permissions.retain(|permission| scope.split(' ').any(|word| word == permission));
    }
    permissions
}

/// The scope that is shown for these permissions.
pub fn shown(permissions: &[String]) -> String {
    std::iter::once(ACCOUNT)
        .chain(permissions.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions() -> Vec<String> {
        vec!["users:read".to_owned(), "users:write".to_owned()]
    }

    #[test]
    fn a_scope_narrows_and_never_widens() {
        assert_eq!(parse("", &permissions()).expect("valid"), "");
        let scope = parse("account users:read", &permissions()).expect("valid");
        assert_eq!(narrow(permissions(), &scope), ["users:read"]);
        assert_eq!(shown(&narrow(permissions(), &scope)), "account users:read");
        assert_eq!(
            shown(&narrow(permissions(), "")),
            "account users:read users:write"
        );
        assert_eq!(narrow(permissions(), "account"), Vec::<String>::new());
        for bad in ["roles:write", "account roles:write", "users", "*"] {
            assert!(
                matches!(parse(bad, &permissions()), Err(Error::InvalidScope)),
                "{bad}"
            );
        }
    }
}
