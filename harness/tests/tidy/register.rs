//! The register of claims against the reference: what is said to enforce a claim is there, and so are the faults that
//! show that its check can fail.

use std::collections::BTreeSet;
use std::fs;

use isolation_harness::campaign::MILESTONE;
use isolation_model::claim::{ClaimId, Symbol, register};
use reference_impl::Fault;
use syn::visit::{self, Visit};

use crate::assert_none;
use crate::files::{self, words};

/// The places that don't exist. `read` gives the text of a file of the repository, if there is one.
fn missing_symbols(claim: &str, places: &[Symbol], read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    for place in places {
        let complaint = match read(place.file) {
            None => "there is no such file",
            Some(text) if !symbols(&text).contains(place.symbol) => "there is no such item in it",
            Some(_) => continue,
        };
        complaints.push(format!("{claim} is enforced at {}, {}: {complaint}", place.file, place.symbol));
    }
    complaints
}

/// The items that a source defines, those among them that a macro makes.
fn symbols(text: &str) -> BTreeSet<String> {
    let mut symbols = Symbols::default();
    // A file that doesn't parse defines nothing.
    if let Ok(file) = syn::parse_file(text) {
        symbols.visit_file(&file);
    }
    symbols.0
}

#[derive(Default)]
struct Symbols(BTreeSet<String>);

impl<'ast> Visit<'ast> for Symbols {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.0.insert(signature.ident.to_string());
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.0.insert(item.ident.to_string());
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.0.insert(item.ident.to_string());
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.0.insert(item.ident.to_string());
        visit::visit_item_trait(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        // The definition of a macro makes nothing; its use does.
        if item.ident.is_none() {
            self.0.extend(words(&item.mac.tokens.to_string()));
        }
    }
}

/// Faults behind claims that don't exist, and claims without a fault.
fn unproven(faults: &[(&str, &[&str])], due: &[&str]) -> Vec<String> {
    let unknown = faults.iter().flat_map(|(fault, claims)| {
        let unknown = claims.iter().filter(|claim| claim.parse::<ClaimId>().is_err());
        unknown.map(move |claim| format!("the fault {fault} breaks {claim}, and there is no such claim"))
    });
    let without = due
        .iter()
        .filter(|claim| !faults.iter().any(|(_, claims)| claims.contains(claim)))
        .map(|claim| format!("no fault is planted behind {claim}: its check is not known to be able to fail"));
    unknown.chain(without).collect()
}

#[test]
fn what_enforces_a_claim_is_there() {
    let read = |file: &str| fs::read_to_string(files::root().join(file)).ok();
    let complaints: Vec<String> =
        register().flat_map(|claim| missing_symbols(claim.id.as_str(), claim.enforced_at, read)).collect();
    assert_none(&complaints);
}

#[test]
fn every_fault_breaks_claims_that_exist_and_every_due_claim_has_a_fault() {
    let faults: Vec<(&str, &[&str])> = Fault::ALL.iter().map(|fault| (fault.id(), fault.claims())).collect();
    let due: Vec<&str> = register().filter(|claim| claim.is_due(MILESTONE)).map(|claim| claim.id.as_str()).collect();
    assert!(due.len() >= 22, "{due:?}");
    assert_none(&unproven(&faults, &due));
}

#[cfg(test)]
mod can_fail {
    use super::*;

    const SOURCE: &str = "pub fn decide() {} struct Store; impl Store { fn get(&self) {} } \
                          macro_rules! key { ($n:ident) => { struct Hidden; }; } key!(DeployLabel, \"quoted\");";

    #[test]
    fn a_symbol_that_is_gone() {
        let check = |symbol| {
            let read = |file: &str| (file == "a.rs").then(|| SOURCE.to_owned());
            missing_symbols("APX-1", &[Symbol { file: "a.rs", symbol }], read).len()
        };
        for there in ["decide", "Store", "get", "DeployLabel"] {
            assert_eq!(check(there), 0, "{there}");
        }
        for gone in ["decid", "self", "Hidden", "quoted", ""] {
            assert_eq!(check(gone), 1, "{gone}");
        }
    }

    #[test]
    fn a_file_that_is_gone_or_does_not_parse() {
        let place = [Symbol { file: "a.rs", symbol: "decide" }];
        assert_eq!(missing_symbols("APX-1", &place, |_| None).len(), 1);
        assert_eq!(missing_symbols("APX-1", &place, |_| Some("fn decide( {".to_owned())).len(), 1);
    }

    #[test]
    fn faults_that_prove_nothing() {
        assert_eq!(unproven(&[("one", &["APX-1"])], &["APX-1"]).len(), 0);
        assert_eq!(unproven(&[("one", &["APX-1", "APX-99"])], &["APX-1"]).len(), 1);
        assert_eq!(unproven(&[("one", &["APX-1"])], &["APX-1", "APX-2"]).len(), 1);
        assert_eq!(unproven(&[], &["APX-1"]).len(), 1);
    }
}
