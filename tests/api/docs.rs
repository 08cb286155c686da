//! The documentation page, from the service's own origin alone.

use reqwest::StatusCode;

use crate::support::{Send, TestApp};

/// The values of an attribute in the page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let starts = format!(" {name}=\"");
    page.split(&starts[..])
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[tokio::test]
async fn the_root_leads_to_the_documentation() {
    let app = TestApp::spawn().await;
    let answer = app.get("/").answer().await;
    assert!(answer.status.is_redirection(), "{}", answer.status);
    assert_eq!(answer.header("location"), "/docs");
    let page = app.get("/docs/").answer().await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn the_page_and_all_it_loads_come_from_here() {
    let app = TestApp::spawn().await;
    let page = app.get("/docs").answer().await.text;
    let links = [attributes(&page, "src"), attributes(&page, "href")].concat();
    let assets: Vec<&str> = links
        .into_iter()
        .filter(|link| !link.starts_with("data:"))
        .collect();
    assert!(assets.len() >= 3, "{page}");
    for asset in assets {
        assert!(
            asset.starts_with('/') && !asset.starts_with("//"),
            "{asset} is loaded from elsewhere"
        );
        let answer = app.get(asset).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{asset}");
        let kind = answer.header("content-type");
        let expected = if asset.ends_with(".css") {
            "text/css"
        } else {
            "text/javascript"
        };
        assert!(kind.starts_with(expected), "{asset} is {kind}");
        assert!(!answer.text.is_empty(), "{asset} is empty");
    }
}

#[tokio::test]
async fn the_policy_needs_no_inline_scripts() {
    let app = TestApp::spawn().await;
    let answer = app.get("/docs").answer().await;
    let policy = answer.header("content-security-policy");
    let directive = |name: &str| {
        let mut directives = policy.split(';').map(str::trim);
        directives
            .find(|directive| directive.starts_with(name))
            .unwrap_or_default()
    };
    assert_eq!(directive("default-src"), "default-src 'none'");
    assert_eq!(directive("script-src"), "script-src 'self'");
    assert_eq!(directive("connect-src"), "connect-src 'self'");
    assert_eq!(directive("frame-ancestors"), "frame-ancestors 'none'");
    assert_eq!(directive("base-uri"), "base-uri 'none'");
    for element in answer.text.split("<script").skip(1) {
        let body = element.split_once('>').map_or("", |(_, rest)| rest);
        assert!(
            body.starts_with("</script>"),
            "a script stands in the page: {element}"
        );
    }
    assert!(!answer.text.contains(" on"), "a handler stands in the page");
}

#[tokio::test]
async fn swagger_ui_is_whole_and_told_where_the_specification_is() {
    let app = TestApp::spawn().await;
    let script = app.get("/docs/swagger-ui.js").answer().await.text;
    assert!(script.contains("SwaggerUIBundle"));
    let start = app.get("/docs/start.js").answer().await.text;
    assert!(start.contains("/openapi.json"), "{start}");
    assert!(!start.contains("http"), "{start}");
}

#[tokio::test]
async fn the_specification_is_served_as_openapi_3_1_too() {
    let app = TestApp::spawn().await;
    let answer = app.get("/openapi-3.1.json").answer().await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text, vestibule::api::document_3_1());
}

#[tokio::test]
async fn the_specification_served_is_the_committed_one() {
    let app = TestApp::spawn().await;
    let answer = app.get("/openapi.json").answer().await;
    assert_eq!(answer.header("content-type"), "application/json");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    assert_eq!(
        answer.text,
        std::fs::read_to_string(path).expect("openapi.json is committed")
    );
}
