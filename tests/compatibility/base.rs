//! Finds the older specification to compare with: the one that `SPEC_BASE` names, else the one that git has of the last
//! release, else of the last commit that changed it. Judges nothing.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

const FILE: &str = "openapi.json";

/// A tag of a release: `v1.2.3` or `1.2.3`.
const RELEASES: [&str; 2] = ["--match=v[0-9]*", "--match=[0-9]*"];

#[derive(Debug)]
pub enum Base {
    Found {
        /// For people: the file, tag or commit that it is of.
        name: String,
        document: Value,
        /// Whether it is of a release: what was declared since then is all about it.
        is_release: bool,
    },
    /// There is nothing older, as far as can be seen, and that may be right.
    None(String),
    /// What is older cannot be seen from here.
    Unknown(String),
}

/// `wanted` is a file, or a revision of the repository that `root` is in.
pub fn find(root: &Path, wanted: Option<&str>) -> Base {
    match wanted {
        Some(wanted) => named(root, wanted),
        None => earlier(root).unwrap_or_else(Base::Unknown),
    }
}

/// What somebody asked for has to be there.
fn named(root: &Path, wanted: &str) -> Base {
    let text = match std::fs::read_to_string(root.join(wanted)) {
        Ok(text) => text,
        Err(error) => at(root, wanted).unwrap_or_else(|refusal| {
            panic!(
                "SPEC_BASE={wanted} is no file ({error}) and no revision with {FILE} ({refusal})"
            )
        }),
    };
    let document = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("SPEC_BASE={wanted} is no JSON: {error}"));
    Base::Found {
        name: wanted.to_owned(),
        document,
        is_release: false,
    }
}

/// An error is why it cannot be told.
fn earlier(root: &Path) -> Result<Base, String> {
    // A folder that was unpacked into somebody's repository is none of it.
    git(root, &["ls-files", "--error-unmatch", FILE])?;
    let current = std::fs::read_to_string(root.join(FILE)).map_err(|error| error.to_string())?;
    let current: Value = serde_json::from_str(&current).map_err(|error| error.to_string())?;
    let is_shallow = git(root, &["rev-parse", "--is-shallow-repository"])?.trim() == "true";
    if let Some(tag) = release(root, &current) {
        return Ok(Base::Found {
            document: parsed(root, &tag)?,
            name: tag,
            is_release: true,
        });
    }
    Ok(match last_change(root, &current)? {
        Some((name, document)) => Base::Found {
            name,
            document,
            is_release: false,
        },
        None if is_shallow => {
            Base::Unknown("the history is cut off here (a shallow clone)".to_owned())
        }
        None => Base::None(format!(
            "{FILE} has not changed since it was first committed"
        )),
    })
}

/// The last release before what is here. A commit that is being released is compared with the release before it.
fn release(root: &Path, current: &Value) -> Option<String> {
    let describe = |from: &str| {
        let mut arguments = vec!["describe", "--tags", "--abbrev=0"];
        arguments.extend(RELEASES);
        arguments.push(from);
        let tag = git(root, &arguments).ok()?;
        Some(tag.trim().to_owned())
    };
    let last = describe("HEAD")?;
    let commit = |revision: &str| git(root, &["rev-parse", &format!("{revision}^{{commit}}")]).ok();
    let is_here = commit(&last) == commit("HEAD") && parsed(root, &last).as_ref() == Ok(current);
    match is_here {
        true => describe("HEAD^").or(Some(last)),
        false => Some(last),
    }
}

/// The newest commit of the line that leads here whose specification is another one.
fn last_change(root: &Path, current: &Value) -> Result<Option<(String, Value)>, String> {
    let commits = git(
        root,
        &["log", "--first-parent", "--format=%h %cs %s", "--", FILE],
    )?;
    for line in commits.lines() {
        let hash = line.split(' ').next().unwrap_or_default();
        // The commit that deletes the file is in the list, too.
        let Ok(document) = parsed(root, hash) else {
            continue;
        };
        if document != *current {
            return Ok(Some((line.to_owned(), document)));
        }
    }
    Ok(None)
}

fn parsed(root: &Path, revision: &str) -> Result<Value, String> {
    serde_json::from_str(&at(root, revision)?)
        .map_err(|error| format!("{FILE} of {revision}: {error}"))
}

fn at(root: &Path, revision: &str) -> Result<String, String> {
    git(root, &["show", &format!("{revision}:./{FILE}")])
}

fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    // Within a hook they point to the repository that the hook is of.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    let output = command.arg("-C").arg(root).args(arguments).output();
    let output = output.map_err(|error| format!("git does not run: {error}"))?;
    if !output.status.success() {
        let refusal = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("git {}: {refusal}", arguments[0]));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    use tempfile::TempDir;

    struct Repository(TempDir);

    impl Repository {
        fn new() -> Self {
            let repository = Self(tempfile::tempdir().expect("a folder"));
            repository.git(&["init", "--quiet", "--initial-branch=main"]);
            repository
        }

        fn root(&self) -> &Path {
            self.0.path()
        }

        #[track_caller]
        fn git(&self, arguments: &[&str]) {
            let mut command = Command::new("git");
            command.arg("-C").arg(self.root());
            for (name, value) in [
                ("user.name", "Ada"),
                ("user.email", "ada@example.com"),
                ("commit.gpgsign", "false"),
                ("tag.gpgsign", "false"),
            ] {
                command.arg("-c").arg(format!("{name}={value}"));
            }
            for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
                command.env_remove(name);
            }
            let output = command.args(arguments).output().expect("git runs");
            assert!(output.status.success(), "{arguments:?}: {output:?}");
        }

        fn write(&self, text: &str) {
            std::fs::write(self.root().join(FILE), text).expect("writes");
        }

        fn commit(&self, text: &str, subject: &str) {
            self.write(text);
            self.git(&["add", "--all"]);
            self.git(&["commit", "--quiet", "--allow-empty", "-m", subject]);
        }

        /// The name and the document of the base, or why there is none.
        fn base(&self) -> Result<(String, String), String> {
            match find(self.root(), None) {
                Base::Found { name, document, .. } => Ok((name, document.to_string())),
                Base::None(reason) | Base::Unknown(reason) => Err(reason),
            }
        }

        #[track_caller]
        fn expect(&self, subject: &str, document: &str) {
            let (name, text) = self.base().expect("a base");
            assert!(name.ends_with(subject), "{name}");
            assert_eq!(text, document);
        }
    }

    #[test]
    fn without_a_release_the_last_other_commit_counts() {
        let repository = Repository::new();
        repository.commit("1", "one");
        assert!(matches!(find(repository.root(), None), Base::None(_)));
        repository.commit("2", "two");
        repository.expect("one", "1");
        repository.commit("2", "something else");
        repository.expect("one", "1");
        // Other spaces are no other document.
        repository.commit(" 2\n", "spaces");
        repository.expect("one", "1");
        // What is not committed yet counts as well.
        repository.write("3");
        repository.expect("spaces", "2");
    }

    #[test]
    fn a_branch_that_was_merged_counts_as_one_change() {
        let repository = Repository::new();
        repository.commit("1", "one");
        repository.git(&["checkout", "--quiet", "-b", "branch"]);
        repository.commit("2", "two");
        repository.commit("3", "three");
        repository.git(&["checkout", "--quiet", "main"]);
        repository.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "branch"]);
        repository.expect("one", "1");
    }

    #[test]
    fn the_last_release_counts_and_a_release_is_compared_with_the_one_before() {
        let repository = Repository::new();
        repository.commit("1", "one");
        repository.git(&["tag", "-a", "v0.1.0", "-m", "first"]);
        repository.expect("v0.1.0", "1");
        repository.commit("2", "two");
        repository.git(&["tag", "nightly"]);
        repository.commit("3", "three");
        repository.expect("v0.1.0", "1");
        repository.git(&["tag", "v0.2.0"]);
        repository.expect("v0.1.0", "1");
        repository.write("4");
        repository.expect("v0.2.0", "3");
        repository.commit("4", "four");
        repository.expect("v0.2.0", "3");
    }

    #[test]
    fn what_is_asked_for_is_taken() {
        let repository = Repository::new();
        repository.commit("1", "one");
        repository.commit("2", "two");
        std::fs::write(repository.root().join("older.json"), "0").expect("writes");
        for (wanted, expected) in [("HEAD", "2"), ("HEAD^", "1"), ("older.json", "0")] {
            let Base::Found { document, .. } = find(repository.root(), Some(wanted)) else {
                panic!("{wanted} is not found");
            };
            assert_eq!(document.to_string(), expected);
        }
    }

    #[test]
    #[should_panic(expected = "SPEC_BASE=nonsense is no file")]
    fn what_is_asked_for_must_be_there() {
        let repository = Repository::new();
        repository.commit("1", "one");
        find(repository.root(), Some("nonsense"));
    }

    #[test]
    fn without_history_it_cannot_be_told() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), "1").expect("writes");
        assert!(matches!(find(folder.path(), None), Base::Unknown(_)));

        let repository = Repository::new();
        repository.commit("1", "one");
        repository.commit("2", "two");
        let clone = folder.path().join("clone");
        let url = format!("file://{}", repository.root().display());
        let path = clone.to_str().expect("UTF-8");
        repository.git(&["clone", "--quiet", "--depth=1", &url, path]);
        let Base::Unknown(reason) = find(&clone, None) else {
            panic!("a shallow clone has no history");
        };
        assert!(reason.contains("shallow"), "{reason}");

        // In the folder of a repository, and yet none of it.
        std::fs::create_dir(repository.root().join("unpacked")).expect("a folder");
        std::fs::write(repository.root().join("unpacked").join(FILE), "3").expect("writes");
        assert!(matches!(
            find(&repository.root().join("unpacked"), None),
            Base::Unknown(_)
        ));
    }
}
