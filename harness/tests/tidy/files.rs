//! The files of the repository, and the names in a source file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

/// A file as it lies in the repository.
pub(crate) struct File {
    /// Its path from the root, with `/` between the parts.
    pub(crate) path: String,
    /// What it says. Bytes that are no text are replaced.
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it lies in a folder, from the root.
    pub(crate) fn is_under(&self, folder: &str) -> bool {
        self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    #[track_caller]
    pub(crate) fn parsed(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Every file that is part of the project: not what a build, a run or a fuzzer leaves behind.
pub(crate) fn all() -> Vec<File> {
    const LEFT_BEHIND: [&str; 6] =
        ["isolation-out", "reports/generated", "fuzz/artifacts", "fuzz/coverage", "fuzz/corpus", ".git"];
    let mut files = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            let name = relative(&path);
            if path.is_dir() {
                // Cargo marks its target folders, wherever they are.
                if !LEFT_BEHIND.contains(&name.as_str()) && !path.join("CACHEDIR.TAG").exists() {
                    folders.push(path);
                }
            } else if !LEFT_BEHIND.contains(&name.as_str()) {
                let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
                files.push(File { path: name, text: String::from_utf8_lossy(&bytes).into_owned() });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.iter().filter(|file| file.is_rust()).count() > 100, "most of the sources were not found");
    files
}

/// The Rust sources.
pub(crate) fn sources() -> Vec<File> {
    all().into_iter().filter(File::is_rust).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let failed = |error| panic!("{}: {error}", folder.display());
    fs::read_dir(folder)
        .unwrap_or_else(failed)
        .map(|entry| entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path())
        .collect()
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The paths that a source file names: in `use` lines, types, expressions and the words of macros.
#[derive(Default)]
pub(crate) struct Names(pub(crate) BTreeSet<String>);

impl Names {
    pub(crate) fn of(file: &syn::File) -> Self {
        let mut names = Self::default();
        names.visit_file(file);
        names
    }

    /// Whether a path has `word` among its parts.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|path| path.split("::").any(|part| part == word))
    }

    fn add_use(&mut self, prefix: &str, tree: &syn::UseTree) {
        let join = |part: &dyn std::fmt::Display| {
            if prefix.is_empty() { part.to_string() } else { format!("{prefix}::{part}") }
        };
        match tree {
            syn::UseTree::Path(path) => self.add_use(&join(&path.ident), &path.tree),
            syn::UseTree::Name(name) if name.ident == "self" => self.add(prefix.to_owned()),
            syn::UseTree::Name(name) => self.add(join(&name.ident)),
            syn::UseTree::Rename(rename) if rename.ident == "self" => self.add(prefix.to_owned()),
            syn::UseTree::Rename(rename) => self.add(join(&rename.ident)),
            syn::UseTree::Glob(_) => self.add(join(&"*")),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(prefix, tree)),
        }
    }

    fn add(&mut self, path: String) {
        self.0.insert(path);
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::"));
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use("", &item.tree);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.add(item.ident.to_string());
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        words(&invoked.tokens.to_string()).into_iter().for_each(|path| self.add(path));
        visit::visit_macro(self, invoked);
    }

    // Documentation names what it likes.
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// The paths in the words of a macro. Text in quotes is none.
pub(crate) fn words(tokens: &str) -> BTreeSet<String> {
    let without_text: String = tokens.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    without_text
        .replace(" :: ", "::")
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
        .map(|path| path.trim_matches(':'))
        .filter(|path| path.starts_with(|c: char| c.is_alphabetic() || c == '_'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_path_is_seen() {
        for (source, path) in [
            ("use std::{time::{self, Instant as Now}, fs};", "std::time"),
            ("use std::{time::{self, Instant as Now}, fs};", "std::time::Instant"),
            ("use std::{time::{self, Instant as Now}, fs};", "std::fs"),
            ("use std::*;", "std::*"),
            ("extern crate reference_impl as r;", "reference_impl"),
            ("fn f() { a::b(); }", "a::b"),
            ("fn f(x: a::B) {}", "a::B"),
            ("fn f() { vec![a::b(1)]; }", "a::b"),
            ("fn f() { println!(\"{}\", a::b::<C>()); }", "a::b"),
            ("mod m { mod n { use a::b; } }", "a::b"),
            ("impl a::T for S {}", "a::T"),
        ] {
            let names = Names::of(&syn::parse_file(source).unwrap());
            assert!(names.0.contains(path), "{source}: no {path} in {:?}", names.0);
        }
    }

    #[test]
    fn documentation_and_text_name_nothing() {
        let names = Names::of(&syn::parse_file("/// [`a::b`]\nfn f() { g!(\"a::b\"); \"a::b\"; }").unwrap());
        assert!(!names.has("a"), "{:?}", names.0);
    }
}
