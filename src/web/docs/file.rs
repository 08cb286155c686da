//! A file that is made by this program and never changes while it runs: compressed once, when it is first asked for, and
//! not sent again to a client that has it.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Request, Response};

use crate::api::wire::entity_tag::{Tag, Tags, entity_tag};
use crate::domain::Revision;

/// For a name that holds the version: the content behind it never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For any other name: to be asked for again, which costs no body while it is the same.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

pub struct File {
    pub path: String,
    content_type: &'static str,
    content: Arc<Content>,
}

/// Makes the text of a file.
type Make = Box<dyn Fn() -> String + Send + Sync>;

struct Content {
    make: Make,
    kept: OnceLock<Kept>,
    /// For clients that take no compressed answer; they are few, so the others do not pay for them.
    plain: OnceLock<Bytes>,
}

/// What is kept of a file.
struct Kept {
    /// A hash of the content, whatever its coding.
    revision: Revision,
    /// The same as a strong entity tag.
    tag: String,
    gzip: Bytes,
}

impl File {
    pub fn new(
        path: impl Into<String>,
        content_type: &'static str,
        make: impl Fn() -> String + Send + Sync + 'static,
    ) -> Self {
        Self {
            path: path.into(),
            content_type,
            content: Arc::new(Content {
                make: Box::new(make),
                kept: OnceLock::new(),
                plain: OnceLock::new(),
            }),
        }
    }

    /// The answer to a GET.
    pub async fn answer(&self, request: &Request) -> Response {
        let as_gzip = takes_gzip(request.headers());
        let content = &self.content;
        if content.kept.get().is_none() || (!as_gzip && content.plain.get().is_none()) {
            let content = content.clone();
            // Takes tens of milliseconds, which a thread that answers requests does not have.
            let making = tokio::task::spawn_blocking(move || {
                content.kept();
                if !as_gzip {
                    content.plain();
                }
            });
            // Whatever went wrong goes wrong again below, where it is answered.
            let _ = making.await;
        }
        let kept = content.kept();
        let given = request.uri().query().unwrap_or_default();
        let caching = match given.strip_prefix("v=") {
            Some(version) if version == kept.version() => FOR_EVER,
            _ => REVALIDATE,
        };
        let response = Response::builder()
            .header(header::ETAG, format!("W/{}", kept.tag))
            .header(header::VARY, "Accept-Encoding")
            .header(header::CACHE_CONTROL, caching);
        if kept.is_held(request.headers()) {
            return response.status(StatusCode::NOT_MODIFIED).finish();
        }
        let response = response.content_type(self.content_type);
        if as_gzip {
            return response
                .header(header::CONTENT_ENCODING, "gzip")
                .body(kept.gzip.clone());
        }
        response.body(content.plain().clone())
    }

    /// Its path with its version in the query, by which a client may keep it for ever.
    pub fn versioned(&self) -> String {
        format!("{}?v={}", self.path, self.content.kept().version())
    }

    /// The content itself.
    #[cfg(test)]
    pub fn plain(&self) -> &Bytes {
        self.content.plain()
    }
}

impl Content {
    fn kept(&self) -> &Kept {
        self.kept.get_or_init(|| Kept::of((self.make)().as_bytes()))
    }

    fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| Bytes::from((self.make)()))
    }
}

impl Kept {
    fn of(content: &[u8]) -> Self {
        let mut revision = [0; Revision::BYTES];
        let sum = digest::digest(&digest::SHA256, content);
        revision.copy_from_slice(&sum.as_ref()[..Revision::BYTES]);
        let revision = Revision::from_bytes(revision);
        let tag = entity_tag(revision);
        let tag = tag.as_ref().and_then(|tag| tag.to_str().ok());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Into memory, which does not fail.
        let gzip = encoder.write_all(content).and_then(|()| encoder.finish());
        Self {
            revision,
            tag: tag.unwrap_or_default().to_owned(),
            gzip: gzip.unwrap_or_default().into(),
        }
    }

    fn version(&self) -> &str {
        self.tag.trim_matches('"')
    }

    /// Whether the client has it already (RFC 9110 §13.1.2), in whatever coding.
    fn is_held(&self, headers: &HeaderMap) -> bool {
        let lines = headers.get_all(IF_NONE_MATCH).iter();
        match Tags::parse(lines.map(HeaderValue::as_bytes)) {
            Some(Tags::Any) => true,
            Some(Tags::These(tags)) => {
                let mut named = tags.iter().filter_map(Tag::weakly);
                named.any(|revision| revision == self.revision)
            }
            None => false,
        }
    }
}

/// Whether `Accept-Encoding` names gzip, or whatever there is (RFC 9110 §12.5.3). A client that does not send it cannot
/// unpack what it gets, as a rule.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    let mut takes_others = false;
    for item in lines.flat_map(|line| line.split(',')) {
        let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let is_taken = weight.parse::<f32>().is_ok_and(|weight| weight > 0.0);
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case("gzip") => return is_taken,
            "*" => takes_others = is_taken,
            _ => (),
        }
    }
    takes_others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_goes_to_those_who_name_it() {
        let takes = |value: &'static str| {
            let value = HeaderValue::from_static(value);
            takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
        };
        for value in ["gzip", "br, GZIP;q=0.5", "br, deflate , gzip", "*"] {
            assert!(takes(value), "{value}");
        }
        for value in [
            "",
            "br, identity",
            "gzip;q=0",
            "*, gzip; q=0.000",
            "*;q=0",
            "gzip;q=x",
        ] {
            assert!(!takes(value), "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
