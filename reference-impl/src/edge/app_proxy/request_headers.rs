//! What a container is shown of a request's header, and of the member behind it. Pure.

use crate::fault::{Fault, FaultSet};
use crate::identity::{Session, cookie};
use http::header::{CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use std::borrow::Cow;

const USER_ID: HeaderName = HeaderName::from_static("x-vendo-user-id");
const USER_EMAIL: HeaderName = HeaderName::from_static("x-vendo-user-email");
const USER_NAME: HeaderName = HeaderName::from_static("x-vendo-user-name");
const TENANT_ID: HeaderName = HeaderName::from_static("x-vendo-tenant-id");
const ROLE: HeaderName = HeaderName::from_static("x-vendo-role");

/// The spelling of a field name in which names are compared. To many servers behind a proxy `_` and `-` are one.
pub(crate) fn canonical(name: &HeaderName) -> Cow<'_, str> {
    let name = name.as_str();
    if name.contains('_') { Cow::Owned(name.replace('_', "-")) } else { Cow::Borrowed(name) }
}

/// Whether a field is about one connection and not about the message. `name` is canonical.
pub(crate) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether a name is one by which only the platform speaks. `name` is canonical.
pub(crate) fn is_platform_field(name: &str) -> bool {
    name.starts_with("x-vendo-")
}

/// Whether a field says where a request came from, or is for the proxy alone. `name` is canonical.
fn is_edge_field(name: &str) -> bool {
    matches!(name, "cf-connecting-ip" | "cf-ipcountry" | "cf-ray" | "cf-visitor" | "forwarded" | "expect")
        || name.starts_with("x-forwarded-")
}

/// Whether a field is another spelling of the body's length. A server that reads `_` as `-` would go by it, and take the
/// rest of the body for a request of its own.
fn is_false_length(name: &HeaderName, canonical: &str) -> bool {
    canonical == "content-length" && name.as_str() != canonical
}

/// The names that the Connection fields list, canonical.
pub(crate) fn listed_by_connection(headers: &HeaderMap) -> Vec<String> {
    let fields = headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
    fields
        .flat_map(|field| field.split(|byte| *byte == b','))
        .map(|option| String::from_utf8_lossy(option.trim_ascii()).to_ascii_lowercase().replace('_', "-"))
        .filter(|option| !option.is_empty())
        .collect()
}

/// Turns the header of a client's request into the one that a container gets.
///
/// The identity is written last: nothing that the client sent can reach it.
pub fn forwarded(
    headers: &mut HeaderMap,
    session: Option<&Session>,
    target: &HeaderValue,
    websocket: bool,
    faults: FaultSet,
) {
    if faults.has(Fault::ApxIdentityHopByHop) {
        strip(headers, is_platform_field);
        inject(headers, session, false, faults);
    }
    let listed = listed_by_connection(headers);
    let cookie = if faults.has(Fault::ApxCookieForwarded) {
        headers.get(COOKIE).cloned()
    } else {
        let kept = cookie::forwarded(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes));
        kept.and_then(|kept| HeaderValue::from_bytes(&kept).ok())
    };
    let cookie_listed = listed.iter().any(|option| option == "cookie");
    let keep_platform = faults.has(Fault::ApxIdentityHopByHop) || faults.has(Fault::ApxIdentityAppended);
    let by_hyphen_only = faults.has(Fault::ApxStripCanonicalOnly);
    headers.insert(HOST, target.clone());
    let doomed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let canonical = canonical(name);
            let platform =
                if by_hyphen_only { is_platform_field(name.as_str()) } else { is_platform_field(&canonical) };
            (platform && !keep_platform)
                || is_hop_by_hop(&canonical)
                || is_edge_field(&canonical)
                || is_false_length(name, &canonical)
                || (*name != HOST && listed.iter().any(|option| *option == canonical))
        })
        .cloned()
        .collect();
    for name in doomed {
        headers.remove(name);
    }
    match cookie {
        Some(cookie) if !cookie_listed => {
            headers.insert(COOKIE, cookie);
        }
        Some(_) | None => {
            headers.remove(COOKIE);
        }
    }
    if websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    if !faults.has(Fault::ApxIdentityHopByHop) {
        inject(headers, session, faults.has(Fault::ApxIdentityAppended), faults);
    }
}

fn strip(headers: &mut HeaderMap, doomed: impl Fn(&str) -> bool) {
    let names: Vec<HeaderName> = headers.keys().filter(|name| doomed(&canonical(name))).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

fn inject(headers: &mut HeaderMap, session: Option<&Session>, beside: bool, faults: FaultSet) {
    let Some(session) = session else { return };
    for (name, text) in [
        (USER_ID, session.user_id()),
        (USER_EMAIL, session.email()),
        (USER_NAME, session.name()),
        (TENANT_ID, session.tenant_id()),
        (ROLE, session.role().as_str()),
    ] {
        let value = identity_value(text, faults);
        if beside {
            headers.append(name, value);
        } else {
            headers.insert(name, value);
        }
    }
}

/// A claim as a header value: UTF-8, percent-encoded but for visible ASCII without `%`, and for spaces inside.
fn identity_value(text: &str, faults: FaultSet) -> HeaderValue {
    let empty = HeaderValue::from_static("");
    if faults.has(Fault::ApxIdentityHeaderInjection) {
        let raw: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_control()).collect();
        return HeaderValue::from_bytes(&raw).unwrap_or(empty);
    }
    let plain = |byte: u8| matches!(byte, 0x21..=0x7e) && byte != b'%';
    if text.bytes().all(plain) {
        return HeaderValue::from_str(text).unwrap_or(empty);
    }
    let lead = text.len() - text.trim_start_matches(' ').len();
    let inside = lead..text.trim_end_matches(' ').len();
    let mut encoded = String::with_capacity(text.len() + 16);
    for (at, byte) in text.bytes().enumerate() {
        if plain(byte) || (byte == b' ' && inside.contains(&at)) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(percent_encoding::percent_encode_byte(byte));
        }
    }
    // What was written is visible ASCII and inner spaces: always a header value.
    HeaderValue::from_str(&encoded).unwrap_or(empty)
}

#[cfg(test)]
#[path = "request_headers_tests.rs"]
mod tests;
