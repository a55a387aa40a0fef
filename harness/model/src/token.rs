//! `vendoAuth` tokens as the harness makes them: good ones, and every way of making one that must not count.
//!
//! Written from the specification alone (RFC 7515 and the platform's claims). It shares no code with any target.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::action::cookie::{Alteration, SHORT_LIFE_S, Token, Writing};
use crate::world::{CookieKey, Member, Role, World};

/// Seconds that an unaltered token stays valid after the case began: longer than any case lets pass.
const LIFETIME_S: i64 = 20 * 366 * 86_400;

/// The token's text at a moment.
#[must_use]
pub fn text(world: &World, token: Token, now_s: i64) -> Vec<u8> {
    let member = world.member(token.member);
    let exp = world.start_s + LIFETIME_S;
    let first = key(world, 0);
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid, "typ": "JWT"});
    let plain = header("HS256", &first.kid);
    let claims = claims(world, member, world.start_s, exp);
    let sign = |header: &Value, claims: &Value| signed(&header.to_string(), &claims.to_string(), &first.secret);
    let with_claim = |name: &str, value: Value| sign(&plain, &with(&claims, name, value));
    let without_claim = |name: &str| sign(&plain, &without(&claims, name));
    let with_header = |name: &str, value: Value| sign(&with(&plain, name, value), &claims);
    let good = sign(&plain, &claims);
    let exp_at = |at: i64| with_claim("exp", json!(at));
    let next_tenant = &world.tenant(member.tenant + 1).id;

    let text = match token.alteration {
        Alteration::None => good,
        Alteration::SecondKey => {
            let second = key(world, 1);
            signed(&header("HS256", &second.kid).to_string(), &claims.to_string(), &second.secret)
        }
        Alteration::NoType => sign(&without(&plain, "typ"), &claims),
        Alteration::ExtraClaim => with_claim("amr", json!(["pwd"])),
        Alteration::ExpiresNext => exp_at(now_s + 1),
        Alteration::ShortLived => exp_at(world.start_s + SHORT_LIFE_S),
        Alteration::AlgNone => format!("{}.", unsigned(&header("none", &first.kid), &claims)),
        Alteration::AlgNoneCapital => format!("{}.", unsigned(&header("None", &first.kid), &claims)),
        Alteration::AlgNoneSigned => {
            format!("{}.{}", unsigned(&header("none", &first.kid), &claims), signature_of(&good))
        }
        Alteration::AlgHs384 => sign(&header("HS384", &first.kid), &claims),
        Alteration::AlgHs512 => sign(&header("HS512", &first.kid), &claims),
        Alteration::AlgRs256 => sign(&header("RS256", &first.kid), &claims),
        Alteration::AlgLower => sign(&header("hs256", &first.kid), &claims),
        Alteration::AlgMissing => sign(&without(&plain, "alg"), &claims),
        Alteration::AlgNoneUpper => format!("{}.", unsigned(&header("NONE", &first.kid), &claims)),
        Alteration::AlgEmpty => format!("{}.", unsigned(&header("", &first.kid), &claims)),
        Alteration::AlgNull => format!("{}.", unsigned(&with(&plain, "alg", Value::Null), &claims)),
        Alteration::KidNumber => with_header("kid", json!(1)),
        Alteration::KidPath => signed(&header("HS256", "../../../../dev/null").to_string(), &claims.to_string(), &[]),
        Alteration::SecretIsKid => signed(&plain.to_string(), &claims.to_string(), first.kid.as_bytes()),
        Alteration::KidUnknown => sign(&header("HS256", "k0"), &claims),
        Alteration::KidForeign => {
            let foreign = &world.foreign_key;
            signed(&header("HS256", &foreign.kid).to_string(), &claims.to_string(), &foreign.secret)
        }
        Alteration::KidMissing => sign(&without(&plain, "kid"), &claims),
        Alteration::KidEmpty => sign(&header("HS256", ""), &claims),
        Alteration::KidSwapped => sign(&header("HS256", &key(world, 1).kid), &claims),
        Alteration::WrongSecret => signed(&plain.to_string(), &claims.to_string(), &world.foreign_key.secret),
        Alteration::EmptySecret => signed(&plain.to_string(), &claims.to_string(), &[]),
        Alteration::Expired => exp_at(world.start_s - 86_400),
        Alteration::ExpiredJust => exp_at(now_s - 1),
        Alteration::ExpiresNow => exp_at(now_s),
        Alteration::ExpMissing => without_claim("exp"),
        Alteration::ExpString => with_claim("exp", json!(exp.to_string())),
        Alteration::ExpFloat => {
            let text = claims.to_string().replace(&format!("\"exp\":{exp}"), &format!("\"exp\":{exp}.5"));
            signed(&plain.to_string(), &text, &first.secret)
        }
        Alteration::ExpNegative => exp_at(-exp),
        Alteration::ExpNull => with_claim("exp", Value::Null),
        Alteration::ExpOverflow => {
            let text = claims.to_string().replace(&format!("\"exp\":{exp}"), "\"exp\":99999999999999999999999");
            signed(&plain.to_string(), &text, &first.secret)
        }
        Alteration::IatMissing => without_claim("iat"),
        Alteration::IatString => with_claim("iat", json!("now")),
        Alteration::AudOther => with_claim("aud", json!("dashboard")),
        Alteration::AudMissing => without_claim("aud"),
        Alteration::AudArray => with_claim("aud", json!(["app-proxy"])),
        Alteration::AudSuffix => with_claim("aud", json!("app-proxy.attacker.example")),
        Alteration::AudUpper => with_claim("aud", json!("APP-PROXY")),
        Alteration::AudEmpty => with_claim("aud", json!("")),
        Alteration::TenantMissing => without_claim("tenant_id"),
        Alteration::TenantEmpty => with_claim("tenant_id", json!("")),
        Alteration::TenantNull => with_claim("tenant_id", Value::Null),
        Alteration::TenantNumber => with_claim("tenant_id", json!(1)),
        Alteration::TenantArray => {
            with_claim("tenant_id", world.tenants.iter().map(|t| Value::from(t.id.clone())).collect())
        }
        Alteration::SubMissing => without_claim("sub"),
        Alteration::SubEmpty => with_claim("sub", json!("")),
        Alteration::SubNumber => with_claim("sub", json!(7)),
        Alteration::EmailMissing => without_claim("email"),
        Alteration::NameMissing => without_claim("name"),
        Alteration::RoleMissing => without_claim("role"),
        Alteration::RoleUnknown => with_claim("role", json!("admin")),
        Alteration::RoleCapital => with_claim("role", json!("Owner")),
        Alteration::DuplicateTenant => {
            signed(&plain.to_string(), &append(&claims, "tenant_id", &json!(next_tenant)), &first.secret)
        }
        Alteration::DuplicateExp => signed(&plain.to_string(), &append(&claims, "exp", &json!(exp)), &first.secret),
        Alteration::DuplicateAlg => signed(&append(&plain, "alg", &json!("HS256")), &claims.to_string(), &first.secret),
        Alteration::DuplicateAud => {
            signed(&plain.to_string(), &append(&claims, "aud", &json!("app-proxy")), &first.secret)
        }
        Alteration::DuplicateEscaped => {
            signed(&plain.to_string(), &append(&claims, "tenant\\u005fid", &json!(next_tenant)), &first.secret)
        }
        Alteration::DuplicateKid => {
            signed(&append(&plain, "kid", &json!(first.kid)), &claims.to_string(), &first.secret)
        }
        Alteration::HeaderCrit => with_header("crit", json!(["exp"])),
        Alteration::HeaderJwk => {
            with_header("jwk", json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(first.kid.as_bytes())}))
        }
        Alteration::HeaderJku => with_header("jku", json!("https://attacker.example/keys")),
        Alteration::HeaderX5c => with_header("x5c", json!(["MIIB"])),
        Alteration::HeaderB64 => with_header("b64", json!(false)),
        Alteration::HeaderUnknown => with_header("zip", json!("DEF")),
        Alteration::HeaderNotJson => signed("HS256", &claims.to_string(), &first.secret),
        Alteration::HeaderList => signed(&json!([plain]).to_string(), &claims.to_string(), &first.secret),
        Alteration::TypeOther => with_header("typ", json!("JWE")),
        Alteration::SignatureFlipped => {
            let (body, signature) = split_signature(&good);
            let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
            if let Some(byte) = bytes.first_mut() {
                *byte ^= 0x01;
            }
            format!("{body}.{}", URL_SAFE_NO_PAD.encode(bytes))
        }
        Alteration::SignatureLastFlipped | Alteration::SignatureHalf => {
            let (body, signature) = split_signature(&good);
            let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
            let right = bytes.len() / 2;
            if token.alteration == Alteration::SignatureHalf {
                bytes.iter_mut().skip(right).for_each(|byte| *byte = 0);
            } else if let Some(byte) = bytes.last_mut() {
                *byte ^= 0x01;
            }
            format!("{body}.{}", URL_SAFE_NO_PAD.encode(bytes))
        }
        Alteration::SignatureEmpty => format!("{}.", split_signature(&good).0),
        Alteration::SignatureTruncated => good.get(..good.len() - 1).unwrap_or("").to_owned(),
        Alteration::SignatureExtended => format!("{good}A"),
        Alteration::SignatureOfOther => {
            let other =
                sign(&plain, &self::claims(world, world.member(token.member.wrapping_add(1)), world.start_s, exp));
            format!("{}.{}", split_signature(&good).0, signature_of(&other))
        }
        Alteration::SignatureZero => format!("{}.{}", split_signature(&good).0, URL_SAFE_NO_PAD.encode([0; 32])),
        Alteration::BoundaryMoved => {
            let (head, rest) = good.split_once('.').unwrap_or((&good, ""));
            let (kept, moved) = head.split_at_checked(head.len().saturating_sub(4)).unwrap_or((head, ""));
            format!("{kept}.{moved}{rest}")
        }
        Alteration::PayloadRoleRaised => {
            let raised = with(&claims, "role", json!(if member.role == Role::Owner { "member" } else { "owner" }));
            format!("{}.{}", unsigned(&plain, &raised), signature_of(&good))
        }
        Alteration::PayloadExpExtended => {
            format!("{}.{}", unsigned(&plain, &with(&claims, "exp", json!(exp + 86_400))), signature_of(&good))
        }
        Alteration::PayloadTenantSwapped => {
            format!("{}.{}", unsigned(&plain, &with(&claims, "tenant_id", json!(next_tenant))), signature_of(&good))
        }
        Alteration::PayloadRespaced => {
            let payload = claims.to_string().replacen("{", "{ ", 1);
            format!("{}.{}.{}", encode(&plain.to_string()), encode(&payload), signature_of(&good))
        }
        Alteration::HeaderRespaced => {
            let respaced = plain.to_string().replacen("{", "{ ", 1);
            format!("{}.{}.{}", encode(&respaced), encode(&claims.to_string()), signature_of(&good))
        }
        Alteration::Padded => format!("{good}="),
        Alteration::TrailingBits => trailing_bits(&good),
        Alteration::ForeignCharacter => {
            let (body, signature) = split_signature(&good);
            format!("{body}!.{signature}")
        }
        Alteration::SpaceInside => good.replacen('.', ". ", 1),
        Alteration::StandardAlphabet => standard_alphabet(world, member, exp),
        Alteration::EmptySegments => "..".to_owned(),
        Alteration::TwoSegments => split_signature(&good).0.to_owned(),
        Alteration::FourSegments => format!("{good}.{}", signature_of(&good)),
        Alteration::JsonSerialisation => {
            let mut parts = good.split('.');
            let mut part = || parts.next().unwrap_or("").to_owned();
            let (protected, payload, signature) = (part(), part(), part());
            format!("{{\"payload\":\"{payload}\",\"protected\":\"{protected}\",\"signature\":\"{signature}\"}}")
        }
        Alteration::OverLong => with_claim("pad", json!("x".repeat(6000))),
        Alteration::Empty => String::new(),
        Alteration::NotJson => signed(&plain.to_string(), "not json", &first.secret),
        Alteration::JsonList => signed(&plain.to_string(), &json!([claims]).to_string(), &first.secret),
        Alteration::NonAscii => format!("{good}\u{e9}"),
        Alteration::NotUtf8 => {
            let mut payload = claims.to_string().into_bytes();
            if let Some(byte) = payload.iter_mut().find(|byte| byte.is_ascii_lowercase()) {
                *byte = 0xff;
            }
            signed_bytes(plain.to_string().as_bytes(), &payload, &first.secret)
        }
        Alteration::TrailingBytes => signed(&plain.to_string(), &format!("{claims}{claims}"), &first.secret),
        Alteration::IdentityToken => sign(
            &plain,
            &json!({
                "sub": member.user_id, "email": member.email, "iat": world.start_s, "exp": exp, "aud": "authenticated",
                "role": "authenticated", "app_metadata": {"tenant_id": world.tenant(member.tenant).id},
            }),
        ),
        Alteration::AppKey => format!("vendo_sk_{}", "Ab3_".repeat(8)),
        Alteration::DashboardSession => "sess_0123456789abcdef0123456789abcdef".to_owned(),
        Alteration::SignInCode => "code_0123456789abcdef0123456789abcdef".to_owned(),
    };
    text.into_bytes()
}

/// The value of a session cookie as it is written.
#[must_use]
pub fn written(value: &[u8], writing: Writing) -> Vec<u8> {
    let pair = |name: &[u8], value: &[u8]| [name, b"=", value].concat();
    match writing {
        Writing::Plain => pair(b"vendoAuth", value),
        Writing::Spaced => [b"  vendoAuth \t= ".as_slice(), value, b" "].concat(),
        Writing::Quoted => pair(b"vendoAuth", &[b"\"", value, b"\""].concat()),
        Writing::PercentEncoded => {
            let encoded: Vec<u8> =
                value.iter().flat_map(|b| if *b == b'.' { b"%2E".to_vec() } else { vec![*b] }).collect();
            pair(b"vendoAuth", &encoded)
        }
        Writing::CommaJoined => pair(b"vendoAuth", &[value, b", vendoAuth=", value].concat()),
        Writing::LongerName => pair(b"vendoAuth2", value),
        Writing::PrefixedName => pair(b"__Host-vendoAuth", value),
        Writing::LowerName => pair(b"vendoauth", value),
        Writing::UpperName => pair(b"VENDOAUTH", value),
    }
}

/// The claims of a token that a platform issued, if its signature and form hold under the world's first key.
///
/// # Errors
/// What is wrong with it, for a person to read.
pub fn issued_claims(world: &World, token: &str) -> Result<Value, String> {
    let (body, signature) = token.rsplit_once('.').ok_or("the token has no dots")?;
    let (header, payload) = body.split_once('.').ok_or("the token has one dot")?;
    let decode = |what: &str, text: &str| {
        URL_SAFE_NO_PAD.decode(text).map_err(|error| format!("the token's {what} is not base64url: {error}"))
    };
    let parse = |what: &str, text: &str| -> Result<Value, String> {
        serde_json::from_slice(&decode(what, text)?).map_err(|error| format!("the token's {what} is not JSON: {error}"))
    };
    let header = parse("header", header)?;
    let first = key(world, 0);
    if header.get("alg") != Some(&json!("HS256")) || header.get("kid") != Some(&json!(first.kid)) {
        return Err(format!("the token's header is {header}"));
    }
    if decode("signature", signature)? != mac(body.as_bytes(), &first.secret) {
        return Err("the token's signature is not the signing key's".to_owned());
    }
    parse("payload", payload)
}

fn claims(world: &World, member: &Member, iat: i64, exp: i64) -> Value {
    json!({
        "sub": member.user_id,
        "email": member.email,
        "name": member.name,
        "tenant_id": world.tenant(member.tenant).id,
        "role": member.role.as_str(),
        "iat": iat,
        "exp": exp,
        "aud": "app-proxy",
    })
}

fn key(world: &World, index: usize) -> &CookieKey {
    world.cookie_keys.get(index).unwrap_or(&world.foreign_key)
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

/// The object's text with one more member at its end, even if the name is there already.
fn append(object: &Value, name: &str, value: &Value) -> String {
    let text = object.to_string();
    format!("{},\"{name}\":{value}}}", text.strip_suffix('}').unwrap_or(&text))
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(&header.to_string()), encode(&claims.to_string()))
}

fn signed(header: &str, claims: &str, secret: &[u8]) -> String {
    signed_bytes(header.as_bytes(), claims.as_bytes(), secret)
}

fn signed_bytes(header: &[u8], claims: &[u8], secret: &[u8]) -> String {
    let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(mac(body.as_bytes(), secret));
    format!("{body}.{signature}")
}

fn mac(message: &[u8], secret: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length, so the error can't occur; an empty tag would only make a token that is refused.
    Hmac::<Sha256>::new_from_slice(secret)
        .map(|mut mac| {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        })
        .unwrap_or_default()
}

fn split_signature(token: &str) -> (&str, &str) {
    token.rsplit_once('.').unwrap_or((token, ""))
}

fn signature_of(token: &str) -> &str {
    split_signature(token).1
}

/// A token whose base64url text holds `-` or `_`, spelled with `+` and `/`. Its bytes are those of a good token.
fn standard_alphabet(world: &World, member: &Member, exp: i64) -> String {
    let first = key(world, 0);
    let header = json!({"alg": "HS256", "kid": first.kid, "typ": "JWT"}).to_string();
    let spelled = (0..64).map(|n| {
        let claims = with(&claims(world, member, world.start_s, exp), "n", json!(n));
        let good = signed(&header, &claims.to_string(), &first.secret);
        (good.replace('-', "+").replace('_', "/"), good)
    });
    let mut last = String::new();
    for (text, good) in spelled {
        if text != good {
            return text;
        }
        last = text;
    }
    format!("{last}+")
}

/// 32 bytes are 43 characters, and the last of them has two bits that no byte uses.
fn trailing_bits(token: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = token.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut()
        && let Some(value) = ALPHABET.iter().position(|c| c == last)
        && let Some(other) = ALPHABET.get(value ^ 1)
    {
        *last = *other;
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::Seeded;
    use crate::world::Profile;
    use std::collections::BTreeSet;

    fn world() -> World {
        World::generate(&mut Seeded::new(5), Profile::default())
    }

    fn token(world: &World, alteration: Alteration) -> String {
        String::from_utf8(text(world, Token { member: 0, alteration }, world.start_s)).unwrap()
    }

    #[test]
    fn every_alteration_alters() {
        let world = world();
        let good = token(&world, Alteration::None);
        let mut seen = BTreeSet::new();
        for alteration in Alteration::ALL {
            let text = token(&world, *alteration);
            assert!(*alteration == Alteration::None || text != good, "{alteration:?}");
            assert!(seen.insert(text), "{alteration:?} equals another");
        }
    }

    #[test]
    fn valid_ones_verify_and_their_claims_are_the_members() {
        let world = world();
        for alteration in [Alteration::None, Alteration::NoType, Alteration::ExtraClaim] {
            let claims = issued_claims(&world, &token(&world, alteration)).unwrap();
            assert_eq!(claims["tenant_id"], json!(world.tenant(world.member(0).tenant).id));
            assert_eq!(claims["email"], json!(world.member(0).email));
        }
        for alteration in
            [Alteration::SignatureFlipped, Alteration::WrongSecret, Alteration::AlgNone, Alteration::Empty]
        {
            assert!(issued_claims(&world, &token(&world, alteration)).is_err(), "{alteration:?}");
        }
    }

    #[test]
    fn a_token_with_other_trailing_bits_decodes_leniently_to_the_same_signature() {
        let world = world();
        let (good, altered) = (token(&world, Alteration::None), token(&world, Alteration::TrailingBits));
        assert_eq!(good.len(), altered.len());
        assert!(URL_SAFE_NO_PAD.decode(signature_of(&altered)).is_err(), "a strict decoder refuses it");
        let lenient = base64::engine::GeneralPurpose::new(
            &base64::alphabet::URL_SAFE,
            base64::engine::GeneralPurposeConfig::new()
                .with_encode_padding(false)
                .with_decode_allow_trailing_bits(true)
                .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
        );
        assert_eq!(
            lenient.decode(signature_of(&altered)).unwrap(),
            URL_SAFE_NO_PAD.decode(signature_of(&good)).unwrap()
        );
    }
}
