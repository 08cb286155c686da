//! What one-time tokens are for, and how long they live. A token for one is of no use for another.

use std::time::Duration;

use super::links::Page;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub const VERIFY_EMAIL: &str = "verify_email";
pub const VERIFY_EMAIL_LIFETIME: Duration = DAY;

pub const RESET_PASSWORD: &str = "reset_password";
pub const RESET_PASSWORD_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// Of those whom an administrator made an account for.
pub const SET_PASSWORD_LIFETIME: Duration = Duration::from_secs(72 * HOUR.as_secs());

pub const CHANGE_EMAIL: &str = "change_email";
pub const CHANGE_EMAIL_LIFETIME: Duration = DAY;

pub const UNDO_EMAIL_CHANGE: &str = "undo_email_change";
pub const UNDO_EMAIL_CHANGE_LIFETIME: Duration = Duration::from_secs(7 * DAY.as_secs());

pub const SECURE_ACCOUNT: &str = "secure_account";
pub const SECURE_ACCOUNT_LIFETIME: Duration = Duration::from_secs(7 * DAY.as_secs());

/// What the tokens are for that lead to a page.
pub const fn of(page: Page) -> &'static str {
    match page {
        Page::VerifyEmail => VERIFY_EMAIL,
        Page::ResetPassword => RESET_PASSWORD,
        Page::ConfirmEmailChange => CHANGE_EMAIL,
        Page::UndoEmailChange => UNDO_EMAIL_CHANGE,
        Page::SecureAccount => SECURE_ACCOUNT,
    }
}
