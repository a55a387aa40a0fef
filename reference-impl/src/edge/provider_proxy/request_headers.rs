//! What an upstream is shown of a client's request: no key, no other credential, nothing of where it came from; and the
//! connection's credential, written last. Pure.

use crate::edge::app_proxy::request_headers::{canonical, is_hop_by_hop, is_platform_field, listed_by_connection};
use crate::fault::{Fault, FaultSet};
use crate::provider::Adapter;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// What every bearer begins with: nothing that holds it goes on.
const BEARER: &[u8] = b"vendo_sk_";
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const X_GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const XI_API_KEY: HeaderName = HeaderName::from_static("xi-api-key");
/// What clients of the broker's API name an account or its owner by. Which one it is, the binding says.
pub(super) const ACCOUNT_NAMES: [&str; 6] =
    ["connected_account_id", "connectedAccountId", "entity_id", "entityId", "user_id", "userId"];
const ACCOUNT: HeaderName = HeaderName::from_static("x-connected-account-id");

/// A connection's credential that can't be written into a request: it is no visible ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential can't be written into a request")]
pub struct Unwritable;

/// A credential, ready for its place in the request. It is never printed.
pub struct Injection {
    /// None where the place is the path.
    field: Option<(HeaderName, HeaderValue)>,
    account: Option<HeaderValue>,
    host: HeaderValue,
}

impl std::fmt::Debug for Injection {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Injection")
    }
}

impl Injection {
    /// Puts a credential into the form that an adapter's upstream takes it in.
    ///
    /// # Errors
    /// [`Unwritable`].
    pub fn new(adapter: Adapter, credential: &str, account: Option<&str>) -> Result<Self, Unwritable> {
        let visible = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible(credential) || !account.is_none_or(visible) {
            return Err(Unwritable);
        }
        let value = |prefix: &str| {
            let text = Zeroizing::new([prefix, credential].concat());
            HeaderValue::from_str(&text).map(sensitive).map_err(|_| Unwritable)
        };
        let field = match adapter {
            Adapter::Openai | Adapter::Openrouter => Some((AUTHORIZATION, value("Bearer ")?)),
            Adapter::Assemblyai => Some((AUTHORIZATION, value("")?)),
            Adapter::Anthropic | Adapter::Muapi | Adapter::Composio => Some((X_API_KEY, value("")?)),
            Adapter::Gemini => Some((X_GOOG_API_KEY, value("")?)),
            Adapter::Elevenlabs => Some((XI_API_KEY, value("")?)),
            Adapter::Telegram if credential.bytes().all(is_path_byte) => None,
            Adapter::Telegram => return Err(Unwritable),
        };
        let account = match account {
            Some(account) => Some(HeaderValue::from_str(account).map(sensitive).map_err(|_| Unwritable)?),
            None => None,
        };
        Ok(Self { field, account, host: HeaderValue::from_static(adapter.upstream_host()) })
    }
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// A byte that stays within one segment of a path.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.' | b'~')
}

/// Whether a field is a credential of the client's own, or says who or where it is. `name` is canonical.
fn is_dropped(name: &str) -> bool {
    matches!(
        name,
        "authorization"
            | "x-api-key"
            | "api-key"
            | "xi-api-key"
            | "x-goog-api-key"
            | "openai-organization"
            | "openai-project"
            | "x-connected-account-id"
            | "cookie"
            | "cf-connecting-ip"
            | "cf-ipcountry"
            | "cf-ray"
            | "cf-visitor"
            | "forwarded"
            | "x-real-ip"
            | "via"
            | "expect"
            | "accept-encoding"
            | "origin"
            | "referer"
            | "trailers"
            // A part of an answer, or a chosen part, would not say what it cost.
            | "range"
            | "if-range"
            | "x-goog-fieldmask"
            // Some servers take another method or path from these.
            | "x-http-method"
            | "x-http-method-override"
            | "x-method-override"
            | "x-original-url"
            | "x-rewrite-url"
    ) || name.starts_with("x-forwarded-")
        || name.starts_with("vendo-")
        || is_platform_field(name)
        || is_hop_by_hop(name)
}

/// Whether a field is a credential that a planted fault takes for the client's own affair.
fn is_own_credential(name: &str) -> bool {
    matches!(name, "authorization" | "x-api-key" | "api-key" | "xi-api-key" | "x-goog-api-key" | "openai-organization")
}

/// Turns the header of a client's request into the one that an adapter's upstream gets.
pub fn forwarded(headers: &mut HeaderMap, injection: Injection, faults: FaultSet) {
    let listed = listed_by_connection(headers);
    let (bearer_stays, own_stays) = (faults.has(Fault::PrxBearerForwarded), faults.has(Fault::PrxOwnAuthorizationWins));
    headers.remove(HOST);
    let doomed: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| {
            let canonical = canonical(name);
            let holds_a_key = memmem::find(value.as_bytes(), BEARER).is_some();
            if (bearer_stays && **name == AUTHORIZATION)
                || (own_stays && is_own_credential(&canonical) && !holds_a_key)
                || (faults.has(Fault::PrxAccountFromClient) && **name == ACCOUNT)
            {
                return false;
            }
            is_dropped(&canonical)
                || (canonical == "content-length" && **name != CONTENT_LENGTH)
                || listed.iter().any(|option| *option == canonical)
                || holds_a_key
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in doomed {
        headers.remove(name);
    }
    headers.insert(HOST, injection.host);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(account) = injection.account
        && !headers.contains_key(ACCOUNT)
    {
        headers.insert(ACCOUNT, account);
    }
    if let Some((name, value)) = injection.field
        && !(own_stays && headers.contains_key(&name))
    {
        headers.insert(name, value);
    }
}

/// The target that an upstream gets: the path in the form that its adapter takes it, and what of the query goes on.
///
/// Where the credential's place is the path it is written there, so the text is as secret as it is.
#[must_use]
pub fn target(adapter: Adapter, path: &str, query: Option<&str>, credential: &str) -> Zeroizing<String> {
    let mut target = Zeroizing::new(String::with_capacity(path.len() + query.map_or(0, str::len) + 96));
    match adapter {
        Adapter::Openrouter if !path.starts_with("/api/") => target.push_str("/api"),
        Adapter::Telegram => {
            target.push_str("/bot");
            target.push_str(credential);
        }
        Adapter::Openai
        | Adapter::Anthropic
        | Adapter::Openrouter
        | Adapter::Gemini
        | Adapter::Elevenlabs
        | Adapter::Assemblyai
        | Adapter::Muapi
        | Adapter::Composio => {}
    }
    target.push_str(path);
    if let Some(query) = query.and_then(|query| forwarded_query(adapter, query)) {
        target.push('?');
        target.push_str(&query);
    }
    target
}

/// What of a query goes on: every pair as it came, but those that hold a key, or that change what an answer says of its
/// cost or whose account is used.
fn forwarded_query(adapter: Adapter, query: &str) -> Option<Cow<'_, str>> {
    let is_dropped = |pair: &str| holds_a_key(pair) || is_steering(adapter, pair);
    if !query.split('&').any(is_dropped) {
        return Some(Cow::Borrowed(query));
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_dropped(pair)).collect();
    if kept.is_empty() { None } else { Some(Cow::Owned(kept.join("&"))) }
}

fn holds_a_key(pair: &str) -> bool {
    let decoded: Cow<'_, [u8]> = percent_encoding::percent_decode_str(pair).into();
    let (name, _) = named_value(pair);
    ["key", "api_key", "access_token"].iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        || memmem::find(&decoded, BEARER).is_some()
}

/// Whether a pair leaves parts of the answer out, gives it a form in which its usage can't be read, or names an account.
fn is_steering(adapter: Adapter, pair: &str) -> bool {
    let (name, value) = named_value(pair);
    let name = name.strip_prefix(b"$").unwrap_or(&name);
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match adapter {
        Adapter::Gemini => is("fields") || is("callback") || (is("alt") && !matches!(&*value, b"sse" | b"json")),
        Adapter::Composio => ACCOUNT_NAMES.iter().any(|known| is(known)),
        Adapter::Openai
        | Adapter::Anthropic
        | Adapter::Openrouter
        | Adapter::Elevenlabs
        | Adapter::Assemblyai
        | Adapter::Muapi
        | Adapter::Telegram => false,
    }
}

/// Name and value of a pair, decoded.
fn named_value(pair: &str) -> (Cow<'_, [u8]>, Cow<'_, [u8]>) {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    (percent_encoding::percent_decode_str(name).into(), percent_encoding::percent_decode_str(value).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Adapter::*;
    use proptest::prelude::*;

    const KEY: &str = "vendo_sk_0123456789abcdef0123456789abcdef";
    const CREDENTIAL: &str = "sk-live-1";

    fn sent(adapter: Adapter, fields: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        forwarded(
            &mut headers,
            Injection::new(adapter, CREDENTIAL, Some("acc-1").filter(|_| adapter == Composio)).unwrap(),
            FaultSet::none(),
        );
        let mut sent: Vec<_> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        sent.sort();
        sent
    }

    #[test]
    fn each_adapter_gets_the_credential_in_its_own_place() {
        for (adapter, name, value) in [
            (Openai, "authorization", "Bearer sk-live-1"),
            (Openrouter, "authorization", "Bearer sk-live-1"),
            (Assemblyai, "authorization", "sk-live-1"),
            (Anthropic, "x-api-key", "sk-live-1"),
            (Muapi, "x-api-key", "sk-live-1"),
            (Composio, "x-api-key", "sk-live-1"),
            (Gemini, "x-goog-api-key", "sk-live-1"),
            (Elevenlabs, "xi-api-key", "sk-live-1"),
        ] {
            let sent = sent(adapter, &[("host", "x"), ("authorization", &format!("Bearer {KEY}")), ("x-api-key", KEY)]);
            let mut expected = vec![("accept-encoding", "identity"), ("host", adapter.upstream_host()), (name, value)];
            if adapter == Composio {
                expected.push(("x-connected-account-id", "acc-1"));
            }
            expected.sort_unstable();
            let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(sent, expected, "{adapter}");
        }
        assert_eq!(sent(Telegram, &[]).len(), 2);
    }

    #[test]
    fn what_is_not_the_upstreams_is_left_out() {
        let kept = [
            ("accept", "application/json"),
            ("anthropic-version", "2023-06-01"),
            ("content-length", "2"),
            ("content-type", "application/json"),
            ("user-agent", "x"),
            ("x-custom", "y"),
        ];
        let dropped = [
            ("api-key", "x"),
            ("api_key", "x"),
            ("x_api_key", "x"),
            ("xi-api-key", "x"),
            ("x-goog-api-key", "x"),
            ("x_goog_api_key", "x"),
            ("proxy-authorization", "x"),
            ("openai-organization", "org"),
            ("openai_project", "p"),
            ("x-connected-account-id", "theirs"),
            ("x_connected_account_id", "theirs"),
            ("cookie", "a=b"),
            ("x-vendo-tenant-id", "t"),
            ("x_vendo_connection", "c"),
            ("vendo-api-version", "2026-05-02"),
            ("vendo_error_code", "x"),
            ("cf-connecting-ip", "1.2.3.4"),
            ("cf_ray", "x"),
            ("forwarded", "for=x"),
            ("x-forwarded-for", "x"),
            ("x_forwarded_host", "x"),
            ("x-real-ip", "x"),
            ("via", "1.1 x"),
            ("expect", "100-continue"),
            ("accept-encoding", "gzip"),
            ("origin", "https://x"),
            ("referer", "https://x"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("trailers", "x"),
            ("connection", "x-listed, X_Other"),
            ("x-listed", "x"),
            ("x-other", "x"),
            ("keep-alive", "x"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("content_length", "9"),
            ("range", "bytes=0-9"),
            ("x-goog-fieldmask", "candidates"),
            ("x_goog_fieldmask", "candidates"),
            ("x-http-method-override", "DELETE"),
            ("x-original-url", "/v1/files"),
            ("x_rewrite_url", "/v1/files"),
            ("x-debug", KEY),
            ("x-debug-2", "the key is vendo_sk_ and more"),
        ];
        let all: Vec<_> = kept.into_iter().chain(dropped).collect();
        let sent = sent(Telegram, &all);
        let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut expected = kept.to_vec();
        expected.extend([("accept-encoding", "identity"), ("host", "api.telegram.org")]);
        expected.sort_unstable();
        assert_eq!(sent, expected);
    }

    #[test]
    fn one_value_of_several_that_holds_a_key_takes_the_others_with_it() {
        assert_eq!(sent(Telegram, &[("x-a", "b"), ("x-a", KEY)]), sent(Telegram, &[]));
    }

    #[test]
    fn connection_cannot_name_what_is_written_last() {
        let listing = sent(Openai, &[("connection", "authorization, host, accept-encoding")]);
        assert_eq!(listing, sent(Openai, &[]));
    }

    #[test]
    fn a_credential_that_breaks_its_place_is_not_written() {
        for credential in ["", "a b", "a\r\nx: y", "a\0", "caf\u{e9}"] {
            for adapter in Adapter::ALL {
                assert!(Injection::new(adapter, credential, None).is_err(), "{adapter} {credential:?}");
            }
        }
        assert!(Injection::new(Openai, "a/b?c#d%", None).is_ok());
        for credential in ["1/../2", "1?x", "1#x", "1%2f", "1\\2"] {
            assert!(Injection::new(Telegram, credential, None).is_err(), "{credential}");
        }
        assert!(Injection::new(Telegram, "123456:AAE-x_y", None).is_ok());
        assert!(Injection::new(Composio, "c", Some("a\nb")).is_err());
        assert!(Injection::new(Composio, "c", Some("")).is_err());
    }

    #[test]
    fn targets() {
        for (adapter, path, query, expected) in [
            (Openai, "/v1/models", None, "/v1/models"),
            (Openai, "/v1/models", Some(""), "/v1/models?"),
            (Openai, "/v1/models", Some("a=1&b=%2F&a=2&&c"), "/v1/models?a=1&b=%2F&a=2&&c"),
            (Openrouter, "/v1/completions", None, "/api/v1/completions"),
            (Openrouter, "/api/v1/completions", None, "/api/v1/completions"),
            (Telegram, "/getMe", Some("a=b"), "/botsk-live-1/getMe?a=b"),
            (Gemini, "/v1/models/g:generateContent", Some("alt=sse&key=AIza"), "/v1/models/g:generateContent?alt=sse"),
            (Gemini, "/x", Some("key=1"), "/x"),
            (
                Gemini,
                "/x",
                Some("%6bey=1&KEY=2&Api_Key=3&access_token=4&api%5Fkey=5&keys=6&xkey=7"),
                "/x?keys=6&xkey=7",
            ),
            (
                Gemini,
                "/x",
                Some("alt=sse&fields=a&$Fields=a&%66ields=a&alt=proto&%24alt=media&callback=f"),
                "/x?alt=sse",
            ),
            (Openai, "/x", Some("fields=a&user_id=b"), "/x?fields=a&user_id=b"),
            (Composio, "/x", Some("connectedAccountId=x&entity%5Fid=y&a=b"), "/x?a=b"),
            (Gemini, "/x", Some("q=vendo_sk_1&q=vendo%5Fsk_1&vendo_sk_1&a=%76endo_sk_&q=vendo_s"), "/x?q=vendo_s"),
        ] {
            assert_eq!(*target(adapter, path, query, CREDENTIAL), expected, "{path} {query:?}");
        }
    }

    proptest! {
        #[test]
        fn no_key_gets_through(
            names in proptest::collection::vec("[a-z][a-z_-]{0,12}", 0..8),
            values in proptest::collection::vec("[ -~]{0,20}", 8),
            at in 0_usize..8,
            query in "([a-z%5F&=]{0,6}|vendo_sk_|%76endo_sk_|key=){0,6}",
        ) {
            let mut fields: Vec<(String, String)> =
                names.iter().cloned().zip(values.iter().map(|value| value.trim().to_owned())).collect();
            if let Some((_, value)) = fields.get_mut(at) {
                *value = format!("{value}{KEY}{value}");
            }
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            for (name, value) in sent(Openai, &fields) {
                prop_assert!(!value.contains("vendo_sk_"), "{}: {}", name, value);
            }
            let target = target(Openai, "/x", Some(&query), CREDENTIAL);
            let decoded = percent_encoding::percent_decode_str(&target).decode_utf8_lossy();
            prop_assert!(!decoded.split('&').any(|pair| pair.contains("vendo_sk_")), "{}", decoded);
        }
    }
}
