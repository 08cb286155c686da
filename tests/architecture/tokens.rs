//! Reads Rust: the items of a module, and the paths in their code. Test code is left out.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A part of a module.
pub enum Part {
    /// `mod name;`, or with its content in place.
    Module(String, Option<Vec<Part>>),
    /// One leaf of a `use`.
    Import(Import),
    /// What only tests see, with its name.
    Test(Option<String>),
    /// Everything else. An `impl` has no name.
    Item(Option<String>, Vec<Vec<String>>),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub path: Vec<String>,
    /// What it is called here; `*` for everything.
    pub name: String,
}

const NAMED: &[&str] = &[
    "fn", "struct", "enum", "union", "trait", "type", "const", "static",
];

pub fn read(text: &str) -> Vec<Part> {
    let tokens: TokenStream = text.parse().expect("Rust");
    parts(tokens)
}

fn parts(tokens: TokenStream) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut item = Vec::new();
    let mut is_test = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if item.is_empty() && is_punct(&token, '#') {
            tokens.next_if(|token| is_punct(token, '!'));
            if let Some(TokenTree::Group(attribute)) = tokens.next() {
                is_test |= marks_tests(&attribute);
            }
            continue;
        }
        let is_end = is_punct(&token, ';') || (is_block(&token) && ends_with_block(&item));
        item.push(token);
        if is_end {
            let item = std::mem::take(&mut item);
            if std::mem::take(&mut is_test) {
                parts.push(Part::Test(named(&item)));
            } else {
                parts.extend(part(item));
            }
        }
    }
    parts
}

/// `#[cfg(test)]` and `#[test]`, also of a runtime.
fn marks_tests(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text == "test" || text.starts_with("tokio::test")
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_block(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn word(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    }
}

/// The first word of an item that says what it is.
fn keyword(item: &[TokenTree]) -> Option<(usize, String)> {
    let words = item.iter().enumerate();
    let mut words = words.filter_map(|(at, token)| Some((at, word(token)?)));
    let (at, first) =
        words.find(|(_, word)| !["pub", "async", "unsafe"].contains(&word.as_str()))?;
    match (first.as_str(), words.next()) {
        ("const", Some((at, next))) if next == "fn" => Some((at, next)),
        _ => Some((at, first)),
    }
}

/// A value or an import ends with a semicolon whatever braces are in it.
fn ends_with_block(item: &[TokenTree]) -> bool {
    let keyword = keyword(item).map(|(_, word)| word);
    !matches!(
        keyword.as_deref(),
        Some("use" | "const" | "static" | "type")
    )
}

fn named(item: &[TokenTree]) -> Option<String> {
    let (at, _) = keyword(item)?;
    item.get(at + 1).and_then(word)
}

fn part(item: Vec<TokenTree>) -> Vec<Part> {
    let Some((at, keyword)) = keyword(&item) else {
        return Vec::new();
    };
    let next = item.get(at + 1).and_then(word);
    match keyword.as_str() {
        "mod" => {
            let content = item.iter().find_map(|token| match token {
                TokenTree::Group(group) if is_block(token) => Some(parts(group.stream())),
                _ => None,
            });
            vec![Part::Module(next.expect("a name"), content)]
        }
        "use" => {
            let leaves = leaves(&item[at + 1..item.len() - 1], &[]);
            leaves.into_iter().map(Part::Import).collect()
        }
        "macro_rules" => {
            let name = item.get(at + 2).and_then(word);
            vec![Part::Item(name, paths(&item))]
        }
        keyword => {
            let name = next.filter(|_| NAMED.contains(&keyword));
            vec![Part::Item(name, paths(&item))]
        }
    }
}

/// The leaves of a tree of imports.
fn leaves(tree: &[TokenTree], before: &[String]) -> Vec<Import> {
    let mut found = Vec::new();
    for branch in tree.split(|token| is_punct(token, ',')) {
        let mut path = before.to_vec();
        let mut name = None;
        let mut tokens = branch.iter();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    name = tokens.next().map(ToString::to_string);
                }
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    found.extend(leaves(&inner, &path));
                    path.clear();
                    break;
                }
                token if is_punct(token, '*') => name = Some("*".to_owned()),
                _ => {}
            }
        }
        if let Some(last) = path.last() {
            let name = name.unwrap_or_else(|| last.clone());
            found.push(Import { path, name });
        }
    }
    found
}

/// The paths of two words or more in code, macros and all.
fn paths(tokens: &[TokenTree]) -> Vec<Vec<String>> {
    let mut flat = Vec::new();
    flatten(tokens.iter().cloned().collect(), &mut flat);
    let mut found = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut is_continued = false;
    for token in &flat {
        match token.as_str() {
            "::" => is_continued = true,
            word if is_continued && !path.is_empty() && is_word(word) => {
                path.push(word.to_owned());
                is_continued = false;
            }
            word => {
                if path.len() > 1 {
                    found.push(std::mem::take(&mut path));
                }
                path.clear();
                // What follows `>::` or stands behind a dot is no path of its own.
                if is_word(word) && !is_continued {
                    path.push(word.to_owned());
                }
                is_continued = false;
            }
        }
    }
    if path.len() > 1 {
        found.push(path);
    }
    found
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Words and punctuation one behind the other, with `::` as one.
fn flatten(tokens: TokenStream, flat: &mut Vec<String>) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Group(group) => {
                flat.push("(".to_owned());
                flatten(group.stream(), flat);
                flat.push(")".to_owned());
            }
            TokenTree::Punct(colon) if colon.as_char() == ':' => {
                let is_pair = tokens.next_if(|next| is_punct(next, ':')).is_some();
                flat.push(if is_pair { "::" } else { ":" }.to_owned());
            }
            TokenTree::Literal(_) => flat.push("\"\"".to_owned()),
            token => flat.push(token.to_string()),
        }
    }
}

#[test]
fn reads_imports_and_paths_and_leaves_tests_out() {
    let parts = read(
        "use a::{self, b as c, d::{E, *}};\n\
         const X: u8 = { crate::value::Y };\n\
         fn f() { say!(super::g::h(1)); let x = crate::i::J { k: 1 }; text = \"crate::no\"; }\n\
         #[cfg(test)] mod tests { use crate::no; }\n\
         pub(super) mod m { pub const fn n() {} }",
    );
    let mut imports = Vec::new();
    let mut found = Vec::new();
    let (mut modules, mut tests) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Import(Import { path, name }) => {
                imports.push(format!("{} as {name}", path.join("::")));
            }
            Part::Item(_, paths) => found.extend(paths.iter().map(|path| path.join("::"))),
            Part::Module(name, content) => modules.push((name, content.map(|parts| parts.len()))),
            Part::Test(name) => tests.extend(name),
        }
    }
    assert_eq!(
        imports,
        ["a as a", "a::b as c", "a::d::E as E", "a::d as *"]
    );
    assert_eq!(found, ["crate::value::Y", "super::g::h", "crate::i::J"]);
    assert_eq!(modules, [("m".to_owned(), Some(1))]);
    assert_eq!(tests, ["tests"]);
}
