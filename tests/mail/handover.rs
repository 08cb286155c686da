//! Mails that arrive.

use mail_parser::MessageParser;
use vestibule::mail::{Kind, SendError, Sent};

use crate::smtp::{At, Do, Gate, SmtpServer};
use crate::{LINK, letter, mailer, send, taken, try_mailer};

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let server = SmtpServer::start().await;
    send(&mailer(&server.url()), 7).await;
    let mail = server.wait_for(1).await.remove(0);
    assert_eq!(mail.from, "accounts@accounts.example.com");
    assert_eq!(mail.to, ["ada@example.org"]);
    assert_eq!(mail.subject(), "Choose a new password for Vestibule");
    assert_eq!(mail.link().as_deref(), Some(LINK));
    assert!(mail.html().contains("Choose a new password</a>"));
    assert_eq!(
        mail.header("Message-ID").as_deref(),
        Some("<00000000-0000-0000-0000-000000000007@accounts.example.com>")
    );
}

#[tokio::test]
async fn a_code_arrives() {
    let server = SmtpServer::start().await;
    let mut letter = letter(1);
    letter.kind = Kind::LoginCode;
    letter.values.link = None;
    letter.values.code = Some("047113".to_owned());
    mailer(&server.url()).send(&letter).await.expect("is sent");
    let mail = server.wait_for(1).await.remove(0);
    assert_eq!(
        (mail.code().as_deref(), mail.link()),
        (Some("047113"), None)
    );
}

#[tokio::test]
async fn one_connection_carries_many_mails() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    for number in 0..5 {
        send(&mailer, number).await;
    }
    assert_eq!((server.mails().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn there_are_twelve_connections_at_most() {
    let server = SmtpServer::start().await;
    let gate = Gate::new();
    server.next(24, At::Message, Do::Wait(gate.clone()));
    let mailer = mailer(&server.url());
    let sending = futures_util::future::join_all((0..24).map(|number| send(&mailer, number)));
    let watching = async {
        gate.reached_by(12).await;
        assert_eq!((server.connections(), server.mails().len()), (12, 0));
        gate.open();
    };
    tokio::join!(sending, watching);
    assert_eq!((server.connections(), server.mails().len()), (12, 24));
}

#[tokio::test]
async fn lines_that_begin_with_dots_arrive_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = ".\n..\n.dotted\nend\n";
    let layout = format!("{text}{{% if action %}}{{{{ action.link }}}}{{% endif %}}{{{{ code }}}}");
    std::fs::write(folder.path().join("mail.txt"), layout).expect("writes");
    let server = SmtpServer::start().await;
    let path = folder.path().to_string_lossy();
    let settings = [
        ("SMTP_URL", server.url()),
        ("MAIL_TEMPLATES_DIR", path.into_owned()),
    ];
    let settings = settings
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    send(&try_mailer(&settings).expect("can be used"), 1).await;
    let received = server.wait_for(1).await[0].text();
    assert!(received.starts_with(text), "{received}");
}

#[tokio::test]
async fn an_address_that_the_server_cannot_be_told_is_refused() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    let mut other = letter(1);
    other.to = "jürgen@example.org".to_owned();
    let refused = mailer.send(&other).await;
    assert!(
        matches!(
            refused,
            Err(SendError::Refused {
                is_address: true,
                ..
            })
        ),
        "{refused:?}"
    );
    send(&mailer, 2).await;
    assert_eq!(taken(&server).len(), 1);
}

/// A sender whom the server cannot be told of is the same for every mail.
#[tokio::test]
async fn a_sender_that_the_server_cannot_be_told_costs_no_mail() {
    let server = SmtpServer::start().await;
    let from = [
        ("SMTP_URL", &*server.url()),
        ("MAIL_FROM", "jürgen@example.com"),
    ];
    let mailer = try_mailer(&from).expect("can be used");
    let error = mailer.send(&letter(1)).await.expect_err("is not sent");
    assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
    assert_eq!(
        mailer
            .ask(letter(1).id, Some(Kind::PasswordReset))
            .await
            .expect_err("says the same"),
        error
    );
}

#[test]
fn what_goes_into_the_log_names_nobody() {
    let message = "550 5.1.1 <ada@example.org>: no such user".to_owned();
    let refused = SendError::Refused {
        message,
        is_address: true,
    };
    let told = refused.without("ada@example.org").to_string();
    assert!(told.ends_with("550 5.1.1 <…>: no such user"), "{told}");
    for (said, shown) in [
        ("ADA@Example.ORG unknown", "… unknown"),
        (
            "\"ada\"@example.org, mailbox ada",
            "\"…\"@example.org, mailbox …",
        ),
        ("ada=example.org@srs.test", "…=example.org@srs.test"),
        (
            "ada%40example.org from Canada",
            "…%40example.org from Canada",
        ),
        ("übel: ada", "übel: …"),
    ] {
        let error = SendError::Temporary(said.to_owned());
        let expected = SendError::Temporary(shown.to_owned());
        assert_eq!(error.without("ada@example.org"), expected);
    }
}

#[tokio::test]
async fn without_a_server_a_mail_is_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("outbox");
    let mailer = try_mailer(&[("MAIL_OUTBOX_DIR", &path.to_string_lossy())]).expect("can be used");
    let Ok(Sent::File(file)) = mailer.send(&letter(7)).await else {
        panic!("no file");
    };
    assert_eq!(
        file,
        path.join("20260303T012300Z-password_reset-00000000-0000-0000-0000-000000000007.eml")
    );
    let bytes = std::fs::read(file).expect("reads");
    let mail = MessageParser::default().parse(&bytes).expect("a mail");
    assert!(mail.body_text(0).expect("text").contains(LINK));
}
