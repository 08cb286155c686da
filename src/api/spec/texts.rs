//! What is said of each operation besides the documentation of its handler.

use crate::domain::{ACCOUNT_SCOPE, roles};

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
        "Who registers.",
        "The account exists; `status` is `created`.",
    )
    .or_accepted(
        "The address has to be verified first; `status` is `verification_required`, and the mail says how to go on.",
    ),
    told(
        "issueToken",
        "One of the two grants.",
        "A session has begun, or goes on.",
    ),
    told(
        "refreshToken",
        "The refresh token to replace.",
        "A new pair; the refresh token that was sent is of no more use.",
    ),
    told("logout", "", "The sessions are ended."),
    told(
        "revokeToken",
        "The token to end.",
        "The token is no longer valid.",
    ),
    told(
        "introspectToken",
        "The token to look at.",
        "What the token is, or that it is none.",
    )
    .to(roles::TOKENS_INTROSPECT),
    told(
        "reauthenticate",
        "The password of the user.",
        "A pair whose access token opens the steps that cannot be undone.",
    ),
    told(
        "requestEmailVerification",
        "Whose address is to be proved.",
        "The request was taken.",
    ),
    told(
        "verifyEmail",
        "The token of the mail.",
        "The address is proved.",
    ),
    told(
        "requestPasswordReset",
        "Who needs a new password.",
        "The request was taken.",
    ),
    told(
        "resetPassword",
        "The token of the mail and the new password.",
        "The new password is in force, and all sessions are ended.",
    ),
    told(
        "confirmEmailChange",
        "The token of the mail to the new address.",
        "The new address is in force.",
    ),
    told(
        "undoEmailChange",
        "The token of the mail to the old address.",
        "The old address is back; all sessions are ended.",
    ),
    told(
        "secureAccount",
        "The token of the notice.",
        "All sessions are ended, and the password is of no more use.",
    ),
    told(
        "requestLoginCode",
        "Who wants to log in.",
        "The request was taken. The handle is what the code of the mail goes with.",
    ),
    told(
        "loginWithCode",
        "The handle of the request, and the code of its mail.",
        "A session has begun.",
    ),
    told("getCurrentUser", "", "The own account."),
    told(
        "replaceCurrentUser",
        "The profile as it is to be.",
        "The account with its new profile.",
    )
    .to(ACCOUNT_SCOPE),
    told(
        "updateCurrentUser",
        "The parts of the profile that are to change.",
        "The account with what has changed of its profile.",
    )
    .to(ACCOUNT_SCOPE),
    told(
        "deleteCurrentUser",
        "",
        "The account is gone, and its sessions with it.",
    )
    .to(ACCOUNT_SCOPE),
    told(
        "changePassword",
        "Both passwords.",
        "The new password is in force: a new pair of tokens for this session.",
    )
    .to(ACCOUNT_SCOPE),
    told(
        "requestEmailChange",
        "The new address and the password.",
        "The request was taken: the new address is in force once its owner has followed the link in the mail.",
    )
    .to(ACCOUNT_SCOPE),
    told("listUsers", "", "One page of users.").to(roles::USERS_READ),
    told(
        "createUser",
        "Who is to be created.",
        "The user has been created.",
    )
    .to(roles::USERS_WRITE),
    told("getUser", "", "The user with this id.").to(roles::USERS_READ),
    told(
        "updateUser",
        "The parts of the user that are to change.",
        "The user as changed.",
    )
    .to(roles::USERS_WRITE),
    told("deleteUser", "", "The user is gone.").to(roles::USERS_WRITE),
    told(
        "setUserRoles",
        "The roles that the user is to have.",
        "The user with these roles.",
    )
    .to(roles::ROLES_WRITE),
    told("createPasswordResetLink", "", "The link to hand over.").to(roles::USERS_WRITE),
    told("mailPasswordResetLink", "", "The link will be mailed.").to(roles::USERS_WRITE),
    told("getHealth", "", "The process runs."),
    told("getReadiness", "", "Requests can be served."),
];
