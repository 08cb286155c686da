//! Texts of each operation that the documentation of its handler does not have.

use crate::domain::ACCOUNT_SCOPE;
use crate::domain::authorization::roles;

/// Of one operation.
pub struct Told {
    pub id: &'static str,
    /// What to send, where there is a body.
    pub body: &'static str,
    /// What comes back.
    pub success: &'static str,
    /// What comes back with 202, where that is something else.
    pub accepted: Option<&'static str>,
    /// The scope that the session has to have: a permission, or the own account.
    pub scope: Option<&'static str>,
}

const fn told(id: &'static str, body: &'static str, success: &'static str) -> Told {
    Told {
        id,
        body,
        success,
        accepted: None,
        scope: None,
    }
}

impl Told {
    const fn to(self, scope: &'static str) -> Self {
        Self {
            scope: Some(scope),
            ..self
        }
    }

    const fn or_accepted(self, accepted: &'static str) -> Self {
        Self {
            accepted: Some(accepted),
            ..self
        }
    }

    /// What comes back with a status.
    pub fn success(&self, status: &str) -> &'static str {
        match self.accepted {
            Some(accepted) if status == "202" => accepted,
            _ => self.success,
        }
    }

    pub fn of(id: &str) -> Option<&'static Self> {
        OPERATIONS.iter().find(|told| told.id == id)
    }
}

const OPERATIONS: &[Told] = &[
    told(
        "registerUser",
        "The account to create.",
        "The account exists; `status` is `created`.",
    )
    .or_accepted(
        "The address must be verified first; `status` is `verification_required`, and the mail says what to do next.",
    ),
    told(
        "issueToken",
        "One of the two grants.",
        "Tokens of a new session, or of the refreshed one.",
    ),
    told(
        "refreshToken",
        "The refresh token to replace.",
        "A new pair. The refresh token that was sent is no longer valid.",
    ),
    told("logout", "", "The sessions have ended."),
    told(
        "revokeToken",
        "The token to revoke.",
        "The token is no longer valid.",
    ),
    told(
        "introspectToken",
        "The token to introspect.",
        "Details of the token, or that it is not active.",
    )
    .to(roles::TOKENS_INTROSPECT),
    told(
        "reauthenticate",
        "The password of the user.",
        "A new pair. Its access token is accepted where a step-up is needed.",
    ),
    told(
        "requestEmailVerification",
        "The address to verify.",
        "The request was accepted.",
    ),
    told(
        "verifyEmail",
        "The token of the mail.",
        "The address is verified.",
    ),
    told(
        "requestPasswordReset",
        "The address of the account.",
        "The request was accepted.",
    ),
    told(
        "resetPassword",
        "The token of the mail and the new password.",
        "The new password is set, and all sessions have ended.",
    ),
    told(
        "confirmEmailChange",
        "The token of the mail to the new address.",
        "The account has the new address.",
    ),
    told(
        "undoEmailChange",
        "The token of the mail to the old address.",
        "The account has the old address again, and all sessions have ended.",
    ),
    told(
        "secureAccount",
        "The token of the notice.",
        "All sessions have ended, and the password is removed.",
    ),
    told(
        "requestLoginCode",
        "The address of the account.",
        "The request was accepted. The code of the mail works only with this handle.",
    ),
    told(
        "loginWithCode",
        "The handle of the request, and the code of its mail.",
        "Tokens of a new session.",
    ),
    told("getCurrentUser", "", "Your account."),
    told(
        "replaceCurrentUser",
        "The new profile.",
        "The account with its new profile.",
    )
    .to(ACCOUNT_SCOPE),
    told(
        "updateCurrentUser",
        "The parts of the profile to change.",
        "The account with the changed profile.",
    )
    .to(ACCOUNT_SCOPE),
    told(
        "deleteCurrentUser",
        "",
        "The account and its sessions are deleted.",
    )
    .to(ACCOUNT_SCOPE),
    told(
        "changePassword",
        "The current password and the new one.",
        "The new password is set. New tokens for this session.",
    )
    .to(ACCOUNT_SCOPE),
    told(
        "requestEmailChange",
        "The new address and the password.",
        "The request was accepted. The change takes effect when the user follows the link in the mail.",
    )
    .to(ACCOUNT_SCOPE),
    told("listUsers", "", "One page of users.").to(roles::USERS_READ),
    told(
        "createUser",
        "The user to create.",
        "The user has been created.",
    )
    .to(roles::USERS_WRITE),
    told("getUser", "", "The user with this id.").to(roles::USERS_READ),
    told(
        "updateUser",
        "The parts of the user to change.",
        "The changed user.",
    )
    .to(roles::USERS_WRITE),
    told("deleteUser", "", "The user is deleted.").to(roles::USERS_WRITE),
    told(
        "setUserRoles",
        "All roles of the user.",
        "The user with these roles.",
    )
    .to(roles::ROLES_WRITE),
    told("createPasswordResetLink", "", "The link to hand over.").to(roles::USERS_WRITE),
    told("mailPasswordResetLink", "", "The link will be mailed.").to(roles::USERS_WRITE),
    told("getHealth", "", "The process runs."),
    told("getReadiness", "", "Requests can be served."),
];
