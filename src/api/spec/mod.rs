//! `openapi.json`: what poem-openapi gives, and what it cannot say: typed errors, headers, examples, closed objects,
//! links, texts about the whole.

pub(super) mod document;
mod examples;
mod extensible;
mod failures;
mod headers;
mod links;
mod operations;
mod order;
mod problems;
mod schemas;
mod v3_1;

use poem_openapi::OpenApiService;
use serde_json::{Value, json};

use self::document::{member, members};
use self::order::Order;

/// The tags in the order in which a newcomer needs them.
const TAG_ORDER: [&str; 5] = ["auth", "email", "account", "users", "service"];

const DESCRIPTION: &str = "User accounts and authentication: register, log in, refresh, manage users.\n\n\
    Log in with `POST /auth/token` and send the access token as `Authorization: Bearer`. When it has expired, \
    `POST /auth/refresh` gives a new pair; each refresh token works once.\n\n\
    A request for a mail is answered 202 whether or not the address has an account. Each token or code in a mail works \
    once.\n\n\
    Errors are problem details (RFC 9457) with a stable `code`. The OAuth 2.0 endpoints answer 400 as RFC 6749 §5.2 says; \
    their other errors are problem details with `error` and `error_description` added. Their media type is \
    `application/json` for clients that accept that and not `application/problem+json`.";

/// The specification, as OpenAPI 3.0, in pretty JSON with a line break at its end.
pub fn document() -> String {
    document_at(None)
}

/// The same as OpenAPI 3.1.
pub fn document_3_1() -> String {
    document_3_1_at(None)
}

/// The specification of the service at `public_url`.
pub fn document_at(public_url: Option<&str>) -> String {
    let (document, order) = specification(public_url);
    print(&document, &order)
}

/// The same as OpenAPI 3.1.
pub fn document_3_1_at(public_url: Option<&str>) -> String {
    let (mut document, order) = specification(public_url);
    v3_1::upgrade(&mut document);
    print(&document, &order)
}

fn print(document: &Value, order: &Order) -> String {
    let mut text = order.print(document);
    text.push('\n');
    text
}

fn specification(public_url: Option<&str>) -> (Value, Order) {
    let service = OpenApiService::new(super::apis(), "Vestibule", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION);
    let declared = service.spec();
    let mut document: Value = serde_json::from_str(&declared).unwrap_or_default();
    document["openapi"] = "3.0.3".into();
    document["info"]["contact"] = json!({ "name": "The operator of this service" });
    // OpenAPI 3.0 knows one address; `name` is the SPDX expression.
    document["info"]["license"] =
        json!({ "name": "MIT OR Apache-2.0", "url": "https://opensource.org/license/mit" });
    document["servers"] = servers();
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.sort_by_key(|tag| TAG_ORDER.iter().position(|name| tag["name"] == *name));
    }
    schemas::complete(&mut document);
    operations::complete(&mut document);
    links::add(&mut document);
    document["components"]["headers"] = headers::components();
    if let Some(public_url) = public_url {
        place(&mut document, public_url);
    }
    extensible::open(&mut document);
    let order = Order::new(&declared, &document);
    (document, order)
}

/// Says where the service is. A path in `public_url` belongs to every address.
fn place(document: &mut Value, public_url: &str) {
    document["servers"] = json!([{ "url": public_url, "description": "This service" }]);
    let schemes = document.pointer_mut("/components/securitySchemes");
    for (_, scheme) in schemes.into_iter().flat_map(members) {
        let flows = member(scheme, "flows").into_iter().flat_map(members);
        for (_, flow) in flows {
            for name in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
                let url = flow[name].as_str().filter(|url| url.starts_with('/'));
                if let Some(url) = url.map(|url| format!("{public_url}{url}")) {
                    flow[name] = url.into();
                }
            }
        }
    }
}

/// Generated clients take the first when they are told nothing: it has to be a whole URL. Pages that this service serves take
/// their own origin.
fn servers() -> Value {
    json!([
        { "url": "http://127.0.0.1:8000", "description": "A service on this machine, with the default settings" },
        { "url": "/", "description": "The service that serves this document" },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_failures_told() {
        let document: Value = serde_json::from_str(&document()).expect("JSON");
        let known = crate::api::operations::all();
        let mut told: Vec<&str> = known.map(|known| known.id).collect();
        let paths = document["paths"].as_object().expect("paths").values();
        let mut there: Vec<&str> = paths
            .flat_map(|path| path.as_object().expect("operations").values())
            .map(|operation| operation["operationId"].as_str().expect("an operationId"))
            .collect();
        told.sort_unstable();
        there.sort_unstable();
        assert_eq!(told, there);
    }
}
