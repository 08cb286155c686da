use super::*;

const DAY: Duration = Duration::from_secs(86_400);
const FROM: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn watched() -> Watched {
    let until = FROM.plus(90 * DAY);
    Watched {
        read: [None; 2],
        seen: [None; 2],
        validity: Some(Validity { from: FROM, until }),
        told: None,
        problem: None,
    }
}

#[test]
fn the_end_of_a_certificate_is_told_daily_from_14_days_before() {
    let mut watched = watched();
    let until = FROM.plus(90 * DAY);
    let mut told = Vec::new();
    for hour in 0..24 * 93 {
        let now = FROM.plus(Duration::from_secs(hour * 3600));
        if let Some(concern) = watched.due(now) {
            told.push((hour / 24, concern));
            watched.tell(now);
        }
    }
    let days: Vec<u64> = told.iter().map(|(day, _)| *day).collect();
    // The day on which it expires has one of each.
    assert_eq!(
        days,
        (76..=90).chain([90, 91, 92]).collect::<Vec<_>>()[..days.len()]
    );
    assert_eq!(told[0].1, Concern::Soon(until, 14));
    assert_eq!(told[13].1, Concern::Soon(until, 1));
    assert!(told[..14].iter().all(|(_, concern)| !concern.is_error()));
    assert_eq!(
        told.last().map(|(_, it)| *it),
        Some(Concern::Expired(until))
    );
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_an_error() {
    let concern = watched().due(FROM.minus(DAY)).expect("a concern");
    assert_eq!(concern, Concern::NotYet(FROM));
    assert!(concern.is_error());
    assert_eq!(watched().due(FROM), None);
}

#[test]
fn what_is_said_of_a_certificate_names_its_end() {
    let until = Timestamp::from_seconds(1_800_000_000);
    for (concern, said) in [
        (
            Concern::Soon(until, 13),
            "expires in 13 days, at 2027-01-15T08:00:00.000Z",
        ),
        (
            Concern::Soon(until, 1),
            "expires in 1 day, at 2027-01-15T08:00:00.000Z",
        ),
        (
            Concern::Expired(until),
            "expired at 2027-01-15T08:00:00.000Z",
        ),
        (
            Concern::NotYet(until),
            "is not valid before 2027-01-15T08:00:00.000Z",
        ),
    ] {
        assert!(concern.to_string().contains(said), "{concern}");
    }
}

/// To open it would wait for its other end for good.
#[cfg(unix)]
#[test]
fn a_pipe_is_no_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("cert.pem");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("the mkfifo command").success());
    let files = config::Tls {
        certificate: pipe.clone(),
        key: pipe,
    };
    let refused = pair::Pair::read(&files).err().expect("refused").to_string();
    assert!(refused.contains("not a file"), "{refused}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_in_words() {
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    const FORMER: &str = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
        DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let files = config::Tls {
        certificate: file("c.pem"),
        key: file("k.pem"),
    };
    let told = |certificate: &str, key: &str| {
        std::fs::write(&files.certificate, certificate).expect("writes");
        std::fs::write(&files.key, key).expect("writes");
        let refused = Pair::read(&files).err().expect("neither is real");
        refused.to_string()
    };
    for (certificate, key, name, words) in [
        (CERTIFICATE, FORMER, "k.pem", "is encrypted: `openssl pkey"),
        (&CERTIFICATE[..40], KEY, "c.pem", "cut off"),
        (CERTIFICATE, &KEY[..40], "k.pem", "cut off"),
        (
            CERTIFICATE,
            &KEY.replace("AAAA", "A-A!"),
            "k.pem",
            "damaged",
        ),
    ] {
        let told = told(certificate, key);
        assert!(told.contains(name) && told.contains(words), "{told}");
    }
    let with_mark = told(&format!("\u{feff}{CERTIFICATE}"), &format!("\u{feff}{KEY}"));
    assert!(!with_mark.contains("in it"), "{with_mark}");
}
