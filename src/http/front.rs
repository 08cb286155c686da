//! The front door: everything that happens to every request, in order, before and after its handler.

use std::net::Ipv4Addr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};

use super::access_log::AccessLine;
use super::client_ip::{self, Client};
use super::context::Context;
use super::cors::{self, Cors};
use super::error_body::ErrorForm;
use super::limits::{Class, Limiters};
use super::media_types::ACCEPT_PATCH;
use super::place::Place;
use super::problem::Failure;
use super::routes::{self, Handling, Routes};
use super::{target, upload};
use crate::config;
use crate::domain::{Origin, Services};

/// Time for a request once its body is there. Far more than any handler needs.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest part of a user agent that is kept.
const MAX_USER_AGENT: usize = 256;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Nothing that the API answers is a page.
const API_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// Two years. What else its domain serves is not for this service to say.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// The endpoint that answers every request.
pub struct Front {
    services: Arc<Services>,
    limiters: Arc<Limiters>,
    server: config::Server,
    place: Place,
    cors: Cors,
    routes: Routes,
    request_ids: RequestIds,
}

impl Front {
    /// `routes` says what answers which path.
    pub fn new(
        services: Arc<Services>,
        limiters: Limiters,
        server: config::Server,
        routes: Routes,
    ) -> Self {
        Self {
            limiters: Arc::new(limiters),
            place: Place::new(server.public_url.as_deref()),
            cors: Cors::new(
                server.cors_origins.clone(),
                server.public_url.as_deref(),
                services.clock.clone(),
            ),
            server,
            routes,
            request_ids: RequestIds::new(&services),
            services,
        }
    }

    /// Answers one request, whatever happens to it.
    pub async fn respond(&self, mut request: Request) -> Response {
        let began = self.services.clock.monotonic();
        let method = request.method().clone();
        let page = self.cors.page(&request);
        let target = target::path(&request);
        let whole_path = target.as_deref().unwrap_or_default();
        let path = routes::trim(whole_path);
        let route = self.routes.find(path);
        let handling = route.map_or_else(|| self.routes.beside(path), |route| route.handling);
        let answered = route.filter(|route| route.allows(&method));
        let error_form = ErrorForm::of(answered, request.headers());
        let (client, unreadable) = self.client(&request);
        let context = Arc::new(Context::new(
            self.request_id(&request),
            self.services.clone(),
            origin(&request, client),
            self.limiters.clone(),
        ));
        request.set_data(context.clone());
        let is_last = target::ends_connection(&request);
        let mut line = AccessLine {
            method,
            route: route.map_or("-", |route| route.template.as_str()),
            handling,
            context: &context,
            began,
            status: None,
        };

        // Pinned here, so that the large future is not moved into each of its wrappers.
        let mut answering = pin!(async {
            match unreadable {
                Some(failure) => Err(failure),
                None => self.answer(request, &target, route, &context).await,
            }
        });
        let answering = AssertUnwindSafe(answering.as_mut()).catch_unwind();
        let outcome = match tokio::time::timeout(REQUEST_TIMEOUT, answering).await {
            Ok(Ok(outcome)) => outcome,
            // The panic itself is in the log already.
            Ok(Err(_)) => Err(Failure::defect("a handler panicked")),
            Err(_) => Err(Failure::TimedOut),
        };
        let mut response = outcome.unwrap_or_else(|failure| {
            context.note_refusal(&failure, &line.method, line.route);
            line.explain(&failure);
            let url = &self.place.public_url;
            let mut response = failure.answer(&context.request_id, url, error_form);
            // The place is for those who keep to the limits. A proxy's serves others too.
            let is_over_limit = client.is_direct && matches!(failure, Failure::RateLimited { .. });
            if is_over_limit {
                let headers = response.headers_mut();
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        });
        if is_last {
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.finish(&mut response, handling, &context, page.as_ref());
        line.status = Some(response.status());
        response
    }

    async fn answer(
        &self,
        mut request: Request,
        target: &Result<String, Failure>,
        route: Option<&routes::Route>,
        context: &Context,
    ) -> Result<Response, Failure> {
        let whole_path = target.as_deref().unwrap_or_default();
        let path = routes::trim(whole_path);
        let preflight = self.cors.preflight(&request);
        // Whoever watches the service is not to be held back by a flood. Nor is a page: a browser tells it nothing of a
        // preflight that was refused, and answering one costs no more than refusing it.
        let is_watching = route.is_some_and(|route| route.handling.is_probe);
        if !is_watching && preflight.is_none() {
            context
                .count(Class::Ip)
                .inspect_err(|_| upload::discard(&mut request))?;
        }
        target::check_headers(&request)?;
        target.as_ref().map_err(Clone::clone)?;
        if let Some(response) = preflight {
            return Ok(response);
        }
        if path == "*" {
            // About the service as a whole (RFC 9110 §9.3.7).
            return Ok(options(&self.routes.allow_all(), None));
        }
        let route = route.ok_or(Failure::NotFound)?;
        if request.method() == Method::OPTIONS {
            return Ok(options(&route.allow(), route.accept_patch()));
        }
        if !route.allows(request.method()) {
            let allow = route.allow();
            return Err(Failure::MethodNotAllowed { allow });
        }
        if request.method() == Method::HEAD {
            // hyper sends the headers of the answer and leaves out its body.
            request.set_method(Method::GET);
        }
        target::set_path(&mut request, whole_path)?;
        route.endpoint.call(request).await.map_err(Failure::from)
    }

    /// The client's own request id when it is a sane token, else a new one.
    fn request_id(&self, request: &Request) -> String {
        let is_sane = |id: &&str| {
            (1..=128).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        let given = request
            .headers()
            .get(X_REQUEST_ID)
            .and_then(|id| id.to_str().ok());
        match given.filter(is_sane) {
            Some(id) => id.to_owned(),
            None => self.request_ids.next(),
        }
    }

    /// Who the client is; and why the request is refused when its proxy does not say that.
    fn client(&self, request: &Request) -> (Client, Option<Failure>) {
        let peer = request.remote_addr().as_socket_addr();
        let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |address| address.ip());
        let forwarded_for = request.headers().get_all("x-forwarded-for").iter();
        let forwarded_for = forwarded_for.map(HeaderValue::as_bytes);
        match client_ip::client(peer, forwarded_for, &self.server.trusted_proxies) {
            Ok(client) => (client, None),
            Err(client_ip::Unreadable) => {
                let proxy = Client {
                    ip: peer.to_canonical(),
                    is_direct: false,
                };
                let failure = Failure::Malformed {
                    detail: "The header X-Forwarded-For has an entry that is no address."
                        .to_owned(),
                    errors: Vec::new(),
                };
                (proxy, Some(failure))
            }
        }
    }

    fn finish(
        &self,
        response: &mut Response,
        handling: Handling,
        context: &Context,
        page: Option<&cors::Page>,
    ) {
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&context.request_id) {
            headers.insert(X_REQUEST_ID, id);
        }
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
        headers
            .entry(header::CONTENT_SECURITY_POLICY)
            .or_insert(API_POLICY);
        if handling.is_private {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if handling.gives_tokens {
            headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        }
        self.place.prefix_paths(headers);
        if self.server.tls.is_some() {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
        self.cors.permit(page, headers);
        let applied = context.applied();
        if !applied.is_empty() {
            let policies: Vec<String> = applied.iter().map(|limit| limit.policy()).collect();
            let states: Vec<String> = applied.iter().map(|limit| limit.state()).collect();
            for (name, items) in [(RATE_LIMIT_POLICY, policies), (RATE_LIMIT, states)] {
                if let Ok(value) = HeaderValue::from_str(&items.join(", ")) {
                    headers.insert(name, value);
                }
            }
        }
    }
}

fn origin(request: &Request, client: Client) -> Origin {
    let user_agent = request.headers().get(header::USER_AGENT);
    let user_agent = user_agent.and_then(|agent| agent.to_str().ok());
    Origin {
        ip: client.ip,
        user_agent: user_agent.map(|agent| agent.chars().take(MAX_USER_AGENT).collect()),
    }
}

/// Names requests: a random start that tells processes apart, and a number. Nothing rests on their being secret, and
/// they cost no randomness.
struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    fn new(services: &Services) -> Self {
        Self {
            process: u64::from_be_bytes(services.ids.bytes()),
            next: AtomicU64::new(1),
        }
    }

    fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{number:x}", self.process)
    }
}

fn options(allow: &str, accept_patch: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    if let Ok(allow) = HeaderValue::from_str(allow) {
        headers.insert(header::ALLOW, allow);
    }
    if let Some(accept_patch) = accept_patch {
        headers.insert(ACCEPT_PATCH, accept_patch);
    }
    response
}
