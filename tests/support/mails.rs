//! Mails that the service has written into its folder.

use std::fs;
use std::time::{Duration, Instant};

use mail_parser::MessageParser;
use vestibule::domain::email::outbox;

use super::TestApp;

/// A mail as its reader gets it.
#[derive(Debug, Clone)]
pub struct Mail {
    /// `password_reset` and the like.
    pub kind: String,
    pub to: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// With all headers.
    pub raw: String,
}

/// Longest wait for a mail: many times what one takes.
const PATIENCE: Duration = Duration::from_secs(30);

impl TestApp {
    /// All mails so far, the oldest first, once nothing is due any more.
    pub async fn mails(&self) -> Vec<Mail> {
        let begun = Instant::now();
        self.services.outbox.wake();
        loop {
            let waiting = outbox::waiting(&self.services).await.expect("reads");
            if waiting.oldest.is_none() {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "mails are not sent");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut names: Vec<_> = fs::read_dir(self.outbox.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        // By their ids, which tell when they were asked for.
        names.sort_by_key(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            name[name.len() - 36..].to_owned()
        });
        names.iter().map(|path| Mail::read(path)).collect()
    }

    /// The mails of a kind to an address.
    pub async fn mails_of(&self, kind: &str, to: &str) -> Vec<Mail> {
        let mut mails = self.mails().await;
        mails.retain(|mail| mail.kind == kind && mail.to == to);
        mails
    }

    /// The newest mail of a kind to an address.
    pub async fn mail(&self, kind: &str, to: &str) -> Mail {
        let all = self.mails().await;
        let mut mails = all.clone();
        mails.retain(|mail| mail.kind == kind && mail.to == to);
        mails.pop().unwrap_or_else(|| {
            let all: Vec<_> = all.iter().map(|mail| (&mail.kind, &mail.to)).collect();
            panic!("no {kind} to {to} among {all:?}")
        })
    }
}

impl Mail {
    fn read(path: &std::path::Path) -> Self {
        let raw = fs::read(path).expect("a mail");
        let mail = MessageParser::default().parse(&raw).expect("parses");
        let name = path.file_stem().expect("a name").to_string_lossy();
        let kind = name[..name.len() - 37].split_once('-').expect("a kind").1;
        let to = mail.to().and_then(|to| to.first()).expect("a recipient");
        Self {
            kind: kind.to_owned(),
            to: to.address().expect("an address").to_owned(),
            subject: mail.subject().expect("a subject").to_owned(),
            text: mail.body_text(0).expect("a text").into_owned(),
            html: mail.body_html(0).expect("a page").into_owned(),
            raw: String::from_utf8(raw).expect("UTF-8"),
        }
    }

    /// The link that it brings.
    #[track_caller]
    pub fn link(&self) -> String {
        self.links()
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no link: {}", self.text))
    }

    /// Every link in its text.
    pub fn links(&self) -> Vec<String> {
        let words = self.text.split_ascii_whitespace();
        words
            .filter(|word| word.starts_with("http://") || word.starts_with("https://"))
            .map(str::to_owned)
            .collect()
    }

    /// The token of its link.
    #[track_caller]
    pub fn token(&self) -> String {
        let link = self.link();
        let (_, token) = link.split_once("token=").expect("a token");
        token.to_owned()
    }

    /// The six digits that it brings.
    #[track_caller]
    pub fn code(&self) -> String {
        let words = self.text.split(|c: char| !c.is_ascii_digit());
        let mut codes = words.filter(|word| word.len() == 6);
        codes.next().expect("a code").to_owned()
    }
}
