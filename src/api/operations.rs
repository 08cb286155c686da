//! Every operation there is.

use poem_openapi::OpenApi;

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
