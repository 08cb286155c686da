//! A mail that the server has taken, and what its reader sees of it.

use mail_parser::MessageParser;

/// A mail with its envelope.
#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// As it was sent, without stuffed dots.
    pub data: Vec<u8>,
    pub is_encrypted: bool,
    /// Who had logged in.
    pub user: Option<String>,
    /// The number of its connection, from 0.
    pub connection: usize,
}

impl Mail {
    fn parsed(&self) -> mail_parser::Message<'_> {
        MessageParser::default().parse(&self.data).expect("a mail")
    }

    pub fn subject(&self) -> String {
        self.parsed().subject().expect("a subject").to_owned()
    }

    /// A header's value as it was sent.
    pub fn header(&self, name: &'static str) -> Option<String> {
        let value = self.parsed().header_raw(name)?.trim().to_owned();
        Some(value)
    }

    pub fn text(&self) -> String {
        self.parsed()
            .body_text(0)
            .expect("text")
            .replace("\r\n", "\n")
    }

    pub fn html(&self) -> String {
        self.parsed().body_html(0).expect("HTML").into_owned()
    }

    /// The link in the plain text, which has one at most.
    pub fn link(&self) -> Option<String> {
        let text = self.text();
        let mut links = text
            .lines()
            .filter(|line| line.starts_with("http://") || line.starts_with("https://"));
        let link = links.next().map(str::to_owned);
        assert_eq!(links.next(), None, "a second link");
        link
    }

    /// The six digits that stand alone on a line.
    pub fn code(&self) -> Option<String> {
        let text = self.text();
        let is_code =
            |line: &&str| line.len() == 6 && line.chars().all(|digit| digit.is_ascii_digit());
        text.lines().map(str::trim).find(is_code).map(str::to_owned)
    }
}
