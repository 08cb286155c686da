//! The token that a letter carries: the same at every try, and dead once it has been used.

use std::time::Duration;

use super::draft::Draft;
use crate::clock::Timestamp;
use crate::domain::Result;
use crate::domain::email::links::Page;
use crate::domain::email::purpose;
use crate::mail::Values;
use crate::store::db::Tx;
use crate::store::one_time_tokens::{self, OneTime};

/// A token that a letter carries.
#[derive(Debug, Clone)]
pub struct Issued {
    pub hash: Vec<u8>,
    pub purpose: &'static str,
}

/// A token, put into the values of a letter.
pub type Carried = (Values, Issued);

/// A token to put into a letter.
pub struct ToCarry {
    pub page: Page,
    pub lifetime: Duration,
    pub token: OneTime,
}

impl Draft<'_> {
    /// Stores the token of this mail and links to it; `None` when the token has been used or revoked, or has expired.
    pub async fn carry(&self, tx: &mut Tx<'_>, carried: ToCarry) -> Result<Option<Carried>> {
        let purpose = purpose::of(carried.page);
        let token = self.services.mailed.token(self.mail.id, purpose);
        let hash = token.hash();
        let expires_at = match carried.page {
            // As long as the address is held.
            Page::UndoEmailChange => self.mail.created_at,
            _ => self.issued_at(),
        }
        .plus(carried.lifetime);
        let is_good = expires_at > self.now
            && one_time_tokens::issue(tx, &hash, purpose, &carried.token, expires_at).await?;
        if !is_good {
            return Ok(None);
        }
        let values = Values {
            link: Some(self.services.links.to(carried.page, &token).to_string()),
            valid_for: Some(rounded(expires_at.since(self.now))),
            ..Values::default()
        };
        let hash = hash.to_vec();
        Ok(Some((values, Issued { hash, purpose })))
    }

    /// When the life of what this mail carries began: with the first try at which it may have left.
    fn issued_at(&self) -> Timestamp {
        let issued_at = self.facts.issued_at.map(Timestamp::from_millis);
        issued_at.unwrap_or(self.now)
    }
}

/// A length of time as people say it: up to whole minutes, and from two hours on up to whole hours.
pub fn rounded(duration: Duration) -> Duration {
    let unit = if duration <= Duration::from_secs(2 * 3600) {
        60
    } else {
        3600
    };
    let seconds = duration.as_millis().div_ceil(1000);
    let units = u64::try_from(seconds).unwrap_or(u64::MAX).div_ceil(unit);
    Duration::from_secs(units * unit)
}
