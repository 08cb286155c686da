//! The pages of documentation, from the service's own origin alone, and how they and the specification are sent.

use std::io::Read;

use reqwest::{Method, StatusCode};

use crate::support::{Answer, Send, TestApp};

const PAGES: [&str; 2] = ["/docs", "/reference"];

/// The values of an attribute in the page.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let starts = format!(" {name}=\"");
    page.split(&starts[..])
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// All links of the page at this path, as paths from the root.
pub fn links(path: &str, page: &str) -> Vec<String> {
    let base = reqwest::Url::parse("http://service.example")
        .and_then(|root| root.join(path))
        .expect("a path");
    let links = [attributes(page, "src"), attributes(page, "href")].concat();
    let links = links.into_iter().filter(|link| !link.starts_with("data:"));
    links
        .map(|link| {
            let url = base.join(link).expect("a link");
            assert_eq!(url.host(), base.host(), "{link} is elsewhere");
            let query = url.query().map(|query| format!("?{query}"));
            format!("{}{}", url.path(), query.unwrap_or_default())
        })
        .collect()
}

/// What a page loads: scripts and styles.
fn assets(path: &str, page: &str) -> Vec<String> {
    let mut assets = links(path, page);
    assets.retain(|link| link.contains(".js?") || link.contains(".css?"));
    assets
}

/// All that is served here by its names in the pages.
async fn everything(app: &TestApp) -> Vec<String> {
    let mut files: Vec<String> = PAGES.map(str::to_owned).into();
    files.push("/openapi.json".to_owned());
    for page in PAGES {
        files.extend(assets(page, &app.get(page).answer().await.text));
    }
    files
}

/// ASVS 13.4.5.
#[tokio::test]
async fn documentation_that_is_off_is_not_found() {
    let on = TestApp::spawn().await;
    let mut paths = everything(&on).await;
    paths.extend(["/", "/docs/", "/openapi-3.1.json"].map(str::to_owned));
    let off = TestApp::spawn_with(&[("DOCS_ENABLED", "false")]).await;
    // The types of problems still lead somewhere.
    let page = off.get("/problems/not_found").answer().await;
    assert_eq!(page.status, StatusCode::OK);
    let kept = assets("/problems/not_found", &page.text);
    for path in &kept {
        assert_eq!(
            off.get(path).answer().await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    paths.retain(|path| !kept.contains(path));
    for path in paths {
        let answer = off.get(&path).answer().await;
        answer.expect_problem(404, "not_found");
        let answer = off.post(&path).answer().await;
        answer.expect_problem(404, "not_found");
    }
    assert_eq!(off.get("/healthz").answer().await.status, StatusCode::OK);
}

/// Links to pages get parameters from programs that count visits. Programs ask for the specification.
#[tokio::test]
async fn pages_take_any_parameter_and_the_specification_none() {
    let app = TestApp::spawn().await;
    for path in ["/docs", "/reference", "/problems", "/problems/not_found"] {
        let answer = app.get(&format!("{path}?utm_source=x")).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    for path in ["/openapi.json", "/openapi-3.1.json"] {
        let answer = app.get(&format!("{path}?x=1")).answer().await;
        answer.expect_invalid(&[("x", "unknown_field")]);
    }
}

#[tokio::test]
async fn the_root_leads_to_the_documentation() {
    let app = TestApp::spawn().await;
    let answer = app.get("/").answer().await;
    assert!(answer.status.is_redirection(), "{}", answer.status);
    assert_eq!(answer.header("location"), "/docs");
    for page in ["/docs/", "/reference/"] {
        let page = app.get(page).answer().await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.header("content-type").starts_with("text/html"));
    }
}

#[tokio::test]
async fn the_pages_and_all_they_load_come_from_here() {
    let app = TestApp::spawn().await;
    for page in PAGES.into_iter().chain(["/docs/", "/reference/"]) {
        let text = app.get(page).answer().await.text;
        let links = links(page, &text);
        for other in PAGES.into_iter().chain(["/problems"]) {
            assert!(links.contains(&other.to_owned()), "{page}: {text}");
        }
        let assets = assets(page, &text);
        assert!(assets.len() >= 3, "{text}");
        for asset in assets {
            let answer = app.get(&asset).answer().await;
            assert_eq!(answer.status, StatusCode::OK, "{asset}");
            let kind = answer.header("content-type");
            let is_style = asset.contains(".css");
            let expected = if is_style {
                "text/css"
            } else {
                "text/javascript"
            };
            assert!(kind.starts_with(expected), "{asset} is {kind}");
            assert!(!answer.text.is_empty(), "{asset} is empty");
        }
    }
}

#[tokio::test]
async fn the_policy_needs_no_inline_scripts() {
    let app = TestApp::spawn().await;
    for page in PAGES {
        let answer = app.get(page).answer().await;
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
}

#[tokio::test]
async fn the_bundles_are_whole_and_told_where_the_specification_is() {
    let app = TestApp::spawn().await;
    let text = async |path: &str| app.get(path).answer().await.text;
    assert!(
        text("/docs/swagger-ui.js")
            .await
            .contains("SwaggerUIBundle")
    );
    assert!(
        text("/reference/scalar.js")
            .await
            .contains("createApiReference")
    );
    for start in ["/docs/start.js", "/reference/start.js"] {
        let start = text(start).await;
        assert!(start.contains("openapi.json"), "{start}");
        assert!(!start.contains("http"), "{start}");
    }
}

#[tokio::test]
async fn the_pages_know_every_operation() {
    let app = TestApp::spawn().await;
    let specification = app.get("/openapi.json").answer().await.json();
    let paths = specification["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|path| path.as_object().expect("operations").values());
    let mut there: Vec<&str> = operations
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    there.sort_unstable();
    for page in PAGES {
        let page = app.get(page).answer().await.text;
        let told = attributes(&page, "data-operations").concat();
        let mut told: Vec<&str> = told.split(' ').collect();
        told.sort_unstable();
        assert_eq!(told, there);
    }
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

#[tokio::test]
async fn everything_is_compressed_for_those_who_take_it() {
    let app = TestApp::spawn().await;
    for file in everything(&app).await {
        let plain = app.get(&file).answer().await;
        assert!(!plain.headers.contains_key("content-encoding"), "{file}");
        let refusing = app.get(&file).header("accept-encoding", "gzip;q=0, br");
        assert!(
            !refusing
                .answer()
                .await
                .headers
                .contains_key("content-encoding")
        );

        let taking = app.get(&file).header("accept-encoding", "br, gzip");
        let packed = taking.send().await.expect("an answer");
        assert_eq!(packed.headers()["content-encoding"], "gzip", "{file}");
        assert_eq!(packed.headers()["vary"], "Accept-Encoding", "{file}");
        assert_eq!(plain.header("vary"), "Accept-Encoding", "{file}");
        let packed = packed.bytes().await.expect("a body");
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_string(&mut unpacked)
            .expect("gzip");
        assert!(unpacked == plain.text, "{file} is another one when packed");
        if plain.text.len() > 100_000 {
            assert!(
                packed.len() * 3 < plain.text.len(),
                "{file}: {}",
                packed.len()
            );
        }
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let app = TestApp::spawn().await;
    for file in everything(&app).await {
        let first = app.get(&file).answer().await;
        let tag = first.header("etag").to_owned();
        let again = async |tag: &str| app.get(&file).header("if-none-match", tag).answer().await;
        for held in [&tag[..], &format!("\"other\", {tag}"), "*"] {
            let answer = again(held).await;
            assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{file}, {held}");
            assert_eq!(answer.text, "");
            for name in ["etag", "cache-control", "vary"] {
                assert_eq!(answer.header(name), first.header(name), "{file}, {name}");
            }
        }
        for other in ["W/\"other\"", "no tag"] {
            assert_eq!(again(other).await.status, StatusCode::OK, "{file}, {other}");
        }
    }
}

#[tokio::test]
async fn only_a_name_with_the_present_version_is_kept_for_ever() {
    let app = TestApp::spawn().await;
    let caching = async |path: &str| {
        let answer = app.get(path).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        answer.header("cache-control").to_owned()
    };
    for page in PAGES {
        assert_eq!(caching(page).await, "no-cache");
        for asset in assets(page, &app.get(page).answer().await.text) {
            let for_ever = "public, max-age=31536000, immutable";
            assert_eq!(caching(&asset).await, for_ever, "{asset}");
            let (path, _) = asset.split_once('?').expect("a version");
            assert_eq!(caching(path).await, "no-cache");
            assert_eq!(caching(&format!("{path}?v=older")).await, "no-cache");
        }
    }
    assert_eq!(caching("/openapi.json").await, "no-cache");
}

#[tokio::test]
async fn head_tells_what_get_would() {
    let app = TestApp::spawn().await;
    for file in everything(&app).await {
        for coding in ["gzip", "identity"] {
            let ask = async |method: Method| -> Answer {
                let request = app.request(method, &file);
                request.header("accept-encoding", coding).answer().await
            };
            let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
            assert_eq!((head.status, &head.text[..]), (StatusCode::OK, ""));
            for (name, value) in &get.headers {
                if !["date", "x-request-id"].contains(&name.as_str()) {
                    assert_eq!(head.headers.get(name), Some(value), "{file}, {coding}");
                }
            }
            assert!(get.headers.contains_key("content-length"), "{file}");
        }
    }
}
