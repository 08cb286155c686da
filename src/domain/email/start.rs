//! Searching for addresses by how they begin.

use super::address::{to_ascii, without_joiners};
use crate::domain::types::fold;

/// How the start of an address, as it is typed into a search, is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// What the keys begin with.
    pub key: String,
    /// What the domain begins with in its own letters, where the key cannot tell: a label is in ASCII as a whole only.
    domain: Option<String>,
}

impl Start {
    /// `None` for nothing but blanks.
    pub fn of(text: &str) -> Option<Self> {
        let folded = without_joiners(&fold(text.trim()));
        if folded.is_empty() {
            return None;
        }
        let start = folded
            .rsplit_once('@')
            .filter(|(_, domain)| !domain.is_ascii());
        let start = start.and_then(|(local, domain)| Self::of_domain(local, domain));
        Some(start.unwrap_or(Self {
            key: folded,
            domain: None,
        }))
    }

    /// Labels that are complete are what they are in the DNS; of the last one only its beginning is known.
    fn of_domain(local: &str, domain: &str) -> Option<Self> {
        let domain = domain.replace('\u{3002}', ".");
        let (whole, last) = domain.rsplit_once('.').unwrap_or(("", domain.as_str()));
        let whole = match whole {
            "" => String::new(),
            whole => format!("{}.", to_ascii(whole)?),
        };
        if last.is_ascii() {
            let key = format!("{local}@{whole}{last}");
            return Some(Self { key, domain: None });
        }
        Some(Self {
            key: format!("{local}@{whole}xn--"),
            domain: Some(domain),
        })
    }

    /// Whether an address whose key begins so begins with what was typed.
    pub fn is_of(&self, address: &str) -> bool {
        let Some(typed) = &self.domain else {
            return true;
        };
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let (shown, _) = idna::domain_to_unicode(domain);
        fold(&shown).starts_with(typed.as_str())
    }
}
