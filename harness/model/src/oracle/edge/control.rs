//! Whether operators' changes at the edge came out as they must, and whether what is shown of keys is no more than may be
//! shown.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{Reached, Scan, contains};
use crate::action::edge::EdgeControl;
use crate::action::edge::control::Taken;
use crate::claim::ClaimId;
use crate::observation::Observation;
use crate::oracle::compare::permitted;
use crate::oracle::{Finding, Judgement, Oracle};
use crate::state::{ControlOutcome, State};
use crate::world::World;
use crate::world::edge::{BEARER_PREFIX, ConnectionProfile, KEY_PREFIX_LEN};

/// The claims that fall when a change is done that must be refused.
#[must_use]
pub fn claims(world: &World, control: EdgeControl) -> &'static [ClaimId] {
    match control {
        EdgeControl::IssueKey { .. }
        | EdgeControl::RevokeKey { .. }
        | EdgeControl::ListKeys { .. }
        | EdgeControl::DropKeyRecord { .. }
        | EdgeControl::Dump => &[ClaimId::Key1],
        EdgeControl::Bind { connection, .. } => {
            if world.connection(connection).profile == ConnectionProfile::WebhookInbound {
                &[ClaimId::Hks1]
            } else {
                &[ClaimId::Crd1, ClaimId::Prx4]
            }
        }
        EdgeControl::Unbind { .. } => &[ClaimId::Crd2, ClaimId::Prx4],
        EdgeControl::SetConnection { .. }
        | EdgeControl::StaleConnection { .. }
        | EdgeControl::RevokeConnection { .. }
        | EdgeControl::ReplaceCredential { .. } => &[ClaimId::Crd1],
        EdgeControl::ReplaceWebhookSecret { .. } => &[ClaimId::Hks1],
        EdgeControl::Take { what, .. } => match what {
            Taken::AppOf(_) | Taken::AppOfUnknown | Taken::WebhookSecret(_) => &[ClaimId::Hks1],
            Taken::ConnectionId(_) | Taken::Status(_) | Taken::Credential(_) => &[ClaimId::Crd1, ClaimId::Prx4],
            Taken::Digest(_) | Taken::KeyId(_) => &[ClaimId::Key1],
        },
        EdgeControl::TopUp { .. } | EdgeControl::SetWalletAvailable { .. } => &[ClaimId::Wal1],
    }
}

/// What a change credits to whom.
#[must_use]
pub fn credits(world: &World, state: &State, control: EdgeControl) -> BTreeMap<usize, u64> {
    match control {
        EdgeControl::TopUp { tenant, cents } if state.edge_outcome(world, control) == ControlOutcome::Done => {
            BTreeMap::from([(usize::from(tenant) % world.tenants.len().max(1), u64::from(cents) * 10_000)])
        }
        EdgeControl::TopUp { .. }
        | EdgeControl::IssueKey { .. }
        | EdgeControl::RevokeKey { .. }
        | EdgeControl::ListKeys { .. }
        | EdgeControl::DropKeyRecord { .. }
        | EdgeControl::SetConnection { .. }
        | EdgeControl::StaleConnection { .. }
        | EdgeControl::RevokeConnection { .. }
        | EdgeControl::Bind { .. }
        | EdgeControl::Unbind { .. }
        | EdgeControl::ReplaceCredential { .. }
        | EdgeControl::ReplaceWebhookSecret { .. }
        | EdgeControl::Take { .. }
        | EdgeControl::SetWalletAvailable { .. }
        | EdgeControl::Dump => BTreeMap::new(),
    }
}

/// Judges a change. `alike` are the words in which a foreign thing was refused before.
pub(super) fn judge(
    scan: Scan<'_>,
    control: EdgeControl,
    observation: &Observation,
    alike: &mut BTreeMap<String, (Vec<u8>, String)>,
    judgement: &mut Judgement,
) {
    let (world, state) = (scan.world, scan.state);
    match (state.edge_outcome(world, control), &observation.control) {
        (ControlOutcome::Done, Some(Ok(()))) => {}
        (ControlOutcome::Refused, Some(Err(words))) => {
            if let Some(kind) = hidden(world, control) {
                refused_alike(world, control, kind, words, alike, judgement);
            }
        }
        (ControlOutcome::Refused, Some(Ok(()))) => {
            let what = format!("a change was made that must be refused: {control:?}");
            judgement.findings.extend(claims(world, control).iter().map(|claim| permitted(*claim, what.clone())));
        }
        (ControlOutcome::Done, Some(Err(error))) => {
            judgement.shortfalls.push(format!("a change was refused: {control:?}: {error}"));
        }
        (_, None) => judgement.shortfalls.push(format!("nothing was said to {control:?}")),
    }
    match control {
        EdgeControl::IssueKey { .. } => issued(scan, observation, judgement),
        EdgeControl::ListKeys { actor } => listed(scan, actor, observation, judgement),
        EdgeControl::Dump => match &observation.edge.dump {
            None => judgement.shortfalls.push("nothing was dumped".to_owned()),
            Some(dump) => dumped(scan, dump, judgement),
        },
        EdgeControl::RevokeKey { .. }
        | EdgeControl::DropKeyRecord { .. }
        | EdgeControl::SetConnection { .. }
        | EdgeControl::StaleConnection { .. }
        | EdgeControl::RevokeConnection { .. }
        | EdgeControl::Bind { .. }
        | EdgeControl::Unbind { .. }
        | EdgeControl::ReplaceCredential { .. }
        | EdgeControl::ReplaceWebhookSecret { .. }
        | EdgeControl::Take { .. }
        | EdgeControl::TopUp { .. }
        | EdgeControl::SetWalletAvailable { .. } => {}
    }
}

/// The kind of change whose refusal must not tell what is another's from what isn't there; `None` where it is refused
/// for another reason.
fn hidden(world: &World, control: EdgeControl) -> Option<&'static str> {
    let tenant = |actor: u8| usize::from(actor) % world.tenants.len().max(1);
    let app = |app: u8| world.app(app).tenant;
    let connection = |connection: u8| world.connection(connection).tenant;
    match control {
        EdgeControl::IssueKey { .. } => Some("issue"),
        EdgeControl::RevokeKey { .. } => Some("revoke"),
        EdgeControl::RevokeConnection { .. } => Some("revoke-connection"),
        EdgeControl::Bind { actor, app: a, connection: c, .. } => {
            (app(a) != tenant(actor) || connection(c) != tenant(actor)).then_some("bind")
        }
        EdgeControl::Unbind { .. } => Some("unbind"),
        EdgeControl::Take { what: Taken::AppOf(_) | Taken::AppOfUnknown, .. } => Some("app-of"),
        EdgeControl::ListKeys { .. }
        | EdgeControl::DropKeyRecord { .. }
        | EdgeControl::SetConnection { .. }
        | EdgeControl::StaleConnection { .. }
        | EdgeControl::ReplaceCredential { .. }
        | EdgeControl::ReplaceWebhookSecret { .. }
        | EdgeControl::Take { .. }
        | EdgeControl::TopUp { .. }
        | EdgeControl::SetWalletAvailable { .. }
        | EdgeControl::Dump => None,
    }
}

fn refused_alike(
    world: &World,
    control: EdgeControl,
    kind: &str,
    words: &str,
    alike: &mut BTreeMap<String, (Vec<u8>, String)>,
    judgement: &mut Judgement,
) {
    let why = format!("{control:?}");
    let seen = (words.as_bytes().to_vec(), why.clone());
    let (known, known_why) = alike.entry(format!("control {kind}")).or_insert(seen);
    if known.as_slice() != words.as_bytes() {
        let known = String::from_utf8_lossy(known).into_owned();
        let what = format!("two refusals differ: `{known}` ({known_why}) and `{words}` ({why})");
        let finding = |claim: &ClaimId| Finding {
            claim: *claim,
            oracle: Oracle::HiddenEqualsAbsent,
            what: what.clone(),
            leak: None,
        };
        judgement.findings.extend(claims(world, control).iter().map(finding));
    }
}

/// A key's plain text is shown at its issue, in the form that it must have, and its prefix is its beginning.
fn issued(scan: Scan<'_>, observation: &Observation, judgement: &mut Judgement) {
    let Some(issued) = &observation.edge.issued else { return };
    let body = issued.plaintext.strip_prefix(BEARER_PREFIX).unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if body.len() != 32 || !body.bytes().all(allowed) {
        let what = format!("a key of {} characters was issued that has not the form of one", issued.plaintext.len());
        judgement.findings.push(permitted(ClaimId::Key1, what));
    }
    if issued.plaintext.get(..KEY_PREFIX_LEN) != Some(issued.prefix.as_str()) {
        let what = format!("`{}` is shown of a key, and its first {KEY_PREFIX_LEN} characters are due", issued.prefix);
        judgement.findings.push(permitted(ClaimId::Key1, what));
    }
    let earlier = scan.state.edge.keys.iter().any(|key| key.bearer == issued.plaintext);
    if earlier {
        judgement.findings.push(permitted(ClaimId::Key1, "a key was issued that was there before".to_owned()));
    }
}

/// A tenant's list shows its own keys by id and prefix, and nothing more of any key.
fn listed(scan: Scan<'_>, actor: u8, observation: &Observation, judgement: &mut Judgement) {
    let Some(listing) = &observation.edge.listing else {
        judgement.shortfalls.push("no list of keys was shown".to_owned());
        return;
    };
    let tenant = usize::from(actor) % scan.world.tenants.len().max(1);
    let is_id = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let words: BTreeSet<&str> = listing.split(|c| !is_id(c)).collect();
    for key in &scan.state.edge.keys {
        let shown = words.contains(key.id.as_str());
        if shown && key.tenant != tenant {
            let what = format!("the key {} of another tenant is in a list of keys", key.id);
            judgement.findings.push(permitted(ClaimId::Key1, what));
        }
        if !shown && key.tenant == tenant && !key.revoked {
            judgement.shortfalls.push(format!("the key {} is not in its tenant's list", key.id));
        }
    }
    no_more_than_prefixes(scan.state, listing, "a list of keys", judgement);
    // Line by line: a row is a text of its own, and what a line begins doesn't go on in the next.
    for line in listing.lines() {
        scan.scan(line.as_bytes(), &BTreeSet::new(), Reached::Listing, "who lists keys", Some(tenant), judgement);
    }
}

/// Nothing that is stored is a secret in plain text.
fn dumped(scan: Scan<'_>, dump: &str, judgement: &mut Judgement) {
    no_more_than_prefixes(scan.state, dump, "what is stored", judgement);
    // Who a member is and what he is called is no secret of the edge's.
    let labels = scan.world.canaries.labels();
    let plain = labels.filter(|(_, label)| matches!(label.field.as_str(), "email" | "request" | "page" | "header"));
    let visible = plain.map(|(id, _)| id).collect();
    for line in dump.lines() {
        scan.scan(line.as_bytes(), &visible, Reached::Dump, "who reads all that is stored", None, judgement);
    }
    for (connection, now) in scan.world.edge.connections.iter().zip(&scan.state.edge.connections) {
        let secrets = [(&connection.credential, now.credential), (&connection.webhook_secret, now.webhook_secret)];
        let replaced = secrets.into_iter().filter(|(_, times)| *times > 0).filter_map(|(secret, times)| {
            secret.as_ref().map(|secret| crate::world::edge::replaced(&secret.text, times))
        });
        for secret in replaced.filter(|secret| contains(dump.as_bytes(), secret.as_bytes())) {
            let what = format!("a secret of {} characters of {} is stored in plain text", secret.len(), connection.id);
            judgement.findings.push(permitted(ClaimId::Sec3, what));
        }
    }
}

fn no_more_than_prefixes(state: &State, text: &str, whose: &str, judgement: &mut Judgement) {
    for key in &state.edge.keys {
        if let Some(more) = key.bearer.get(..=KEY_PREFIX_LEN)
            && contains(text.as_bytes(), more.as_bytes())
        {
            let what = format!("{whose} shows more of the key {} than its first {KEY_PREFIX_LEN} characters", key.id);
            judgement.findings.push(permitted(ClaimId::Key1, what));
        }
    }
}
