//! What was seen of a step as one digest, without what can differ between two runs of one seed.

use std::collections::BTreeMap;

use isolation_model::observation::{Delivery, EdgeObservation, Exchange, Fields, Observation, UpstreamRequest};
use sha2::{Digest, Sha256};

/// SHA-256 over what was seen.
pub(super) fn digest(observation: &Observation) -> String {
    let mut hash = Hash(Sha256::new());
    for exchange in &observation.exchanges {
        match exchange {
            Exchange::Answer(answer) => {
                hash.add(&answer.status.to_be_bytes());
                for (name, value) in answer.headers.iter().filter(|(name, _)| name != "date") {
                    hash.add(name.as_bytes());
                    hash.add(value);
                }
                // An echo holds the container's address; what it echoes is added below without it.
                let echoes = |delivery: &Delivery| !delivery.raw.is_empty() && answer.body.starts_with(&delivery.raw);
                if !observation.deliveries.iter().any(echoes) {
                    hash.add(&answer.body);
                }
            }
            Exchange::Nothing(nothing) => hash.add(format!("{nothing:?}").as_bytes()),
        }
    }
    for delivery in &observation.deliveries {
        hash.add(&delivery.deployment.to_be_bytes());
        hash.request(&delivery.method, &delivery.target, &delivery.headers, &delivery.body);
    }
    for access in &observation.kv {
        hash.add(format!("{access:?}").as_bytes());
    }
    hash.add(format!("{:?}{:?}", observation.control, observation.kv_key).as_bytes());
    hash.edge(&observation.edge);
    super::hex(&hash.0.finalize())
}

struct Hash(Sha256);

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
    }

    fn request(&mut self, method: &str, target: &[u8], headers: &Fields, body: &[u8]) {
        self.add(method.as_bytes());
        self.add(target);
        let mut headers = headers.clone();
        headers.sort();
        for (name, value) in headers {
            self.add(name.as_bytes());
            self.add(&value);
        }
        self.add(body);
    }

    fn edge(&mut self, seen: &EdgeObservation) {
        // Which of two that came at once was first is the scheduler's.
        let mut requests: Vec<&UpstreamRequest> = seen.upstream.iter().collect();
        requests.sort_by_key(|request| (request.place, &request.method, &request.target, &request.body));
        for request in requests {
            self.add(format!("{:?}{}", request.place, request.complete).as_bytes());
            self.request(&request.method, &request.target, &request.headers, &request.body);
        }
        // A hold's id may be drawn; its place among the holds of the step is what counts.
        let mut holds: BTreeMap<&str, usize> = BTreeMap::new();
        for (tenant, lines) in &seen.ledger {
            self.add(&tenant.to_be_bytes());
            for line in lines {
                let next = holds.len();
                let hold = line.hold.as_deref().map(|id| *holds.entry(id).or_insert(next));
                let line = isolation_model::observation::LedgerLine { hold: None, ..line.clone() };
                self.add(format!("{line:?}{hold:?}").as_bytes());
            }
        }
        self.add(format!("{:?}", seen.balances).as_bytes());
        let mut log: Vec<&String> = seen.log.iter().collect();
        log.sort();
        for line in log {
            self.add(line.as_bytes());
        }
        self.add(format!("{:?}{:?}{:?}{:?}", seen.issued, seen.listing, seen.dump, seen.vault).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use isolation_model::observation::{LedgerKind, LedgerLine, Place};

    use super::*;

    fn request(target: &str) -> UpstreamRequest {
        UpstreamRequest {
            place: Place::Broker,
            method: "POST".to_owned(),
            target: target.as_bytes().to_vec(),
            headers: Vec::new(),
            body: Vec::new(),
            raw: b"not compared".to_vec(),
            complete: true,
        }
    }

    fn line(hold: &str) -> LedgerLine {
        LedgerLine {
            kind: LedgerKind::Hold,
            micros: -1,
            balance_after: 0,
            hold: Some(hold.to_owned()),
            key: None,
            app: None,
            connection: None,
            provider: None,
            model: None,
            unpaid_micros: 0,
        }
    }

    #[test]
    fn what_was_seen_counts_and_which_came_first_does_not() {
        let with = |change: &dyn Fn(&mut Observation)| {
            let mut observation = Observation::default();
            change(&mut observation);
            digest(&observation)
        };
        let empty = with(&|_| {});
        let both = with(&|seen| seen.edge.upstream = vec![request("/a"), request("/b")]);
        assert_eq!(both, with(&|seen| seen.edge.upstream = vec![request("/b"), request("/a")]));
        assert_ne!(both, with(&|seen| seen.edge.upstream = vec![request("/a"), request("/a")]));
        let held = with(&|seen| drop(seen.edge.ledger.insert(0, vec![line("h1"), line("h2")])));
        assert_eq!(held, with(&|seen| drop(seen.edge.ledger.insert(0, vec![line("x"), line("y")]))));
        assert_ne!(held, with(&|seen| drop(seen.edge.ledger.insert(0, vec![line("h1"), line("h1")]))));
        assert_ne!(held, with(&|seen| drop(seen.edge.ledger.insert(1, vec![line("h1"), line("h2")]))));
        for changed in [
            with(&|seen| seen.edge.balances = vec![1]),
            with(&|seen| seen.edge.log = vec!["line".to_owned()]),
            with(&|seen| seen.edge.listing = Some(String::new())),
            with(&|seen| seen.edge.dump = Some(String::new())),
            with(&|seen| seen.edge.vault = Some(isolation_model::observation::VaultSeen::default())),
        ] {
            assert_ne!(changed, empty);
        }
    }
}
