//! Sign-in codes: how a member's session gets from the dashboard to a deployment's host.
//!
//! The dashboard gives a code that is good once, for a minute, at one exact host. The app-proxy redeems it there. An
//! allow-list of hosts would not do: every tenant's page is at a host of the platform.

use crate::entropy::{Entropy, EntropyError};
use crate::fault::{Fault, FaultSet};
use crate::host::Host;
use crate::identity::Member;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a code lives, in milliseconds.
pub const CODE_LIFE_MS: i64 = 60_000;

/// The codes that were given and not yet presented. Clones share them.
#[derive(Clone)]
pub(crate) struct SignIn {
    entropy: Entropy,
    faults: FaultSet,
    /// By the hash of the code, so that a lookup's time says nothing about a code.
    pending: Arc<Mutex<HashMap<[u8; 32], Pending>>>,
}

struct Pending {
    member: Member,
    host: Host,
    expires_ms: i64,
}

impl SignIn {
    pub(crate) fn new(entropy: Entropy, faults: FaultSet) -> Self {
        Self { entropy, faults, pending: Arc::default() }
    }

    /// A fresh code for a member at a host. The caller has made sure that the host is the member's tenant's.
    pub(crate) fn issue(&self, member: &Member, host: Host, now_ms: i64) -> Result<String, EntropyError> {
        let code = URL_SAFE_NO_PAD.encode(self.entropy.draw(&format!("sign-in-code/{}", member.tenant))?);
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, pending| pending.expires_ms > now_ms);
        let expires_ms = now_ms.saturating_add(CODE_LIFE_MS);
        pending.insert(digest(code.as_bytes()), Pending { member: member.clone(), host, expires_ms });
        Ok(code)
    }

    /// The member behind a code, if it is good at this host of this tenant. Whatever the answer, the code is spent.
    pub(crate) fn redeem(&self, code: &[u8], host: &Host, tenant_id: &str, now_ms: i64) -> Option<Member> {
        let mut codes = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let key = digest(code);
        let pending = codes.remove(&key)?;
        let host_holds = pending.host == *host || self.faults.has(Fault::ApxSigninCodeAnyHost);
        let good = host_holds && pending.member.tenant.as_str() == tenant_id && pending.expires_ms > now_ms;
        let member = good.then(|| pending.member.clone());
        if self.faults.has(Fault::ApxSigninCodeReused) {
            codes.insert(key, pending);
        }
        member
    }
}

fn digest(code: &[u8]) -> [u8; 32] {
    Sha256::digest(code).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::normalise;
    use crate::identity::Role;
    use crate::ids::TenantId;

    fn member() -> Member {
        Member {
            user_id: "u".into(),
            email: "u@example.com".into(),
            name: "U".into(),
            tenant: TenantId::parse("t").unwrap(),
            role: Role::Owner,
        }
    }

    fn host(name: &str) -> Host {
        normalise(name.as_bytes()).unwrap()
    }

    #[test]
    fn a_code_is_good_once() {
        let codes = SignIn::new(Entropy::seeded(1), FaultSet::none());
        let code = codes.issue(&member(), host("a.com"), 0).unwrap();
        assert_eq!(codes.redeem(code.as_bytes(), &host("a.com"), "t", CODE_LIFE_MS - 1), Some(member()));
        assert_eq!(codes.redeem(code.as_bytes(), &host("a.com"), "t", 1), None);
    }

    #[test]
    fn a_presentation_in_the_wrong_place_spends_the_code() {
        for (place, tenant, now) in [("b.com", "t", 1), ("a.com", "T", 1), ("a.com", "t", CODE_LIFE_MS)] {
            let codes = SignIn::new(Entropy::seeded(1), FaultSet::none());
            let code = codes.issue(&member(), host("a.com"), 0).unwrap();
            assert_eq!(codes.redeem(code.as_bytes(), &host(place), tenant, now), None, "{place} {tenant} {now}");
            assert_eq!(codes.redeem(code.as_bytes(), &host("a.com"), "t", 1), None, "{place} {tenant} {now}: again");
        }
    }

    #[test]
    fn an_unknown_code_spends_no_other() {
        let codes = SignIn::new(Entropy::os(), FaultSet::none());
        let code = codes.issue(&member(), host("a.com"), 0).unwrap();
        assert_eq!(code.len(), 43);
        assert_eq!(codes.redeem(b"", &host("a.com"), "t", 1), None);
        assert_eq!(codes.redeem(&code.as_bytes()[1..], &host("a.com"), "t", 1), None);
        assert!(codes.redeem(code.as_bytes(), &host("a.com"), "t", 1).is_some());
    }
}
