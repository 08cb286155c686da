//! Tests of the file above.

use crate::config::Settings;
use crate::config::source::Source;

fn environment(pairs: &[(&str, &str)]) -> Source {
    let mut source = Source::empty();
    let pairs = pairs.iter();
    source.add_environment(
        pairs.map(|(name, value)| ((*name).to_owned(), Ok::<_, ()>((*value).to_owned()))),
    );
    source
}

#[test]
fn a_prefixed_name_is_taken_and_a_slip_of_one_refused() {
    let mut source = environment(&[("VESTIBULE_PORT", "9000"), ("VESTIBULE_PROT", "1")]);
    let problems = Settings::read(&mut source).expect_err("one unknown");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].setting, "VESTIBULE_PROT");
    assert!(problems[0].found.contains("did you mean VESTIBULE_PORT?"));
    let port = source
        .effective()
        .iter()
        .find(|e| e.name == "PORT")
        .expect("listed");
    assert_eq!(port.value, "9000");
}

#[test]
fn links_of_kubernetes_are_no_settings_and_stop_nothing() {
    let links = [
        ("VESTIBULE_PORT", "tcp://10.0.0.1:8000"),
        ("VESTIBULE_SERVICE_HOST", "10.0.0.1"),
        ("VESTIBULE_SERVICE_PORT", "8000"),
        ("VESTIBULE_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("VESTIBULE_API_PORT", "tcp://10.0.0.2:80"),
    ];
    let settings = Settings::read(&mut environment(&links)).expect("valid");
    assert_eq!(settings.server.port, 8000);
    assert_eq!(settings.hints, [""; 0]);
    let with_port = [&links[..], &[("PORT", "9000")]].concat();
    let settings = Settings::read(&mut environment(&with_port)).expect("valid");
    assert_eq!(settings.server.port, 9000);
    let wrong = Settings::read(&mut environment(&[("PORT", "tcp://10.0.0.1:8000")]));
    assert_eq!(wrong.expect_err("no port")[0].setting, "PORT");
}

#[test]
fn unknown_names_are_told_and_stop_nothing() {
    let names = [
        ("VESTIBULE_ENVIRONMENT", "x"),
        ("VESTIBULE_SMTP_HOST", "mail"),
        ("SMTP_HOST", "mail"),
    ];
    let settings = Settings::read(&mut environment(&names)).expect("valid");
    assert_eq!(
        settings.hints,
        [
            "VESTIBULE_ENVIRONMENT in the environment is no setting",
            "VESTIBULE_SMTP_HOST in the environment is no setting; did you mean VESTIBULE_SMTP_URL?",
        ]
    );
    let given = [&names[1..], &[("SMTP_URL", "smtp://mail.test")]].concat();
    let settings = Settings::read(&mut environment(&given)).expect("valid");
    assert_eq!(settings.hints, [""; 0]);
}

#[test]
fn a_misspelt_prefix_is_told_and_stops_nothing() {
    let names = [("VESTIBLE_PORT", "9000"), ("vestibule_log_level", "debug")];
    let settings = Settings::read(&mut environment(&names)).expect("valid");
    assert_eq!(settings.server.port, 8000);
    assert_eq!(
        settings.hints,
        [
            "VESTIBLE_PORT in the environment is no setting; did you mean VESTIBULE_PORT?",
            "vestibule_log_level in the environment is no setting; did you mean VESTIBULE_LOG_LEVEL?",
        ]
    );
}

#[test]
fn shared_names_with_values_of_others_stop_nothing() {
    let others = [
        ("HOST", "x86_64-conda-linux-gnu"),
        ("LOG_LEVEL", "7"),
        ("LOG_FORMAT", "%(message)s"),
    ];
    let mut source = environment(&others);
    let settings = Settings::read(&mut source).expect("valid");
    assert_eq!(settings.server.host.to_string(), "127.0.0.1");
    assert_eq!(settings.hints.len(), 3);
    assert!(
        settings.hints[0].starts_with("HOST=x86_64-conda-linux-gnu in the environment is ignored")
    );
    assert!(settings.hints[0].ends_with("VESTIBULE_HOST is always meant"));
    for (name, value) in others {
        let prefixed = format!("VESTIBULE_{name}");
        let problems = Settings::read(&mut environment(&[(&prefixed, value)]));
        assert_eq!(problems.expect_err("meant")[0].setting, name);
        let problems = Settings::read(&mut Source::of(&[(name, value)]));
        assert_eq!(problems.expect_err("meant")[0].setting, name);
    }
    // What stands behind it is in force then.
    source = environment(&others);
    source.add(
        ".env",
        [("HOST".to_owned(), "0.0.0.0".to_owned())].into_iter(),
    );
    let settings = Settings::read(&mut source).expect("valid");
    assert_eq!(settings.server.host.to_string(), "0.0.0.0");
    let host = source.effective().iter().find(|e| e.name == "HOST");
    assert_eq!(host.map(|host| host.origin), Some(".env"));
}

#[test]
fn a_value_that_is_no_text_is_not_passed_over() {
    let mut source = Source::empty();
    let bytes = [
        ("SECRET_KEY".to_owned(), Err(())),
        ("OTHER".to_owned(), Err(())),
    ];
    source.add_environment(bytes.into_iter());
    let problems = Settings::read(&mut source).expect_err("no text");
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].setting, "SECRET_KEY");
}

#[test]
fn one_secret_in_many_spellings_is_one_key() {
    const KEY: &str = "5f1c0e7a9b3d48e2a6c4f0b8d7e19a23";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(".env");
    for spelled in [
        KEY.to_owned(),
        format!("{KEY}\n"),
        format!("\"{KEY}\""),
        format!("'{KEY}'\r\n"),
        format!("\u{feff}{KEY} "),
    ] {
        let mut from_environment = environment(&[("SECRET_KEY", &spelled)]);
        let mut from_file = Source::empty();
        std::fs::write(&file, format!("SECRET_KEY={spelled}")).expect("writes");
        from_file.add_file(&file);
        for source in [&mut from_environment, &mut from_file] {
            let key = Settings::read(source).expect("valid").secrets.key;
            assert_eq!(key.expect("given").reveal(), KEY, "{spelled:?}");
        }
    }
    for nothing in ["", " \n", "\"\"", "''"] {
        let settings = Settings::read(&mut environment(&[("SECRET_KEY", nothing)]));
        assert!(
            settings.expect("valid").secrets.key.is_none(),
            "{nothing:?}"
        );
    }
}

#[test]
fn a_flag_wins_over_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(".env");
    std::fs::write(&file, "PORT=1111\nHOST=0.0.0.0\n# comment\nUNRELATED=x\n").expect("writes");
    let mut source = Source::empty();
    source.add("flag", [("PORT".to_owned(), "2222".to_owned())].into_iter());
    source.add_file(&file);
    let settings = Settings::read(&mut source).expect("valid");
    assert_eq!(settings.server.port, 2222);
    assert_eq!(settings.server.host.to_string(), "0.0.0.0");
}

#[test]
fn passwords_in_urls_are_masked() {
    let mut source = Source::of(&[("DATABASE_URL", "mysql://user:s3cr3t@host/app")]);
    let problems = Settings::read(&mut source).expect_err("no such database");
    assert!(
        problems[0]
            .to_string()
            .contains("mysql://********@host/app"),
        "{}",
        problems[0]
    );
    assert!(
        source
            .effective()
            .iter()
            .all(|e| !e.value.contains("s3cr3t"))
    );
}

#[test]
fn secrets_are_masked_and_not_quoted_in_problems() {
    let mut source = Source::of(&[("SECRET_KEY", "tooshort-but-secret")]);
    let problems = Settings::read(&mut source).expect_err("too short");
    assert!(
        !problems[0].to_string().contains("tooshort"),
        "{}",
        problems[0]
    );
    assert!(
        source
            .effective()
            .iter()
            .all(|e| !e.value.contains("tooshort"))
    );
}

#[test]
fn a_shell_that_reads_the_env_file_means_the_same_values() {
    const KEY: &str = "5f1c0e7a9b3d48e2a6c4f0b8d7e19a23";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(".env");
    // What stands in the file, and what a shell makes of it.
    for (line, exported) in [
        (KEY.to_owned(), KEY.to_owned()),
        (format!("'{KEY}'"), KEY.to_owned()),
        (format!("'\"{KEY}\"'"), format!("\"{KEY}\"")),
        (format!("\"'{KEY}'\""), format!("'{KEY}'")),
        (format!("\"\\\"{KEY}\\\"\""), format!("\"{KEY}\"")),
        (format!("\u{feff}\"{KEY}\""), format!("\u{feff}{KEY}")),
    ] {
        std::fs::write(&path, format!("SECRET_KEY={line}\n")).expect("writes");
        let mut file = Source::empty();
        file.add_file(&path);
        for mut source in [file, environment(&[("SECRET_KEY", &exported)])] {
            let settings = Settings::read(&mut source).expect("valid");
            let key = settings.secrets.key.expect("given");
            assert_eq!(key.reveal(), KEY, "{line}");
        }
    }
}
