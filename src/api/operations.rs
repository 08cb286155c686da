//! Every operation there is.

use poem_openapi::OpenApi;

use super::operation::Operation;
use super::users::{self, reset_links};
use super::{account, auth, email, service};

/// Every operation there is.
pub(crate) fn apis() -> impl OpenApi {
    (
        auth::AuthApi,
        email::EmailApi,
        account::AccountApi,
        users::UsersApi,
        reset_links::ResetLinksApi,
        service::ServiceApi,
    )
}

/// What is known of each of them.
pub fn all() -> impl Iterator<Item = &'static Operation> {
    let files = [
        auth::OPERATIONS,
        email::OPERATIONS,
        account::OPERATIONS,
        users::OPERATIONS,
        reset_links::OPERATIONS,
        service::OPERATIONS,
    ];
    files.into_iter().flatten()
}

/// What is known of one.
pub fn find(id: &str) -> Option<&'static Operation> {
    all().find(|operation| operation.id == id)
}
