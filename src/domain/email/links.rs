//! The links that mails carry: to PUBLIC_URL, or to the application's own pages. Nothing that a request says has a part in
//! them.

use std::sync::OnceLock;

use zeroize::Zeroizing;

use crate::config::LinkTemplates;
use crate::token::OneTimeToken;

/// Where a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    VerifyEmail,
    ResetPassword,
    ConfirmEmailChange,
    UndoEmailChange,
    SecureAccount,
}

impl Page {
    /// The path of our own page.
    pub const fn path(self) -> &'static str {
        match self {
            Self::VerifyEmail => "/verify-email",
            Self::ResetPassword => "/reset-password",
            Self::ConfirmEmailChange => "/confirm-email-change",
            Self::UndoEmailChange => "/undo-email-change",
            Self::SecureAccount => "/secure-account",
        }
    }
}

/// Makes links.
pub struct Links {
    public_url: OnceLock<String>,
    own: LinkTemplates,
}

/// The address of the service if `PUBLIC_URL` is unset.
const DEFAULT_URL: &str = "http://127.0.0.1:8000";

impl Links {
    /// `public_url` has no slash at its end; `own` are pages of the application's, each with `{token}` in it.
    pub fn new(public_url: Option<String>, own: LinkTemplates) -> Self {
        Self {
            public_url: public_url.map_or_else(OnceLock::new, OnceLock::from),
            own,
        }
    }

    /// Tells where the service listens: there links lead while PUBLIC_URL is unset. Only the first call counts.
    pub fn listening_at(&self, url: String) {
        self.public_url.get_or_init(|| url);
    }

    /// The link to a page with this token.
    pub fn to(&self, page: Page, token: &OneTimeToken) -> Zeroizing<String> {
        let text = token.text();
        let own = match page {
            Page::VerifyEmail => &self.own.verify_email,
            Page::ResetPassword => &self.own.password_reset,
            Page::ConfirmEmailChange => &self.own.email_change,
            Page::UndoEmailChange | Page::SecureAccount => &None,
        };
        Zeroizing::new(match own {
            Some(own) => own.replace("{token}", &text),
            None => {
                let base = self.public_url.get().map_or(DEFAULT_URL, String::as_str);
                format!("{base}{}?token={}", page.path(), *text)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_the_public_url_or_to_the_own_page() {
        let token = OneTimeToken::parse(&"A".repeat(OneTimeToken::CHARS)).expect("a token");
        let text = token.text();
        let own = LinkTemplates {
            verify_email: None,
            password_reset: Some("https://app.example.com/#/reset/{token}".to_owned()),
            email_change: None,
        };
        let links = Links::new(Some("https://id.example.com/base".to_owned()), own.clone());
        links.listening_at("http://127.0.0.1:1".to_owned());
        assert_eq!(
            *links.to(Page::VerifyEmail, &token),
            format!("https://id.example.com/base/verify-email?token={}", *text)
        );
        assert_eq!(
            *links.to(Page::ResetPassword, &token),
            format!("https://app.example.com/#/reset/{}", *text)
        );
        let links = Links::new(None, own);
        links.listening_at("http://127.0.0.1:1".to_owned());
        links.listening_at("http://127.0.0.1:2".to_owned());
        assert_eq!(
            *links.to(Page::SecureAccount, &token),
            format!("http://127.0.0.1:1/secure-account?token={}", *text)
        );
    }
}
