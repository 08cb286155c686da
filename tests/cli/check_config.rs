//! `check-config`: what is in force, and everything wrong with it.

use std::fs;

use crate::process::{reason, run, stderr, stdout};
use crate::{SECRET, expect_code, folder};

#[test]
fn check_config_shows_what_is_in_force_and_every_problem() {
    let folder = folder();
    fs::write(
        folder.path().join(".env"),
        "LOG_LEVEL=debug\nHOST=0.0.0.0\n",
    )
    .expect("writes");
    let good = run(
        folder.path(),
        &["check-config", "--port", "9000"],
        &[("SECRET_KEY", SECRET), ("HOST", "127.0.0.9")],
    );
    expect_code(&good, 0);
    let text = stdout(&good);
    let line = |name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
    };
    for (name, value, origin) in [
        ("PORT ", "9000", "(flag)"),
        ("HOST ", "127.0.0.9", "(environment)"),
        ("LOG_LEVEL ", "debug", "(.env)"),
        ("BCRYPT_COST ", "12", "(default)"),
    ] {
        assert!(
            line(name).contains(value) && line(name).contains(origin),
            "{text}"
        );
    }
    assert!(
        !text.contains(SECRET) && !stderr(&good).contains(SECRET),
        "{text}"
    );
    assert!(line("SECRET_KEY ").contains("***"), "{text}");

    let bad = run(
        folder.path(),
        &["check-config"],
        &[
            ("PORT", "x"),
            ("BCRYPT_COST", "1"),
            ("VESTIBULE_BCRYPT_COTS", "1"),
        ],
    );
    expect_code(&bad, 2);
    for name in ["PORT", "BCRYPT_COST", "VESTIBULE_BCRYPT_COTS"] {
        assert!(
            stderr(&bad).contains(&format!("problem: {name}: found")),
            "{}",
            stderr(&bad)
        );
    }
    assert!(
        !folder.path().join("app.db").exists(),
        "looking changes nothing"
    );
}

/// What cannot be used of a URL is found without a server, in the same words by every command, and shows no password.
#[test]
fn a_url_that_cannot_be_used_is_told_without_its_password() {
    let folder = folder();
    for parameter in [
        "connect_timeout=soon",
        "target_session_attrs=primary",
        "no_such_parameter=1",
        "sslmode=sometimes",
        "password=s3cr3t",
    ] {
        let url = format!("postgresql://ada:s3cr3t@db.example.com/accounts?{parameter}");
        let settings = [
            ("DATABASE_URL", url.as_str()),
            ("SECRET_KEY", SECRET),
            ("PORT", "x"),
        ];
        let checked = run(folder.path(), &["check-config"], &settings);
        let started = run(folder.path(), &["serve"], &settings[..2]);
        for (ran, start) in [(&checked, "problem: "), (&started, "vestibule: ")] {
            expect_code(ran, 2);
            let told = stderr(ran);
            let expected = format!(
                "{start}DATABASE_URL: found \"postgresql://********@db.example.com/accounts?{}\"; allowed: ",
                parameter.replace("s3cr3t", "********")
            );
            assert!(told.starts_with(&expected), "{told}");
            assert!(
                !told.contains("s3cr3t") && !stdout(ran).contains("s3cr3t"),
                "{told}"
            );
        }
        assert!(
            stderr(&checked).contains("problem: PORT: "),
            "everything at once"
        );
        assert_eq!(stderr(&started).lines().count(), 1);
    }
}

/// Files and folders are looked at, in the same words as at a start, and nothing is made.
#[test]
fn what_a_setting_names_is_looked_at() {
    let folder = folder();
    fs::write(folder.path().join("file"), "none of these").expect("writes");
    for (settings, name) in [
        (&[("MAIL_LANGUAGE", "zz")][..], "MAIL_LANGUAGE"),
        (&[("MAIL_TEMPLATES_DIR", "missing")], "MAIL_TEMPLATES_DIR"),
        (&[("MAIL_OUTBOX_DIR", "file")], "MAIL_OUTBOX_DIR"),
        (&[("MAIL_OUTBOX_DIR", "file/outbox")], "MAIL_OUTBOX_DIR"),
        (&[("MAIL_FROM", "A <a@b.test>, c@d.test")], "MAIL_FROM"),
        (
            &[("SMTP_URL", "smtp://mail.test?ca=missing.pem")],
            "SMTP_URL",
        ),
        (&[("SMTP_URL", "smtp://mail.test?ca=file")], "SMTP_URL"),
        (&[("BACKUP_DIR", "missing")], "BACKUP_DIR"),
        (&[("SECRET_KEY_FILE", "missing")], "SECRET_KEY_FILE"),
        (&[("SECRET_KEY_FILE", "file")], "SECRET_KEY"),
        (&[("TLS_CERT", "file"), ("TLS_KEY", "file")], "TLS_"),
    ] {
        let checked = run(folder.path(), &["check-config"], settings);
        expect_code(&checked, 2);
        let told = stderr(&checked);
        let problem = told.lines().find(|line| line.starts_with("problem: "));
        let problem = problem.unwrap_or_else(|| panic!("{settings:?}: {told}"));
        assert!(problem.starts_with(&format!("problem: {name}")), "{told}");
        let names: Vec<_> = fs::read_dir(folder.path()).expect("lists").collect();
        assert_eq!(names.len(), 1, "{settings:?} {names:?}");

        let elsewhere = self::folder();
        fs::copy(folder.path().join("file"), elsewhere.path().join("file")).expect("copies");
        let started = run(elsewhere.path(), &["serve", "--port", "0"], settings);
        expect_code(&started, 2);
        // By then it logs, and speaks as its log does.
        assert_eq!(format!("problem: {}", reason(&started)), problem);
    }
}

/// Where mails will be written is not there before there is one.
#[test]
fn a_folder_for_mails_is_made_with_the_first() {
    let folder = folder();
    let settings = [("MAIL_OUTBOX_DIR", "deep/outbox"), ("SECRET_KEY", SECRET)];
    expect_code(&run(folder.path(), &["check-config"], &settings), 0);
    assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 0);
}

/// Other programs may have their names in the same file; what looks like one of ours is told.
#[test]
fn a_misspelt_setting_is_told() {
    let folder = folder();
    fs::write(
        folder.path().join(".env"),
        "SMTP_ULR=smtp://mail.test\nREQUIRE_EMAIL_VERIFCATION=true\nPOSTGRES_PASSWORD=x\nPATHS=y\nPROT=1\nSMTP_HOST=mail\n",
    )
    .expect("writes");
    let told = stderr(&run(folder.path(), &["check-config"], &[]));
    for line in [
        "warning: SMTP_ULR in .env is no setting; did you mean SMTP_URL?",
        "warning: REQUIRE_EMAIL_VERIFCATION in .env is no setting; did you mean REQUIRE_EMAIL_VERIFICATION?",
        "warning: PROT in .env is no setting; did you mean PORT?",
        "warning: SMTP_HOST in .env is no setting; did you mean SMTP_URL?",
    ] {
        assert!(told.lines().any(|told| told == line), "{told}");
    }
    assert!(
        !told.contains("POSTGRES") && !told.contains("PATHS"),
        "{told}"
    );
}

/// What the environment of a container or of a shell holds beside settings stops nothing, whichever the command.
#[test]
fn variables_of_others_stop_nothing() {
    let folder = folder();
    let others = [
        ("VESTIBULE_PORT", "tcp://10.0.0.1:8000"),
        ("VESTIBULE_SERVICE_HOST", "10.0.0.1"),
        ("VESTIBULE_SERVICE_PORT", "8000"),
        ("VESTIBULE_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("VESTIBULE_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("VESTIBULE_ENVIRONMENT", "production"),
        ("HOST", "x86_64-conda-linux-gnu"),
        ("SECRET_KEY", "\"5f1c0e7a9b3d48e2a6c4f0b8d7e19a23\"\n"),
    ];
    let checked = run(folder.path(), &["check-config"], &others);
    expect_code(&checked, 0);
    for (name, value) in [("PORT ", "8000"), ("HOST ", "127.0.0.1")] {
        let shown = stdout(&checked);
        let line = shown.lines().find(|line| line.starts_with(name));
        let line = line.expect("shown");
        assert!(line.contains(value) && line.contains("(default)"), "{line}");
    }
    let told = stderr(&checked);
    for words in [
        "VESTIBULE_ENVIRONMENT in the environment is no setting",
        "HOST=x86_64-conda-linux-gnu in the environment is ignored",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert!(
        !told.contains("VESTIBULE_PORT") && !told.contains("SERVICE"),
        "{told}"
    );
    expect_code(&run(folder.path(), &["migrate"], &others), 0);
    let asked = run(folder.path(), &["healthcheck", "--port", "1"], &others);
    assert!(
        stderr(&asked).contains("http://127.0.0.1:1/healthz"),
        "{}",
        stderr(&asked)
    );
}

/// What is allowed and dangerous is said before it is in force. ASVS 12.2.1, 12.3.1, 12.3.3.
#[test]
fn dangerous_settings_are_warned_of() {
    let folder = folder();
    let settings = [
        ("HOST", "0.0.0.0"),
        ("PUBLIC_URL", "http://accounts.example.com"),
        (
            "DATABASE_URL",
            "postgresql://ada:s3cr3t@db.example.com/accounts?sslmode=require",
        ),
        ("SECRET_KEY", SECRET),
    ];
    let trusting = [("TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1")];
    let told = [
        stderr(&run(folder.path(), &["check-config"], &settings)),
        stderr(&run(folder.path(), &["check-config"], &trusting)),
    ]
    .concat();
    for words in [
        "warning: HOST=0.0.0.0 without TLS_CERT or TRUSTED_PROXIES",
        "warning: PUBLIC_URL begins with http://",
        "warning: DATABASE_URL: sslmode=require does not verify the server",
        "warning: TRUSTED_PROXIES covers the internet",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert!(!told.contains("s3cr3t"), "{told}");
}
