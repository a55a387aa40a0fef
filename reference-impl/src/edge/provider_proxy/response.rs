//! What a client is shown of an upstream's answer: nothing that speaks for the platform, and never the credential. Pure.

use super::errors::{ERROR_CODE, allow_any_origin};
use super::redaction::Secret;
use crate::edge::app_proxy::request_headers::{canonical, is_hop_by_hop, is_platform_field, listed_by_connection};
use crate::fault::{Fault, FaultSet};
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, SET_COOKIE, TRANSFER_ENCODING,
};
use http::{HeaderValue, StatusCode};

/// Whether an answer can be passed on: it has one length at most, changes no protocol, and is encoded in no way in which
/// a credential could hide.
#[must_use]
pub fn is_passable(status: StatusCode, headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = match (codings.next(), codings.next()) {
        (None, _) => Some(false),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Some(true),
        (Some(_), _) => None,
    };
    status != StatusCode::SWITCHING_PROTOCOLS
        && !headers.contains_key(CONTENT_ENCODING)
        && chunked.is_some_and(|chunked| !(chunked && headers.contains_key(CONTENT_LENGTH)))
}

/// Whether an answer is a stream of events.
#[must_use]
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let media_type = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
    })
}

/// Turns the header of an upstream's answer into the one that the client gets.
pub fn filtered(headers: &mut HeaderMap, secret: &Secret, faults: FaultSet) {
    let listed = listed_by_connection(headers);
    let doomed: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| {
            let canonical = canonical(name);
            if (faults.has(Fault::PrxSetCookiePasses) && **name == SET_COOKIE)
                || (faults.has(Fault::PrxCredentialInRedirect) && **name == LOCATION)
            {
                return false;
            }
            is_dropped(&canonical) || listed.iter().any(|option| *option == canonical) || repeats(secret, name, value)
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in doomed {
        headers.remove(name);
    }
    allow_any_origin(headers);
}

/// Whether a field is the platform's to say, or for the connection alone. `name` is canonical.
fn is_dropped(name: &str) -> bool {
    matches!(name, "set-cookie" | "set-cookie2" | "alt-svc")
        || name == ERROR_CODE.as_str()
        || name.starts_with("access-control-")
        || is_platform_field(name)
        || is_hop_by_hop(name)
}

/// Whether a field holds the credential.
fn repeats(secret: &Secret, name: &HeaderName, value: &HeaderValue) -> bool {
    secret.is_in(value.as_bytes()) || secret.is_in_any_case(name.as_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-live-Zq39fTxW7";

    fn filtered_names(fields: &[(&str, &str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        filtered(&mut headers, &Secret::new(KEY.as_bytes()), FaultSet::none());
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn what_an_upstream_may_say_passes() {
        let kept = ["content-type: x", "server: nginx", "date: d", "retry-after: 1", "x-request-id: r", "location: /x"];
        let fields: Vec<_> = kept.iter().map(|line| line.split_once(": ").unwrap()).collect();
        let mut expected: Vec<String> = kept.iter().map(|line| (*line).to_owned()).collect();
        expected.push("access-control-allow-origin: *".to_owned());
        assert_eq!(filtered_names(&fields), expected);
    }

    #[test]
    fn what_speaks_for_the_platform_or_repeats_the_credential_is_dropped() {
        let hex: String = KEY.bytes().map(|byte| format!("{byte:02X}")).collect();
        let fields = [
            ("set-cookie", "a=b"),
            ("set-cookie2", "a=b"),
            ("set_cookie", "a=b"),
            ("x-vendo-tenant-id", "t"),
            ("x_vendo_x", "t"),
            ("vendo-error-code", "app_revoked"),
            ("vendo_error_code", "app_revoked"),
            ("access-control-allow-origin", "https://evil.example"),
            ("access-control-allow-credentials", "true"),
            ("alt-svc", "h3=\":443\""),
            ("connection", "x-listed"),
            ("x-listed", "x"),
            ("keep-alive", "x"),
            ("trailer", "x"),
            ("upgrade", "h2c"),
            ("location", &format!("https://evil.example/?k={KEY}")),
            ("x-echo", KEY),
            ("x-hex", &hex),
            ("x-sk-live-zq39ftxw7", "x"),
        ];
        assert_eq!(filtered_names(&fields), ["access-control-allow-origin: *"]);
    }

    #[test]
    fn one_length_no_encoding_no_other_protocol() {
        let with = |fields: &[&'static str]| {
            let field = |field: &&'static str| {
                let (name, value) = field.split_once(": ").unwrap_or((field, "1"));
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            let mut headers = HeaderMap::new();
            for (name, value) in fields.iter().map(field) {
                headers.append(name, value);
            }
            headers
        };
        assert!(is_passable(StatusCode::OK, &with(&["content-length"])));
        assert!(is_passable(StatusCode::FOUND, &with(&["transfer-encoding: Chunked"])));
        assert!(!is_passable(StatusCode::OK, &with(&["content-length", "transfer-encoding: chunked"])));
        assert!(!is_passable(StatusCode::OK, &with(&["content-encoding"])));
        // hyper undoes the last coding and knows of no other.
        assert!(!is_passable(StatusCode::OK, &with(&["transfer-encoding: gzip, chunked"])));
        assert!(!is_passable(StatusCode::OK, &with(&["transfer-encoding: gzip", "transfer-encoding: chunked"])));
        assert!(!is_passable(StatusCode::BAD_REQUEST, &with(&["content-encoding"])));
        assert!(!is_passable(StatusCode::SWITCHING_PROTOCOLS, &with(&[])));
    }

    #[test]
    fn event_streams() {
        for (value, is) in [
            ("text/event-stream", true),
            ("Text/Event-Stream ; charset=utf-8", true),
            ("text/event-streamx", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(value).unwrap())]);
            assert_eq!(is_event_stream(&headers), is, "{value}");
        }
        assert!(!is_event_stream(&HeaderMap::new()));
    }
}
