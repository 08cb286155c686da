//! A mail that is tried again after its link or code was used, or has run out.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use vestibule::domain::email::outbox;

use crate::records::count;
use crate::smtp::{At, Do, SmtpServer};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, TestApp};
use crate::{all_sent, by_id, later, link, put_off, request_reset, spawn, stored, token};
use crate::{tried_in_vain, until, verify};

const ADA: &str = "ada@example.com";
const PAUSE: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);

async fn reset(app: &TestApp, token: &str, new: &str) -> Answer {
    let body = json!({ "token": token, "new_password": new });
    app.post("/auth/password-reset").json(&body).answer().await
}

/// Live tokens for a purpose.
async fn live(app: &TestApp, purpose: &str) -> i64 {
    let sql = "SELECT count(*) FROM one_time_tokens WHERE purpose = ?1";
    count(app, sql, &[purpose]).await
}

/// Ada, and the token of a mail for a new password that the server has taken without our hearing of it.
async fn with_lost_answer() -> (TestApp, SmtpServer, String) {
    let (app, server) = spawn().await;
    app.register("ada").await;
    all_sent(&app, &server).await;
    server.next(1, At::Message, Do::Close);
    request_reset(&app, ADA).await;
    put_off(&app, 1, PAUSE).await;
    let token = token(server.mails().last().expect("a mail"));
    (app, server, token)
}

#[tokio::test]
async fn a_used_link_stays_used_and_its_mail_is_not_sent_again() {
    let (app, server) = spawn().await;
    server.next(1, At::Message, Do::Close);
    app.register("ada").await;
    put_off(&app, 1, PAUSE).await;
    let mails = server.mails();
    let proof = token(&mails[0]);
    verify(&app, &proof).await.expect(StatusCode::NO_CONTENT);
    later(&app, PAUSE);
    assert_eq!(all_sent(&app, &server).await.len(), 1);
    verify(&app, &proof)
        .await
        .expect_problem(400, "invalid_token");
    assert_eq!(live(&app, "verify_email").await, 0);
}

/// ASVS 6.5.1.
#[tokio::test]
async fn a_used_reset_link_stays_used() {
    let (app, server, token) = with_lost_answer().await;
    reset(&app, &token, OTHER_PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    later(&app, PAUSE);
    all_sent(&app, &server).await;
    assert_eq!(live(&app, "reset_password").await, 0);
    reset(&app, &token, PASSWORD)
        .await
        .expect_problem(400, "invalid_token");
}

/// On either engine, in whatever order.
#[tokio::test]
async fn a_link_used_while_its_mail_is_tried_again_stays_used() {
    let (app, server, token) = with_lost_answer().await;
    app.services.outbox.close();
    app.advance(PAUSE);
    let trying = async {
        let claim = outbox::claim(&app.services).await.expect("reads");
        let claim = claim.expect("a mail is due");
        outbox::deliver(&app.services, claim)
            .await
            .expect("delivers");
    };
    let (used, ()) = tokio::join!(reset(&app, &token, OTHER_PASSWORD), trying);
    used.expect(StatusCode::NO_CONTENT);
    assert_eq!(live(&app, "reset_password").await, 0);
    reset(&app, &token, PASSWORD)
        .await
        .expect_problem(400, "invalid_token");
    drop(server);
}

#[tokio::test]
async fn a_revoked_link_stays_revoked() {
    let (app, server, token) = with_lost_answer().await;
    let session = app.login("ada").await;
    let changed = app
        .put("/users/me/password")
        .bearer_auth(&session.access)
        .json(&json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD }))
        .answer()
        .await;
    assert!(changed.status.is_success(), "{}", changed.text);
    later(&app, PAUSE);
    all_sent(&app, &server).await;
    reset(&app, &token, PASSWORD)
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn a_retry_does_not_prolong_a_link() {
    let (app, server, token) = with_lost_answer().await;
    later(&app, 20 * MINUTE);
    let mails = all_sent(&app, &server).await;
    let (first, second) = (&mails[mails.len() - 2], &mails[mails.len() - 1]);
    assert_eq!(link(first), link(second));
    app.advance(10 * MINUTE);
    reset(&app, &token, OTHER_PASSWORD)
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn a_mail_whose_link_has_run_out_is_not_sent_again() {
    let (app, server, token) = with_lost_answer().await;
    let before = server.mails().len();
    later(&app, 30 * MINUTE);
    assert_eq!(all_sent(&app, &server).await.len(), before);
    reset(&app, &token, OTHER_PASSWORD)
        .await
        .expect_problem(400, "invalid_token");
    // Nor once the clean-up has taken its row.
    let (app, server, _) = with_lost_answer().await;
    app.advance(30 * MINUTE);
    vestibule::domain::expiry::clean_up(&app.services)
        .await
        .expect("cleans up");
    later(&app, PAUSE);
    all_sent(&app, &server).await;
    assert_eq!(live(&app, "reset_password").await, 0);
}

/// What never left the service has its whole life before it.
#[tokio::test]
async fn a_link_that_waits_for_a_server_lives_from_when_it_leaves() {
    let (app, mut server) = spawn().await;
    app.register("ada").await;
    all_sent(&app, &server).await;
    server.stop().await;
    request_reset(&app, ADA).await;
    tried_in_vain(&app).await;
    app.advance(120 * MINUTE);
    server.start_again().await;
    app.services.outbox.wake();
    let mails = all_sent(&app, &server).await;
    let token = token(mails.last().expect("a mail"));
    app.advance(29 * MINUTE);
    reset(&app, &token, OTHER_PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
}

/// What happened is told, also when the link of the notice is used up.
#[tokio::test]
async fn a_notice_whose_link_was_used_comes_without_it() {
    let (app, server) = spawn().await;
    app.register("ada").await;
    app.login("ada").await;
    all_sent(&app, &server).await;
    server.next(1, At::Message, Do::Close);
    let login = app
        .post("/auth/token")
        .header(
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        )
        .form(&[("username", "ada"), ("password", PASSWORD)]);
    login.answer().await.expect(StatusCode::OK);
    put_off(&app, 1, PAUSE).await;
    let first = server.mails().pop().expect("a notice");
    let body = json!({ "token": token(&first) });
    let secured = app.post("/auth/secure-account").json(&body);
    secured.answer().await.expect(StatusCode::NO_CONTENT);
    later(&app, PAUSE);
    let mails = all_sent(&app, &server).await;
    let id = first.header("Message-ID").expect("an id");
    let notices = &by_id(&mails)[&id];
    assert_eq!(notices.len(), 2);
    assert!(notices[1].link().is_none());
}

#[tokio::test]
async fn of_two_new_addresses_a_retry_does_not_bring_the_first_back() {
    let (app, server) = spawn().await;
    let session = app.user("ada").await;
    all_sent(&app, &server).await;
    server.next(1, At::Message, Do::Close);
    for (number, new) in ["one@example.com", "two@example.com"].iter().enumerate() {
        let body = json!({ "new_email": new, "current_password": PASSWORD });
        let asked = app.post("/users/me/email").bearer_auth(&session.access);
        let asked = asked.json(&body).answer().await;
        asked.expect(StatusCode::ACCEPTED);
        let has_come = async || server.mails().len() == 2 + number;
        until("it does not come", has_come).await;
    }
    let is_put_off = async || stored(&app).await.len() == 1;
    until("the second is not sent", is_put_off).await;
    later(&app, PAUSE);
    let mails = all_sent(&app, &server).await;
    let of = |to: &str| token(mails.iter().find(|mail| mail.to == [to]).expect("a mail"));
    for (new, status) in [("one@example.com", 400), ("two@example.com", 204)] {
        let body = json!({ "token": of(new) });
        let answer = app.post("/auth/email-change").json(&body).answer().await;
        assert_eq!(answer.status.as_u16(), status, "{new}");
    }
}
