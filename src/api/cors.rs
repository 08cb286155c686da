//! Cross-origin requests from web pages (Fetch standard §3.3). Tokens travel in headers, so credentials are not allowed.

use poem::http::{HeaderMap, HeaderValue, Method, header};
use poem::{IntoResponse, Request, Response, http::StatusCode};

use crate::config::CorsOrigins;

const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id",
);
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Content-Location, ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, \
     X-Request-Id",
);
/// Browsers keep a permission two hours at most; Chromium no longer than this.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// The answer to a preflight request, `None` when it is none. An origin that may not call gets no permission, and the
/// browser keeps the page from calling.
pub fn preflight(request: &Request) -> Option<Response> {
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    is_preflight.then(|| {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response
    })
}

/// Lets the page of `origin` read the answer, when it may.
pub fn permit(origins: &CorsOrigins, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    let allowed = match origins {
        CorsOrigins::Any => Some(HeaderValue::from_static("*")),
        CorsOrigins::These(list) if list.is_empty() => return,
        CorsOrigins::These(list) => {
            // The answer depends on who asks: caches must know, also where nobody did.
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
            origin
                .filter(|origin| {
                    list.iter()
                        .any(|known| known.as_bytes() == origin.as_bytes())
                })
                .cloned()
        }
    };
    if let (Some(allowed), true) = (allowed, origin.is_some()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
    }
}
