//! The house holds: which room may use which, that no files import each other in a circle, and a few words that belong to
//! some files alone. Each check has a test that shows it fail.

mod cycles;
mod map;
mod rooms;
mod tokens;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below `src`, by its path from there, with its text.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("lists") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((
                    name(&path, &root),
                    fs::read_to_string(&path).expect("reads"),
                ));
            }
        }
    }
    files.sort();
    assert!(files.len() > 30, "only {} files found", files.len());
    files
}

fn name(path: &Path, root: &PathBuf) -> String {
    let path = path.strip_prefix(root).expect("below src");
    path.to_string_lossy().replace('\\', "/")
}

#[track_caller]
fn report(violations: Vec<String>) {
    assert!(
        violations.is_empty(),
        "{} violations:\n{}",
        violations.len(),
        violations.join("\n")
    );
}
