//! The routes of the operations.

use std::sync::Arc;

use poem::http::{Method, header};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result, RouteMethod};
use poem_openapi::OpenApi;

use super::apis;
use super::auth::OAUTH;
use super::wire::query::Queries;
use crate::http::routes::{Handling, Route, trim};
use crate::http::{target, upload};

/// Every operation, by its path.
pub fn routes() -> Vec<Route> {
    of_all(&apis())
}

fn of_all<Api: OpenApi>(_: &Api) -> Vec<Route> {
    let operations = Arc::new(Operations(router()));
    let paths = Api::meta().into_iter().flat_map(|api| api.paths);
    let routes = paths.map(|path| {
        let is_any = |ids: &[&str]| {
            let mut operations = path.operations.iter();
            operations.any(|operation| operation.operation_id.is_some_and(|id| ids.contains(&id)))
        };
        let handling = Handling {
            is_oauth: is_any(OAUTH),
            is_login: is_any(LOGINS),
            is_probe: is_any(PROBES),
            is_private: !is_any(PROBES),
            gives_tokens: is_any(&["issueToken"]),
        };
        let methods = path.operations.iter();
        let methods: Vec<Method> = methods.map(|operation| operation.method.clone()).collect();
        Route::new(path.path, methods, handling, operations.clone())
    });
    routes.collect()
}

/// Operations whose failures are failed logins.
const LOGINS: &[&str] = &["issueToken", "loginWithCode"];

/// Operations that monitors ask all the time.
const PROBES: &[&str] = &["getHealth", "getReadiness"];

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
fn router() -> poem::Route {
    let mut table = std::collections::HashMap::new();
    apis().add_routes(&mut table);
    table
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
