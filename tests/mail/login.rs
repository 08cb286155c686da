//! Logging in to the mail server.

use crate::smtp::{At, Do, Setup, SmtpServer};
use crate::{assert_unreachable, failure, letter, mailer, send};

async fn server() -> SmtpServer {
    let login = Some(("accounts@example.com", "p/w:s3cr3t"));
    SmtpServer::start_as(Setup {
        login,
        ..Setup::default()
    })
    .await
}

#[tokio::test]
async fn user_and_password_are_those_of_the_url() {
    let server = server().await;
    let url = format!(
        "smtp://accounts%40example.com:p%2Fw%3As3cr3t@{}",
        server.address
    );
    send(&mailer(&url), 1).await;
    assert_eq!(
        server.wait_for(1).await[0].user.as_deref(),
        Some("accounts@example.com")
    );
}

#[tokio::test]
async fn a_wrong_password_is_no_mails_fault_and_is_not_shown() {
    let server = server().await;
    let url = format!("smtp://accounts%40example.com:wr0ng@{}", server.address);
    let error = failure(&mailer(&url), &letter(1)).await;
    assert_unreachable(&error);
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("5.7.8") && !shown.contains("wr0ng"),
        "{shown}"
    );
    assert_eq!(server.mails().len(), 0);
}

/// Some servers repeat what they were told, as it was or as it came over the line.
#[tokio::test]
async fn a_password_that_the_server_repeats_is_not_shown() {
    let server = SmtpServer::start_as(Setup {
        login: Some(("u", "s3cr3tpw")),
        ..Setup::default()
    })
    .await;
    let told = "535 5.7.8 s3cr3tpw / czNjcjN0cHc= / AHUAczNjcjN0cHc=";
    server.next(1, At::Login, Do::Reply(told));
    let url = format!("smtp://u:s3cr3tpw@{}", server.address);
    let error = failure(&mailer(&url), &letter(1)).await.to_string();
    assert!(
        error.ends_with("535 5.7.8 ******** / ******** / ********"),
        "{error}"
    );
}

#[tokio::test]
async fn a_login_that_fails_for_now_is_no_mails_fault_either() {
    let server = server().await;
    let url = format!(
        "smtp://accounts%40example.com:p%2Fw%3As3cr3t@{}",
        server.address
    );
    let mailer = mailer(&url);
    server.next(
        1,
        At::Login,
        Do::Reply("454 4.7.0 Temporary authentication failure"),
    );
    assert_unreachable(&failure(&mailer, &letter(1)).await);
    send(&mailer, 1).await;
}

#[tokio::test]
async fn a_server_that_asks_for_a_login_or_knows_none_is_no_mails_fault() {
    let server = server().await;
    assert_unreachable(&failure(&mailer(&server.url()), &letter(1)).await);
    let open = SmtpServer::start().await;
    let url = format!("smtp://ada:s3cr3t@{}", open.address);
    assert_unreachable(&failure(&mailer(&url), &letter(1)).await);
    assert_eq!(open.mails().len(), 0);
}
