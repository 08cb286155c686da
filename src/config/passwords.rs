//! How passwords are hashed, and how much hashing the machine takes on.

use std::time::Duration;

use super::{Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "BCRYPT_COST",
        default: Some("12"),
        allowed: "a whole number from 4 to 31",
        help: "Cost of new password hashes: each step up takes twice the time. Below 10 is for tests.",
        secret: false,
    },
    Setting {
        name: "BCRYPT_MAX_COST",
        default: Some("14"),
        allowed: "a whole number from BCRYPT_COST to 31",
        help: "Costliest stored hash that a login may check; an imported hash above it counts as no password.",
        secret: false,
    },
    Setting {
        name: "HASH_THREADS",
        default: None,
        allowed: "a whole number from 1 to 256",
        help: "Threads that hash passwords. Default: one a core.",
        secret: false,
    },
    Setting {
        name: "HASH_LANES",
        default: Some("6"),
        allowed: "a whole number from 1 to 8",
        help: "Passwords that one thread hashes at a time.",
        secret: false,
    },
    Setting {
        name: "HASH_MAX_WAIT_MS",
        default: Some("3000"),
        allowed: "a whole number of milliseconds from 100 to 10000",
        help: "A login that would wait longer than this for its hash is answered 503 at once.",
        secret: false,
    },
    Setting {
        name: "PASSWORD_CONTEXT_WORDS",
        default: None,
        allowed: "up to 100 words of 3 to 64 characters, separated by commas",
        help: "Words that are easy to guess here, such as the names of your organization and its products. A new password of little more than such words is refused. PRODUCT_NAME, the host of PUBLIC_URL, the username and the e-mail address always count.",
        secret: false,
    },
];

/// Costs below this get a warning: OWASP's least for bcrypt is 10.
pub(super) const WEAK_BELOW: u32 = 10;

/// Costs above this get a warning: a login takes seconds, and soon longer than a request may.
pub(super) const SLOW_ABOVE: u32 = 15;

/// The passwords section.
#[derive(Debug, Clone)]
pub struct Passwords {
    /// bcrypt cost of new hashes: 2^cost steps.
    pub cost: u32,
    pub max_cost: u32,
    pub threads: usize,
    pub lanes: usize,
    pub max_wait: Duration,
    /// Words that people here would guess (ASVS 6.1.2).
    pub context_words: Vec<String>,
}

/// Most words of a context: each is looked for in every new password.
const MOST_WORDS: usize = 100;

fn context_words(text: &str) -> Option<Vec<String>> {
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_owned()).collect();
    let fits = |word: &String| (3..=64).contains(&word.chars().count());
    (words.len() <= MOST_WORDS && words.iter().all(fits)).then_some(words)
}

impl Passwords {
    pub(super) fn read(source: &mut Source) -> Self {
        let within = |range: std::ops::RangeInclusive<usize>| {
            move |text: &str| {
                text.parse::<usize>()
                    .ok()
                    .filter(|number| range.contains(number))
            }
        };
        let cost = |text: &str| {
            text.parse::<u32>()
                .ok()
                .filter(|cost| (4..=31).contains(cost))
        };
        let passwords = Self {
            cost: source.required(&SETTINGS[0], cost),
            max_cost: source.required(&SETTINGS[1], cost),
            threads: source
                .optional(&SETTINGS[2], within(1..=256))
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            lanes: source.required(&SETTINGS[3], within(1..=8)),
            max_wait: Duration::from_millis(
                source.required(&SETTINGS[4], within(100..=10_000)) as u64
            ),
            context_words: source
                .optional(&SETTINGS[5], context_words)
                .unwrap_or_default(),
        };
        if source.is_given(&SETTINGS[1]) && passwords.max_cost < passwords.cost {
            source.refuse(
                &SETTINGS[1],
                format!(
                    "\"{}\" with BCRYPT_COST={}",
                    passwords.max_cost, passwords.cost
                ),
            );
        }
        Self {
            // An operator who raises the cost of new hashes means them to be checked, too.
            max_cost: passwords.max_cost.max(passwords.cost),
            ..passwords
        }
    }
}
