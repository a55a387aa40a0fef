//! That nobody acts for a tenant without proof is a property of the types.

use std::path::{Path, PathBuf};

/// Programs that must not compile, each for the reason beside it.
#[test]
fn a_scope_is_minted_by_identity_alone() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/scope/*.rs");
}

/// What other crates can't call, this crate could: only the control plane acts without a key or a secret.
#[test]
fn only_the_control_plane_acts_as_an_operator() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut callers = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if calls(&path) {
                callers.push(path.strip_prefix(&root).unwrap().to_owned());
            }
        }
    }
    assert!(callers.contains(&PathBuf::from("control/mod.rs")), "the scan sees nothing: {callers:?}");
    // Planted faults act for whom they like. No build for use has them.
    let for_use = |file: &&PathBuf| !file.ends_with("planted.rs");
    let elsewhere: Vec<_> = callers.iter().filter(|file| !file.starts_with("control")).filter(for_use).collect();
    assert_eq!(elsewhere, [Path::new("identity/mod.rs")], "an operator acts elsewhere");
}

fn calls(file: &Path) -> bool {
    let source = std::fs::read_to_string(file).unwrap_or_default();
    // Unit tests mint scopes to test with.
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    !file.to_string_lossy().ends_with("tests.rs") && source.contains("operator(")
}
