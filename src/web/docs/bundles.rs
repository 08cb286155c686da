//! The scripts and styles that poem-openapi brings along, taken out of the pages that it would put them in.

use poem_openapi::OpenApiService;

pub fn swagger_ui_script() -> String {
    // The page's own script follows the bundle's; the bundle itself may hold the closing tag in a string.
    between(
        &pages().swagger_ui_html(),
        "<script charset=\"UTF-8\">",
        "</script>\n</head>",
    )
}

pub fn swagger_ui_style() -> String {
    between(
        &pages().swagger_ui_html(),
        "<style charset=\"UTF-8\">",
        "</style>",
    )
}

pub fn scalar_script() -> String {
    between(
        &pages().scalar_html(),
        "<script charset=\"UTF-8\">",
        "</script>\n  </body>",
    )
}

fn pages() -> OpenApiService<(), ()> {
    OpenApiService::new((), "", "")
}

/// Empty when the page is none that we know; a test tells.
fn between(page: &str, start: &str, end: &str) -> String {
    let inner = page.split_once(start).map_or("", |(_, rest)| rest);
    let inner = inner.split_once(end).map_or("", |(inner, _)| inner);
    inner.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundles_are_whole() {
        let script = swagger_ui_script();
        assert!(script.len() > 1_000_000, "{}", script.len());
        assert!(script.contains("SwaggerUIBundle") && !script.contains("<script>\n    let spec"));
        let style = swagger_ui_style();
        assert!(style.len() > 100_000, "{}", style.len());
        let script = scalar_script();
        assert!(script.len() > 3_000_000, "{}", script.len());
        assert!(
            script.contains("createApiReference") && !script.contains("id=\"api-reference\"\n")
        );
    }
}
