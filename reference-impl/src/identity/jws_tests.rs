//! Tables of tokens.

use super::*;
use crate::ids::TenantId;
use proptest::prelude::*;

const NOW: i64 = 1_700_000_000;
const HEADER: &str = r#"{"alg":"HS256","kid":"k1","typ":"JWT"}"#;

fn keys() -> CookieKeys {
    CookieKeys::new(&[
        CookieKey { kid: "k1".into(), secret: vec![1; 32] },
        CookieKey { kid: "k0".into(), secret: vec![2; 32] },
    ])
    .unwrap()
}

fn member() -> Member {
    Member {
        user_id: "u1".into(),
        email: "a@b.c".into(),
        name: "Zo\u{eb} \"Z\" \u{1}".into(),
        tenant: TenantId::parse("T1").unwrap(),
        role: Role::Owner,
    }
}

fn claims(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> String {
    let mut claims = serde_json::json!({
        "sub": "u1", "email": "a@b.c", "name": "N", "tenant_id": "T1", "role": "owner", "iat": NOW, "exp": NOW + 1, "aud": "app-proxy"
    });
    change(claims.as_object_mut().unwrap());
    claims.to_string()
}

/// A token with a good signature under key `k1`, whatever it says.
fn signed(header: &str, payload: &str) -> String {
    let body = format!("{}.{}", STRICT.encode(header), STRICT.encode(payload));
    let signature = keys().first.sign(body.as_bytes());
    format!("{body}.{}", STRICT.encode(signature))
}

fn check(token: &str) -> Result<Session, CookieError> {
    verify(&keys(), token.as_bytes(), NOW)
}

#[test]
fn what_is_minted_is_verified_until_its_last_second() {
    let token = mint(&keys(), &member(), NOW, 900);
    let session = check(&token).unwrap();
    let seen = (session.user_id(), session.email(), session.name(), session.tenant_id(), session.role());
    assert_eq!(seen, ("u1", "a@b.c", "Zo\u{eb} \"Z\" \u{1}", "T1", Role::Owner));
    assert!(verify(&keys(), token.as_bytes(), NOW + 899).is_ok());
    assert_eq!(verify(&keys(), token.as_bytes(), NOW + 900), Err(CookieError::Expired));
}

#[test]
fn every_key_verifies_and_the_first_signs() {
    let old = CookieKeys::new(&[CookieKey { kid: "k0".into(), secret: vec![2; 32] }]).unwrap();
    assert!(check(&mint(&old, &member(), NOW, 9)).is_ok());
    let foreign = CookieKeys::new(&[CookieKey { kid: "k0".into(), secret: vec![3; 32] }]).unwrap();
    assert_eq!(check(&mint(&foreign, &member(), NOW, 9)), Err(CookieError::Signature));
    assert_eq!(verify(&old, mint(&keys(), &member(), NOW, 9).as_bytes(), NOW), Err(CookieError::UnknownKey));
}

#[test]
fn a_header_is_exactly_ours() {
    use CookieError::{Algorithm, Header, UnknownKey};
    let payload = claims(|_| {});
    for (header, error) in [
        (r#"{"alg":"none","kid":"k1"}"#, Algorithm),
        (r#"{"alg":"None","kid":"k1"}"#, Algorithm),
        (r#"{"alg":"hs256","kid":"k1"}"#, Algorithm),
        (r#"{"alg":"HS512","kid":"k1"}"#, Algorithm),
        (r#"{"alg":"RS256","kid":"k1"}"#, Algorithm),
        (r#"{"alg":"HS256","kid":"k2"}"#, UnknownKey),
        (r#"{"alg":"HS256","kid":""}"#, UnknownKey),
        (r#"{"alg":"HS256"}"#, Header),
        (r#"{"kid":"k1"}"#, Header),
        (r#"{"alg":"HS256","kid":"k1","typ":"jwt"}"#, Header),
        (r#"{"alg":"HS256","kid":"k1","typ":null}"#, Header),
        (r#"{"alg":"HS256","kid":"k1","crit":[]}"#, Header),
        (r#"{"alg":"HS256","kid":"k1","x":1}"#, Header),
        (r#"{"alg":"HS256","alg":"HS256","kid":"k1"}"#, Header),
        (r#"{"alg":"HS256","kid":"k1","kid":"k1"}"#, Header),
        (r#"{"alg":["HS256"],"kid":"k1"}"#, Header),
        (r#"["HS256","k1","JWT"]"#, Header),
        (r#"{"alg":"HS256","kid":"k1"}x"#, Header),
        ("", Header),
        ("null", Header),
    ] {
        assert_eq!(check(&signed(header, &payload)), Err(error), "{header}");
    }
    for header in [HEADER, r#"{"kid":"k1","alg":"HS256"}"#, r#" {"alg":"HS\u0032\u0035\u0036","kid":"k1"} "#] {
        assert!(check(&signed(header, &payload)).is_ok(), "{header}");
    }
}

#[test]
fn every_claim_is_required_and_typed() {
    use CookieError::{Audience, Claims, Expired};
    for name in ["sub", "email", "name", "tenant_id", "role", "iat", "exp", "aud"] {
        let without = claims(|claims| {
            claims.remove(name);
        });
        assert_eq!(check(&signed(HEADER, &without)), Err(Claims), "without {name}");
        for bad in [
            serde_json::json!(null),
            serde_json::json!([]),
            serde_json::json!({}),
            serde_json::json!(true),
            serde_json::json!(1.5),
        ] {
            let wrong = claims(|claims| {
                claims.insert(name.to_owned(), bad.clone());
            });
            assert_eq!(check(&signed(HEADER, &wrong)), Err(Claims), "{name} = {bad}");
        }
    }
    for (name, value, error) in [
        ("sub", serde_json::json!(""), Claims),
        ("tenant_id", serde_json::json!(""), Claims),
        ("role", serde_json::json!("Owner"), Claims),
        ("role", serde_json::json!("admin"), Claims),
        ("exp", serde_json::json!("1"), Claims),
        ("iat", serde_json::json!("1"), Claims),
        ("exp", serde_json::json!(NOW), Expired),
        ("exp", serde_json::json!(NOW - 1), Expired),
        ("exp", serde_json::json!(-1), Expired),
        ("aud", serde_json::json!("dashboard"), Audience),
        ("aud", serde_json::json!("App-Proxy"), Audience),
        ("aud", serde_json::json!(["app-proxy"]), Claims),
    ] {
        let wrong = claims(|claims| {
            claims.insert(name.to_owned(), value.clone());
        });
        assert_eq!(check(&signed(HEADER, &wrong)), Err(error), "{name} = {value}");
    }
    for (name, value) in [
        ("email", serde_json::json!("")),
        ("name", serde_json::json!("")),
        ("iat", serde_json::json!(i64::MAX)),
        ("extra", serde_json::json!({"a": [1]})),
    ] {
        let good = claims(|claims| {
            claims.insert(name.to_owned(), value.clone());
        });
        assert!(check(&signed(HEADER, &good)).is_ok(), "{name} = {value}");
    }
    let twice = claims(|_| {}).replacen('{', r#"{"tenant_id":"T2","#, 1);
    assert_eq!(check(&signed(HEADER, &twice)), Err(Claims), "a known claim twice");
    let unknown_twice = claims(|_| {}).replacen('{', r#"{"x":1,"x":2,"#, 1);
    assert!(check(&signed(HEADER, &unknown_twice)).is_ok());
}

#[test]
fn a_token_has_one_spelling() {
    use CookieError::{Base64, Segments, TooLong};
    let token = mint(&keys(), &member(), NOW, 900);
    let parts: Vec<&str> = token.split('.').collect();
    let last = parts[2].as_bytes()[parts[2].len() - 1];
    // A 256-bit signature leaves two bits of its last character unused.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.iter().position(|byte| *byte == last).unwrap();
    let trailing = format!("{}{}", &token[..token.len() - 1], char::from(alphabet[place | 1]));
    for (spelling, error) in [
        (String::new(), Segments),
        (parts[..2].join("."), Segments),
        (format!("{token}."), Segments),
        (format!("{token}.x"), Segments),
        (format!(".{token}"), Segments),
        (format!("{token}="), Base64),
        (format!("{}=.{}.{}", parts[0], parts[1], parts[2]), Base64),
        (trailing, Base64),
        (format!("{token} "), Base64),
        (format!("{token}{}", "A".repeat(4096)), TooLong),
        (format!("{}.{}.", parts[0], parts[1]), CookieError::Signature),
        (token[..token.len() - 2].to_owned(), Base64),
        (token[..token.len() - 3].to_owned(), CookieError::Signature),
    ] {
        assert_eq!(check(&spelling), Err(error), "{spelling}");
    }
    assert_eq!(verify(&keys(), b"\xff.\xff.\xff", NOW), Err(Base64));
}

#[test]
fn keys_are_checked_when_they_are_read() {
    let key = |kid: &str, bytes: usize| CookieKey { kid: kid.into(), secret: vec![0; bytes] };
    assert_eq!(CookieKeys::new(&[]).unwrap_err(), KeyError::None);
    assert_eq!(CookieKeys::new(&[key("", 32)]).unwrap_err(), KeyError::EmptyKid);
    assert_eq!(CookieKeys::new(&[key("a", 31)]).unwrap_err(), KeyError::ShortSecret("a".into()));
    assert_eq!(CookieKeys::new(&[key("a", 32), key("a", 32)]).unwrap_err(), KeyError::Duplicate("a".into()));
    assert_eq!(format!("{:?}", key("a", 32)), "CookieKey(\"a\")", "no secret is printed");
}

proptest! {
    #[test]
    fn no_mutated_token_is_accepted(position in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        let token = mint(&keys(), &member(), NOW, 900).into_bytes();
        let at = position.index(token.len());
        let mut mutated = token.clone();
        match kind {
            0 => mutated[at] = byte,
            1 => mutated.insert(at, byte),
            _ => { mutated.remove(at); }
        }
        if mutated != token {
            prop_assert!(verify(&keys(), &mutated, NOW).is_err());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&keys(), &bytes, NOW).is_err());
    }

    #[test]
    fn what_a_member_is_called_survives(name in ".*", email in ".*") {
        let member = Member { name: name.clone(), email: email.clone(), ..member() };
        let token = mint(&keys(), &member, NOW, 900);
        if token.len() <= TOKEN_MAX {
            let session = check(&token).unwrap();
            prop_assert_eq!((session.name(), session.email()), (name.as_str(), email.as_str()));
        }
    }
}
