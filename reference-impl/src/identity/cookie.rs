//! Cookie fields: finding the session in a request, and what of them goes on to a container.

use super::{DASHBOARD_COOKIE, SESSION_COOKIE};
use crate::fault::{Fault, FaultSet};

/// What the Cookie fields of one request say about its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCookie<'a> {
    /// Nothing.
    Absent,
    /// One value.
    One(&'a [u8]),
    /// More than one cookie of the name, or one without a value: no session.
    Invalid,
}

/// Finds the session among all Cookie fields of a request.
///
/// The name is compared exactly. Two cookies of the name are no session: one of them was planted, and nobody can tell
/// which.
pub fn session_value<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> SessionCookie<'a> {
    session_value_with(fields, FaultSet::none())
}

pub(crate) fn session_value_with<'a>(
    fields: impl IntoIterator<Item = &'a [u8]>,
    faults: FaultSet,
) -> SessionCookie<'a> {
    let mut found = SessionCookie::Absent;
    let looked_at = if faults.has(Fault::ApxCookieScanBounded) { 16 } else { usize::MAX };
    for pair in fields.into_iter().flat_map(pairs).take(looked_at) {
        if pair.name != SESSION_COOKIE.as_bytes() {
            continue;
        }
        found = match (found, pair.value) {
            (SessionCookie::Absent, Some(value)) => SessionCookie::One(value),
            (first @ SessionCookie::One(_), _) if faults.has(Fault::ApxCookieFirstOfTwo) => first,
            (SessionCookie::Absent | SessionCookie::One(_) | SessionCookie::Invalid, _) => SessionCookie::Invalid,
        };
    }
    found
}

/// The Cookie field that goes on to a container: everything but the platform's own cookies, in order.
pub(crate) fn forwarded<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    for pair in fields.into_iter().flat_map(pairs) {
        if pair.text.is_empty() || is_platform_cookie(pair.name) {
            continue;
        }
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(pair.text);
    }
    (!kept.is_empty()).then_some(kept)
}

/// Whether a cookie's name is one of the platform's, in any case: a container might not mind the case.
pub(crate) fn is_platform_cookie(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(SESSION_COOKIE.as_bytes()) || name.eq_ignore_ascii_case(DASHBOARD_COOKIE.as_bytes())
}

struct Pair<'a> {
    /// The whole pair, trimmed.
    text: &'a [u8],
    name: &'a [u8],
    value: Option<&'a [u8]>,
}

fn pairs(field: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    let mut rest = Some(field);
    std::iter::from_fn(move || {
        let (text, behind) = cut(rest?, b';');
        rest = behind;
        let text = trim(text);
        let (name, value) = cut(text, b'=');
        Some(Pair { text, name: trim(name), value: value.map(trim) })
    })
}

/// What is before the first `separator`, and what is behind it, if there is one.
fn cut(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let cut = memchr::memchr(separator, bytes).and_then(|at| bytes.split_at_checked(at));
    match cut {
        Some((before, behind)) => (before, behind.split_first().map(|(_, behind)| behind)),
        None => (bytes, None),
    }
}

/// Without spaces and tabs at either end. No other white space counts as such in a field.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use SessionCookie::{Absent, Invalid, One};

    #[test]
    fn the_session_is_found_exactly_or_not_at_all() {
        let cases: &[(&[&str], SessionCookie<'_>)] = &[
            (&[], Absent),
            (&["a=b"], Absent),
            (&["vendoAuth=t"], One(b"t")),
            (&["a=b; vendoAuth=t; c=d"], One(b"t")),
            (&["a=b;\tvendoAuth \t=\t t \t;c"], One(b"t")),
            (&["a=b", "vendoAuth=t"], One(b"t")),
            (&["vendoAuth=t=u"], One(b"t=u")),
            (&["vendoAuth=\"t\""], One(b"\"t\"")),
            (&["vendoAuth="], One(b"")),
            (&["vendoauth=t; VENDOAUTH=t; xvendoAuth=t; vendoAuth2=t"], Absent),
            (&["vendoAuth"], Invalid),
            (&["vendoAuth; vendoAuth=t"], Invalid),
            (&["vendoAuth=t; vendoAuth"], Invalid),
            (&["vendoAuth=t; vendoAuth=t"], Invalid),
            (&["vendoAuth=t", "vendoAuth=u"], Invalid),
            (&["vendoAuth=t; a=b; vendoAuth=u; vendoAuth=v"], Invalid),
            (&["vendo\u{a0}Auth=t"], Absent),
        ];
        for (fields, expected) in cases {
            assert_eq!(session_value(fields.iter().map(|field| field.as_bytes())), *expected, "{fields:?}");
        }
    }

    #[test]
    fn the_platforms_cookies_are_removed_and_the_others_kept_in_order() {
        let cases: &[(&[&str], Option<&str>)] = &[
            (&[], None),
            (&["vendoAuth=t"], None),
            (&["VENDOAUTH=t; __host-VENDO_session=s; vendoauth"], None),
            (&["a=b"], Some("a=b")),
            (&["a=b; vendoAuth=t;c = d ;; e"], Some("a=b; c = d; e")),
            (&["a=b", "vendoAuth=t", "c=d"], Some("a=b; c=d")),
            (&["a=vendoAuth=t"], Some("a=vendoAuth=t")),
            (&["", ";"], None),
        ];
        for (fields, expected) in cases {
            let kept = forwarded(fields.iter().map(|field| field.as_bytes()));
            assert_eq!(kept.as_deref(), expected.map(str::as_bytes), "{fields:?}");
        }
    }
}
