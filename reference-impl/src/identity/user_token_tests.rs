//! Identity tokens: what is good, and everything beside it that is not.

use super::*;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::sync::LazyLock;

const NOW: i64 = 1_700_000_000;
const HEADER: &str = r#"{"alg":"ES256","kid":"i1","typ":"JWT"}"#;

struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

fn signer() -> Signer {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    Signer { pair, random }
}

impl Signer {
    fn sign(&self, header: &str, payload: &str) -> String {
        let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(&self.random, body.as_bytes()).unwrap();
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn key(&self, kid: &str) -> IdentityKey {
        IdentityKey { kid: kid.into(), public_key: self.pair.public_key().as_ref().to_vec() }
    }
}

/// The key `i1`, and another `i2`.
static SIGNERS: LazyLock<[Signer; 2]> = LazyLock::new(|| [signer(), signer()]);

fn keys() -> IdentityKeys {
    IdentityKeys::new(&[SIGNERS[0].key("i1"), SIGNERS[1].key("i2")]).unwrap()
}

fn claims(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = json!({
        "sub": "u-1", "aud": "vendo", "exp": NOW + 1, "app_metadata": { "tenant_id": "T-acme" },
        "user_metadata": { "tenant_id": "T-globex" }, "tenant_id": "T-globex",
    });
    change(&mut claims);
    claims.to_string()
}

fn check(token: &str) -> Result<UserClaims, UserTokenError> {
    verify(token.as_bytes(), &keys(), NOW)
}

fn signed(payload: &str) -> Result<UserClaims, UserTokenError> {
    check(&SIGNERS[0].sign(HEADER, payload))
}

#[test]
fn the_tenant_is_the_one_that_the_platform_wrote() {
    let good = signed(&claims(|_| {})).unwrap();
    assert_eq!((good.sub(), good.tenant_id().as_str()), ("u-1", "T-acme"));
    let second = SIGNERS[1].sign(r#"{"alg":"ES256","kid":"i2"}"#, &claims(|_| {}));
    assert!(check(&second).is_ok());
}

#[test]
fn any_other_claim_is_refused() {
    use UserTokenError::{Audience, Claims, Expired};
    type Change = fn(&mut Value);
    let cases: &[(Change, UserTokenError)] = &[
        (|c| c["sub"] = json!(""), Claims),
        (|c| c["sub"] = json!(1), Claims),
        (|c| c["sub"] = Value::Null, Claims),
        (|c| c["aud"] = json!("Vendo"), Audience),
        (|c| c["aud"] = json!("app-proxy"), Audience),
        (|c| c["aud"] = json!(["vendo"]), Claims),
        (|c| c["exp"] = json!(NOW), Expired),
        (|c| c["exp"] = json!(-1), Expired),
        (|c| c["exp"] = json!(1e12), Claims),
        (|c| c["exp"] = json!("9999999999"), Claims),
        (|c| c["app_metadata"] = json!({}), Claims),
        (|c| c["app_metadata"] = json!(["T-acme"]), Claims),
        (|c| c["app_metadata"] = json!("T-acme"), Claims),
        (|c| c["app_metadata"] = Value::Null, Claims),
        (|c| c["app_metadata"]["tenant_id"] = json!(""), Claims),
        (|c| c["app_metadata"]["tenant_id"] = json!("T acme"), Claims),
        (|c| c["app_metadata"]["tenant_id"] = json!(["T-acme"]), Claims),
        (|c| drop(c.as_object_mut().unwrap().remove("app_metadata")), Claims),
        (|c| drop(c.as_object_mut().unwrap().remove("sub")), Claims),
        (|c| drop(c.as_object_mut().unwrap().remove("aud")), Claims),
        (|c| drop(c.as_object_mut().unwrap().remove("exp")), Claims),
    ];
    for (change, error) in cases {
        let wrong = claims(change);
        assert_eq!(signed(&wrong), Err(*error), "{wrong}");
    }
    for twice in [
        claims(|_| {}).replacen('{', r#"{"sub":"u-2","#, 1),
        claims(|_| {}).replacen('{', r#"{"app_metadata":{"tenant_id":"T-globex"},"#, 1),
        claims(|_| {}).replacen(r#"{"tenant_id":"T-acme""#, r#"{"tenant_id":"T-globex","tenant_id":"T-acme""#, 1),
        format!("[{}]", claims(|_| {})),
        String::new(),
    ] {
        assert_eq!(signed(&twice), Err(Claims), "{twice}");
    }
}

#[test]
fn only_the_keys_own_signature_in_its_one_form_counts() {
    use UserTokenError::{Algorithm, Form, Header, Signature, TooLong, UnknownKey};
    let payload = claims(|_| {});
    for (header, error) in [
        (r#"{"alg":"none","kid":"i1"}"#, Algorithm),
        (r#"{"alg":"HS256","kid":"i1"}"#, Algorithm),
        (r#"{"alg":"es256","kid":"i1"}"#, Algorithm),
        (r#"{"alg":"ES384","kid":"i1"}"#, Algorithm),
        (r#"{"alg":"ES256","kid":"i3"}"#, UnknownKey),
        (r#"{"alg":"ES256","kid":""}"#, UnknownKey),
        (r#"{"alg":"ES256","kid":"i2"}"#, Signature),
        (r#"{"alg":"ES256"}"#, Header),
        (r#"{"alg":"ES256","kid":"i1","kid":"i1"}"#, Header),
        (r#"{"alg":"ES256","kid":"i1","crit":[]}"#, Header),
        (r#"{"alg":"ES256","kid":"i1","jwk":{}}"#, Header),
        (r#"{"alg":"ES256","kid":"i1","typ":"jwt"}"#, Header),
        (r#"{"alg":"ES256","kid":"i1","typ":null}"#, Header),
        (r#"["ES256","i1"]"#, Header),
    ] {
        assert_eq!(check(&SIGNERS[0].sign(header, &payload)), Err(error), "{header}");
    }
    let token = SIGNERS[0].sign(HEADER, &payload);
    let parts: Vec<&str> = token.split('.').collect();
    let other = SIGNERS[0].sign(HEADER, &claims(|c| c["sub"] = json!("u-2")));
    let borrowed = format!("{}.{}.{}", parts[0], parts[1], other.rsplit_once('.').unwrap().1);
    // An HMAC under the public key, as a verifier that lets the header choose would accept.
    let mac = {
        use hmac::{KeyInit, Mac};
        let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"i1"}"#), parts[1]);
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&SIGNERS[0].key("i1").public_key).unwrap();
        mac.update(body.as_bytes());
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    };
    for (spelling, error) in [
        (String::new(), Form),
        (format!("{token}."), Form),
        (parts[..2].join("."), Form),
        (format!("{}.{}.", parts[0], parts[1]), Signature),
        (format!("{token}="), Form),
        (format!("{token} "), Form),
        (borrowed, Signature),
        (mac, Algorithm),
        (format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode([0; 64])), Signature),
        (format!("{token}{}", "A".repeat(4096)), TooLong),
    ] {
        assert_eq!(check(&spelling), Err(error), "{spelling}");
    }
    assert_eq!(verify(token.as_bytes(), &IdentityKeys::default(), NOW), Err(UnknownKey));
}

#[test]
fn keys_are_checked_when_they_are_read() {
    let key = |kid: &str, bytes: Vec<u8>| IdentityKey { kid: kid.into(), public_key: bytes };
    let point = SIGNERS[0].key("").public_key;
    assert_eq!(IdentityKeys::new(&[key("", point.clone())]).unwrap_err(), IdentityKeyError::EmptyKid);
    let twice = [key("a", point.clone()), key("a", point.clone())];
    assert_eq!(IdentityKeys::new(&twice).unwrap_err(), IdentityKeyError::Duplicate("a".into()));
    for bad in [Vec::new(), point[1..].to_vec(), [&[2], &point[1..]].concat(), [&point[..], &[0]].concat()] {
        assert_eq!(IdentityKeys::new(&[key("a", bad)]).unwrap_err(), IdentityKeyError::Form("a".into()));
    }
    // 65 bytes that are no point of the curve verify nothing.
    let off = IdentityKeys::new(&[key("i1", [&[4][..], &[7; 64]].concat())]).unwrap();
    let token = SIGNERS[0].sign(HEADER, &claims(|_| {}));
    assert_eq!(verify(token.as_bytes(), &off, NOW), Err(UserTokenError::Signature));
}

proptest! {
    #[test]
    fn no_mutated_token_is_accepted(position in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        let token = SIGNERS[0].sign(HEADER, &claims(|_| {})).into_bytes();
        let at = position.index(token.len());
        let mut mutated = token.clone();
        match kind {
            0 => mutated[at] = byte,
            1 => mutated.insert(at, byte),
            _ => { mutated.remove(at); }
        }
        if mutated != token {
            prop_assert!(verify(&mutated, &keys(), NOW).is_err());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&bytes, &keys(), NOW).is_err());
    }
}
