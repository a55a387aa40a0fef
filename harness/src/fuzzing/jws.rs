//! Session tokens: what the reference accepts, against the rules for a token, written down a second time.
//!
//! A case is one of three kinds: any bytes as a token; a token that the reference minted, altered; a token that is
//! signed here with a right or a wrong key over any header and claims. In every case the reference has to accept exactly
//! what the rules accept, and of tokens that were not signed here exactly the minted ones.

use std::sync::OnceLock;
use std::time::Duration;

use isolation_model::choose::{Choose, FromBytes};
use reference_impl::identity::{CookieKeys, verify};
use reference_impl::{
    Clock, CookieKey, EdgeConfig, Entropy, Limits, Member, Network, Platform, PlatformConfig, Role, TenantId,
};
use sha2::{Digest, Sha256};

use super::json::{self, Members, Unread, Value};
use crate::verify::block_on;

/// The time of every case, in Unix seconds.
const NOW_S: i64 = 1_800_000_000;
/// The longest token, in bytes.
const TOKEN_MAX: usize = 4096;
/// The keys that the platform knows, the first of which signs.
const KEYS: [(&str, [u8; 32]); 2] = [("k1", [0x11; 32]), ("k2", [0x22; 32])];
/// Keys that it doesn't know.
const WRONG_KEYS: [&[u8]; 3] = [&[0x33; 32], &[], b"k1"];

/// The session that a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accepted {
    user_id: String,
    email: String,
    name: String,
    tenant_id: String,
    role: String,
}

/// What has to become of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Due {
    Accept(Accepted),
    Refuse(&'static str),
    /// The rules leave it open.
    Either(&'static str),
}

/// What the reference says of a token.
pub(super) fn reference(token: &[u8]) -> Option<Accepted> {
    static READY: OnceLock<Option<CookieKeys>> = OnceLock::new();
    let keys = READY.get_or_init(|| CookieKeys::new(&cookie_keys()).ok()).as_ref()?;
    let session = verify(keys, token, NOW_S).ok()?;
    Some(Accepted {
        user_id: session.user_id().to_owned(),
        email: session.email().to_owned(),
        name: session.name().to_owned(),
        tenant_id: session.tenant_id().to_owned(),
        role: session.role().as_str().to_owned(),
    })
}

/// Holds a verifier against the rules in the case of some bytes.
///
/// # Errors
/// What is wrong.
pub(super) fn check(verifier: impl Fn(&[u8]) -> Option<Accepted>, bytes: &[u8]) -> Result<(), String> {
    let minted = minted()?;
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut choose = FromBytes::new(rest);
    let (token, signed_here) = match kind % 4 {
        0 => (rest.to_vec(), false),
        1 => (altered(&mut choose, minted), false),
        _ => (signed(&mut choose), true),
    };
    let got = verifier(&token);
    let shown = || String::from_utf8_lossy(&token).into_owned();
    match (due(&token), &got) {
        (Due::Accept(wanted), Some(got)) if wanted == *got => {}
        (Due::Accept(wanted), got) => {
            return Err(format!("{} is a token of {wanted:?}, and was taken for {got:?}", shown()));
        }
        (Due::Refuse(_), None) | (Due::Either(_), _) => {}
        (Due::Refuse(why), Some(got)) => {
            return Err(format!("{} was taken for {got:?}, though {why}", shown()));
        }
    }
    if got.is_some() && !signed_here && !minted.contains(&token) {
        return Err(format!("{} was accepted, and nobody minted it", shown()));
    }
    Ok(())
}

/// The rules for a token, one after the other.
fn due(token: &[u8]) -> Due {
    if token.len() > TOKEN_MAX {
        return Due::Refuse("it is longer than 4096 bytes");
    }
    let segments: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, payload, signature] = segments.as_slice() else {
        return Due::Refuse("it has not three segments");
    };
    let (Some(header_text), Some(payload_text), Some(tag)) = (decode(header), decode(payload), decode(signature))
    else {
        return Due::Refuse("a segment is not canonical base64url without padding");
    };
    let secret = match json::object(&header_text).map(|members| secret_of(&members)) {
        Ok(Ok(secret)) => secret,
        Ok(Err(why)) => return Due::Refuse(why),
        Err(Unread::Malformed) => return Due::Refuse("the header is no JSON object"),
        Err(Unread::Deep) => return Due::Refuse("a member of the header is no string"),
    };
    if hmac(secret, &[header, b".".as_slice(), payload].concat()) != tag.as_slice() {
        return Due::Refuse("the signature is not the key's");
    }
    match json::object(&payload_text) {
        Ok(claims) => claims_due(&claims),
        Err(Unread::Malformed) => Due::Refuse("the payload is no JSON object"),
        Err(Unread::Deep) => Due::Either("an unknown claim is nested deep"),
    }
}

fn secret_of(header: &Members) -> Result<&'static [u8], &'static str> {
    let known = ["alg", "kid", "typ"];
    if !header.iter().all(|(name, _)| name.as_deref().is_some_and(|name| known.contains(&name))) {
        return Err("the header holds an unknown member");
    }
    if known.iter().any(|known| all(header, known).count() > 1) {
        return Err("a member of the header is repeated");
    }
    let text = |name| match all(header, name).next() {
        None => Ok(None),
        Some(Value::Text(Some(text))) => Ok(Some(text.as_str())),
        Some(Value::Text(None) | Value::Integer(_) | Value::Other) => Err("a member of the header is no string"),
    };
    if text("alg")? != Some("HS256") {
        return Err("the algorithm is not HS256");
    }
    if !matches!(text("typ")?, None | Some("JWT")) {
        return Err("the type is not JWT");
    }
    let kid = text("kid")?.ok_or("there is no key id")?;
    KEYS.iter().find(|(id, _)| *id == kid).map(|(_, secret)| secret.as_slice()).ok_or("the key is unknown")
}

fn claims_due(claims: &Members) -> Due {
    const TEXTS: [&str; 6] = ["sub", "email", "name", "tenant_id", "role", "aud"];
    const INTEGERS: [&str; 2] = ["iat", "exp"];
    let mut texts = Vec::new();
    for name in TEXTS {
        match all(claims, name).collect::<Vec<_>>().as_slice() {
            [Value::Text(Some(text))] => texts.push(text.clone()),
            [_] => return Due::Refuse("a claim is no string"),
            [] => return Due::Refuse("a claim is missing"),
            _ => return Due::Refuse("a claim is repeated"),
        }
    }
    let mut integers = Vec::new();
    for name in INTEGERS {
        match all(claims, name).collect::<Vec<_>>().as_slice() {
            [Value::Integer(written)] => integers.push(written.as_str()),
            [_] => return Due::Refuse("a time is no integer"),
            [] => return Due::Refuse("a time is missing"),
            _ => return Due::Refuse("a time is repeated"),
        }
    }
    let (Ok([user_id, email, name, tenant_id, role, aud]), [iat, exp]) =
        (<[String; 6]>::try_from(texts), integers.as_slice())
    else {
        return Due::Refuse("a claim is missing");
    };
    if user_id.is_empty() || tenant_id.is_empty() {
        return Due::Refuse("there is no user or no tenant");
    }
    if !["owner", "member", "viewer"].contains(&role.as_str()) {
        return Due::Refuse("there is no such role");
    }
    if aud != "app-proxy" {
        return Due::Refuse("it is for another audience");
    }
    // An expiry in the past is refused however it is written; what no 64 bits hold may be.
    let (Ok(iat), Ok(exp)) = (iat.parse::<i64>().map(|_| *iat), exp.parse::<i64>()) else {
        return if exp.starts_with('-') {
            Due::Refuse("it has expired")
        } else {
            Due::Either("a time is out of range")
        };
    };
    if exp <= NOW_S {
        return Due::Refuse("it has expired");
    }
    if iat == "-0" {
        return Due::Either("minus zero is an integer to some readers alone");
    }
    if claims.iter().any(|(name, _)| name.is_none()) {
        return Due::Either("a claim's name is not Unicode");
    }
    Due::Accept(Accepted { user_id, email, name, tenant_id, role })
}

/// The values of a name.
fn all<'a>(members: &'a Members, wanted: &str) -> impl Iterator<Item = &'a Value> {
    members.iter().filter(move |(name, _)| name.as_deref() == Some(wanted)).map(|(_, value)| value)
}

/// A token that was minted, with up to four changes.
fn altered(choose: &mut FromBytes<'_>, minted: &[Vec<u8>]) -> Vec<u8> {
    let mut token = choose.among(minted).cloned().unwrap_or_default();
    for _ in 0..choose.below(5) {
        let at = choose.below(u32::try_from(token.len()).unwrap_or(1)) as usize;
        let value = u8::try_from(choose.below(256)).unwrap_or(0);
        if token.is_empty() {
            // Cut to nothing by an earlier change.
            break;
        }
        match choose.below(10) {
            0 => token.insert(at, value),
            1 => drop(token.remove(at)),
            2 => token.truncate(at),
            3 => token.extend_from_within(at..),
            4 => token.rotate_left(at),
            // The neighbours of a character in base64: the last one of a segment has bits that mean nothing.
            5 => change(&mut token, at, |byte| shifted(byte, value % 4)),
            6 => change(&mut token, at, |byte| byte ^ (1 << (value % 8))),
            7 => change(&mut token, at, |byte| byte ^ 0x20),
            8 => splice(&mut token, choose.among(minted).map_or(&[], Vec::as_slice), value),
            _ => change(&mut token, at, |_| value),
        }
    }
    token
}

fn change(token: &mut [u8], at: usize, how: impl Fn(u8) -> u8) {
    if let Some(byte) = token.get_mut(at) {
        *byte = how(*byte);
    }
}

/// Puts a segment of another token in place of this token's.
fn splice(token: &mut Vec<u8>, other: &[u8], which: u8) {
    let others: Vec<&[u8]> = other.split(|byte| *byte == b'.').collect();
    let own: Vec<Vec<u8>> = token.split(|byte| *byte == b'.').map(<[u8]>::to_vec).collect();
    let which = usize::from(which % 3);
    let pick = |(at, own): (usize, &Vec<u8>)| {
        if at == which { others.get(at).map_or_else(Vec::new, |other| other.to_vec()) } else { own.clone() }
    };
    *token = own.iter().enumerate().map(pick).collect::<Vec<_>>().join(&b'.');
}

/// A token that is signed here: right or nearly right.
fn signed(choose: &mut FromBytes<'_>) -> Vec<u8> {
    let (kid, secret) = choose.of(&KEYS);
    let exp = (NOW_S + 900).to_string();
    let header = [("alg", "\"HS256\""), ("kid", if kid == "k1" { "\"k1\"" } else { "\"k2\"" }), ("typ", "\"JWT\"")];
    let claims = [
        ("sub", "\"usr_1\""),
        ("email", "\"a@b.example\""),
        ("name", "\"Zo\u{eb}\""),
        ("tenant_id", "\"tnQa\""),
        ("role", "\"owner\""),
        ("iat", "1799999999"),
        ("exp", exp.as_str()),
        ("aud", "\"app-proxy\""),
    ];
    // What is wrong with a header hides what is wrong with the claims behind it.
    let in_header = choose.below(4) == 3;
    let header = object_text(choose, &header, if in_header { 3 } else { 0 });
    let payload = object_text(choose, &claims, 3);
    let mut body = encoded(choose, &header);
    body.push(b'.');
    body.extend(encoded(choose, &payload));
    let secret: &[u8] = if choose.below(8) == 7 { choose.of(&WRONG_KEYS) } else { &secret };
    let tag = hmac(secret, &body);
    body.push(b'.');
    body.extend(encoded(choose, &tag));
    body
}

/// A JSON object of these members, or of nearly these, with up to so many changes. Choices of zero leave it as it is.
fn object_text(choose: &mut FromBytes<'_>, members: &[(&str, &str)], changes_max: u32) -> Vec<u8> {
    let mut written: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    for _ in 0..choose.below(changes_max + 1) {
        let Some((name, value)) = choose.among(members).copied() else { break };
        let own = members.iter().position(|(other, _)| *other == name).unwrap_or(0);
        let at = choose.below(u32::try_from(written.len() + 1).unwrap_or(1)) as usize;
        let name = written_name(choose, name);
        let value = other_value(choose, value);
        match choose.below(4) {
            0 => written.insert(at.min(written.len()), format!("{name}:{value}")),
            1 if own < written.len() => drop(written.remove(own)),
            _ => change_text(&mut written, own, format!("{name}:{value}")),
        }
    }
    let space = choose.of(&["", "", " ", "\r\n\t"]);
    let mut text = format!("{space}{{{}}}{space}", written.join(&format!("{space},{space}"))).into_bytes();
    match choose.below(32) {
        29 => text = [b"[".as_slice(), &text, b"]"].concat(),
        30 => text.extend(b"{}"),
        31 => {
            let at = choose.below(u32::try_from(text.len()).unwrap_or(1)) as usize;
            let value = u8::try_from(choose.below(256)).unwrap_or(0);
            change(&mut text, at, |_| value);
        }
        _ => {}
    }
    text
}

fn change_text(written: &mut [String], at: usize, text: String) {
    if let Some(member) = written.get_mut(at) {
        *member = text;
    }
}

/// A member's name: as it is, with an escape, in another case, or another name.
fn written_name(choose: &mut FromBytes<'_>, name: &str) -> String {
    let first = name.chars().next().unwrap_or('x');
    let rest = name.get(first.len_utf8()..).unwrap_or_default();
    match choose.below(8) {
        4 => format!("\"\\u{:04x}{rest}\"", u32::from(first)),
        5 => format!("\"{}\"", name.to_uppercase()),
        6 => format!("\"{}\"", choose.of(&["crit", "jwk", "kid ", "app_metadata", "", "\\ud83e", "nbf", "x\\u0000"])),
        7 => "\"tenant\\u005fid\"".to_owned(),
        _ => format!("\"{name}\""),
    }
}

/// A member's value: as it is, or another.
fn other_value(choose: &mut FromBytes<'_>, value: &str) -> String {
    const NUMBERS: [&str; 12] = [
        "-0",
        "1.0",
        "1e3",
        "1E999",
        "1800000000",
        "1800000001",
        "1800000000.5",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "-9223372036854775809",
        "99999999999999999999999",
    ];
    const TEXTS: [&str; 14] = [
        "\"\"",
        "\"none\"",
        "\"hs256\"",
        "\"HS256\\u0000\"",
        "\"k1\"",
        "\"k2\"",
        "\"k9\"",
        "\"jwt\"",
        "\"member\"",
        "\"Owner\"",
        "\"\\ud800\"",
        "\"app-proxy\\u0020\"",
        "\"\\u0061pp-proxy\"",
        "\"tnQa\"",
    ];
    let is_number = value.starts_with(|first: char| first.is_ascii_digit());
    match choose.below(12) {
        0 | 1 => value.to_owned(),
        2 => format!("[{value}]"),
        3 => format!("{{\"a\":{value}}}"),
        4 => format!(" {value} "),
        5 => choose.of(&["null", "true", "0"]).to_owned(),
        // Another value of the same type, or once in a while of the other one.
        6 if is_number => choose.of(&TEXTS).to_owned(),
        6 => choose.of(&NUMBERS).to_owned(),
        _ if is_number => choose.of(&NUMBERS).to_owned(),
        _ => choose.of(&TEXTS).to_owned(),
    }
}

/// Base64url, or nearly: a padded segment, one with stray bits at its end, one in the other alphabet.
fn encoded(choose: &mut FromBytes<'_>, bytes: &[u8]) -> Vec<u8> {
    let mut text = encode(bytes);
    match choose.below(64) {
        60 => text.push(b'='),
        61 => {
            let last = text.len().saturating_sub(1);
            change(&mut text, last, |byte| shifted(byte, 1));
        }
        62 => text.iter_mut().for_each(|byte| *byte = if *byte == b'_' { b'/' } else { *byte }),
        63 => text.insert(0, b'\n'),
        _ => {}
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn digit(character: u8) -> Option<u32> {
    ALPHABET.iter().position(|other| *other == character).and_then(|at| u32::try_from(at).ok())
}

/// The character some places further on in the alphabet.
fn shifted(character: u8, by: u8) -> u8 {
    let at = digit(character).map_or(0, |digit| (digit as usize + usize::from(by)) % 64);
    ALPHABET.get(at).copied().unwrap_or(b'A')
}

fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 6 {
            held -= 6;
            text.push(shifted(b'A', u8::try_from(bits >> held & 63).unwrap_or(0)));
        }
        bits &= (1 << held) - 1;
    }
    if held > 0 {
        text.push(shifted(b'A', u8::try_from(bits << (6 - held) & 63).unwrap_or(0)));
    }
    text
}

/// The bytes of canonical base64url without padding.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for character in text {
        bits = bits << 6 | digit(*character)?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 255).unwrap_or(0));
            bits &= (1 << held) - 1;
        }
    }
    // Six bits are left of a lone character, which is no byte; others must be zero.
    (held < 6 && bits == 0).then_some(bytes)
}

/// HMAC-SHA-256 by RFC 2104.
fn hmac(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let hashed;
    let secret = if secret.len() > 64 {
        hashed = Sha256::digest(secret);
        hashed.as_slice()
    } else {
        secret
    };
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|at| secret.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
}

fn cookie_keys() -> Vec<CookieKey> {
    KEYS.iter().map(|(kid, secret)| CookieKey { kid: (*kid).to_owned(), secret: secret.to_vec() }).collect()
}

/// Tokens that the reference's own control plane minted, for hostile names too.
fn minted() -> Result<&'static [Vec<u8>], String> {
    static MINTED: OnceLock<Result<Vec<Vec<u8>>, String>> = OnceLock::new();
    MINTED.get_or_init(mint).as_deref().map_err(|error| format!("no token was minted: {error}"))
}

fn mint() -> Result<Vec<Vec<u8>>, String> {
    const MEMBERS: [(&str, &str, &str, Role); 3] = [
        ("usr_1", "Ada", "tnQa", Role::Owner),
        ("usr_1", "Zo\u{eb} \u{1f980}", "tnQA", Role::Member),
        ("u\r\n\"", "\u{0}\u{1b}\"}{\\,", "tnQa-x", Role::Viewer),
    ];
    let minting = async {
        let platform = Platform::start(PlatformConfig {
            clock: Clock::manual(NOW_S * 1000),
            entropy: Entropy::seeded(1),
            cookie_keys: cookie_keys(),
            kv_staleness: Duration::ZERO,
            network: Network::in_memory(),
            tls: None,
            observer: None,
            #[cfg(feature = "faults")]
            faults: reference_impl::FaultSet::none(),
            limits: Limits::default(),
            edge: EdgeConfig::default(),
        })
        .map_err(|error| error.to_string())?;
        let control = platform.control();
        MEMBERS
            .into_iter()
            .map(|(user_id, name, tenant, role)| {
                let tenant = TenantId::parse(tenant).map_err(|error| error.to_string())?;
                let email = format!("{user_id}@mail.example");
                let member = Member { user_id: user_id.to_owned(), email, name: name.to_owned(), tenant, role };
                Ok(control.mint_cookie(&member, Duration::from_secs(900)).into_bytes())
            })
            .collect()
    };
    block_on(minting).map_err(|error| error.to_string())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    use isolation_model::choose::Seeded;

    fn inputs(kind: u8, count: u64) -> impl Iterator<Item = Vec<u8>> {
        (0..count).map(move |seed| {
            let mut random = Seeded::new(seed);
            std::iter::once(kind).chain((0..60).map(|_| u8::try_from(random.below(256)).unwrap())).collect()
        })
    }

    #[test]
    fn a_verifier_that_leaves_a_rule_out_is_caught() {
        // Each token is judged alone, so one verifier that leaves them all out stands for those that leave one out.
        let accept_all = |token: &[u8]| reference(token).or_else(|| Some(somebody()));
        let caught: BTreeSet<String> = inputs(1, 2_000)
            .chain(inputs(2, 6_000))
            .filter_map(|bytes| check(accept_all, &bytes).err())
            .filter_map(|wrong| wrong.rsplit_once(", though ").map(|(_, why)| why.to_owned()))
            .collect();
        for rule in [
            "the signature is not the key's",
            "a segment is not canonical base64url without padding",
            "it has expired",
            "it has not three segments",
            "it is for another audience",
            "a claim is repeated",
            "the algorithm is not HS256",
            "the header holds an unknown member",
            "the key is unknown",
            "there is no user or no tenant",
        ] {
            assert!(caught.contains(rule), "without this rule nothing is found: {rule}");
        }
    }

    fn somebody() -> Accepted {
        let [user_id, email, name, tenant_id] = ["usr_1", "a@b.example", "Ada", "tnQa"].map(str::to_owned);
        Accepted { user_id, email, name, tenant_id, role: "owner".to_owned() }
    }

    #[test]
    fn a_token_that_nobody_minted_is_a_finding_even_if_the_rules_accept_it() {
        let signed_elsewhere = signed(&mut FromBytes::new(&[]));
        assert!(matches!(due(&signed_elsewhere), Due::Accept(_)));
        let wrong = check(reference, &[&[0], signed_elsewhere.as_slice()].concat()).unwrap_err();
        assert!(wrong.ends_with("nobody minted it"), "{wrong}");
    }

    #[test]
    fn a_verifier_that_refuses_or_mixes_up_is_caught() {
        assert!(check(|_| None, &[2]).is_err_and(|wrong| wrong.contains("usr_1")));
        let mixed = |token: &[u8]| reference(token).map(|got| Accepted { tenant_id: got.user_id.clone(), ..got });
        assert!(check(mixed, &[2]).is_err());
    }

    #[test]
    fn every_rule_is_tried_by_tokens_that_are_signed_here() {
        let mut reasons = BTreeMap::new();
        for bytes in inputs(2, 8_000) {
            let token = signed(&mut FromBytes::new(&bytes[1..]));
            let reason = match due(&token) {
                Due::Accept(_) => "accepted",
                Due::Refuse(why) | Due::Either(why) => why,
            };
            *reasons.entry(reason).or_insert(0) += 1;
        }
        for reason in [
            "accepted",
            "a claim is missing",
            "a claim is no string",
            "a claim is repeated",
            "a claim's name is not Unicode",
            "a member of the header is no string",
            "a member of the header is repeated",
            "a segment is not canonical base64url without padding",
            "a time is missing",
            "a time is no integer",
            "a time is out of range",
            "a time is repeated",
            "it has expired",
            "it is for another audience",
            "minus zero is an integer to some readers alone",
            "the algorithm is not HS256",
            "the header holds an unknown member",
            "the header is no JSON object",
            "the key is unknown",
            "the payload is no JSON object",
            "the signature is not the key's",
            "the type is not JWT",
            "there is no key id",
            "there is no such role",
            "there is no user or no tenant",
        ] {
            assert!(reasons.contains_key(reason), "{reason} is not among {reasons:#?}");
        }
    }

    #[test]
    fn minted_tokens_are_accepted_and_what_is_one_bit_off_is_not() {
        for token in minted().unwrap() {
            assert!(matches!(due(token), Due::Accept(_)));
            assert_eq!(check(reference, &[&[0], token.as_slice()].concat()), Ok(()));
            for at in 0..token.len() {
                for bit in 0..8 {
                    let mut other = token.clone();
                    other[at] ^= 1 << bit;
                    assert!(matches!(due(&other), Due::Refuse(_)));
                    assert_eq!(reference(&other), None);
                }
            }
        }
    }

    #[test]
    fn the_reference_agrees_with_the_rules_on_random_cases() {
        for kind in 0..4 {
            for bytes in inputs(kind, 1_500) {
                assert_eq!(check(reference, &bytes), Ok(()));
            }
        }
    }

    #[test]
    fn base64_and_hmac_are_as_their_standards_say() {
        for (bytes, text) in
            [(&b""[..], &b""[..]), (b"f", b"Zg"), (b"fo", b"Zm8"), (b"foo", b"Zm9v"), (b"\xfb\xff", b"-_8")]
        {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes));
        }
        for text in [&b"Z"[..], b"Zh", b"Zm9", b"Zg==", b"Zg=", b"Z g", b"+/8", b"Zm9vZ"] {
            assert_eq!(decode(text), None, "{}", String::from_utf8_lossy(text));
        }
        // RFC 4231, test cases 2 and 6.
        let cases: [(&[u8], &[u8], &str); 2] = [
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (secret, message, tag) in cases {
            assert_eq!(crate::engine::hex(&hmac(secret, message)), tag);
        }
    }
}
