//! How hard a password is to guess, as zxcvbn sees it (Wheeler, USENIX Security 2016).

use zxcvbn::Score;

/// Least score: "safely unguessable, moderate protection from offline slow-hash scenario".
const LEAST: Score = Score::Three;

/// Why `password` is too easy to guess for somebody who knows `about` (the account's e-mail and username), or
/// `None` when it is not. Takes up to some milliseconds.
pub fn weakness(password: &str, about: &[&str]) -> Option<String> {
    let mut inputs: Vec<&str> = about.to_vec();
    // zxcvbn compares whole words; people also use the parts.
    inputs.extend(
        about
            .iter()
            .flat_map(|text| text.split(['@', '.', ' ', '-', '_'])),
    );
    inputs.retain(|text| text.chars().count() > 2);
    let entropy = zxcvbn::zxcvbn(password, &inputs);
    if entropy.score() >= LEAST {
        return None;
    }
    let warning = entropy
        .feedback()
        .and_then(zxcvbn::feedback::Feedback::warning);
    Some(match warning {
        Some(warning) => format!("This password is easy to guess. {warning}"),
        None => "This password is easy to guess. Add another word or two.".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_and_personal_passwords_are_weak() {
        let about = ["ada.lovelace@example.com", "adalove"];
        for weak in [
            "password",
            "12345678",
            "qwertyuiop",
            "adalove1",
            "lovelace!",
            "aaaaaaaaaaaaaaaa",
        ] {
            assert!(weakness(weak, &about).is_some(), "{weak}");
        }
        for strong in [
            "correct horse battery staple",
            "tr4verse-Kolibri-0pal",
            "北京烤鸭好吃得不得了呀我喜欢",
        ] {
            assert_eq!(weakness(strong, &about), None, "{strong}");
        }
    }
}
