//! Which headers hold a bearer, and which hold none.

use super::*;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

const KEY: &str = "vendo_sk_ABCDEFGHIJKLMNOPQRSTUVWXYZabc-_9";
const OTHER: &str = "vendo_sk_BBCDEFGHIJKLMNOPQRSTUVWXYZabc-_9";

fn headers(fields: &[(&str, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn read(fields: &[(&str, &[u8])]) -> Result<String, BearerError> {
    presented(&headers(fields)).map(|bearer| bearer.0.to_owned())
}

#[test]
fn a_bearer_is_in_one_of_two_headers_or_equal_in_both() {
    let bearer = format!("Bearer {KEY}");
    let bearer = bearer.as_bytes();
    let key = KEY.as_bytes();
    let upper = [b"BEARER ", key].concat();
    let lower = [b"bearer ", key].concat();
    let good: &[&[(&str, &[u8])]] = &[
        &[("authorization", bearer)],
        &[("Authorization", &upper)],
        &[("authorization", &lower)],
        &[("x-api-key", key)],
        &[("X-API-Key", key), ("authorization", bearer)],
        &[("authorization", bearer), ("x_api_key", OTHER.as_bytes()), ("cookie", OTHER.as_bytes())],
        &[("authorization", bearer), ("proxy-authorization", b"Bearer x"), ("api-key", b"x")],
    ];
    for fields in good {
        assert_eq!(read(fields).as_deref(), Ok(KEY), "{fields:?}");
    }
}

#[test]
fn anything_else_is_none() {
    use BearerError::{Conflict, Malformed, Missing, Repeated};
    let bearer = format!("Bearer {KEY}");
    let bearer = bearer.as_bytes();
    let key = KEY.as_bytes();
    let with = |before: &str, after: &str| format!("{before}{KEY}{after}").into_bytes();
    type Fields = Vec<(&'static str, Vec<u8>)>;
    let cases: Vec<(Fields, BearerError)> = vec![
        (vec![], Missing),
        (vec![("cookie", with("vendo_key=", ""))], Missing),
        (vec![("x_api_key", key.to_vec())], Missing),
        (vec![("api-key", key.to_vec()), ("xi-api-key", key.to_vec())], Missing),
        (vec![("proxy-authorization", bearer.to_vec())], Missing),
        (vec![("authorization", key.to_vec())], Malformed),
        (vec![("authorization", with("Bearer  ", ""))], Malformed),
        (vec![("authorization", with("Bearer\t", ""))], Malformed),
        (vec![("authorization", with(" Bearer ", ""))], Malformed),
        (vec![("authorization", with("Bearer ", " "))], Malformed),
        (vec![("authorization", with("Bearer ", ","))], Malformed),
        (vec![("authorization", with("Bearer ", &format!(", Bearer {OTHER}")))], Malformed),
        (vec![("authorization", with("Bearer \"", "\""))], Malformed),
        (vec![("authorization", with("Bearer:", ""))], Malformed),
        (vec![("authorization", with("Basic ", ""))], Malformed),
        (vec![("authorization", with("Token ", ""))], Malformed),
        (vec![("authorization", b"Bearer".to_vec())], Malformed),
        (vec![("authorization", b"Bearer ".to_vec())], Malformed),
        (vec![("authorization", Vec::new())], Malformed),
        (vec![("x-api-key", Vec::new())], Malformed),
        (vec![("x-api-key", bearer.to_vec())], Malformed),
        (vec![("x-api-key", with(" ", ""))], Malformed),
        (vec![("x-api-key", with("", "x"))], Malformed),
        (vec![("x-api-key", KEY.to_ascii_uppercase().into_bytes())], Malformed),
        (vec![("x-api-key", [&key[..key.len() - 1], b"\xe9"].concat())], Malformed),
        (vec![("authorization", b"Basic dXNlcjpwYXNz".to_vec()), ("x-api-key", key.to_vec())], Malformed),
        (vec![("authorization", bearer.to_vec()), ("x-api-key", b"x".to_vec())], Malformed),
        (vec![("authorization", bearer.to_vec()), ("authorization", bearer.to_vec())], Repeated),
        (vec![("x-api-key", key.to_vec()), ("x-api-key", key.to_vec())], Repeated),
        (vec![("authorization", bearer.to_vec()), ("x-api-key", key.to_vec()), ("X-Api-Key", b"".to_vec())], Repeated),
        (vec![("authorization", bearer.to_vec()), ("x-api-key", OTHER.as_bytes().to_vec())], Conflict),
    ];
    for (fields, error) in cases {
        let fields: Vec<(&str, &[u8])> = fields.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        assert_eq!(read(&fields), Err(error), "{fields:?}");
    }
}

#[test]
fn a_digest_is_the_sha_256_of_the_whole_bearer() {
    let bearer = Bearer::parse(b"vendo_sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
    assert_eq!(bearer.digest().hex(), sha256_by_hand("vendo_sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    assert_eq!(bearer.prefix(), "vendo_sk_AAA");
    let hex = KeyDigest::from_bytes(std::array::from_fn(|place| u8::try_from(place * 8).unwrap())).hex();
    assert!(hex.starts_with("0008101820") && hex.ends_with("f0f8") && hex.len() == 64);
}

fn sha256_by_hand(text: &str) -> String {
    ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn nothing_prints_a_bearer() {
    let bearer = Bearer::parse(KEY.as_bytes()).unwrap();
    assert_eq!(format!("{bearer:?}"), "Bearer(vendo_sk_ABC…)");
    assert_eq!(format!("{:?}", bearer.digest()), "KeyDigest");
}

proptest! {
    #[test]
    fn what_is_read_is_exactly_of_the_form(value in "(Bearer |bearer  ?|)(vendo_sk_)?[A-Za-z0-9_./=-]{28,34}[ ,;]?") {
        let form = |text: &str| {
            text.len() == 41
                && text.starts_with("vendo_sk_")
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        };
        let of_key = read(&[("x-api-key", value.as_bytes())]);
        prop_assert_eq!(of_key.is_ok(), form(&value));
        let of_scheme = read(&[("authorization", value.as_bytes())]);
        let behind = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer "));
        prop_assert_eq!(of_scheme.is_ok(), behind.is_some_and(form));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(Bearer::parse(&bytes).is_none_or(|bearer| bearer.0.as_bytes() == bytes));
    }
}
