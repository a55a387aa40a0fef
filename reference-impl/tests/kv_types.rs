//! That a worker can't enumerate or write the KV namespace is a property of the types.
#![expect(clippy::wildcard_enum_match_arm, reason = "the syntax tree is another crate's, and grows")]

use std::collections::BTreeSet;

/// Programs that must not compile, each for the reason beside it.
#[test]
fn a_workers_handle_has_nothing_but_get() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

/// What compile-fail tests can't see: a method that nobody thought of.
#[test]
fn get_is_the_only_method_of_the_handle_and_no_trait_adds_another() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/kv/namespace.rs");
    let source = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut methods = BTreeSet::new();
    let mut traits = BTreeSet::new();
    let mut fields = Vec::new();
    for item in source.items {
        match item {
            syn::Item::Impl(item) if names(&item.self_ty, "WorkerKv") => match item.trait_ {
                Some((path, _)) => {
                    traits.insert(path.segments.last().unwrap().ident.to_string());
                }
                None => methods.extend(item.items.into_iter().map(|member| match member {
                    syn::ImplItem::Fn(method) => method.sig.ident.to_string(),
                    _ => panic!("an associated item that is no method"),
                })),
            },
            syn::Item::Struct(item) if item.ident == "WorkerKv" => {
                fields.extend(item.fields.into_iter().map(|field| field.vis));
            }
            _ => {}
        }
    }
    assert_eq!(methods, BTreeSet::from(["get".to_owned()]));
    assert_eq!(traits, BTreeSet::from(["Debug".to_owned()]), "a trait is a way to add a method");
    assert!(matches!(&fields[..], [syn::Visibility::Inherited]), "the namespace behind the handle is its own");
}

fn names(ty: &syn::Type, name: &str) -> bool {
    matches!(ty, syn::Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == name))
}
