//! The path `/.vendo`, which belongs to the proxy at every host. Pure.
//!
//! What might be that path to some container is kept from every container. Only the plain spelling does anything.

use super::decide::Head;
use crate::fault::{Fault, FaultSet};
use crate::host::Host;
use http::{HeaderValue, Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use std::borrow::Cow;

/// The first segment of the reserved path.
const RESERVED: &[u8] = b".vendo";
/// Where a sign-in code is redeemed.
const SESSION_PATH: &str = "/.vendo/session";
/// Where a browser signs in.
const SIGN_IN: &str = "https://vendo.run/auth/proxy-session";
/// Everything but what a URL never needs encoded.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether some reader might take a path for the reserved one: percent-decoded twice, backslashes as slashes, empty
/// and dot segments resolved, in any case.
#[must_use]
pub fn is_reserved(path: &str, faults: FaultSet) -> bool {
    if faults.has(Fault::ApxReservedPathForwarded) {
        return path == "/.vendo" || path.starts_with("/.vendo/");
    }
    let once = decode(path.as_bytes());
    let twice = decode(&once);
    first_segment(&twice).is_some_and(|segment| segment.eq_ignore_ascii_case(RESERVED))
}

fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.contains(&b'%') { Cow::from(percent_decode(bytes)) } else { Cow::Borrowed(bytes) }
}

/// The first segment of a path that is left when its dot segments are resolved.
fn first_segment(path: &[u8]) -> Option<&[u8]> {
    let mut first = None;
    let mut depth = 0_usize;
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => depth = depth.saturating_sub(1),
            name => {
                if depth == 0 {
                    first = Some(name);
                }
                depth += 1;
            }
        }
    }
    first.filter(|_| depth > 0)
}

/// A sign-in code that was presented, and where its bearer wants to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presentation<'a> {
    query: &'a str,
}

/// The presentation of a code, in the one form that counts: GET of exactly the session path.
pub(crate) fn presentation<'a>(head: &Head<'a>) -> Option<Presentation<'a>> {
    let plain = *head.method == Method::GET && head.uri.path() == SESSION_PATH;
    plain.then(|| Presentation { query: head.uri.query().unwrap_or_default() })
}

impl<'a> Presentation<'a> {
    fn values(self, name: &'static str) -> impl Iterator<Item = &'a str> {
        self.query
            .split('&')
            .filter_map(move |pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, v)| v))
    }

    /// Every code that was presented, opaque. More than one is none; they are spent all the same.
    pub fn codes(self) -> impl Iterator<Item = &'a str> {
        self.values("code")
    }

    /// Where to go after a good code: `next`, if it is a path of this host, else `/`.
    #[must_use]
    pub fn landing(self, faults: FaultSet) -> HeaderValue {
        landing(self.values("next").next().unwrap_or_default(), faults)
    }
}

fn landing(next: &str, faults: FaultSet) -> HeaderValue {
    let root = HeaderValue::from_static("/");
    let next = decode(next.as_bytes());
    let stays = match &*next {
        [b'/', b'/' | b'\\', ..] => false,
        [b'/', rest @ ..] => rest.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\'),
        _ => false,
    };
    if stays || (faults.has(Fault::ApxSigninOpenRedirect) && !next.is_empty()) {
        return HeaderValue::from_bytes(&next).unwrap_or(root);
    }
    root
}

/// Where a browser without a session is sent.
pub(crate) fn sign_in_address(host: &Host, uri: &Uri) -> String {
    let target = origin_form(uri);
    format!("{SIGN_IN}?host={host}&next={}", utf8_percent_encode(&target, QUERY_VALUE))
}

/// Path and query of a target, as they were written.
pub(crate) fn origin_form(uri: &Uri) -> Cow<'_, str> {
    match uri.path_and_query().map(http::uri::PathAndQuery::as_str) {
        Some(target) if target.starts_with('/') => Cow::Borrowed(target),
        // An absolute form may leave the path out.
        Some(target) => Cow::Owned(format!("/{target}")),
        None => Cow::Borrowed("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_reserved_path_is_kept() {
        for path in [
            "/.vendo",
            "/.vendo/",
            "/.vendo/session",
            "/.VENDO/x",
            "//.vendo",
            "/./.vendo",
            "/a/../.vendo/session",
            "/../.vendo",
            "/%2evendo",
            "/%2Evendo/x",
            "/%252evendo",
            "/.v%65ndo",
            "/.vendo%2fsession",
            "/.vendo%5csession",
            "/.vendo\\session",
            "\\.vendo",
            "/a/%2e%2e/.vendo",
            "/a%2f..%2f.vendo",
            "/a/b/../../.vendo",
            "/.vendo/a/..",
            "/%2e/%2evendo",
            "/%25%32%65vendo",
        ] {
            assert!(is_reserved(path, FaultSet::none()), "{path}");
        }
    }

    #[test]
    fn other_paths_are_the_containers() {
        for path in [
            "/",
            "",
            "/vendo",
            "/.vendor",
            "/.vendo2/x",
            "/a/.vendo",
            "/.vendo/..",
            "/.vendo/../a",
            "/%25252evendo",
            "/.vendo;x",
            "/x%2f.vendo",
            "/..vendo",
            "/%2",
            "/%zzvendo",
            "/.vendo%3fx",
        ] {
            assert!(!is_reserved(path, FaultSet::none()), "{path}");
        }
    }

    #[test]
    fn the_landing_is_a_path_of_this_host() {
        for (next, expected) in [
            ("", "/"),
            ("/", "/"),
            ("/a?b=c", "/a?b=c"),
            ("%2Fa%3Fb%3Dc%26d", "/a?b=c&d"),
            ("/a%20b", "/a b"),
            ("%2F%2Fevil.com", "/"),
            ("//evil.com", "/"),
            ("/%5Cevil.com", "/"),
            ("/\\evil.com", "/"),
            ("https://evil.com", "/"),
            ("evil.com", "/"),
            ("/a%0d%0aSet-Cookie:x", "/"),
            ("/a%09b", "/"),
            ("/a%5cb", "/"),
            ("/%c3%a9", "/"),
            ("/%7f", "/"),
            ("/a%2fb", "/a/b"),
            ("/%252f", "/%2f"),
            ("+/a", "/"),
            ("javascript:x", "/"),
        ] {
            assert_eq!(landing(next, FaultSet::none()), expected, "{next}");
        }
    }

    #[test]
    fn the_query_is_split_plainly() {
        let presentation = Presentation { query: "x=1&code=a=b&next=/n&code=c&codes=d&code" };
        assert_eq!(presentation.codes().collect::<Vec<_>>(), ["a=b", "c"]);
        assert_eq!(presentation.landing(FaultSet::none()), "/n");
        assert_eq!(Presentation { query: "" }.codes().count(), 0);
    }

    #[test]
    fn the_address_of_the_sign_in_carries_the_target_whole() {
        let host = crate::host::normalise(b"Acme-App.vendo.run:443").unwrap();
        let uri: Uri = "/a/b~c?d=e&f=%20g".parse().unwrap();
        assert_eq!(
            sign_in_address(&host, &uri),
            "https://vendo.run/auth/proxy-session?host=acme-app.vendo.run&next=%2Fa%2Fb~c%3Fd%3De%26f%3D%2520g"
        );
        assert_eq!(origin_form(&"http://a.com?x".parse().unwrap()), "/?x");
        assert_eq!(origin_form(&"http://a.com".parse().unwrap()), "/");
    }
}
