//! Identity tokens as the harness makes them: compact JWS, ES256, good ones and every way of making one that must not
//! count. Written from RFC 7515 and the platform's claims; it shares no code with any target.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::action::edge::header::{UserToken, UserTokenAlteration};
use crate::world::World;
use crate::world::edge::IDENTITY_KID;

/// Seconds for which a token is good.
const LIFETIME_S: i64 = 3600;

/// The public key under [`IDENTITY_KID`]: an uncompressed point, 65 bytes.
#[must_use]
pub fn identity_public_key(world: &World) -> Vec<u8> {
    public_key(&world.edge.identity_key)
}

fn public_key(scalar: &[u8; 32]) -> Vec<u8> {
    SigningKey::from_slice(scalar)
        .map(|key| key.verifying_key().to_sec1_point(false).as_bytes().to_vec())
        .unwrap_or_default()
}

/// The token's text at a moment. One that is sent twice or under another name is a good one.
#[must_use]
pub fn user_token(world: &World, token: UserToken, now_s: i64) -> String {
    let member = world.member(token.member);
    let tenant = &world.tenant(member.tenant).id;
    let header = json!({"alg": "ES256", "kid": IDENTITY_KID, "typ": "JWT"});
    let claims = json!({
        "sub": member.user_id,
        "email": member.email_canary.text,
        "aud": "vendo",
        "iat": now_s,
        "exp": now_s + LIFETIME_S,
        "app_metadata": {"tenant_id": tenant},
    });
    let own = &world.edge.identity_key;
    let good = || signed(&header, &claims, own);
    let claiming = |name: &str, value: Value| signed(&header, &with(&claims, name, value), own);
    let lacking = |name: &str| signed(&header, &without(&claims, name), own);
    match token.alteration {
        UserTokenAlteration::None | UserTokenAlteration::Twice | UserTokenAlteration::Underscore => good(),
        UserTokenAlteration::Expired => claiming("exp", json!(now_s - 1)),
        UserTokenAlteration::ExpiresNow => claiming("exp", json!(now_s)),
        UserTokenAlteration::ForeignKey => signed(&header, &claims, &world.edge.foreign_identity_key),
        UserTokenAlteration::UnknownKid => signed(&with(&header, "kid", json!("id-9")), &claims, own),
        UserTokenAlteration::NoKid => signed(&without(&header, "kid"), &claims, own),
        UserTokenAlteration::AlgNone => format!("{}.", unsigned(&with(&header, "alg", json!("none")), &claims)),
        UserTokenAlteration::AlgHs256 => {
            let input = unsigned(&with(&header, "alg", json!("HS256")), &claims);
            let mac = hmac_sha256(&public_key(own), input.as_bytes());
            format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac))
        }
        UserTokenAlteration::NoAudience => lacking("aud"),
        UserTokenAlteration::OtherAudience => claiming("aud", json!("other")),
        UserTokenAlteration::NoExpiry => lacking("exp"),
        UserTokenAlteration::TenantOf(other) => {
            let other = &world.tenant(usize::from(other)).id;
            claiming("app_metadata", json!({"tenant_id": other}))
        }
        UserTokenAlteration::UserMetadata => {
            let moved = with(&without(&claims, "app_metadata"), "user_metadata", json!({"tenant_id": tenant}));
            signed(&header, &moved, own)
        }
        UserTokenAlteration::UserMetadataOther(other) => {
            let other = &world.tenant(usize::from(other)).id;
            claiming("user_metadata", json!({"tenant_id": other}))
        }
        UserTokenAlteration::NoTenant => lacking("app_metadata"),
        UserTokenAlteration::Stranger => claiming("sub", json!(format!("{}-x", member.user_id))),
        UserTokenAlteration::NoSubject => lacking("sub"),
        UserTokenAlteration::AlteredSignature => altered(&good()),
        UserTokenAlteration::AlteredPayload(other) => {
            let other = &world.member(other).user_id;
            let good = good();
            let signature = good.rsplit('.').next().unwrap_or_default().to_owned();
            format!("{}.{signature}", unsigned(&header, &with(&claims, "sub", json!(format!("{other}\u{200b}")))))
        }
        UserTokenAlteration::CutSignature => {
            let good = good();
            good.rsplit_once('.').map(|(input, _)| format!("{input}.")).unwrap_or_default()
        }
        UserTokenAlteration::Empty => String::new(),
    }
}

/// HMAC-SHA256.
#[must_use]
pub fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(secret) {
        Ok(mac) => mac.chain_update(message).finalize().into_bytes().to_vec(),
        // A key of any length is a key of HMAC.
        Err(_) => Vec::new(),
    }
}

fn signed(header: &Value, claims: &Value, scalar: &[u8; 32]) -> String {
    let input = unsigned(header, claims);
    let Ok(key) = SigningKey::from_slice(scalar) else { return input };
    let signature: Signature = key.sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn unsigned(header: &Value, claims: &Value) -> String {
    [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
}

/// With its first signature character changed: the last one's low bits may mean nothing.
fn altered(token: &str) -> String {
    let Some((input, signature)) = token.rsplit_once('.') else { return token.to_owned() };
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{input}.{first}{}", signature.get(1..).unwrap_or_default())
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    if let Some(members) = object.as_object_mut() {
        members.remove(name);
    }
    object
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;

    use super::*;
    use crate::choose::Seeded;
    use crate::world::Profile;

    fn verifies(world: &World, token: &str) -> bool {
        let key = VerifyingKey::from_sec1_bytes(&identity_public_key(world)).unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        Signature::from_slice(&bytes).is_ok_and(|signature| key.verify(input.as_bytes(), &signature).is_ok())
    }

    #[test]
    fn a_good_token_verifies_and_is_the_same_every_time() {
        let world = World::generate(&mut Seeded::new(5), Profile::default());
        assert_eq!(identity_public_key(&world).len(), 65);
        let token = UserToken { member: 1, alteration: UserTokenAlteration::None };
        let text = user_token(&world, token, world.start_s);
        assert_eq!(text, user_token(&world, token, world.start_s));
        assert!(verifies(&world, &text));
        for alteration in [
            UserTokenAlteration::ForeignKey,
            UserTokenAlteration::AlteredSignature,
            UserTokenAlteration::AlteredPayload(0),
            UserTokenAlteration::AlgNone,
            UserTokenAlteration::AlgHs256,
            UserTokenAlteration::CutSignature,
        ] {
            let text = user_token(&world, UserToken { member: 1, alteration }, world.start_s);
            assert!(!verifies(&world, &text), "{alteration:?}");
        }
    }
}
