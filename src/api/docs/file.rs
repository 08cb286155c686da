//! A file that is made by this program and never changes while it runs: compressed once, when it is first asked for, and
//! not sent again to a client that has it.

use std::io::Write;
use std::sync::OnceLock;

use aws_lc_rs::digest;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Request, Response};

/// For a name that holds the version: the content behind it never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For any other name: to be asked for again, which costs no body while it is the same.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

pub struct File {
    pub path: &'static str,
    content_type: &'static str,
    make: fn() -> String,
    kept: OnceLock<Kept>,
    /// For clients that take no compressed answer; there are few, so that nobody else pays for them.
    plain: OnceLock<Bytes>,
}

/// What is kept of a file.
struct Kept {
    /// From the content; the same for both codings.
    version: String,
    gzip: Bytes,
}

impl File {
    pub const fn new(path: &'static str, content_type: &'static str, make: fn() -> String) -> Self {
        Self {
            path,
            content_type,
            make,
            kept: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    /// The answer to a GET.
    pub async fn answer(&'static self, request: &Request) -> Response {
        let as_gzip = takes_gzip(request.headers());
        if self.kept.get().is_none() || (!as_gzip && self.plain.get().is_none()) {
            // Takes tens of milliseconds, which a thread that answers requests does not have.
            let making = tokio::task::spawn_blocking(move || {
                self.kept();
                if !as_gzip {
                    self.plain();
                }
            });
            // Whatever went wrong goes wrong again below, where it is answered.
            let _ = making.await;
        }
        let version = self.kept().version.as_str();
        let tag = format!("W/\"{version}\"");
        let given = request.uri().query().unwrap_or_default();
        let caching = match given.strip_prefix("v=") {
            Some(known) if known == version => FOR_EVER,
            _ => REVALIDATE,
        };
        let response = Response::builder()
            .header(header::ETAG, &tag)
            .header(header::VARY, "Accept-Encoding")
            .header(header::CACHE_CONTROL, caching);
        if is_held(request.headers(), &tag) {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        let response = response.content_type(self.content_type);
        if as_gzip {
            return response
                .header(header::CONTENT_ENCODING, "gzip")
                .body(self.kept().gzip.clone());
        }
        response.body(self.plain().clone())
    }

    /// Its path with its version in the query, by which a client may keep it for ever.
    pub fn versioned(&self) -> String {
        format!("{}?v={}", self.path, self.kept().version)
    }

    fn kept(&self) -> &Kept {
        self.kept.get_or_init(|| Kept::of((self.make)().as_bytes()))
    }

    /// The content itself.
    pub fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| Bytes::from((self.make)()))
    }
}

impl Kept {
    fn of(content: &[u8]) -> Self {
        let sum = digest::digest(&digest::SHA256, content);
        let sum = sum.as_ref().iter().take(8);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Into memory, which does not fail.
        let gzip = encoder.write_all(content).and_then(|()| encoder.finish());
        Self {
            version: sum.map(|byte| format!("{byte:02x}")).collect(),
            gzip: gzip.unwrap_or_default().into(),
        }
    }
}

/// Whether `Accept-Encoding` names gzip, or all that there are (RFC 9110 §12.5.3). Clients that leave it out cannot unpack
/// what they get, as a rule.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut others = false;
    for item in items(headers, ACCEPT_ENCODING) {
        let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let is_taken = weight.parse::<f32>().is_ok_and(|weight| weight > 0.0);
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case("gzip") => return is_taken,
            "*" => others = is_taken,
            _ => (),
        }
    }
    others
}

/// Whether the client has it already (RFC 9110 §13.1.2; compared weakly).
fn is_held(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    items(headers, IF_NONE_MATCH).any(|held| held == "*" || opaque(held) == opaque(tag))
}

/// The members of a list header.
fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).into_iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let values = values.iter().map(|value| HeaderValue::from_static(value));
        values.map(|value| (name.clone(), value)).collect()
    }

    #[test]
    fn gzip_goes_to_those_who_name_it() {
        let takes = |values: &[&'static str]| takes_gzip(&headers(ACCEPT_ENCODING, values));
        assert!(takes(&["gzip"]));
        assert!(takes(&["br, GZIP;q=0.5"]));
        assert!(takes(&["br", "deflate , gzip"]));
        assert!(takes(&["*"]));
        assert!(!takes(&[]));
        assert!(!takes(&[""]));
        assert!(!takes(&["br, identity"]));
        assert!(!takes(&["gzip;q=0"]));
        assert!(!takes(&["*, gzip; q=0.000"]));
        assert!(!takes(&["*;q=0"]));
    }

    #[test]
    fn a_file_is_held_by_whoever_names_its_tag() {
        let holds = |values: &[&'static str]| is_held(&headers(IF_NONE_MATCH, values), "W/\"1a\"");
        assert!(holds(&["W/\"1a\""]));
        assert!(holds(&["\"1a\""]));
        assert!(holds(&["\"0\", W/\"1a\""]));
        assert!(holds(&["*"]));
        assert!(!holds(&[]));
        assert!(!holds(&["W/\"1b\""]));
        assert!(!holds(&["1a"]));
    }
}
