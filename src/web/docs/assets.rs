//! Styles and scripts of the documentation, and the pages that name them by their version.

use std::sync::LazyLock;

use poem_openapi::OpenApi;

use super::bundles;
use super::file::File;
use crate::api::apis;

pub(super) const HTML: &str = "text/html; charset=utf-8";

const SCRIPT: &str = "text/javascript; charset=utf-8";

const STYLE: &str = "text/css; charset=utf-8";

/// What the pages load, by names that change with the content.
pub(super) static ASSETS: LazyLock<[File; 8]> = LazyLock::new(|| {
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
        style(),
    ]
});

/// A page with the operations in the order in which they are declared, which is that in which a newcomer needs them, and
/// with the names of its assets' present versions. `up` leads from it to the root of the service.
pub(super) fn page(template: &str, up: &str) -> String {
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

/// What the pages load.
pub const STYLES: &[&str] = &["/docs/bar.css", STYLE_PATH];

const STYLE_PATH: &str = "/docs/problems.css";

/// The style of the pages.
pub fn style() -> File {
    File::new(STYLE_PATH, STYLE, || {
        include_str!("problems.css").to_owned()
    })
}
