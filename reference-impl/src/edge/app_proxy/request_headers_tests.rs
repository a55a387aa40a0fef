//! Tables of identity values. What reaches a container is tested over a network.

use super::*;

#[test]
fn identity_values_are_encoded_so_that_nothing_is_lost_and_nothing_is_added() {
    for (text, value) in [
        ("", ""),
        ("Ada", "Ada"),
        ("Ada Lovelace", "Ada Lovelace"),
        (" a  b ", "%20a  b%20"),
        ("   ", "%20%20%20"),
        ("100%", "100%25"),
        ("%41", "%2541"),
        ("a\r\nX-Vendo-Role: owner", "a%0D%0AX-Vendo-Role: owner"),
        ("\t", "%09"),
        ("\0\u{7f}", "%00%7F"),
        ("Zo\u{eb}", "Zo%C3%AB"),
        ("\u{1f600}", "%F0%9F%98%80"),
        ("!~\"'<>{}", "!~\"'<>{}"),
        ("\u{a0}a", "%C2%A0a"),
    ] {
        assert_eq!(identity_value(text, FaultSet::none()), value, "{text:?}");
    }
}

#[test]
fn names_are_compared_in_one_spelling() {
    for name in ["x-vendo-role", "x_vendo_role", "x-vendo_role"] {
        assert!(is_platform_field(&canonical(&HeaderName::from_bytes(name.as_bytes()).unwrap())), "{name}");
    }
    for name in ["x-vendor-role", "xx-vendo-role", "x-vendo", "vendo-role"] {
        assert!(!is_platform_field(&canonical(&HeaderName::from_bytes(name.as_bytes()).unwrap())), "{name}");
    }
}

#[test]
fn a_second_spelling_of_the_length_is_taken_out_and_the_length_stays() {
    let mut headers = HeaderMap::new();
    for (name, value) in [("content_length", "0"), ("content-length", "3")] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    forwarded(&mut headers, None, &HeaderValue::from_static("mem-1"), false, FaultSet::none());
    assert!(!headers.contains_key("content_length"));
    assert_eq!(headers.get("content-length").unwrap(), "3");
}

#[test]
fn a_connection_field_cant_take_the_identity_or_the_host_away() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("connection", "host, X_VENDO_ROLE , x-vendo-user-id,,cookie, content-length"),
        ("content-length", "3"),
        ("cookie", "a=b"),
    ] {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    forwarded(&mut headers, None, &HeaderValue::from_static("mem-1"), true, FaultSet::none());
    let mut left: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    left.sort_unstable();
    assert_eq!(left, [("connection", "Upgrade"), ("host", "mem-1"), ("upgrade", "websocket")]);
}
