//! HTML for people: pages behind links of mails, and the documentation.

pub(crate) mod docs;
pub(crate) mod pages;
