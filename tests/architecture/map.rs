//! The map of the crate: its modules, and the arrows between its files.
//!
//! A file has an arrow to each file whose items it names, in a `use` or in a path. Re-exports are followed: the arrow leads to
//! the file that defines the item, and one that re-exports alone has none that leads to it. `mod name;` is no arrow, nor is
//! naming a module without anything in it. `pub use` is one, for a file that has items of its own as well.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{self, Part};

#[derive(Default)]
struct Module {
    file: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    items: BTreeSet<String>,
    /// Names that only tests see: nothing that they lead to counts.
    of_tests: BTreeSet<String>,
    imports: Vec<tokens::Import>,
    paths: Vec<Vec<String>>,
}

#[derive(Default)]
pub struct Map {
    files: Vec<String>,
    modules: Vec<Module>,
}

/// An arrow, and the path that it stands for as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    pub from: String,
    pub to: String,
    pub path: String,
    /// The path begins with so many `super` that it leaves every room.
    pub climbs: bool,
}

/// Where a path leads: into a module, or to something that is defined in it.
#[derive(Clone, Copy)]
enum Place {
    Module(usize),
    Item(usize),
}

impl Map {
    /// `files` are all below `src`; those that no `mod` names belong to tests.
    pub fn of(files: &[(String, String)]) -> Self {
        let mut map = Self::default();
        let texts: BTreeMap<&str, &str> = files
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        map.load("lib.rs", "", None, &texts);
        map
    }

    /// Every file that is not a test's.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    fn load(
        &mut self,
        file: &str,
        folder: &str,
        parent: Option<usize>,
        texts: &BTreeMap<&str, &str>,
    ) -> usize {
        self.files.push(file.to_owned());
        let module = self.open(self.files.len() - 1, parent);
        self.fill(module, tokens::read(texts[file]), folder, texts);
        module
    }

    fn open(&mut self, file: usize, parent: Option<usize>) -> usize {
        self.modules.push(Module {
            file,
            parent,
            ..Module::default()
        });
        self.modules.len() - 1
    }

    fn fill(
        &mut self,
        module: usize,
        parts: Vec<Part>,
        folder: &str,
        texts: &BTreeMap<&str, &str>,
    ) {
        for part in parts {
            match part {
                Part::Import(import) => self.modules[module].imports.push(import),
                Part::Test(name) => self.modules[module].of_tests.extend(name),
                Part::Item(name, paths) => {
                    self.modules[module].items.extend(name);
                    self.modules[module].paths.extend(paths);
                }
                Part::Module(name, content) => {
                    let inner = format!("{folder}{name}/");
                    let child = match content {
                        Some(parts) => {
                            let child = self.open(self.modules[module].file, Some(module));
                            self.fill(child, parts, &inner, texts);
                            child
                        }
                        None => {
                            let one = format!("{folder}{name}.rs");
                            let file = if texts.contains_key(one.as_str()) {
                                one
                            } else {
                                format!("{inner}mod.rs")
                            };
                            self.load(&file, &inner, Some(module), texts)
                        }
                    };
                    self.modules[module].children.insert(name, child);
                }
            }
        }
    }

    /// Where a path leads that is written in `module`; `None` for those of other crates.
    fn place(&self, module: usize, path: &[String], steps: usize) -> Option<Place> {
        let mut here = module;
        let mut rest = path.iter();
        let mut is_within = false;
        let mut head = rest.clone();
        while let Some(step) = head.next() {
            match step.as_str() {
                "crate" => here = 0,
                "self" => {}
                "super" => here = self.modules[here].parent?,
                _ => break,
            }
            is_within = true;
            rest = head.clone();
        }
        for name in rest {
            match self.find(here, name, is_within, steps)? {
                Place::Module(inner) => here = inner,
                item @ Place::Item(_) => return Some(item),
            }
            is_within = true;
        }
        Some(Place::Module(here))
    }

    fn find(&self, module: usize, name: &str, is_within: bool, steps: usize) -> Option<Place> {
        let steps = steps.checked_sub(1)?;
        let here = &self.modules[module];
        if let Some(child) = here.children.get(name) {
            return Some(Place::Module(*child));
        }
        if here.of_tests.contains(name) {
            return None;
        }
        if here.items.contains(name) {
            return Some(Place::Item(module));
        }
        let mut imports = here.imports.iter();
        if let Some(import) = imports.find(|import| import.name == name) {
            return self.place(module, &import.path, steps);
        }
        for all in here.imports.iter().filter(|import| import.name == "*") {
            if let Some(Place::Module(other)) = self.place(module, &all.path, steps)
                && let Some(found) = self.find(other, name, false, steps)
            {
                return Some(found);
            }
        }
        // A name that is not found in a module of ours is made by a macro there.
        (is_within && module != 0).then_some(Place::Item(module))
    }

    /// Where the `super` at the head of a path lead.
    fn climbed(&self, module: usize, path: &[String]) -> Option<usize> {
        let mut steps = path.iter().take_while(|step| *step == "super");
        steps.try_fold(module, |here, _| self.modules[here].parent)
    }

    pub fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (number, module) in self.modules.iter().enumerate() {
            let imports = module
                .imports
                .iter()
                .map(|import| (&import.path, import.name == "*"));
            let paths = module.paths.iter().map(|path| (path, false));
            for (path, is_all) in imports.chain(paths) {
                let to = match self.place(number, path, 32) {
                    Some(Place::Item(to)) => to,
                    Some(Place::Module(to)) if is_all => to,
                    Some(Place::Module(_)) | None => continue,
                };
                let (from, to) = (module.file, self.modules[to].file);
                if from != to {
                    arrows.insert(Arrow {
                        from: self.files[from].clone(),
                        to: self.files[to].clone(),
                        path: path.join("::"),
                        climbs: path.first().is_some_and(|first| first == "super")
                            && self.climbed(number, path) == Some(0),
                    });
                }
            }
        }
        arrows
    }
}

/// A map of made-up files.
#[cfg(test)]
pub fn of(files: &[(&str, &str)]) -> Map {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    Map::of(&files)
}

#[test]
fn arrows_follow_reexports_to_what_defines() {
    let map = of(&[
        ("lib.rs", "mod a; mod b;"),
        (
            "a/mod.rs",
            "mod c; mod d; pub use self::c::C; use self::d as e; fn f() { e::made() }",
        ),
        ("a/c.rs", "pub struct C;"),
        ("a/d.rs", "makes!(made);"),
        (
            "b.rs",
            "use crate::a::{self, C}; fn f() { a::C::new(); std::mem::take(C) }",
        ),
    ]);
    let found: Vec<String> = map
        .arrows()
        .into_iter()
        .map(|Arrow { from, to, path, .. }| format!("{from} → {to} by {path}"))
        .collect();
    assert_eq!(
        found,
        [
            "a/mod.rs → a/c.rs by self::c::C",
            "a/mod.rs → a/d.rs by e::made",
            "b.rs → a/c.rs by a::C::new",
            "b.rs → a/c.rs by crate::a::C",
        ]
    );
}
