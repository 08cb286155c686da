//! What people call the program and the system that a user agent names. Only names from these lists come out of here: what a
//! client says of itself never gets into a mail.

/// Programs, the more telling first: nearly all browsers name others, too.
const PROGRAMS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("PostmanRuntime/", "Postman"),
];

/// Systems.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// What separates program and system.
const AND: &str = ", ";

/// What a person would call the device of this user agent: `Firefox, Linux`. `None` when neither is known.
pub(in crate::domain) fn name(user_agent: &str) -> Option<String> {
    let find = |marks: &[(&str, &'static str)]| {
        let found = marks.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (find(PROGRAMS), find(SYSTEMS)) {
        (Some(program), Some(system)) => Some(format!("{program}{AND}{system}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// Whether [`name`] can have made this.
pub(in crate::domain) fn is_name(text: &str) -> bool {
    let is_of = |list: &[(&str, &str)], part| list.iter().any(|(_, name)| *name == part);
    match text.split_once(AND) {
        Some((program, system)) => is_of(PROGRAMS, program) && is_of(SYSTEMS, system),
        None => is_of(PROGRAMS, text) || is_of(SYSTEMS, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str =
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";

    #[test]
    fn a_device_has_the_names_that_people_know() {
        let safari = format!("{MAC} Version/18.0 Safari/605.1.15");
        for (user_agent, expected) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox, Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Safari/537.36 Edg/140.0.0.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Mobile Safari/537.36",
                "Chrome, Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari, iPhone",
            ),
            (&safari, "Safari, Mac"),
            (MAC, "Mac"),
            ("curl/8.5.0", "curl"),
            ("Shop/3.1 (iPhone; iOS 18.0)", "iPhone"),
            ("evil.example/1.0 (Linux)", "Linux"),
            ("Firefox/140.0 https://evil.example", "Firefox"),
        ] {
            let name = name(user_agent);
            assert_eq!(name.as_deref(), Some(expected), "{user_agent}");
            assert!(name.is_some_and(|name| is_name(&name)));
        }
    }

    #[test]
    fn nothing_else_that_a_client_says_comes_out() {
        for user_agent in [
            "",
            "something",
            "evil.example",
            "https://evil.example/login",
            "Mozilla/5.0 (see www.evil.example)",
            "Call +1 555 0100 now/1.0",
        ] {
            assert_eq!(name(user_agent), None, "{user_agent}");
        }
        for text in [
            "evil.example",
            "Firefox, evil.example",
            "",
            "Firefox, Linux, Linux",
        ] {
            assert!(!is_name(text), "{text}");
        }
    }
}
