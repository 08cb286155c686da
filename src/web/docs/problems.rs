//! What each code of a problem means and what to do about it: a page for each code, where the `type` of the problem leads
//! to, and one that lists them. `docs/reference/problems.md` is made of the same texts.

use poem::http::StatusCode;

use super::assets::{HTML, page};
use super::file::File;
use crate::http::code::{Code, PROBLEMS};
use crate::http::problem::title;

/// The pages, each with and without a slash at its end.
pub fn pages() -> impl Iterator<Item = File> {
    let list = both(PROBLEMS, |up| document("Problems", &list(up), up));
    let each = Code::ALL.iter().flat_map(|code| {
        both(&code.path(), |up| {
            document(code.title(), &explanation(*code), up)
        })
    });
    list.into_iter().chain(each)
}

fn both(path: &str, make: impl Fn(&str) -> String + Copy + Send + Sync + 'static) -> [File; 2] {
    let up = "../".repeat(path.matches('/').count() - 1);
    let further_up = format!("{up}../");
    [
        File::new(path, HTML, move || make(&up)),
        File::new(format!("{path}/"), HTML, move || make(&further_up)),
    ]
}

fn document(title: &str, main: &str, up: &str) -> String {
    let template = include_str!("problem.html").replace("{title}", title);
    page(&template.replace("{main}", main), up)
}

fn list(up: &str) -> String {
    let rows = Code::ALL.iter().map(|code| {
        format!(
            "<tr><td>{}</td><td><a href=\"{up}{}\"><code>{}</code></a></td><td>{}</td></tr>\n",
            code.status(),
            code.path().trim_start_matches('/'),
            code.as_str(),
            code.title(),
        )
    });
    format!(
        "<h1>Problems</h1>\n<p>Every error has a stable <code>code</code>. Its <code>type</code> leads to the page of that \
         code.</p>\n<table>\n{}</table>",
        rows.collect::<String>()
    )
}

fn explanation(code: Code) -> String {
    format!(
        "<h1>{}</h1>\n<p><code>{}</code>, status {}</p>\n<h2>What it means</h2>\n<p>{}</p>\n<h2>What to do</h2>\n<p>{}</p>",
        code.title(),
        code.as_str(),
        status(code),
        html(code.meaning()),
        html(code.remedy()),
    )
}

/// A status and its reason phrase.
fn status(code: Code) -> String {
    let reason = StatusCode::from_u16(code.status()).map_or("Error", title);
    format!("{} {reason}", code.status())
}

/// Markdown with nothing but code spans in it, as HTML.
fn html(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = part.replace('&', "&amp;").replace('<', "&lt;");
        if index % 2 == 1 {
            format!("<code>{part}</code>")
        } else {
            part
        }
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same texts for who reads the documentation.
    fn markdown() -> String {
        let mut text = "# Problems\n\n\
            <!-- Made from src/http/code.rs: UPDATE_SNAPSHOTS=1 cargo test --lib problems -->\n\n\
            Every error has a stable `code`. Its `type` is the address of a page of the service with what stands here: \
            `/problems/`\nand the code.\n"
            .to_owned();
        for code in Code::ALL {
            text.push_str(&format!(
                "\n## `{}`\n\n{} ({})\n\n{}\n\nWhat to do: {}\n",
                code.as_str(),
                code.title(),
                status(*code),
                code.meaning(),
                code.remedy(),
            ));
        }
        text
    }

    #[test]
    fn documentation_lists_every_problem() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/problems.md");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, markdown()).expect("writes docs/reference/problems.md");
        } else {
            let committed =
                std::fs::read_to_string(path).expect("docs/reference/problems.md is committed");
            assert_eq!(committed, markdown(), "run with UPDATE_SNAPSHOTS=1");
        }
    }

    #[test]
    fn code_spans_become_elements_and_the_rest_is_escaped() {
        assert_eq!(
            html("Send `a<b` & more."),
            "Send <code>a&lt;b</code> &amp; more."
        );
    }
}
