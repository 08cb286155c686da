//! The routes of the operations.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{Method, header};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result, RouteMethod};
use poem_openapi::OpenApi;

use super::operation::Operation;
use super::operations;
use super::wire::query::Queries;
use crate::http::routes::{Handling, Route, trim};
use crate::http::{target, upload};

/// Every operation, by its path.
///
/// The descriptions of the operations know their paths too. They are large, and nothing else needs them at the start.
pub fn routes() -> Vec<Route> {
    let endpoints = endpoints();
    let described: Vec<(String, Vec<Method>)> = endpoints
        .iter()
        .map(|(path, methods)| (template(path), methods.keys().cloned().collect()))
        .collect();
    let operations = Arc::new(Operations(router(endpoints)));
    let routes = described.into_iter().map(|(template, methods)| {
        let handling = handling(&template);
        Route::new(template, methods, handling, operations.clone())
    });
    routes.collect()
}

fn handling(template: &str) -> Handling {
    let is_any = |is_so: fn(&Operation) -> bool| {
        let mut operations = operations::all().filter(|operation| operation.path == template);
        operations.any(is_so)
    };
    let is_probe = is_any(|operation| operation.is_probe);
    Handling {
        is_oauth: is_any(|operation| operation.is_oauth),
        is_login: is_any(|operation| operation.is_login),
        is_probe,
        is_private: !is_probe,
        gives_tokens: is_any(|operation| operation.id == "issueToken"),
    }
}

/// What answers, by path as Poem writes it (`/users/:param0`) and method.
type Endpoints = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

fn endpoints() -> Endpoints {
    let mut endpoints = Endpoints::new();
    operations::apis().add_routes(&mut endpoints);
    endpoints
}

/// A path as the specification writes it: `/users/{id}`. poem-openapi drops the names of parameters. All of ours are called so;
/// a test compares each path with its description.
fn template(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.strip_prefix(':') {
            Some(_) => "{id}",
            None => segment,
        });
    segments.collect::<Vec<_>>().join("/")
}

/// All operations, which find out by themselves which of them a path is for.
struct Operations(poem::Route);

impl Endpoint for Operations {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let path = request.uri().path();
        let trimmed = trim(path);
        if trimmed.len() < path.len() {
            let trimmed = trimmed.to_owned();
            target::set_path(&mut request, &trimmed)?;
        }
        if !has_no_body(&request) {
            let body = upload::read(&mut request).await?;
            request.set_body(body);
        }
        let answered = self.0.call(request).await;
        answered.map(IntoResponse::into_response)
    }
}

/// The handlers behind their routes. poem-openapi's own service would make text of every error before it can be seen.
fn router(endpoints: Endpoints) -> poem::Route {
    endpoints
        .into_iter()
        .fold(poem::Route::new(), |route, (path, methods)| {
            let queries = Queries::at(&path);
            let methods = methods
                .into_iter()
                .fold(RouteMethod::new(), |methods, (method, endpoint)| {
                    methods.method(method, endpoint)
                });
            let endpoint = methods.around(move |endpoint, request| {
                let queries = queries.clone();
                async move { queries.call(&*endpoint, request).await }
            });
            route.at(path, endpoint)
        })
}

fn has_no_body(request: &Request) -> bool {
    let headers = request.headers();
    let is_empty = headers
        .get(header::CONTENT_LENGTH)
        .is_none_or(|length| length == "0");
    is_empty && !headers.contains_key(header::TRANSFER_ENCODING) && request.method() == Method::GET
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::Routes;

    fn described<Api: OpenApi>(_: &Api) -> Vec<poem_openapi::registry::MetaPath> {
        Api::meta().into_iter().flat_map(|api| api.paths).collect()
    }

    #[test]
    fn the_routes_are_those_of_the_specification() {
        let described = described(&operations::apis());
        assert_eq!(endpoints().len(), described.len());
        let routes = Routes::new(routes());
        for path in described {
            let route = routes.find(&path.path);
            let route = route.unwrap_or_else(|| panic!("no route {}", path.path));
            assert_eq!(route.template, path.path);
            for operation in &path.operations {
                let known = operation.operation_id.and_then(operations::find);
                assert_eq!(known.map(|known| known.path), Some(path.path.as_str()));
            }
            for method in [
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
            ] {
                let is_described = path.operations.iter().any(|it| it.method == method);
                assert_eq!(
                    route.allows(&method),
                    is_described,
                    "{method} {}",
                    path.path
                );
            }
        }
    }

    #[test]
    fn paths_are_handled_as_their_operations_need() {
        let routes = Routes::new(routes());
        let marks = |path: &str| {
            let Handling {
                is_oauth,
                is_login,
                is_probe,
                is_private,
                gives_tokens,
            } = routes
                .find(path)
                .map_or_else(|| routes.beside(path), |route| route.handling);
            [is_oauth, is_login, is_probe, is_private, gives_tokens]
        };
        assert_eq!(marks("/auth/token"), [true, true, false, true, true]);
        assert_eq!(marks("/auth/revoke"), [true, false, false, true, false]);
        assert_eq!(
            marks("/auth/email-login"),
            [false, true, false, true, false]
        );
        assert_eq!(marks("/auth/refresh"), [false, false, false, true, false]);
        assert_eq!(marks("/users/me"), [false, false, false, true, false]);
        assert_eq!(
            marks("/users/nothing/here"),
            [false, false, false, true, false]
        );
        assert_eq!(marks("/nothing"), [false; 5]);
        for probe in ["/healthz", "/readyz"] {
            assert_eq!(marks(probe), [false, false, true, false, false]);
        }
    }
}
