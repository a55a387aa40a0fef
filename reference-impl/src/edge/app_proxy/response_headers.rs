//! What a browser is shown of a container's response header. Pure.
//!
//! A container speaks for its own host alone: it can't speak as the platform, and can't set a cookie that any other
//! host would see, or that the platform would take for its own.

use super::request_headers::{canonical, is_hop_by_hop, is_platform_field, listed_by_connection};
use crate::fault::{Fault, FaultSet};
use crate::host::Host;
use crate::identity::cookie::{is_platform_cookie, trim};
use http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};

/// Turns the header of a container's response into the one that the client of `host` gets.
pub fn filtered(headers: &mut HeaderMap, host: &Host, faults: FaultSet) {
    let listed = listed_by_connection(headers);
    let doomed: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let canonical = canonical(name);
            is_hop_by_hop(&canonical)
                || is_platform_field(&canonical)
                || canonical == "set-cookie2"
                || listed.iter().any(|option| *option == canonical)
        })
        .cloned()
        .collect();
    for name in doomed {
        headers.remove(name);
    }
    if headers.get_all(SET_COOKIE).iter().any(|cookie| !may_set(cookie.as_bytes(), host, faults)) {
        let kept: Vec<HeaderValue> = headers
            .get_all(SET_COOKIE)
            .iter()
            .filter(|cookie| may_set(cookie.as_bytes(), host, faults))
            .cloned()
            .collect();
        headers.remove(SET_COOKIE);
        for cookie in kept {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

/// Whether a container at `host` may set a cookie.
fn may_set(cookie: &[u8], host: &Host, faults: FaultSet) -> bool {
    if cookie.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return false;
    }
    let mut segments = cookie.split(|byte| *byte == b';');
    let pair = segments.next().unwrap_or_default();
    let name = pair.iter().position(|byte| *byte == b'=').and_then(|equals| pair.get(..equals)).map(trim);
    match name {
        Some(name) if is_platform_cookie(name) => return false,
        // Browsers send a cookie without a name as its bare value, which may read as any name.
        None | Some(b"") if !faults.has(Fault::ApxSetCookieNameless) => return false,
        Some(_) | None => {}
    }
    faults.has(Fault::ApxSetCookieWide) || segments.all(|attribute| !reaches_beyond(attribute, host))
}

/// Whether an attribute is a Domain other than the host itself. A browser takes the last Domain, others the first:
/// none of them may reach beyond.
fn reaches_beyond(attribute: &[u8], host: &Host) -> bool {
    let mut halves = attribute.splitn(2, |byte| *byte == b'=');
    if !trim(halves.next().unwrap_or_default()).eq_ignore_ascii_case(b"domain") {
        return false;
    }
    let domain = trim(halves.next().unwrap_or_default());
    let domain = domain.strip_prefix(b".").unwrap_or(domain);
    let domain = domain.strip_suffix(b".").unwrap_or(domain);
    !domain.is_empty() && !domain.eq_ignore_ascii_case(host.as_str().as_bytes())
}

#[cfg(test)]
#[path = "response_headers_tests.rs"]
mod tests;
