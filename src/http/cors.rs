//! Cross-origin requests from web pages (Fetch standard §3.3). Tokens travel in headers, so credentials are not allowed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use poem::http::uri::Uri;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{IntoResponse, Request, Response};

use crate::clock::SharedClock;
use crate::config::CorsOrigins;

const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// What the API reads, and what tracing libraries add to every request.
const ALLOW_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id, \
                             Accept-Language, Cache-Control, X-Requested-With, traceparent, tracestate, baggage, sentry-trace";
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Accept-Patch, Allow, Content-Location, ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, \
     Retry-After, WWW-Authenticate, X-Request-Id",
);
/// Browsers keep a permission two hours at most; Chromium no longer than this.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

/// Names of headers that a preflight may ask for besides those above.
const MAX_ASKED: usize = 32;

/// Refused origins are told of once an hour, this many of them.
const TOLD_AGAIN: Duration = Duration::from_secs(3600);
const MAX_TOLD: usize = 16;
/// Longest origin that is told in full.
const MAX_ORIGIN: usize = 200;

/// Who may call from a web page.
pub struct Cors {
    origins: CorsOrigins,
    /// The origin of the service itself, where it has been told.
    own: Option<String>,
    clock: SharedClock,
    refused: Mutex<Refused>,
}

/// The refused origins that were told of since a moment.
#[derive(Default)]
struct Refused {
    since: Duration,
    told: Vec<HeaderValue>,
    is_full: bool,
}

/// What a request says of the page that makes it.
pub struct Page {
    origin: HeaderValue,
    /// Whether it is a page of this service.
    is_own: bool,
}

impl Cors {
    pub fn new(origins: CorsOrigins, public_url: Option<&str>, clock: SharedClock) -> Self {
        Self {
            origins,
            own: public_url.and_then(origin_of),
            clock,
            refused: Mutex::default(),
        }
    }

    /// The page that makes the request, if one does.
    pub fn page(&self, request: &Request) -> Option<Page> {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN)?.clone();
        let host = headers.get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok());
        let authority = request
            .uri()
            .authority()
            .map(|authority| authority.as_str());
        let host = host.or(authority).unwrap_or_default();
        let text = origin.to_str().unwrap_or_default();
        let of_host = text.split_once("://").map_or("", |(_, host)| host);
        let is_own = (!host.is_empty() && of_host.eq_ignore_ascii_case(host))
            || self.own.as_deref() == Some(text);
        Some(Page { origin, is_own })
    }

    /// The answer to a preflight request, `None` when it is none. An origin that may not call gets no permission, and the
    /// browser keeps the page from calling.
    pub fn preflight(&self, request: &Request) -> Option<Response> {
        let asks = request.headers();
        let is_preflight = request.method() == Method::OPTIONS
            && asks.contains_key(header::ORIGIN)
            && asks.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        is_preflight.then(|| {
            let mut response = StatusCode::NO_CONTENT.into_response();
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(asks));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
            // A public page that is named may call a service in a private network.
            let is_named = matches!(&self.origins, CorsOrigins::These(_));
            let origin = asks.get(header::ORIGIN);
            let is_allowed = origin.is_some_and(|origin| self.origins.allows(origin.as_bytes()));
            if is_named && is_allowed && asks.contains_key(REQUEST_PRIVATE_NETWORK) {
                headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
            }
            response
        })
    }

    /// Lets the page read the answer, when it may.
    pub fn permit(&self, page: Option<&Page>, headers: &mut HeaderMap) {
        if self.origins == CorsOrigins::These(Vec::new()) {
            if let Some(page) = page {
                self.tell_refused(page);
            }
            return;
        }
        let is_any = self.origins == CorsOrigins::Any;
        if !is_any {
            // The answer depends on the origin. Caches must know that, also if the request had none.
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(page) = page else {
            return;
        };
        if !self.origins.allows(page.origin.as_bytes()) {
            return self.tell_refused(page);
        }
        let allowed = if is_any {
            HeaderValue::from_static("*")
        } else {
            page.origin.clone()
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
    }

    /// Leaves a trace in the log, of a few origins an hour.
    fn tell_refused(&self, page: &Page) {
        if page.is_own {
            return;
        }
        let now = self.clock.monotonic();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(refused.since) >= TOLD_AGAIN {
            *refused = Refused {
                since: now,
                ..Refused::default()
            };
        }
        if refused.is_full || refused.told.contains(&page.origin) {
            return;
        }
        if refused.told.len() >= MAX_TOLD {
            refused.is_full = true;
            tracing::warn!("more origins are refused; they are not told of for up to an hour");
            return;
        }
        refused.told.push(page.origin.clone());
        let origin = String::from_utf8_lossy(page.origin.as_bytes());
        let origin: String = origin.chars().take(MAX_ORIGIN).collect();
        tracing::warn!(
            origin,
            "a page may not call from this origin: CORS_ORIGINS does not name it"
        );
    }
}

/// The origin of a URL, as browsers write it.
fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    let (origins, _) = CorsOrigins::parse(&origin).ok()?;
    match origins {
        CorsOrigins::These(list) => list.first().map(ToString::to_string),
        CorsOrigins::Any => None,
    }
}

/// Our own names and those that the page asks for, whatever library makes it send them. Not those by which a proxy says
/// where a request comes from: that is not for a page to say.
fn allowed_headers(asks: &HeaderMap) -> HeaderValue {
    let lines = asks.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = lines.filter_map(|line| line.to_str().ok());
    let names = names.flat_map(|line| line.split(',')).map(str::trim);
    let is_known = |name: &str| {
        ALLOW_HEADERS
            .split(", ")
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    let names = names.filter(|name| {
        let name = name.to_ascii_lowercase();
        let is_of_proxies = name.starts_with("x-forwarded-")
            || matches!(&*name, "forwarded" | "x-real-ip" | "via" | "host");
        !is_known(&name) && !is_of_proxies && HeaderName::from_bytes(name.as_bytes()).is_ok()
    });
    let all: Vec<&str> = std::iter::once(ALLOW_HEADERS)
        .chain(names.take(MAX_ASKED))
        .collect();
    HeaderValue::from_str(&all.join(", "))
        .unwrap_or_else(|_| HeaderValue::from_static(ALLOW_HEADERS))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    fn cors(origins: &str) -> (Arc<ManualClock>, Cors) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let (origins, _) = CorsOrigins::parse(origins).expect("origins");
        (
            clock.clone(),
            Cors::new(origins, Some("https://id.example.com:443/auth"), clock),
        )
    }

    fn page(cors: &Cors, origin: &str, host: &str) -> Page {
        let request = Request::builder()
            .header("origin", origin)
            .header("host", host);
        cors.page(&request.finish()).expect("an origin")
    }

    #[test]
    fn own_pages_are_known_by_host_and_public_url() {
        let (_, cors) = cors("https://app.example.com");
        for (origin, host) in [
            ("https://id.example.com", "10.0.0.1:8000"),
            ("http://127.0.0.1:8000", "127.0.0.1:8000"),
            ("https://Other.example", "other.EXAMPLE"),
        ] {
            assert!(page(&cors, origin, host).is_own, "{origin}");
        }
        for origin in [
            "https://evil.example",
            "null",
            "https://127.0.0.1:8000.evil.example",
        ] {
            assert!(!page(&cors, origin, "127.0.0.1:8000").is_own, "{origin}");
        }
    }

    #[test]
    fn refused_origins_are_told_of_once_an_hour_and_not_all() {
        let (clock, cors) = cors("https://app.example.com");
        let refuse = |number: usize| {
            let page = page(&cors, &format!("https://evil{number}.example"), "x");
            cors.permit(Some(&page), &mut HeaderMap::new());
        };
        let told = || cors.refused.lock().expect("unpoisoned").told.len();
        (0..3).for_each(|_| refuse(0));
        assert_eq!(told(), 1);
        (0..100_000).for_each(refuse);
        assert_eq!(told(), MAX_TOLD);
        clock.advance(TOLD_AGAIN);
        refuse(7);
        assert_eq!(told(), 1);
        let own = page(&cors, "https://x", "x");
        cors.permit(Some(&own), &mut HeaderMap::new());
        assert_eq!(told(), 1, "a page of the service's own is not another one");
    }

    #[test]
    fn headers_that_are_asked_for_are_allowed_except_those_of_proxies() {
        let mut asks = HeaderMap::new();
        let names = "traceparent, X-Datadog-Trace-Id,b3, x-forwarded-for, Forwarded, bad name, , x-forwarded-host";
        asks.insert(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static(names),
        );
        let allowed = allowed_headers(&asks);
        let allowed = allowed.to_str().expect("text");
        assert_eq!(allowed, format!("{ALLOW_HEADERS}, X-Datadog-Trace-Id, b3"));
        let many: Vec<String> = (0..1000).map(|number| format!("x-{number}")).collect();
        asks.insert(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            many.join(",").parse().expect("a value"),
        );
        let allowed = allowed_headers(&asks);
        assert!(allowed.len() < 1000, "{allowed:?}");
    }
}
