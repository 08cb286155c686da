//! The documentation, from this binary alone: Swagger UI at `/docs` to try the API out, Scalar at `/reference` to read it,
//! and the specification. Scripts and styles are files of their own, so that the content security policy of the pages can
//! do without inline scripts.

mod bundles;
mod file;

use std::sync::LazyLock;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use poem_openapi::OpenApi;

use self::file::File;
use super::{answer, apis, spec};

/// Both bundles set styles from their scripts and show icons as data URLs. Neither needs `eval`, a worker, a font or
/// anything from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

static PAGES: [File; 2] = [
    File::new("/docs", HTML, || page(include_str!("docs.html"))),
    File::new("/reference", HTML, || page(include_str!("reference.html"))),
];

/// What the pages load, by names that change with the content.
static ASSETS: [File; 7] = [
    File::new("/docs/bar.css", STYLE, || {
        include_str!("bar.css").to_owned()
    }),
    File::new("/docs/start.css", STYLE, || {
        include_str!("docs.css").to_owned()
    }),
    File::new("/docs/start.js", SCRIPT, || {
        include_str!("docs.js").to_owned()
    }),
    File::new("/docs/swagger-ui.css", STYLE, bundles::swagger_ui_style),
    File::new("/docs/swagger-ui.js", SCRIPT, bundles::swagger_ui_script),
    File::new("/reference/scalar.js", SCRIPT, bundles::scalar_script),
    File::new("/reference/start.js", SCRIPT, || {
        include_str!("reference.js").to_owned()
    }),
];

static SPECIFICATIONS: [File; 2] = [
    File::new("/openapi.json", answer::JSON, spec::document),
    // For tools that want OpenAPI 3.1.
    File::new("/openapi-3.1.json", answer::JSON, spec::document_3_1),
];

/// Paths served here; all of them by GET.
pub static PATHS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let files = PAGES.iter().chain(&ASSETS).chain(&SPECIFICATIONS);
    files.map(|file| file.path).chain(["/"]).collect()
});

/// The answer to a GET for one of [`PATHS`].
pub async fn answer(request: &Request, path: &str) -> Option<Response> {
    if path == "/" {
        return Some(redirect("/docs"));
    }
    if let Some(page) = PAGES.iter().find(|file| file.path == path) {
        let mut response = page.answer(request).await;
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, POLICY);
        return Some(response);
    }
    let mut others = ASSETS.iter().chain(&SPECIFICATIONS);
    let file = others.find(|file| file.path == path)?;
    Some(file.answer(request).await)
}

fn redirect(to: &'static str) -> Response {
    Response::builder()
        .status(StatusCode::FOUND)
        .header(header::LOCATION, to)
        .finish()
}

/// A page with the operations in the order in which they are declared, which is that in which a newcomer needs them, and
/// with the names of its assets' present versions.
fn page(template: &str) -> String {
    let page = template.replace("{operations}", &operations(&apis()).join(" "));
    ASSETS.iter().fold(page, |page, asset| {
        page.replace(
            &format!("\"{}\"", asset.path),
            &format!("\"{}\"", asset.versioned()),
        )
    })
}

fn operations<Api: OpenApi>(_: &Api) -> Vec<&'static str> {
    let paths = Api::meta().into_iter().flat_map(|api| api.paths);
    let operations = paths.flat_map(|path| path.operations);
    operations
        .filter_map(|operation| operation.operation_id)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_name_their_assets_and_operations() {
        for file in &PAGES {
            let text = String::from_utf8_lossy(file.plain());
            assert!(!text.contains("{operations}"), "{text}");
            assert!(text.contains("registerUser issueToken "), "{text}");
            for name in text.split("src=\"").skip(1) {
                assert!(name.contains("?v="), "{name}");
            }
        }
        for asset in &ASSETS {
            let name = asset.versioned();
            let pages = PAGES
                .iter()
                .filter(|page| String::from_utf8_lossy(page.plain()).contains(&name));
            assert!(pages.count() > 0, "nothing loads {name}");
        }
    }
}
