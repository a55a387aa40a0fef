//! tmp
#![allow(clippy::all, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]
use isolation_harness::campaign::*;
use isolation_harness::engine::*;
use isolation_harness::target::reference::*;
use isolation_harness::verify::block_on;
use isolation_model::action::Action;
use isolation_model::action::edge::provider::*;
use isolation_model::action::edge::*;
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
                        steps.push(
                            Action::edge(EdgeCall::Provider(ProviderCall::plain(0, key, adapter, *route))).into(),
                        );
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
            for what in step
                .findings
                .iter()
                .map(|f| format!("FINDING {:?} {}", f.claim, f.what))
                .chain(step.shortfalls.iter().map(|s| format!("short {s}")))
            {
                let entry = bad
                    .entry(what.chars().take(200).collect())
                    .or_insert((0, format!("{:?} {:?}", step.requests, step.step.action)));
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

#[test]
fn moves() {
    use isolation_model::claim::*;
    let n: u64 = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let only = std::env::var("ONLY").unwrap_or_default();
    let link = if std::env::var("LINK").is_ok() { Link::Http } else { Link::InProcess };
    let mut bad = std::collections::BTreeMap::<String, (usize, String)>::new();
    let mut evidence: std::collections::BTreeMap<ClaimId, isolation_model::verdict::Evidence> = Default::default();
    let claims: Vec<&Claim> = register().filter(|c| c.is_due(Milestone::Edge) && !c.is_due(Milestone::Light)).collect();
    let mut requests = 0;
    let t = std::time::Instant::now();
    let mut slow: Vec<(u128, String)> = vec![];
    for case in cases_of(&claims, 5, n) {
        let CaseKind::Directed { of_move } = &case.kind else { continue };
        if !of_move.contains(&only) {
            continue;
        }
        let (world, steps) = case.steps(Profile::Quick.budget());
        if steps.is_empty() {
            *bad.entry(format!("no steps {of_move}")).or_default() = (1, String::new());
            continue;
        }
        let target = Reference::new(link);
        let t1 = std::time::Instant::now();
        let outcome = match block_on(run_case(&target, &world, &steps)).unwrap() {
            Ok(o) => o,
            Err(e) => {
                bad.entry(format!("ERROR {e} {of_move}")).or_default().0 += 1;
                continue;
            }
        };
        slow.push((t1.elapsed().as_millis(), of_move.clone()));
        requests += outcome.requests;
        for (claim, own) in &outcome.evidence {
            evidence.entry(*claim).or_default().merge(own);
        }
        for step in &outcome.steps {
            for what in step
                .findings
                .iter()
                .map(|f| format!("FINDING {:?} {}", f.claim, f.what))
                .chain(step.shortfalls.iter().map(|s| format!("short {s}")))
            {
                let entry = bad.entry(what.chars().take(200).collect()).or_insert((
                    0,
                    format!(
                        "{of_move} case {} {:?} {:?} {}",
                        case.number,
                        step.role,
                        step.requests,
                        serde_json::to_string(&step.step.action).unwrap()
                    ),
                ));
                entry.0 += 1;
            }
        }
    }
    slow.sort();
    eprintln!("{} requests in {:?}; slowest {:?}", requests, t.elapsed(), &slow[slow.len().saturating_sub(8)..]);
    for claim in &claims {
        let own = evidence.remove(&claim.id).unwrap_or_default();
        eprintln!("{} attacks {} controls {}", claim.id, own.attacks, own.controls);
        for m in claim.moves {
            let t = own.moves.get(m.id).copied().unwrap_or_default();
            if t.reached < t.attempts || t.attempts == 0 {
                eprintln!("   {} attempts {} reached {}", m.id, t.attempts, t.reached);
            }
        }
    }
    for (what, (count, example)) in &bad {
        eprintln!("{count:>5} {what}\n        {}", example.chars().take(1500).collect::<String>());
    }
    assert!(bad.is_empty(), "{}", bad.len());
}
