//! The documentation, from this binary alone: Swagger UI at `/docs` to try the API out, Scalar at `/reference` to read it,
//! the specification, and a page for each code of a problem. Scripts and styles are files of their own, so that the content security policy of the pages can
//! do without inline scripts.

mod bundles;
mod file;
mod problems;

use std::sync::{Arc, LazyLock};

use poem::http::{HeaderValue, StatusCode, header};
use poem::{Request, Response};
use poem_openapi::OpenApi;

use self::file::File;
use super::problem::Failure;
use super::{answer, apis, code, query, routes, spec};

/// Both bundles set styles from their scripts and show icons as data URLs. Neither needs `eval`, a worker, a font or
/// anything from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

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

/// What the pages load, by names that change with the content.
static ASSETS: LazyLock<[File; 8]> = LazyLock::new(|| {
    let asset = |path, content_type, text: &'static str| {
        File::new(path, content_type, move || text.to_owned())
    };
    [
        asset("/docs/bar.css", STYLE, include_str!("bar.css")),
        asset("/docs/start.css", STYLE, include_str!("docs.css")),
        asset("/docs/start.js", SCRIPT, include_str!("docs.js")),
        File::new("/docs/swagger-ui.css", STYLE, bundles::swagger_ui_style),
        File::new("/docs/swagger-ui.js", SCRIPT, bundles::swagger_ui_script),
        File::new("/reference/scalar.js", SCRIPT, bundles::scalar_script),
        asset("/reference/start.js", SCRIPT, include_str!("reference.js")),
        problems::style(),
    ]
});

const SPECIFICATION: &str = "/openapi.json";
/// For tools that want OpenAPI 3.1.
const SPECIFICATION_3_1: &str = "/openapi-3.1.json";

/// What is served here, all of it by GET: paths, and one template. Problems are explained even where the documentation is off:
/// their types lead there.
pub fn paths(is_enabled: bool) -> Vec<&'static str> {
    let problems = [code::PROBLEMS, PROBLEM];
    if !is_enabled {
        return [&problems[..], problems::STYLES].concat();
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
pub struct Docs {
    specifications: [File; 2],
}

impl Docs {
    /// `public_url` is what the service is called from outside, when it has been told.
    pub fn new(public_url: Option<&str>) -> Self {
        let public_url = public_url.map(Arc::<str>::from);
        let specification = |path, make: fn(Option<&str>) -> String| {
            let public_url = public_url.clone();
            File::new(path, answer::JSON, move || make(public_url.as_deref()))
        };
        Self {
            specifications: [
                specification(SPECIFICATION, spec::document_at),
                specification(SPECIFICATION_3_1, spec::document_3_1_at),
            ],
        }
    }

    /// The answer to a GET for one of [`paths`], as it stands in the request. Pages are links that people share, to which other
    /// programs add parameters (`utm_source`), so they take any; assets have their version there. The specification is for
    /// programs, and takes none.
    ///
    /// # Errors
    /// For a parameter of the specification.
    pub async fn answer(&self, request: &Request, path: &str) -> Result<Option<Response>, Failure> {
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

/// A page with the operations in the order in which they are declared, which is that in which a newcomer needs them, and
/// with the names of its assets' present versions. `up` leads from it to the root of the service.
fn page(template: &str, up: &str) -> String {
    let page = template
        .replace("{operations}", &operations(&apis()).join(" "))
        .replace("{up}", up);
    ASSETS.iter().fold(page, |page, asset| {
        let name = format!("\"{up}{}\"", asset.path.trim_start_matches('/'));
        if !page.contains(&name) {
            return page;
        }
        let versioned = asset.versioned();
        let versioned = versioned.trim_start_matches('/');
        page.replace(&name, &format!("\"{up}{versioned}\""))
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
