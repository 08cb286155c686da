//! `vestibule send-test-mail`.

use std::fs;
use std::net::TcpListener;

use crate::expect_code;
use crate::process::{run, stdout};
use crate::restore::expect_line;

#[test]
fn a_mail_is_written_where_no_server_is_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [("MAIL_OUTBOX_DIR", "mails"), ("PRODUCT_NAME", "Example")];
    let output = run(
        folder.path(),
        &["send-test-mail", "ada@example.com"],
        &settings,
    );
    expect_code(&output, 0);
    assert!(
        stdout(&output).contains("SMTP_URL is unset"),
        "{}",
        stdout(&output)
    );
    let mut mails = fs::read_dir(folder.path().join("mails")).expect("a folder");
    let path = mails.next().expect("a mail").expect("an entry").path();
    let mail = fs::read_to_string(path).expect("reads");
    assert!(
        mail.contains("To: ada@example.com") && mail.contains("Example"),
        "{mail}"
    );
    assert!(mails.next().is_none());
    // It has nothing to do with a database.
    assert!(!folder.path().join("app.db").exists());
}

#[test]
fn what_stands_in_the_way_is_told_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("smtp://{}", nobody.local_addr().expect("an address"));
    drop(nobody);
    let server = [("SMTP_URL", url.as_str())];
    let refused = run(
        folder.path(),
        &["send-test-mail", "ada@example.com"],
        &server,
    );
    expect_line(&refused, 1, "mail cannot be handed over: ");
    let output = run(folder.path(), &["send-test-mail", "nonsense"], &[]);
    expect_line(&output, 2, "ADDRESS: ");
    let url = [("SMTP_URL", "mail.example.com")];
    let output = run(folder.path(), &["send-test-mail", "ada@example.com"], &url);
    expect_line(&output, 2, "SMTP_URL: ");
}
