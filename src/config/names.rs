//! Names that are none of ours: which of them are slips of ours, and which belong to others who had no thought of us.

use super::catalogue;
use super::setting::PREFIX;

/// Names with our prefix that scripts use and that are no settings.
const NOT_SETTINGS: &[&str] = &[
    "VESTIBULE_BIN",
    "VESTIBULE_URL",
    "VESTIBULE_VERSION",
    "VESTIBULE_IMAGE",
];

/// What other programs call a setting of ours.
const ALIASES: &[(&str, &[&str])] = &[
    (
        "SMTP_URL",
        &[
            "SMTP_HOST",
            "SMTP_SERVER",
            "SMTP_PORT",
            "SMTP_USER",
            "SMTP_USERNAME",
            "SMTP_PASSWORD",
            "SMTP_PASS",
            "SMTP_TLS",
            "SMTP_SSL",
            "MAIL_HOST",
            "MAIL_SERVER",
            "MAIL_PORT",
            "MAIL_USERNAME",
            "MAIL_PASSWORD",
            "MAIL_URL",
            "MAILER_DSN",
            "EMAIL_HOST",
            "EMAIL_PORT",
            "EMAIL_URL",
            "EMAIL_HOST_USER",
            "EMAIL_HOST_PASSWORD",
            "EMAIL_SERVER",
        ],
    ),
    (
        "MAIL_FROM",
        &[
            "SMTP_FROM",
            "EMAIL_FROM",
            "FROM_EMAIL",
            "MAIL_SENDER",
            "MAIL_FROM_ADDRESS",
            "DEFAULT_FROM_EMAIL",
            "EMAILS_FROM_EMAIL",
            "SMTP_SENDER",
        ],
    ),
    (
        "DATABASE_URL",
        &[
            "DB_URL",
            "DB_URI",
            "DATABASE_URI",
            "DATABASE_DSN",
            "DATABASE",
            "POSTGRES_URL",
            "POSTGRESQL_URL",
            "SQLALCHEMY_DATABASE_URI",
            "SQLALCHEMY_DATABASE_URL",
            "SQLITE_PATH",
            "SQLITE_FILE",
        ],
    ),
    (
        "SECRET_KEY",
        &[
            "SECRET",
            "JWT_SECRET",
            "JWT_SECRET_KEY",
            "JWT_KEY",
            "APP_SECRET",
            "APP_KEY",
            "AUTH_SECRET",
            "SESSION_SECRET",
        ],
    ),
    (
        "HOST",
        &[
            "HOSTNAME",
            "LISTEN",
            "LISTEN_ADDR",
            "LISTEN_ADDRESS",
            "BIND",
            "BIND_ADDR",
            "BIND_ADDRESS",
            "ADDRESS",
        ],
    ),
    (
        "PORT",
        &["LISTEN_PORT", "HTTP_PORT", "SERVER_PORT", "BIND_PORT"],
    ),
    (
        "PUBLIC_URL",
        &[
            "BASE_URL",
            "SITE_URL",
            "APP_URL",
            "EXTERNAL_URL",
            "ROOT_URL",
            "SERVER_URL",
            "ISSUER",
            "ISSUER_URL",
        ],
    ),
    (
        "CORS_ORIGINS",
        &[
            "ALLOWED_ORIGINS",
            "CORS_ALLOWED_ORIGINS",
            "CORS_ALLOW_ORIGINS",
            "CORS_ORIGIN",
            "BACKEND_CORS_ORIGINS",
        ],
    ),
    (
        "TRUSTED_PROXIES",
        &["TRUST_PROXY", "FORWARDED_ALLOW_IPS", "PROXY_IPS"],
    ),
    (
        "TLS_CERT",
        &[
            "TLS_CERT_FILE",
            "TLS_CERTIFICATE",
            "SSL_CERTIFICATE",
            "SSL_CERTFILE",
            "TLS_CRT",
        ],
    ),
    (
        "TLS_KEY",
        &[
            "TLS_KEY_FILE",
            "TLS_PRIVATE_KEY",
            "SSL_CERTIFICATE_KEY",
            "SSL_KEYFILE",
        ],
    ),
    (
        "BCRYPT_COST",
        &["BCRYPT_ROUNDS", "SALT_ROUNDS", "HASH_COST"],
    ),
    (
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        &[
            "ACCESS_TOKEN_LIFETIME",
            "JWT_EXPIRE_MINUTES",
            "ACCESS_TOKEN_TTL",
            "JWT_EXPIRES_IN",
        ],
    ),
    (
        "REFRESH_TOKEN_EXPIRE_DAYS",
        &[
            "REFRESH_TOKEN_LIFETIME",
            "REFRESH_TOKEN_TTL",
            "REFRESH_TOKEN_EXPIRE_MINUTES",
        ],
    ),
    ("LOG_LEVEL", &["RUST_LOG", "LOGLEVEL", "LOGGING_LEVEL"]),
];

/// What a name that is no setting may be.
#[derive(Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Another's, or put there by a machine.
    Unrelated,
    /// Written for us, it seems, though nothing like a setting of ours.
    Unknown,
    /// What others call this setting.
    Alias(&'static str),
    /// This setting, misspelt.
    Slip(&'static str),
}

/// What a name is that is not the name of a setting, with or without our prefix. `value` tells of links between services.
pub fn stranger(name: &str, value: &str) -> Stranger {
    let prefixed = name.strip_prefix(PREFIX);
    let is_left_alone =
        NOT_SETTINGS.contains(&name) || prefixed.is_some_and(|rest| is_link(rest, value));
    if is_left_alone {
        return Stranger::Unrelated;
    }
    let bare = prefixed.unwrap_or(name).to_ascii_uppercase();
    let alias = ALIASES
        .iter()
        .find(|(_, others)| others.contains(&bare.as_str()));
    match alias {
        Some((setting, _)) if is_near(&bare, setting) => Stranger::Slip(setting),
        Some((setting, _)) => Stranger::Alias(setting),
        None => match (meant(&bare), prefixed) {
            (Some(setting), _) => Stranger::Slip(setting),
            (None, Some(_)) => Stranger::Unknown,
            (None, None) => Stranger::Unrelated,
        },
    }
}

/// The setting that is meant by a name whose prefix is misspelt or in another case: `VESTIBLE_PORT`, `vestibule_port`.
pub fn meant_with_prefix(name: &str, value: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let rest = without_misspelt_prefix(&name)?;
    if let Some(setting) = catalogue().find(|setting| setting.name == rest) {
        return (rest != "PORT" || !is_port_of_a_service(value)).then_some(setting.name);
    }
    match stranger(&format!("{PREFIX}{rest}"), value) {
        Stranger::Slip(setting) | Stranger::Alias(setting) => Some(setting),
        Stranger::Unrelated | Stranger::Unknown => None,
    }
}

/// What follows the prefix, which has two slips at most or lacks the bar at its end.
fn without_misspelt_prefix(name: &str) -> Option<&str> {
    const SLIPS: usize = 2;
    let ours = PREFIX.trim_end_matches('_');
    match name.split_once('_') {
        Some((start, rest)) if strsim::damerau_levenshtein(start, ours) <= SLIPS => Some(rest),
        _ => name.strip_prefix(ours),
    }
}

/// Whether a value is what Kubernetes and Docker call a port of a service: `tcp://10.0.0.1:8000`.
pub fn is_port_of_a_service(value: &str) -> bool {
    ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme))
}

/// Whether Kubernetes or Docker made the variable for a service whose name is ours, or begins with it: `SERVICE_HOST`,
/// `API_SERVICE_PORT_HTTP`, `API_PORT`, `PORT_8000_TCP_ADDR`
/// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
fn is_link(rest: &str, value: &str) -> bool {
    let parts: Vec<&str> = rest.split('_').collect();
    let of_service = |pair: &[&str]| matches!(pair, ["SERVICE", "HOST" | "PORT"]);
    let of_port = |three: &[&str]| matches!(three, ["PORT", port, "TCP" | "UDP" | "SCTP"] if port.bytes().all(|digit| digit.is_ascii_digit()));
    let is_port = parts.last() == Some(&"PORT") && is_port_of_a_service(value);
    is_port || parts.windows(2).any(of_service) || parts.windows(3).any(of_port)
}

/// The setting whose name this, in capitals, very likely was to be.
fn meant(bare: &str) -> Option<&'static str> {
    let distances = catalogue().map(|setting| {
        (
            strsim::damerau_levenshtein(bare, setting.name),
            setting.name,
        )
    });
    let (_, nearest) = distances.min()?;
    is_near(bare, nearest).then_some(nearest)
}

/// Two slips in a short name soon make another's.
fn is_near(bare: &str, setting: &str) -> bool {
    const SHORT: usize = 8;
    let slips = if setting.len() < SHORT { 1 } else { 2 };
    strsim::damerau_levenshtein(bare, setting) <= slips
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_makes_for_services_is_left_alone() {
        for (name, value) in [
            ("VESTIBULE_SERVICE_HOST", "10.0.0.1"),
            ("VESTIBULE_SERVICE_PORT", "8000"),
            ("VESTIBULE_SERVICE_PORT_HTTP", "8000"),
            ("VESTIBULE_SERVICE_PORT_HTTP_METRICS", "9000"),
            ("VESTIBULE_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
            ("VESTIBULE_PORT_8000_TCP_PROTO", "tcp"),
            ("VESTIBULE_PORT_8000_TCP_PORT", "8000"),
            ("VESTIBULE_PORT_8000_TCP_ADDR", "10.0.0.1"),
            ("VESTIBULE_PORT_53_UDP_ADDR", "10.0.0.1"),
            ("VESTIBULE_API_PORT", "tcp://10.0.0.1:8000"),
            ("VESTIBULE_API_SERVICE_HOST", "10.0.0.1"),
            ("VESTIBULE_API_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
            ("VESTIBULE_SMTP_SERVICE_PORT", "25"),
            ("VESTIBULE_SMTP_PORT", "tcp://10.0.0.1:25"),
            ("VESTIBULE_HOSTS_SERVICE_HOST", "10.0.0.1"),
            ("VESTIBULE_BIN", "target/debug/vestibule"),
            ("POSTGRES_PASSWORD", "x"),
            ("PATHS", "x"),
            ("HOME", "/root"),
        ] {
            assert_eq!(stranger(name, value), Stranger::Unrelated, "{name}");
        }
    }

    #[test]
    fn slips_and_names_that_others_use_are_told_apart() {
        for (name, expected) in [
            ("PROT", Stranger::Slip("PORT")),
            ("VESTIBULE_PROT", Stranger::Slip("PORT")),
            ("port", Stranger::Slip("PORT")),
            ("HSOT", Stranger::Slip("HOST")),
            ("SMTP_ULR", Stranger::Slip("SMTP_URL")),
            ("VESTIBULE_SECRET_KEYS", Stranger::Slip("SECRET_KEY")),
            ("VESTIBULE_TLS_CRT", Stranger::Slip("TLS_CERT")),
            ("SITE_URL", Stranger::Alias("PUBLIC_URL")),
            ("SMTP_HOST", Stranger::Alias("SMTP_URL")),
            ("VESTIBULE_SMTP_PORT", Stranger::Alias("SMTP_URL")),
            ("JWT_SECRET", Stranger::Alias("SECRET_KEY")),
            ("VESTIBULE_NOTHING", Stranger::Unknown),
            ("VESTIBULE_ENVIRONMENT", Stranger::Unknown),
        ] {
            assert_eq!(stranger(name, "1"), expected, "{name}");
        }
    }

    #[test]
    fn a_misspelt_prefix_leads_to_the_setting() {
        for (name, expected) in [
            ("VESTIBLE_PORT", Some("PORT")),
            ("VESTIBUL_PORT", Some("PORT")),
            ("vestibule_port", Some("PORT")),
            ("Vestibule_Secret_Key", Some("SECRET_KEY")),
            ("VESITBULE_LOG_LEVEL", Some("LOG_LEVEL")),
            ("VESTIBULES_HOST", Some("HOST")),
            ("VESTIBULEPORT", Some("PORT")),
            ("VESTIBLE_SMTP_HOST", Some("SMTP_URL")),
            ("VESTIBLE_DATABASE_ULR", Some("DATABASE_URL")),
            ("VESTIBLE_NOTHING", None),
            ("vestibule_bin", None),
            ("FESTIVAL_PORT", None),
            ("VEST_PORT", None),
            ("PORT", None),
        ] {
            assert_eq!(meant_with_prefix(name, "1"), expected, "{name}");
        }
        let link = "tcp://10.0.0.1:8000";
        assert_eq!(meant_with_prefix("VESTIBULES_PORT", link), None);
    }

    #[test]
    fn what_others_call_a_setting_is_no_setting_and_leads_to_one() {
        for (setting, others) in ALIASES {
            assert!(catalogue().any(|known| known.name == *setting), "{setting}");
            for other in *others {
                assert!(catalogue().all(|known| known.name != *other), "{other}");
            }
        }
    }
}
