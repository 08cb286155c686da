//! Swagger UI at `/docs`, from this binary alone. Its scripts and styles are served as files of their own, so that the
//! content security policy can do without inline scripts.

use std::sync::OnceLock;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use poem_openapi::OpenApiService;

use super::{answer, spec};

/// Paths served here; all of them by GET.
pub const PATHS: &[&str] = &[
    "/",
    "/docs",
    SCRIPT,
    STYLE,
    START,
    "/openapi.json",
    "/openapi-3.1.json",
];

const SCRIPT: &str = "/docs/swagger-ui.js";
const STYLE: &str = "/docs/swagger-ui.css";
const START: &str = "/docs/start.js";

/// Swagger UI sets styles from its script and shows icons as data URLs.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Vestibule API</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M2 15V6a6 6 0 0 1 12 0v9h-4v-5H6v5z' fill='%23345'/%3E%3C/svg%3E">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"#;

const START_SCRIPT: &str = r##"SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#ui",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
"##;

/// The answer for one of [`PATHS`].
pub fn answer(path: &str) -> Option<Response> {
    let assets = || {
        static ASSETS: OnceLock<Assets> = OnceLock::new();
        ASSETS.get_or_init(Assets::extract)
    };
    let (content_type, body) = match path {
        "/" => return Some(redirect("/docs")),
        "/docs" => ("text/html; charset=utf-8", Body::from(PAGE)),
        SCRIPT => (
            "text/javascript; charset=utf-8",
            Body::from(assets().script.clone()),
        ),
        STYLE => (
            "text/css; charset=utf-8",
            Body::from(assets().style.clone()),
        ),
        START => ("text/javascript; charset=utf-8", Body::from(START_SCRIPT)),
        "/openapi.json" => (answer::JSON, Body::from(document())),
        "/openapi-3.1.json" => (answer::JSON, Body::from(document_3_1())),
        _ => return None,
    };
    let response = Response::builder()
        .content_type(content_type)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::CACHE_CONTROL, "no-cache");
    Some(response.body(body))
}

fn redirect(to: &'static str) -> Response {
    Response::builder()
        .status(StatusCode::FOUND)
        .header(header::LOCATION, to)
        .finish()
}

/// The specification as it is served.
fn document() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(spec::document)
}

/// The same as OpenAPI 3.1, for tools that want that.
fn document_3_1() -> &'static str {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    DOCUMENT.get_or_init(spec::document_3_1)
}

/// Script and style of the Swagger UI that poem-openapi brings along, within a page of its own.
struct Assets {
    script: bytes::Bytes,
    style: bytes::Bytes,
}

impl Assets {
    fn extract() -> Self {
        let page = OpenApiService::new((), "", "").swagger_ui_html();
        let element = |name: &str| {
            let start = page.find(&format!("<{name} charset=\"UTF-8\">"))?;
            let inner = page.get(start..)?.split_once('>')?.1;
            // The page's own script follows the bundle's; the bundle itself may hold the closing tag in a string.
            let end = match name {
                "script" => inner.find("</script>\n</head>")?,
                _ => inner.find("</style>")?,
            };
            inner
                .get(..end)
                .map(|text| bytes::Bytes::copy_from_slice(text.as_bytes()))
        };
        Self {
            script: element("script").unwrap_or_default(),
            style: element("style").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_assets_are_whole() {
        let assets = Assets::extract();
        assert!(assets.script.len() > 1_000_000, "{}", assets.script.len());
        assert!(assets.style.len() > 100_000, "{}", assets.style.len());
        let script = String::from_utf8_lossy(&assets.script);
        assert!(script.contains("SwaggerUIBundle") && !script.contains("<script>\n    let spec"));
    }
}
