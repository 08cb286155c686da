//! The documentation, from this binary alone: Swagger UI at `/docs` to try the API out, Scalar at `/reference` to read it,
//! the specification, and a page for each code of a problem. Scripts and styles are files of their own, so that the content security policy of the pages can
//! do without inline scripts.

mod assets;
mod bundles;
mod file;
mod problems;

use std::sync::{Arc, LazyLock};

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response};

use self::assets::{ASSETS, HTML, page};
use self::file::File;
use crate::api::spec;
use crate::http::problem::Failure;
use crate::http::routes::{self, Handling, Route};
use crate::http::{code, media_types, query};

/// Both bundles set styles from their scripts and show icons as data URLs. Neither needs `eval`, a worker, a font or
/// anything from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What the pages of problems may do: less.
const PLAIN_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Pages link by relative paths, which are right behind any proxy. So one asked for with a slash at its end is another one.
static PAGES: LazyLock<[File; 4]> = LazyLock::new(|| {
    let docs = include_str!("docs.html");
    let reference = include_str!("reference.html");
    [
        File::new("/docs", HTML, || page(docs, "")),
        File::new("/docs/", HTML, || page(docs, "../")),
        File::new("/reference", HTML, || page(reference, "")),
        File::new("/reference/", HTML, || page(reference, "../")),
    ]
});

static PROBLEMS: LazyLock<Vec<File>> = LazyLock::new(|| problems::pages().collect());

const SPECIFICATION: &str = "/openapi.json";
/// For tools that want OpenAPI 3.1.
const SPECIFICATION_3_1: &str = "/openapi-3.1.json";

/// What is served here, all of it by GET: paths, and one template. Problems are explained even where the documentation is off:
/// their types lead there.
fn paths(is_enabled: bool) -> Vec<&'static str> {
    let problems = [code::PROBLEMS, PROBLEM];
    if !is_enabled {
        return [&problems[..], assets::STYLES].concat();
    }
    let files = PAGES.iter().chain(ASSETS.iter());
    let files = files.map(|file| file.path.as_str());
    let others = ["/", SPECIFICATION, SPECIFICATION_3_1];
    let all = files.chain(problems).chain(others);
    all.filter(|path| *path == "/" || !path.ends_with('/'))
        .collect()
}

/// Every page that explains a code.
const PROBLEM: &str = "/problems/{code}";

/// The documentation of a service.
struct Docs {
    specifications: [File; 2],
}

impl Docs {
    /// `public_url` is what the service is called from outside, when it has been told.
    fn new(public_url: Option<&str>) -> Self {
        let public_url = public_url.map(Arc::<str>::from);
        let specification = |path, make: fn(Option<&str>) -> String| {
            let public_url = public_url.clone();
            File::new(path, media_types::JSON, move || make(public_url.as_deref()))
        };
        Self {
            specifications: [
                specification(SPECIFICATION, spec::document_at),
                specification(SPECIFICATION_3_1, spec::document_3_1_at),
            ],
        }
    }

    async fn answer(&self, request: &Request, path: &str) -> Result<Option<Response>, Failure> {
        if self
            .specifications
            .iter()
            .any(|file| file.path == routes::trim(path))
        {
            query::expect_none(request.uri())?;
        }
        Ok(self.file(request, path).await)
    }

    async fn file(&self, request: &Request, path: &str) -> Option<Response> {
        if path == "/" {
            return Some(redirect("/docs"));
        }
        let found =
            |files: &'static [File], path: &str| files.iter().find(|file| file.path == path);
        if let Some(page) = found(&*PAGES, path) {
            return Some(with_policy(page.answer(request).await, POLICY));
        }
        if path.starts_with(code::PROBLEMS) {
            let page = found(&PROBLEMS, path)?;
            return Some(with_policy(page.answer(request).await, PLAIN_POLICY));
        }
        let path = routes::trim(path);
        let mut others = ASSETS.iter().chain(&self.specifications);
        let file = others.find(|file| file.path == path)?;
        Some(file.answer(request).await)
    }
}

/// The documentation by its paths. Pages about problems are always there.
pub fn routes(is_enabled: bool, public_url: Option<&str>) -> Vec<Route> {
    let docs = Arc::new(Docs::new(public_url));
    let paths = paths(is_enabled).into_iter();
    let routes = paths.map(|path| {
        let endpoint = Documentation(docs.clone());
        Route::new(path, [Method::GET], Handling::default(), endpoint)
    });
    routes.collect()
}

struct Documentation(Arc<Docs>);

impl Endpoint for Documentation {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let found = self.0.answer(&request, request.uri().path()).await?;
        Ok(found.ok_or(Failure::NotFound)?)
    }
}

fn with_policy(mut response: Response, policy: HeaderValue) -> Response {
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn redirect(to: &'static str) -> Response {
    Response::builder()
        .status(StatusCode::FOUND)
        .header(header::LOCATION, to)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_name_their_assets_and_operations() {
        for file in PAGES.iter() {
            let text = String::from_utf8_lossy(file.plain());
            assert!(!text.contains("{operations}"), "{text}");
            assert!(text.contains("registerUser issueToken "), "{text}");
            for name in text.split("src=\"").skip(1) {
                assert!(name.contains("?v="), "{name}");
            }
        }
        for asset in ASSETS.iter() {
            let name = asset.versioned();
            let name = name.trim_start_matches('/');
            let pages = PAGES
                .iter()
                .chain(PROBLEMS.iter())
                .filter(|page| String::from_utf8_lossy(page.plain()).contains(name));
            assert!(pages.count() > 0, "nothing loads {name}");
        }
    }
}
