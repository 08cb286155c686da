//! Changes that are made only if the account is still as the client saw it, so that no change of another is
//! undone unseen. Which revisions a request names, and how, is not known here.

use aws_lc_rs::digest;

use super::{Error, Result, User};
use crate::clock::Timestamp;

/// Names one state of an account. It is made of everything that is shown of the account: equal content has equal
/// revisions on every instance, and other content has others, as far as 128 bits of SHA-256 tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision([u8; Self::BYTES]);

impl Revision {
    pub const BYTES: usize = 16;

    /// The revision with these bytes; there need not be an account that has it.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// What a revision is made of. To be counted up whenever something else is shown of the same `User`: clients would take
/// the new representation for the one that they have.
const FORM: u8 = 1;

/// Room for an account without long names.
const USUAL_BYTES: usize = 256;

impl User {
    /// The revision that this account is in.
    pub fn revision(&self) -> Revision {
        // Field by field, so that a new one is not forgotten here.
        let Self {
            id,
            email,
            username,
            full_name,
            email_verified,
            is_active,
            roles,
            created_at,
            updated_at,
            last_login_at,
        } = self;
        let mut content = Content(Vec::with_capacity(USUAL_BYTES));
        content.0.push(FORM);
        content.0.extend_from_slice(id.0.as_bytes());
        content.text(email);
        content.text(username);
        content.option(full_name.as_deref(), Content::text);
        content.flag(*email_verified);
        content.flag(*is_active);
        content.count(roles.len());
        roles.iter().for_each(|role| content.text(role));
        content.time(*created_at);
        content.time(*updated_at);
        content.option(*last_login_at, Content::time);
        let digest = digest::digest(&digest::SHA256, &content.0);
        let mut bytes = [0; Revision::BYTES];
        bytes.copy_from_slice(&digest.as_ref()[..Revision::BYTES]);
        Revision(bytes)
    }
}

/// Bytes from which every part can be told again: no two accounts give the same.
struct Content(Vec<u8>);

impl Content {
    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn flag(&mut self, flag: bool) {
        self.0.push(flag.into());
    }

    fn time(&mut self, time: Timestamp) {
        self.0.extend_from_slice(&time.millis().to_be_bytes());
    }

    fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }
}

/// The revisions of an account in which a change is to be made; by default all of them.
#[derive(Debug, Clone, Default)]
pub struct Precondition {
    any_of: Option<Vec<Revision>>,
    none_of: Vec<Revision>,
}

impl Precondition {
    /// Only in one of these.
    #[must_use]
    pub fn any_of(self, revisions: Vec<Revision>) -> Self {
        Self {
            any_of: Some(revisions),
            ..self
        }
    }

    /// In none of these.
    #[must_use]
    pub fn none_of(self, revisions: Vec<Revision>) -> Self {
        Self {
            none_of: revisions,
            ..self
        }
    }

    /// Fails unless the account may be changed in this state. A change has to ask in its own unit of work, with the account
    /// locked: before, another one could still come between.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`].
    pub fn check(&self, user: &User) -> Result<()> {
        if self.any_of.is_none() && self.none_of.is_empty() {
            return Ok(());
        }
        let revision = user.revision();
        let is_expected = self
            .any_of
            .as_ref()
            .is_none_or(|expected| expected.contains(&revision));
        if is_expected && !self.none_of.contains(&revision) {
            Ok(())
        } else {
            Err(Error::PreconditionFailed)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::*;
    use crate::ids::UserId;

    fn ada() -> User {
        User {
            id: UserId(Uuid::from_u128(0x0190_163d_8694_739b_aea5_966c_26f8_ad91)),
            email: "ada@example.com".to_owned(),
            username: "ada".to_owned(),
            full_name: None,
            email_verified: false,
            is_active: true,
            roles: vec!["user".to_owned()],
            created_at: Timestamp::from_millis(1_800_000_000_000),
            updated_at: Timestamp::from_millis(1_800_000_000_001),
            last_login_at: None,
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn every_field_is_in_the_revision() {
        type Change = fn(&mut User);
        let changes: &[Change] = &[
            |_| (),
            |user| user.id = UserId(Uuid::from_u128(1)),
            |user| user.email = "Ada@example.com".to_owned(),
            |user| user.username = "Ada".to_owned(),
            |user| user.full_name = Some("Ada".to_owned()),
            |user| user.full_name = Some("Ada Lovelace".to_owned()),
            |user| user.email_verified = true,
            |user| user.is_active = false,
            |user| user.roles = texts(&[]),
            |user| user.roles = texts(&["admin", "user"]),
            |user| user.created_at = Timestamp::from_millis(0),
            |user| user.updated_at = Timestamp::from_millis(1_800_000_000_002),
            |user| user.last_login_at = Some(Timestamp::from_millis(0)),
            |user| user.last_login_at = Some(Timestamp::from_millis(1)),
        ];
        let revisions = changes.iter().map(|change| {
            let mut user = ada();
            change(&mut user);
            assert_eq!(user.revision(), user.clone().revision());
            *user.revision().as_bytes()
        });
        assert_eq!(revisions.collect::<HashSet<_>>().len(), changes.len());
    }

    /// Where one field ends and the next begins is part of the revision.
    #[test]
    fn what_moves_from_field_to_field_changes_the_revision() {
        let user = |email: &str, username: &str, full_name: Option<&str>, roles: &[&str]| {
            let user = User {
                email: email.to_owned(),
                username: username.to_owned(),
                full_name: full_name.map(str::to_owned),
                roles: texts(roles),
                ..ada()
            };
            *user.revision().as_bytes()
        };
        let revisions = [
            user("ab", "c", None, &[]),
            user("a", "bc", None, &[]),
            user("a", "b", Some("c"), &[]),
            user("a", "b", Some(""), &["c"]),
            user("a", "b", None, &["c"]),
            user("a", "b", None, &["c", ""]),
            user("a", "b", None, &["", "c"]),
        ];
        assert_eq!(HashSet::from(revisions).len(), revisions.len());
    }

    /// Instances of another version, and clients across an update, have to find the same.
    #[test]
    fn the_revision_of_known_content_is_known() {
        let known = 0x3654_3e0b_ce49_f8da_f13a_e2ea_7f6a_472d_u128;
        assert_eq!(ada().revision(), Revision(known.to_be_bytes()));
    }

    #[test]
    fn a_precondition_holds_for_the_revisions_that_it_names() {
        let (user, other) = (ada(), Revision::from_bytes([7; Revision::BYTES]));
        let own = user.revision();
        let holds = |precondition: Precondition| precondition.check(&user).is_ok();
        let always = Precondition::default;
        assert!(holds(always()));
        assert!(holds(always().any_of(vec![other, own])));
        assert!(!holds(always().any_of(vec![other])));
        assert!(!holds(always().any_of(Vec::new())));
        assert!(holds(always().none_of(vec![other])));
        assert!(!holds(always().none_of(vec![other, own])));
        assert!(!holds(always().any_of(vec![own]).none_of(vec![own])));
    }
}
