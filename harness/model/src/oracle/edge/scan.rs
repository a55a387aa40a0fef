//! Whose secrets reached whom: what each party behind and before the edge may see, and what it means when it sees more.

use std::collections::BTreeSet;

use super::step::CallDue;
use crate::action::edge::header::EdgeHeader;
use crate::action::edge::key::{KeyCarrier, KeyRef};
use crate::action::edge::provider::QueryPair;
use crate::action::edge::{EdgeCall, Presented};
use crate::canary::{CanaryId, Scanner};
use crate::claim::ClaimId;
use crate::oracle::{Finding, Judgement, Leak, Oracle};
use crate::state::State;
use crate::world::World;

/// Looks through bytes for secrets.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a> {
    pub(super) world: &'a World,
    pub(super) state: &'a State,
    pub(super) scanner: &'a Scanner,
}

/// Where bytes went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    /// The client of a provider proxy.
    Client,
    /// The client of the credentials worker.
    Vended,
    /// An upstream.
    Upstream,
    /// The broker.
    Broker,
    /// A server that nobody may be sent to.
    Stray,
    /// The log of a provider proxy.
    ProviderLog,
    /// The log of the credentials worker.
    VendLog,
    /// The log of the hooks worker.
    HookLog,
    /// Whoever may read all that is stored.
    Dump,
    /// A tenant's list of keys.
    Listing,
}

impl Scan<'_> {
    /// Scans what reached somebody. `tenant` is the tenant of the key, where there is one that counts.
    pub(super) fn scan(
        self,
        bytes: &[u8],
        visible: &BTreeSet<CanaryId>,
        reached: Reached,
        who: &str,
        tenant: Option<usize>,
        judgement: &mut Judgement,
    ) {
        let scan = self.scanner.scan(bytes);
        for limit in &scan.incomplete {
            judgement.shortfalls.push(format!("what reached {who} could not be scanned to its end: {limit:?}"));
        }
        for found in scan.findings.iter().filter(|found| !visible.contains(&found.canary)) {
            let label = self.world.canaries.label(found.canary);
            let foreign = self.owner(found.canary).is_some_and(|owner| tenant.is_some_and(|tenant| tenant != owner));
            for claim in claims(&label.field, reached, foreign) {
                judgement.findings.push(Finding {
                    claim,
                    oracle: Oracle::Canary,
                    what: format!("{} of {} reached {who}", label.field, label.owner),
                    leak: Some(Leak {
                        datum: label.clone(),
                        reached: who.to_owned(),
                        channel: channel(reached).to_owned(),
                        encoding: format!("{:?}", found.encoding),
                    }),
                });
            }
        }
        self.issued(bytes, reached, who, judgement);
    }

    /// Keys that were issued during the case are no canaries: they are sought as they are written.
    fn issued(self, bytes: &[u8], reached: Reached, who: &str, judgement: &mut Judgement) {
        let issued = self.state.edge.keys.iter().skip(self.state.edge.world_keys);
        for key in issued.filter(|key| !key.bearer.is_empty() && contains(bytes, key.bearer.as_bytes())) {
            for claim in claims("bearer", reached, false) {
                judgement.findings.push(Finding {
                    claim,
                    oracle: Oracle::Canary,
                    what: format!("the key {} that was issued reached {who}", key.id),
                    leak: None,
                });
            }
        }
    }

    /// The tenant whose secret a canary is.
    fn owner(self, canary: CanaryId) -> Option<usize> {
        let edge = &self.world.edge;
        let connection = edge.connections.iter().find(|own| {
            [&own.credential, &own.refresh, &own.webhook_secret].into_iter().flatten().any(|secret| secret.id == canary)
        });
        let key = edge.keys.iter().find(|own| own.canary.id == canary);
        let member = self.world.members.iter().find(|m| [m.email_canary.id, m.request_canary.id].contains(&canary));
        connection.map(|own| own.tenant).or(key.map(|own| own.tenant)).or(member.map(|own| own.tenant))
    }
}

/// The claims that fall when a secret of this field reaches somebody who may not see it.
fn claims(field: &str, reached: Reached, foreign: bool) -> Vec<ClaimId> {
    let bearer = field == "bearer";
    let mut claims = match reached {
        Reached::Client => match field {
            "request" => vec![ClaimId::Prx3],
            _ => vec![ClaimId::Prx5],
        },
        Reached::Upstream | Reached::Stray => match field {
            "request" => vec![ClaimId::Prx3],
            "credential" if foreign => vec![ClaimId::Prx5, ClaimId::Prx4, ClaimId::Prx3, ClaimId::Prx2],
            "credential" => vec![ClaimId::Prx5, ClaimId::Prx4],
            _ => vec![ClaimId::Prx5],
        },
        Reached::Vended => match field {
            "credential" | "broker-access" if foreign => vec![ClaimId::Crd1, ClaimId::Crd3],
            "credential" | "broker-access" => vec![ClaimId::Crd1, ClaimId::Crd2, ClaimId::Crd3],
            _ => vec![ClaimId::Crd3],
        },
        Reached::Broker | Reached::VendLog => vec![ClaimId::Crd3],
        Reached::ProviderLog => vec![ClaimId::Prx5],
        Reached::HookLog => vec![ClaimId::Hks1],
        Reached::Dump if bearer => vec![],
        Reached::Dump => vec![ClaimId::Sec3],
        Reached::Listing => vec![],
    };
    let keeps_keys = match reached {
        Reached::ProviderLog | Reached::VendLog | Reached::HookLog | Reached::Dump | Reached::Listing => true,
        Reached::Client | Reached::Vended | Reached::Upstream | Reached::Broker | Reached::Stray => false,
    };
    if bearer && keeps_keys || reached == Reached::Listing {
        claims.push(ClaimId::Key1);
    }
    claims
}

const fn channel(reached: Reached) -> &'static str {
    match reached {
        Reached::Client | Reached::Vended => "answer",
        Reached::Upstream => "request to an upstream",
        Reached::Broker => "request to the broker",
        Reached::Stray => "request to a stranger",
        Reached::ProviderLog | Reached::VendLog | Reached::HookLog => "log",
        Reached::Dump => "dump",
        Reached::Listing => "list of keys",
    }
}

/// The canaries that a caller has and sends: his own mark, the keys he presents, what his tokens hold.
pub(super) fn sent(world: &World, call: &EdgeCall) -> BTreeSet<CanaryId> {
    let mut sent = BTreeSet::from([world.member(call.sender()).request_canary.id]);
    let mut key = |key: KeyRef| match key {
        KeyRef::Key(key) | KeyRef::Malformed { key, .. } | KeyRef::PrefixOf(key) => {
            sent.insert(world.key(key).canary.id);
        }
        KeyRef::Issued(_) | KeyRef::NeverIssued | KeyRef::HashOf(_) | KeyRef::None => {}
    };
    if let Some(Presented { key: first, how }) = call.presented().copied() {
        key(first);
        match how {
            KeyCarrier::BothDiffer(second)
            | KeyCarrier::TwoAuthorizations { second }
            | KeyCarrier::TwoApiKeys { second } => key(second),
            KeyCarrier::Authorization
            | KeyCarrier::ApiKey
            | KeyCarrier::BothSame
            | KeyCarrier::BasicBeside
            | KeyCarrier::Scheme(_)
            | KeyCarrier::Query(_)
            | KeyCarrier::Cookie(_)
            | KeyCarrier::OtherHeader(_) => {}
        }
    }
    if let EdgeCall::Provider(call) = call {
        for pair in &call.query {
            if let QueryPair::Bearer(own) | QueryPair::EncodedBearer(own) = pair {
                key(KeyRef::Key(*own));
            }
        }
    }
    for header in &call.carrier().headers {
        match header {
            EdgeHeader::UserJwt(token) => {
                sent.insert(world.member(token.member).email_canary.id);
            }
            EdgeHeader::SessionCookie(member) => {
                sent.insert(world.member(*member).email_canary.id);
            }
            EdgeHeader::BearerElsewhere(key) | EdgeHeader::KeyBeside { key, .. } => {
                sent.insert(world.key(*key).canary.id);
            }
            EdgeHeader::TenantNamed { .. }
            | EdgeHeader::Connection { .. }
            | EdgeHeader::OwnCredential(_)
            | EdgeHeader::Partial(_)
            | EdgeHeader::ConnectedAccount(_)
            | EdgeHeader::App(_)
            | EdgeHeader::Forwarding { .. }
            | EdgeHeader::Edge(_)
            | EdgeHeader::Hint { .. }
            | EdgeHeader::Hop(_)
            | EdgeHeader::Nominate(_)
            | EdgeHeader::Origin
            | EdgeHeader::Referer
            | EdgeHeader::Envelope { .. } => {}
        }
    }
    sent
}

/// The canaries that may come back to a caller: those that he sent, and the tokens that he is vended.
pub(super) fn visible_to_client(world: &World, call: &EdgeCall, due: &CallDue) -> BTreeSet<CanaryId> {
    let mut visible = sent(world, call);
    if let (EdgeCall::Vend(_), CallDue::Call(due)) = (call, due) {
        for own in due.connections.iter().filter_map(|own| world.edge.connections.get(*own)) {
            visible.extend(own.credential.as_ref().map(|secret| secret.id));
            visible.extend(own.account.and_then(|a| world.edge.accounts.get(a)).map(|account| account.access.id));
        }
    }
    visible
}

/// The canaries that an upstream may see: the sender's mark, and the credential of the connection that is used.
pub(super) fn visible_to_upstream(world: &World, call: &EdgeCall, due: &CallDue) -> BTreeSet<CanaryId> {
    let mut visible = BTreeSet::from([world.member(call.sender()).request_canary.id]);
    let Some(due) = due.call() else { return visible };
    for own in due.connections.iter().filter_map(|own| world.edge.connections.get(*own)) {
        use crate::world::edge::ConnectionProfile;
        match own.profile {
            ConnectionProfile::ByokStatic | ConnectionProfile::OauthAppInstall => {
                visible.extend(own.credential.as_ref().map(|secret| secret.id));
            }
            ConnectionProfile::VendoManagedPool => {
                visible.extend(world.edge.pools.get(&own.provider).map(|pool| pool.id));
            }
            ConnectionProfile::ComposioManaged => {
                visible.extend(world.edge.pools.get(&crate::world::edge::Provider::Composio).map(|pool| pool.id));
            }
            ConnectionProfile::WebhookInbound | ConnectionProfile::UserOauth => {}
        }
    }
    visible
}

/// The canaries that the broker may see: the platform's own key there.
pub(super) fn visible_to_broker(world: &World) -> BTreeSet<CanaryId> {
    world.edge.pools.get(&crate::world::edge::Provider::Composio).map(|pool| pool.id).into_iter().collect()
}

pub(super) fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}
