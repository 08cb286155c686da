//! What stands beside the operations.

use serde_json::{Value, json};

use super::{Row, alike, breaks, document, nothing, row};
use crate::kind::Kind;

fn with(member: &str, value: Value) -> Value {
    let mut document = document(json!({ "responses": {} }));
    document[member] = value;
    document
}

fn schemes(schemes: Value) -> Value {
    with("components", json!({ "securitySchemes": schemes }))
}

fn bearer() -> Value {
    json!({ "type": "http", "scheme": "bearer" })
}

fn password(flow: Value) -> Value {
    schemes(json!({ "Login": { "type": "oauth2", "flows": { "password": flow } } }))
}

pub fn rows() -> Vec<Row> {
    let scheme = "security scheme Login";
    let server = |url: &str| with("servers", json!([{ "url": url }]));
    let both = with("servers", json!([{ "url": "/" }, { "url": "/v1" }]));
    let flow = json!({ "tokenUrl": "/token", "scopes": { "read": "Read." } });
    let mut wide = flow.clone();
    wide["scopes"]["write"] = "Write.".into();
    let mut refreshed = flow.clone();
    refreshed["refreshUrl"] = "/refresh".into();
    let mut moved = flow.clone();
    moved["tokenUrl"] = "/login".into();
    let mut flows = password(flow.clone());
    flows["components"]["securitySchemes"]["Login"]["flows"]["implicit"] = json!({});
    let mut told = bearer();
    told["description"] = "A token.".into();
    told["bearerFormat"] = "JWT".into();
    vec![
        breaks(
            "a server is removed",
            [both.clone(), server("/")],
            "servers",
            [Kind::ServerRemoved, Kind::ServerAdded],
        ),
        row(
            "a server is replaced",
            [server("/"), server("/v1")],
            &[
                (Kind::ServerRemoved, "servers"),
                (Kind::ServerAdded, "servers"),
            ],
            &[
                (Kind::ServerRemoved, "servers"),
                (Kind::ServerAdded, "servers"),
            ],
        ),
        nothing(
            "the server that is there by default is told",
            [document(json!({ "responses": {} })), server("/")],
        ),
        alike(
            "another version of OpenAPI",
            [
                with("openapi", "3.0.3".into()),
                with("openapi", "3.1.0".into()),
            ],
            "openapi",
            [Kind::SpecificationVersion; 2],
        ),
        nothing(
            "a mended version of OpenAPI",
            [
                with("openapi", "3.0.3".into()),
                with("openapi", "3.0.4".into()),
            ],
        ),
        nothing(
            "another version and description of the service",
            [
                with("info", json!({ "version": "0.1.0" })),
                with(
                    "info",
                    json!({ "version": "0.2.0", "description": "Users." }),
                ),
            ],
        ),
        nothing(
            "a tag is described otherwise",
            [
                with("tags", json!([{ "name": "auth" }])),
                with(
                    "tags",
                    json!([{ "name": "auth", "description": "Tokens." }]),
                ),
            ],
        ),
        breaks(
            "a security scheme is removed",
            [schemes(json!({ "Login": bearer() })), schemes(json!({}))],
            scheme,
            [Kind::SecuritySchemeRemoved, Kind::SecuritySchemeAdded],
        ),
        alike(
            "a security scheme is changed",
            [
                schemes(json!({ "Login": bearer() })),
                schemes(json!({ "Login": { "type": "http", "scheme": "basic" } })),
            ],
            scheme,
            [Kind::SecuritySchemeChanged; 2],
        ),
        nothing(
            "a security scheme is described otherwise",
            [
                schemes(json!({ "Login": bearer() })),
                schemes(json!({ "Login": told })),
            ],
        ),
        row(
            "a security scheme is renamed",
            [
                schemes(json!({ "Login": bearer() })),
                schemes(json!({ "Token": bearer() })),
            ],
            &[(Kind::SecuritySchemeRenamed, scheme)],
            &[(Kind::SecuritySchemeRenamed, "security scheme Token")],
        ),
        breaks(
            "a scope is removed",
            [password(wide), password(flow.clone())],
            scheme,
            [Kind::ScopeRemoved, Kind::ScopeAdded],
        ),
        breaks(
            "a flow is removed",
            [flows, password(flow.clone())],
            scheme,
            [Kind::ScopeRemoved, Kind::ScopeAdded],
        ),
        alike(
            "the URL of a flow is changed",
            [password(flow.clone()), password(moved)],
            scheme,
            [Kind::SecuritySchemeChanged; 2],
        ),
        row(
            "the URL for refreshing is removed",
            [password(refreshed), password(flow)],
            &[(Kind::SecuritySchemeChanged, scheme)],
            &[],
        ),
    ]
}
