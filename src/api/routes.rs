//! The routes by their templates: finds what a path is, which methods it has, and how it is named in the log.

use std::collections::BTreeSet;

use poem::http::{HeaderValue, Method};
use poem_openapi::OpenApi;

use super::answer::ACCEPTED_PATCHES;
use super::auth::OAUTH;

/// A path of the API.
pub struct Route {
    /// As in the specification: `/users/{id}`.
    pub template: String,
    /// Whether it is an endpoint of OAuth 2.0.
    pub is_oauth: bool,
    methods: Vec<Method>,
}

/// All paths.
pub struct Routes(Vec<Route>);

impl Routes {
    /// The paths of `Api`, `files` that answer to GET alone, and `pages` with a form, which is sent to them by POST.
    pub fn of<Api: OpenApi>(_: &Api, files: &[&str], pages: &[&str]) -> Self {
        let documented = Api::meta()
            .into_iter()
            .flat_map(|api| api.paths)
            .map(|path| Route {
                template: path.path,
                is_oauth: path
                    .operations
                    .iter()
                    .any(|operation| operation.operation_id.is_some_and(|id| OAUTH.contains(&id))),
                methods: path
                    .operations
                    .into_iter()
                    .map(|operation| operation.method)
                    .collect(),
            });
        let other = |path: &&str, methods: &[Method]| Route {
            template: (*path).to_owned(),
            is_oauth: false,
            methods: methods.to_vec(),
        };
        let files = files.iter().map(|path| other(path, &[Method::GET]));
        let pages = pages
            .iter()
            .map(|path| other(path, &[Method::GET, Method::POST]));
        let mut routes: Vec<Route> = documented.chain(files).chain(pages).collect();
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
        let routes = Routes::of(&super::super::apis(), &["/docs"], &["/verify-email"]);
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
