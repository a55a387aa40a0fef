//! What no source file may hold, and what each must.

use syn::visit::{self, Visit};

use crate::assert_none;
use crate::files::{self, File, words};

/// A file that is longer holds two things.
const LINES_MAX: usize = 740;

fn too_long(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        vec![format!("{}: {lines} lines, and {LINES_MAX} are the most: it holds more than one noun", file.path)]
    } else {
        Vec::new()
    }
}

/// Every file says first what it owns. Only a `tests.rs` need not: its name says it.
fn undocumented(file: &File) -> Vec<String> {
    let is_tests = file.path.ends_with("/tests.rs");
    if is_tests || file.text.starts_with("//!") || file.text.starts_with("#![no_main]") {
        Vec::new()
    } else {
        vec![format!("{}: no `//!` line says what the file is", file.path)]
    }
}

/// No test is switched off, and nothing is left for later.
fn unfinished(file: &File) -> Vec<String> {
    let mut found = Unfinished::default();
    found.visit_file(&file.parsed());
    found.0.into_iter().map(|what| format!("{}: {what}", file.path)).collect()
}

#[derive(Default)]
struct Unfinished(Vec<String>);

/// Macros that stand for code that isn't there.
const STUBS: [&str; 2] = ["todo", "unimplemented"];

impl<'ast> Visit<'ast> for Unfinished {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let path = attribute.path();
        let ignored = if path.is_ident("cfg_attr")
            && let syn::Meta::List(list) = &attribute.meta
        {
            words(&list.tokens.to_string()).contains("ignore")
        } else {
            path.is_ident("ignore")
        };
        if ignored {
            self.0.push("a test is ignored: a missing part is `not_run`, with the reason".to_owned());
        }
    }

    fn visit_macro(&mut self, invoked: &'ast syn::Macro) {
        let tokens = invoked.tokens.to_string();
        for stub in STUBS {
            if invoked.path.segments.last().is_some_and(|segment| segment.ident == stub)
                || tokens.contains(&format!("{stub} !"))
                || tokens.contains(&format!("{stub}!"))
            {
                self.0.push(format!("{stub}! stands for code that isn't there"));
            }
        }
        visit::visit_macro(self, invoked);
    }
}

#[test]
fn files_are_short() {
    assert_none(&files::sources().iter().flat_map(too_long).collect::<Vec<_>>());
}

#[test]
fn files_say_what_they_are() {
    assert_none(&files::sources().iter().flat_map(undocumented).collect::<Vec<_>>());
}

#[test]
fn nothing_is_switched_off_or_left_for_later() {
    assert_none(&files::sources().iter().flat_map(unfinished).collect::<Vec<_>>());
}

#[cfg(test)]
mod can_fail {
    use super::*;

    fn source(text: &str) -> File {
        File { path: "harness/src/x.rs".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_long_file() {
        assert_eq!(too_long(&source(&"//! Long.\n".repeat(LINES_MAX))).len(), 0);
        assert_eq!(too_long(&source(&"//! Long.\n".repeat(LINES_MAX + 1))).len(), 1);
    }

    #[test]
    fn a_file_that_says_nothing() {
        assert_eq!(undocumented(&source("use a::b;\n//! Too late.")).len(), 1);
        assert_eq!(undocumented(&source("// Not documentation.")).len(), 1);
        assert_eq!(undocumented(&source("//! A file.")).len(), 0);
        let tests = File { path: "harness/src/x/tests.rs".to_owned(), text: "use super::*;".to_owned() };
        assert_eq!(undocumented(&tests).len(), 0);
    }

    #[test]
    fn code_that_is_not_there() {
        for text in [
            "#[test] #[ignore] fn f() {}",
            "#[test] #[ignore = \"slow\"] fn f() {}",
            "#[test] #[cfg_attr(not(unix), ignore)] fn f() {}",
            "mod m { mod tests { #[ignore] fn f() {} } }",
            "fn f() { todo!() }",
            "fn f() { std::unimplemented!(\"later\") }",
            "fn f() { vec![todo!()]; }",
        ] {
            assert_eq!(unfinished(&source(text)).len(), 1, "{text}");
        }
        assert_none(&unfinished(&source("/// #[ignore] todo!()\nfn ignore() { g!(\"ignore\"); }")));
    }
}
