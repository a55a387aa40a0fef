//! PRX-1: a caller who wants to be taken for another tenant, or let in without a key.

use super::draft::{Draft, row};
use super::edge_draft::{RouteKind, Service, Way, named};
use super::edge_pair::{presenting, with_headers};
use crate::action::edge::header::CredentialField;
use crate::action::edge::key::{BadBearer, CookieField, KeyCarrier, KeyHeader, KeyRef, QueryField, SchemeSpelling};
use crate::action::edge::provider::{BodyShape, Payload, QueryPair};
use crate::action::edge::{EdgeHeader, Presented, ProviderCall};
use crate::choose::Choose;

/// Fields in which a good key would be read.
const READ: [KeyCarrier; 4] =
    [KeyCarrier::Authorization, KeyCarrier::ApiKey, KeyCarrier::BothSame, KeyCarrier::Scheme(SchemeSpelling::Lower)];

/// What kind of key is presented that is none.
#[derive(Clone, Copy)]
enum NoKey {
    Malformed,
    Unknown,
    Stored,
}

const NO_KEYS: &[(&str, NoKey)] =
    &[("malformed-bearer", NoKey::Malformed), ("unknown-bearer", NoKey::Unknown), ("hash-as-bearer", NoKey::Stored)];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    if let Some(kind) = row(NO_KEYS, name) {
        return instead_of_a_key(draft, kind);
    }
    let (own, other) = draft.two_tenants();
    match name {
        "header-names-tenant" | "query-names-tenant" | "body-names-tenant" => {
            draft.money(own, other);
            let way = draft.way(own, Service::Proxy, |_| true)?;
            if draft.one_in(3) {
                let theirs = draft.way(other, Service::Proxy, |_| true)?;
                draft.warm(theirs, RouteKind::Any)?;
            }
            let call = if name == "body-names-tenant" {
                names_in_body(draft, way, other)?
            } else {
                let call = draft.served(way, RouteKind::Any)?;
                if name == "header-names-tenant" {
                    let mut headers = draft.tenant_headers(own, other);
                    let mine = draft.world.keys_where(|key| key.tenant == own);
                    if draft.one_in(2)
                        && let Some(key) = draft.among(&mine)
                    {
                        // Where a provider's own clients write a key, none is looked for.
                        headers.push(EdgeHeader::KeyBeside { field: draft.of(&CredentialField::ALL), key });
                    }
                    with_headers(call, headers)
                } else {
                    ProviderCall { query: draft.tenant_pairs(own, other), ..call }
                }
            };
            // What is named counts for nothing with a key, and all the less without one.
            let call = if draft.one_in(5) { presenting(call, Presented::none()) } else { call };
            draft.proxied(call);
        }
        "no-bearer" => {
            let way = victim_or_own(draft)?;
            draft.perhaps_warm(way)?;
            let call = draft.served(way, RouteKind::Any)?;
            let call = keyless(draft, call, way, other);
            draft.proxied(call);
        }
        "two-authorizations" => {
            let way = draft.way(own, Service::Proxy, |_| true)?;
            let second = second_key(draft, way, other);
            let (key, second) =
                if draft.one_in(2) { (KeyRef::Key(way.key), second) } else { (second, KeyRef::Key(way.key)) };
            // `x-api-key` is the platform's other field of that kind.
            let how = if draft.one_in(4) {
                KeyCarrier::TwoApiKeys { second }
            } else {
                KeyCarrier::TwoAuthorizations { second }
            };
            present(draft, way, Presented { key, how })?;
        }
        "bearer-against-api-key" => {
            let way = draft.way(own, Service::Proxy, |_| true)?;
            let second = second_key(draft, way, other);
            let own_key = KeyRef::Key(way.key);
            let presented = if second == own_key || draft.one_in(5) {
                Presented { key: own_key, how: KeyCarrier::BasicBeside }
            } else if draft.one_in(2) {
                Presented { key: own_key, how: KeyCarrier::BothDiffer(second) }
            } else {
                Presented { key: second, how: KeyCarrier::BothDiffer(own_key) }
            };
            present(draft, way, presented)?;
        }
        "bearer-in-query" => {
            let way = draft.way(own, Service::Proxy, |_| true)?;
            let how = KeyCarrier::Query(draft.of(&QueryField::ALL));
            present(draft, way, Presented { key: KeyRef::Key(way.key), how })?;
        }
        "scheme-variants" => {
            let way = draft.way(own, Service::Proxy, |_| true)?;
            let how = KeyCarrier::Scheme(draft.of(&SchemeSpelling::ALL));
            present(draft, way, Presented { key: KeyRef::Key(way.key), how })?;
        }
        "cookie" => cookie(draft, own)?,
        "reused-connection" => {
            let (first, second) = draft.twins(|_| true)?;
            let opener = draft.served(first, RouteKind::Any)?;
            let next = draft.asked_again(&opener, second);
            let bare = presenting(draft.asked_again(&opener, second), Presented::none());
            // Whose key was the latest is the question, so it may be either's, and may have been refused.
            let mut calls = vec![opener.clone(), next];
            if draft.one_in(3) {
                calls.push(draft.asked_again(&opener, first));
            }
            if draft.one_in(4) {
                let never = Presented { key: KeyRef::NeverIssued, how: KeyCarrier::Authorization };
                calls.push(presenting(opener, never));
            }
            calls.push(bare);
            draft.in_line(calls);
        }
        _ => return None,
    }
    Some(())
}

/// A call whose body names another tenant, once or with a member that stands there twice.
fn names_in_body<C: Choose>(draft: &mut Draft<'_, C>, way: Way, other: usize) -> Option<ProviderCall> {
    let call = draft.served(way, RouteKind::WithBody)?;
    let shape = draft.of(&[
        BodyShape::Whole,
        BodyShape::Chunked,
        BodyShape::Spaced,
        BodyShape::NestedModel,
        BodyShape::DuplicateOther,
        BodyShape::DuplicateEscaped,
    ]);
    let payload = Payload { names_tenant: Some(named(other)), shape, ..call.payload };
    Some(ProviderCall { payload, ..call })
}

/// A way, whosever it is: who has no key needs none of his own.
fn victim_or_own<C: Choose>(draft: &mut Draft<'_, C>) -> Option<Way> {
    let tenant = draft.tenant();
    draft.way(tenant, Service::Proxy, |_| true)
}

/// No key where one is sought, and perhaps one where none is.
fn keyless<C: Choose>(draft: &mut Draft<'_, C>, call: ProviderCall, way: Way, other: usize) -> ProviderCall {
    let call = presenting(call, Presented::none());
    match draft.of(&[0_u8, 1, 2, 3, 4]) {
        0 => call,
        1 => {
            let how = KeyCarrier::OtherHeader(draft.of(&KeyHeader::ALL));
            presenting(call, Presented { key: KeyRef::Key(way.key), how })
        }
        2 => with_headers(call, [EdgeHeader::BearerElsewhere(way.key)]),
        3 => ProviderCall {
            query: vec![draft.of(&[QueryPair::Bearer(way.key), QueryPair::EncodedBearer(way.key)])],
            ..call
        },
        _ => {
            let headers = draft.tenant_headers(way.tenant, other);
            with_headers(call, headers)
        }
    }
}

fn instead_of_a_key<C: Choose>(draft: &mut Draft<'_, C>, kind: NoKey) -> Option<()> {
    let tenant = draft.tenant();
    let way = draft.way(tenant, Service::Proxy, |_| true)?;
    // What a store remembers of the key itself must not help what is near to it.
    draft.perhaps_warm(way)?;
    let key = match kind {
        NoKey::Malformed => KeyRef::Malformed { key: way.key, kind: draft.of(&BadBearer::ALL) },
        NoKey::Unknown => draft.of(&[
            KeyRef::NeverIssued,
            KeyRef::NeverIssued,
            KeyRef::Issued(0),
            KeyRef::Malformed { key: way.key, kind: BadBearer::OtherCase },
            KeyRef::Malformed { key: way.key, kind: BadBearer::Altered },
        ]),
        NoKey::Stored => draft.of(&[KeyRef::HashOf(way.key), KeyRef::HashOf(way.key), KeyRef::PrefixOf(way.key)]),
    };
    let how = draft.of(&READ);
    present(draft, way, Presented { key, how })
}

/// What stands beside the own key: the same, another of the own ones, or what an attacker may have of another tenant's.
fn second_key<C: Choose>(draft: &mut Draft<'_, C>, way: Way, other: usize) -> KeyRef {
    let own = draft.world.keys_where(|key| key.tenant == way.tenant);
    let theirs = draft.world.keys_where(|key| key.tenant == other);
    let own = draft.among(&own).unwrap_or(way.key);
    let theirs = draft.among(&theirs).unwrap_or(way.key);
    draft.of(&[
        KeyRef::Key(way.key),
        KeyRef::Key(own),
        KeyRef::Key(own),
        KeyRef::NeverIssued,
        KeyRef::HashOf(theirs),
        KeyRef::PrefixOf(theirs),
        KeyRef::Malformed { key: way.key, kind: BadBearer::Altered },
    ])
}

fn present<C: Choose>(draft: &mut Draft<'_, C>, way: Way, presented: Presented) -> Option<()> {
    let call = presenting(draft.served(way, RouteKind::Any)?, presented);
    draft.proxied(call);
    Some(())
}

fn cookie<C: Choose>(draft: &mut Draft<'_, C>, own: usize) -> Option<()> {
    let way = draft.way(own, Service::Proxy, |_| true)?;
    let call = draft.served(way, RouteKind::Any)?;
    let call = if draft.one_in(2) {
        // Somebody who is signed in to the tenant, and has none of its keys.
        let member = draft.sender(own);
        with_headers(presenting(call, Presented::none()), [EdgeHeader::SessionCookie(member)])
    } else {
        let how = KeyCarrier::Cookie(draft.of(&CookieField::ALL));
        presenting(call, Presented { key: KeyRef::Key(way.key), how })
    };
    draft.proxied(call);
    Some(())
}
