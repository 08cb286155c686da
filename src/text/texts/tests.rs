//! Texts as operators and readers meet them.

use std::path::Path;
use std::time::Duration;

use minijinja::context;

use super::*;
use crate::clock::Timestamp;
use crate::config::{Settings, Source};
use crate::text::Values;

fn load(pairs: &[(&str, &str)]) -> Result<Texts, TextError> {
    Texts::load(&Settings::read(&mut Source::of(pairs)).expect("valid").mail)
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).expect("writes");
    }
    folder
}

fn with(folder: &Path) -> Result<Texts, TextError> {
    load(&[("MAIL_TEMPLATES_DIR", &folder.to_string_lossy())])
}

#[test]
fn every_language_built_in_is_complete() {
    let files = Files::read(None).expect("reads");
    let english: Vec<_> = files.languages[ENGLISH]
        .iter()
        .map(|(key, ..)| key)
        .collect();
    for (tag, catalogue) in &files.languages {
        let keys: Vec<_> = catalogue.iter().map(|(key, ..)| key).collect();
        assert_eq!(keys, english, "{tag}");
        catalogue.check(&files.languages[ENGLISH]).expect(tag);
    }
    load(&[]).expect("loads").try_everything().expect("renders");
    assert_eq!(
        load(&[]).expect("loads").languages().collect::<Vec<_>>(),
        ["de", "en"]
    );
}

#[test]
fn the_language_is_the_one_asked_for_or_the_default() {
    let texts = load(&[("MAIL_LANGUAGE", "de-AT")]).expect("loads");
    assert_eq!(texts.negotiate(Some("en-US, de;q=0.5")), Some("en"));
    assert_eq!(texts.negotiate(Some("fr")), None);
    assert_eq!(texts.negotiate(None), None);
    assert_eq!(texts.language(Some("en-GB")), "en");
    assert_eq!(texts.language(Some("fr")), "de");
    assert_eq!(texts.language(None), "de");
    let error = load(&[("MAIL_LANGUAGE", "fr")])
        .err()
        .expect("there is no French");
    assert_eq!(
        error.to_string(),
        "MAIL_LANGUAGE: found \"fr\"; allowed: de, en"
    );
}

#[test]
fn lengths_of_time_are_told_in_the_unit_that_people_use() {
    let texts = load(&[]).expect("loads");
    for (seconds, english, german) in [
        (1, "1 second", "1 Sekunde"),
        (59, "59 seconds", "59 Sekunden"),
        (60, "1 minute", "1 Minute"),
        (90, "2 minutes", "2 Minuten"),
        (1800, "30 minutes", "30 Minuten"),
        (3600, "1 hour", "1 Stunde"),
        (5400, "90 minutes", "90 Minuten"),
        (86_400, "24 hours", "24 Stunden"),
        (129_600, "36 hours", "36 Stunden"),
        (259_200, "3 days", "3 Tage"),
        (604_800, "7 days", "7 Tage"),
    ] {
        let duration = Duration::from_secs(seconds);
        assert_eq!(texts.duration("en", duration), english);
        assert_eq!(texts.duration("de", duration), german);
    }
}

#[test]
fn moments_are_told_in_utc() {
    let texts = load(&[]).expect("loads");
    let moment = Timestamp::from_seconds(1_772_500_980);
    assert_eq!(
        texts.moment("en", moment).expect("tells"),
        "3 March 2026, 01:23 UTC"
    );
    assert_eq!(
        texts.moment("de", moment).expect("tells"),
        "3. März 2026, 01:23 Uhr (UTC)"
    );
}

#[test]
fn an_operators_words_take_the_place_of_ours_and_gaps_are_filled() {
    let folder = folder(&[
        ("en.toml", "[mails.test]\nsubject = 'Hi from {{ product }}'"),
        (
            "fr.toml",
            "[mails.test]\nheading = 'Le courrier fonctionne'\n[durations]\nhours = '{{ count }} h'",
        ),
        ("fr-CA.toml", "[mails.test]\npreheader = 'Tiguidou'"),
        (".fr.toml.swp", "no text at all ["),
        ("README", "ours"),
    ]);
    let texts = with(folder.path()).expect("loads");
    let subject = |language| {
        texts
            .mail(language, "test", &Values::default())
            .expect("renders")
    };
    assert_eq!(subject("en").subject, "Hi from Vestibule");
    assert!(subject("de").subject.starts_with("Test-Mail"));
    let french = subject("fr-CA");
    assert_eq!(french.subject, "Hi from Vestibule");
    assert!(french.text.contains("Le courrier fonctionne"));
    assert!(french.html.contains("Tiguidou") && french.html.contains("lang=\"fr-CA\""));
    assert_eq!(texts.duration("fr-CA", Duration::from_secs(7200)), "2 h");
    assert_eq!(texts.language(Some("fr-BE")), "fr");
}

#[test]
fn gaps_are_filled_from_the_default_language_first() {
    let folder = folder(&[("fr.toml", "[mails.test]\nheading = 'Bonjour'")]);
    let path = folder.path().to_string_lossy();
    let texts = load(&[("MAIL_TEMPLATES_DIR", &path), ("MAIL_LANGUAGE", "de")]).expect("loads");
    let mail = texts
        .mail("fr", "test", &Values::default())
        .expect("renders");
    assert!(mail.text.contains("Bonjour") && mail.subject.starts_with("Test-Mail"));
}

#[test]
fn an_operators_layout_takes_the_place_of_ours() {
    let folder = folder(&[(
        "mail.html",
        "<b>{{ brand.name }}: {{ heading }}</b>{{ paragraphs|join }}{{ code }}{% if action %}{{ action.link }}{% endif %}",
    )]);
    let path = folder.path().to_string_lossy();
    let texts = load(&[("MAIL_TEMPLATES_DIR", &path), ("PRODUCT_NAME", "A & B")]).expect("loads");
    let mail = texts
        .mail("en", "test", &Values::default())
        .expect("renders");
    assert!(
        mail.html.starts_with("<b>A &amp; B: Mail works</b>"),
        "{}",
        mail.html
    );
    assert!(mail.text.contains("A & B"));
}

#[test]
fn a_broken_override_is_told_in_one_line() {
    for (name, content, problem) in [
        (
            "de.toml",
            "[mails.test]\nsubjcet = 'x'",
            "de.toml: mails.test.subjcet: there is no such text",
        ),
        (
            "de.toml",
            "[mails.test]\nsubject = ['x']",
            "de.toml: mails.test.subject: has to be one text",
        ),
        (
            "de.toml",
            "[mails.test]\nsubject = '{{ product'",
            "de.toml: mails.test.subject: syntax error",
        ),
        (
            "de.toml",
            "[mails.test]\nsubject = '{{ prodcut }}'",
            "de.toml: mails.test.subject: undefined value: `prodcut` is undefined",
        ),
        (
            "de.toml",
            "[mails.test]\nafter = ['{% if usrname %}x{% endif %}']",
            "de.toml: mails.test.after[0]: undefined value",
        ),
        (
            "de.toml",
            "[mails.test]\nsubject = '{{ product|shout }}'",
            "de.toml: mails.test.subject: unknown filter",
        ),
        ("fr.toml", "subject", "fr.toml: line 1: "),
        (
            "my words.toml",
            "",
            "my words.toml: not named by a language tag",
        ),
        (
            "mail.html",
            "<p>\n{{ brand.colour }}",
            "mail.html: line 2: undefined value",
        ),
        (
            "mail.txt",
            "{% for x in y %}",
            "mail.txt: line 1: syntax error",
        ),
        (
            "page.html",
            "{{ titel }}",
            "page.html: line 1: undefined value",
        ),
        ("mails.html", "", "mails.html: no layout has this name"),
        (
            "french.toml",
            "",
            "french.toml: not named by a language tag",
        ),
        (
            "fr.toml",
            "[language]\ndirection = 'up'",
            "fr.toml: language.direction: has to be ltr or rtl",
        ),
        (
            "en.toml",
            "[mails.password_reset]\naction = ''",
            "en.toml: mails.password_reset.action: must not be empty",
        ),
        (
            "en.toml",
            "[mails.test]\nsubject = '{% if code %}{% endif %}'",
            "en.toml: mails.test.subject: comes out empty",
        ),
        (
            "mail.txt",
            "{{ heading }} {{ code }}",
            "mail.txt: does not show action.link",
        ),
        (
            "mail.html",
            "{% if action %}{{ action.link }}{% endif %}",
            "mail.html: does not show code",
        ),
        (
            "page.html",
            "{% if form %}<form>{{ form.action }}<input name='new_password'></form>{% endif %}",
            "page.html: its form needs form.token",
        ),
    ] {
        let folder = folder(&[(name, content)]);
        let error = with(folder.path()).err().expect(content).to_string();
        let expected = format!("MAIL_TEMPLATES_DIR: {problem}");
        assert!(error.starts_with(&expected), "{error}\nis not\n{expected}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let error = with(Path::new("/no/such/folder"))
        .err()
        .expect("none")
        .to_string();
    assert!(
        error.starts_with("MAIL_TEMPLATES_DIR: /no/such/folder: "),
        "{error}"
    );
}

#[test]
fn tables_of_texts_are_reached_by_key() {
    let texts = load(&[]).expect("loads");
    let mail = texts
        .table("de", "mail", context! { username => "ada" })
        .expect("renders");
    assert_eq!(mail["greeting"], "Hallo ada!");
    assert_eq!(mail["device"], "Gerät");
    assert!(
        texts
            .table("de", "pages.none", context! {})
            .expect("renders")
            .is_empty()
    );
    let error = texts
        .text("de", "mails.nothing", context! {})
        .expect_err("there is none");
    assert_eq!(error.to_string(), "there is no text mails.nothing in de");
}

#[test]
fn a_value_is_never_a_template() {
    let texts = load(&[]).expect("loads");
    let values = Values {
        username: Some("{{ 7*7 }}{% raw %}".to_owned()),
        ..Values::default()
    };
    let mail = texts.mail("en", "test", &values).expect("renders");
    assert!(mail.text.contains("Hello {{ 7*7 }}{% raw %},"));
    assert!(!mail.html.contains("49"));
}
