//! The routes by their templates: finds what a path is, which methods it has, and how it is named in the log.

use std::collections::BTreeSet;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, EndpointExt, Response};

use super::media_types::ACCEPTED_PATCHES;

/// What the server does differently at a path.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handling {
    /// It is an endpoint of OAuth 2.0, whose errors have a form of their own.
    pub is_oauth: bool,
    /// Its failures are failed logins.
    pub is_login: bool,
    /// Monitors ask it all the time: no rate limit, and no line in the log when all is well.
    pub is_probe: bool,
    /// Its answers are for one client and must not be stored.
    pub is_private: bool,
    /// It answers with tokens (RFC 6749 §5.1).
    pub gives_tokens: bool,
}

/// A path, and what answers it: an operation, a page, a file of the documentation, the metrics.
pub struct Route {
    /// As in the specification: `/users/{id}`.
    pub template: String,
    pub handling: Handling,
    /// Gets requests for the path in its normal form, with a slash at its end where the client sent one.
    pub endpoint: BoxEndpoint<'static>,
    methods: Vec<Method>,
}

/// All paths.
pub struct Routes(Vec<Route>);

impl Routes {
    pub fn new(mut routes: Vec<Route>) -> Self {
        // `/users/me` is to be found before `/users/{id}`.
        routes.sort_by_key(|route| route.template.contains('{'));
        Self(routes)
    }

    /// The value of `Allow` for the service as a whole.
    pub fn allow_all(&self) -> String {
        let routes = self.0.iter();
        allow(
            routes
                .flat_map(|route| route.methods.iter().map(Method::as_str))
                .collect(),
        )
    }

    /// The route of a path without a slash at its end.
    pub fn find(&self, path: &str) -> Option<&Route> {
        self.0.iter().find(|route| route.matches(path))
    }

    /// How the server handles a path where nothing is: its answers are as private as those beside it.
    pub fn beside(&self, path: &str) -> Handling {
        let first = |path: &str| path.split('/').nth(1).map(str::to_owned);
        let is_beside = |route: &Route| first(&route.template) == first(path);
        Handling {
            is_private: self
                .0
                .iter()
                .any(|route| route.handling.is_private && is_beside(route)),
            ..Handling::default()
        }
    }
}

/// These methods, HEAD wherever there is GET, and OPTIONS.
fn allow(mut names: BTreeSet<&str>) -> String {
    if names.contains("GET") {
        names.insert("HEAD");
    }
    names.insert("OPTIONS");
    names.into_iter().collect::<Vec<_>>().join(", ")
}

impl Route {
    pub fn new(
        template: impl Into<String>,
        methods: impl Into<Vec<Method>>,
        handling: Handling,
        endpoint: impl Endpoint<Output = Response> + 'static,
    ) -> Self {
        Self {
            template: template.into(),
            handling,
            endpoint: endpoint.boxed(),
            methods: methods.into(),
        }
    }

    fn matches(&self, path: &str) -> bool {
        if !self.template.contains('{') {
            return self.template == path;
        }
        let mut segments = path.split('/');
        let fits = self.template.split('/').all(|expected| {
            segments.next().is_some_and(|segment| {
                expected == segment || (expected.starts_with('{') && !segment.is_empty())
            })
        });
        fits && segments.next().is_none()
    }

    /// Whether the route has this method; HEAD wherever GET is (RFC 9110 §9.3.2).
    pub fn allows(&self, method: &Method) -> bool {
        let method = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.methods.contains(method)
    }

    /// The value of `Allow`.
    pub fn allow(&self) -> String {
        allow(self.methods.iter().map(Method::as_str).collect())
    }

    /// The value of `Accept-Patch` (RFC 5789 §3.1).
    pub fn accept_patch(&self) -> Option<HeaderValue> {
        self.methods
            .contains(&Method::PATCH)
            .then_some(ACCEPTED_PATCHES)
    }
}

/// The path without a slash at its end.
pub fn trim(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some("") | None => path,
        Some(trimmed) => trimmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_routes_and_their_methods() {
        let answer = || poem::endpoint::make_sync(|_| Response::default());
        let other = |path: &str, methods: &[Method]| {
            Route::new(path, methods, Handling::default(), answer())
        };
        let docs = other("/docs", &[Method::GET]);
        let page = other("/verify-email", &[Method::GET, Method::POST]);
        let routes = Routes::new(
            crate::api::routes()
                .into_iter()
                .chain([docs, page])
                .collect(),
        );
        let template = |path: &str| routes.find(path).map(|route| route.template.as_str());
        assert_eq!(template("/users/me"), Some("/users/me"));
        assert_eq!(template("/users/0190"), Some("/users/{id}"));
        assert_eq!(template("/users/0190/roles"), Some("/users/{id}/roles"));
        assert_eq!(template("/docs"), Some("/docs"));
        let page = routes.find("/verify-email").expect("there");
        assert_eq!(page.allow(), "GET, HEAD, OPTIONS, POST");
        for nothing in [
            "/users/",
            "/users//roles",
            "/users/1/2/3",
            "/nothing",
            "",
            "/users/../docs",
        ] {
            assert_eq!(template(nothing), None, "{nothing}");
        }
        let me = routes.find("/users/me").expect("there");
        assert_eq!(me.allow(), "DELETE, GET, HEAD, OPTIONS, PATCH, PUT");
        assert!(me.allows(&Method::HEAD) && !me.allows(&Method::POST));
        assert_eq!(
            (trim("/users/"), trim("/"), trim("/users")),
            ("/users", "/", "/users")
        );
    }
}
