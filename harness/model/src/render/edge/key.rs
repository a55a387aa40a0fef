//! Keys as they are sent: what is presented, and in which fields.

use super::call::{other_case, sha256_hex};
use crate::action::edge::Presented;
use crate::action::edge::key::{BadBearer, KeyCarrier, KeyHeader, KeyRef};
use crate::state::State;
use crate::world::World;
use crate::world::edge::BEARER_PREFIX;

/// What is presented for a key; `None` where no field is sent.
#[must_use]
pub fn key_text(world: &World, state: &State, key: KeyRef) -> Option<String> {
    match key {
        KeyRef::Key(key) => Some(world.bearer(key).to_owned()),
        KeyRef::Issued(nth) => {
            let issued = state.edge.issued(nth).map(|key| key.bearer.clone()).filter(|text| !text.is_empty());
            Some(issued.unwrap_or_else(never_issued))
        }
        KeyRef::NeverIssued => Some(never_issued()),
        KeyRef::Malformed { key, kind } => Some(malformed(world.bearer(key), kind)),
        KeyRef::HashOf(key) => Some(sha256_hex(world.bearer(key).as_bytes())),
        KeyRef::PrefixOf(key) => Some(world.key(key).prefix().to_owned()),
        KeyRef::None => None,
    }
}

fn never_issued() -> String {
    format!("{BEARER_PREFIX}NeverIssuedNeverIssuedNeverIssue")
}

fn malformed(bearer: &str, kind: BadBearer) -> String {
    let body = bearer.strip_prefix(BEARER_PREFIX).unwrap_or(bearer);
    let cut = body.get(..body.len().saturating_sub(1)).unwrap_or_default();
    let last = if body.ends_with('A') { 'B' } else { 'A' };
    match kind {
        BadBearer::OtherPrefix => format!("vendo_pk_{body}"),
        BadBearer::UpperPrefix => format!("VENDO_SK_{body}"),
        BadBearer::NoPrefix => body.to_owned(),
        BadBearer::PrefixAlone => BEARER_PREFIX.to_owned(),
        BadBearer::Short => format!("{BEARER_PREFIX}{cut}"),
        BadBearer::Long => format!("{bearer}A"),
        BadBearer::OtherCharacter => format!("{BEARER_PREFIX}{cut}+"),
        BadBearer::PercentEncoded => {
            let last = body.chars().next_back().map(|c| format!("%{:02x}", u32::from(c))).unwrap_or_default();
            format!("{BEARER_PREFIX}{cut}{last}")
        }
        BadBearer::OtherCase => format!("{BEARER_PREFIX}{}", other_case(body)),
        BadBearer::Altered => format!("{BEARER_PREFIX}{cut}{last}"),
        BadBearer::Doubled => format!("{bearer}{bearer}"),
        BadBearer::Quoted => format!("\"{bearer}\""),
    }
}

/// The fields in which a key is presented. A call without a key of its own has none of them.
pub(super) fn key_fields(world: &World, state: &State, presented: Presented) -> Vec<(&'static str, String)> {
    let text = |key: KeyRef| key_text(world, state, key);
    let key = text(presented.key);
    if key.is_none() {
        return Vec::new();
    }
    let bearer = |key: Option<String>| key.map(|key| ("Authorization", format!("Bearer {key}")));
    let api = |key: Option<String>| key.map(|key| ("x-api-key", key));
    let both = |first: Option<_>, second: Option<_>| first.into_iter().chain(second).collect();
    match presented.how {
        KeyCarrier::Authorization => both(bearer(key), None),
        KeyCarrier::ApiKey => both(api(key), None),
        KeyCarrier::BothSame => both(bearer(key.clone()), api(key)),
        KeyCarrier::BothDiffer(other) => both(bearer(key), api(text(other))),
        KeyCarrier::TwoAuthorizations { second } => both(bearer(key), bearer(text(second))),
        KeyCarrier::TwoApiKeys { second } => both(api(key), api(text(second))),
        KeyCarrier::BasicBeside => both(api(key), Some(("Authorization", "Basic dTpw".to_owned()))),
        KeyCarrier::Scheme(scheme) => both(key.map(|key| ("Authorization", scheme.text(&key))), None),
        // Those of the query are written there.
        KeyCarrier::Query(_) => Vec::new(),
        KeyCarrier::Cookie(field) => both(key.map(|key| ("Cookie", format!("{}={key}", field.name()))), None),
        KeyCarrier::OtherHeader(field) => {
            let scheme = if field == KeyHeader::Proxy { "Bearer " } else { "" };
            both(key.map(|key| (field.name(), format!("{scheme}{key}"))), None)
        }
    }
}
