//! tmp
#![allow(clippy::all, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
use isolation_harness::campaign::*;
use isolation_harness::engine::*;
use isolation_harness::target::reference::*;
use isolation_harness::verify::block_on;
use isolation_model::action::Action;
use isolation_model::action::edge::*;
use isolation_model::action::edge::provider::*;
use isolation_model::trace::Step;
use isolation_model::world::edge::Provider;

#[test]
fn smoke() {
    let n: u64 = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let link = if std::env::var("LINK").is_ok() { Link::Http } else { Link::InProcess };
    let mut bad = std::collections::BTreeMap::<String, (usize, String)>::new();
    let t = std::time::Instant::now();
    let mut requests = 0;
    for number in 0..n {
        let case = Case { seed: 5, number, kind: CaseKind::Random };
        let (world, _) = case.world();
        let mut steps: Vec<Step> = Vec::new();
        for tenant in 0..world.tenants.len() {
            for which in 0..2 {
                let Some(app) = world.app_of_tenant(tenant, which) else { continue };
                let Some(key) = world.key_of_app(app) else { continue };
                for adapter in Provider::ADAPTERS {
                    for route in Route::of(adapter) {
                        steps.push(Action::edge(EdgeCall::Provider(ProviderCall::plain(0, key, adapter, *route))).into());
                    }
                }
                for provider in Provider::ALL {
                    steps.push(Action::edge(EdgeCall::Vend(VendCall::plain(0, key, provider))).into());
                }
            }
        }
        for c in 0..world.edge.connections.len() {
            steps.push(Action::edge(EdgeCall::Hook(HookCall::plain(0, c as u8))).into());
        }
        for kind in isolation_model::action::edge::vault::VaultKind::ALL {
            steps.push(Action::Vault(VaultTry { kind, tenant: 0, connection: 1 }).into());
        }
        let target = Reference::new(link);
        let t1 = std::time::Instant::now();
        eprintln!("{} steps", steps.len());
        let outcome = block_on(run_case(&target, &world, &steps)).unwrap().unwrap();
        eprintln!("{} requests in {:?}", outcome.requests, t1.elapsed());
        requests += outcome.requests;
        for step in &outcome.steps {
            for what in step.findings.iter().map(|f| format!("FINDING {:?} {}", f.claim, f.what)).chain(step.shortfalls.iter().map(|s| format!("short {s}"))) {
                let entry = bad.entry(what.chars().take(200).collect()).or_insert((0, format!("{:?} {:?}", step.requests, step.step.action)));
                entry.0 += 1;
            }
        }
    }
    eprintln!("{} requests in {:?}", requests, t.elapsed());
    for (what, (count, example)) in &bad {
        eprintln!("{count:>5} {what}\n        {}", example.chars().take(700).collect::<String>());
    }
    assert!(bad.is_empty(), "{}", bad.len());
}
