//! The body of a metered request: one JSON object, of which a few members decide what is billed. Pure.
//!
//! A member that is there twice, also in another case, is refused: the proxy would bill by one, and the provider go by the
//! other.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// The longest body of a metered request, in bytes.
pub const BODY_MAX: usize = 8 * 1024 * 1024;
/// What a stream of OpenRouter is asked for, so that it can be billed.
const ASK_FOR_USAGE: &str = r#"{"include":true}"#;

/// A body that is billed by something it doesn't say clearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a JSON object whose members are there once")]
pub struct BadPayload;

/// The top level of a body. The members keep their order and their spelling.
#[derive(Debug)]
pub struct Payload<'b>(Vec<(Cow<'b, str>, &'b RawValue)>);

impl<'b> Payload<'b> {
    /// Reads a body.
    ///
    /// # Errors
    /// [`BadPayload`] for anything but an object in UTF-8 each of whose members is there once.
    pub fn read(body: &'b [u8]) -> Result<Self, BadPayload> {
        let text = std::str::from_utf8(body).map_err(|_| BadPayload)?;
        serde_json::from_str(text).map_err(|_| BadPayload)
    }

    /// The names of its members, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }

    pub(super) fn member(&self, name: &str) -> Option<&'b RawValue> {
        self.0.iter().find(|(held, _)| held == name).map(|(_, value)| *value)
    }

    /// Whether a member is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    /// A member that is a string, or none where it isn't there.
    ///
    /// # Errors
    /// [`BadPayload`] where it is there and no string.
    pub fn text(&self, name: &str) -> Result<Option<Cow<'b, str>>, BadPayload> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let text: Text<'b> = serde_json::from_str(value.get()).map_err(|_| BadPayload)?;
        Ok(Some(text.0))
    }

    /// Whether a member is `true`.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.member(name).is_some_and(|value| value.get() == "true")
    }

    /// The body anew, with OpenRouter's wish for usage in the place of any `usage` that it had.
    #[must_use]
    pub fn asking_for_usage(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        let others =
            self.0.iter().filter(|(name, _)| name != "usage").map(|(name, value)| (name.as_ref(), value.get()));
        for (at, (name, value)) in others.chain([("usage", ASK_FOR_USAGE)]).enumerate() {
            out.push(if at == 0 { b'{' } else { b',' });
            // A string always has a JSON form.
            out.extend_from_slice(serde_json::to_string(name).unwrap_or_default().as_bytes());
            out.push(b':');
            out.extend_from_slice(value.as_bytes());
        }
        out.push(b'}');
        out
    }
}

#[derive(Deserialize)]
struct Text<'b>(#[serde(borrow)] Cow<'b, str>);

impl<'de> Deserialize<'de> for Payload<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Payload<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object whose members are there once")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(8);
                while let Some(Text(name)) = map.next_key()? {
                    if members.iter().any(|(held, _)| is_same_folded(held, &name)) {
                        return Err(A::Error::custom("a member is there twice"));
                    }
                    if members.len() == MEMBERS_MAX {
                        return Err(A::Error::custom("there are too many members"));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Payload(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Whether some reader takes two names for one: cases are folded by many, and the long s and the Kelvin sign by some.
pub(super) fn is_same_folded(one: &str, other: &str) -> bool {
    let folded = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    one.chars().map(folded).eq(other.chars().map(folded))
}

/// The most members of a body. No provider knows a tenth of it, and each is compared with all before it.
const MEMBERS_MAX: usize = 512;

/// The toolkit of a Composio action: what stands before the first underscore, in lower case.
///
/// None where the name is not `[A-Z0-9]+_[A-Z0-9_]+`.
#[must_use]
pub fn toolkit(action: &str) -> Option<String> {
    let (toolkit, rest) = action.split_once('_')?;
    let upper = |text: &str, also: &[u8]| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || also.contains(&byte))
    };
    (upper(toolkit, b"") && upper(rest, b"_")).then(|| toolkit.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_are_read_by_what_their_names_mean() {
        let payload =
            Payload::read(br#" {"mod\u0065l":"gpt\u002d4o","stream":true,"n":1,"text":"\u00e9\ud83d\ude00a"} "#)
                .unwrap();
        assert_eq!(payload.text("model").unwrap().as_deref(), Some("gpt-4o"));
        assert_eq!(payload.text("text").unwrap().unwrap().chars().count(), 3);
        assert_eq!(payload.text("other"), Ok(None));
        assert_eq!(payload.text("n"), Err(BadPayload));
        assert!(payload.is_true("stream") && !payload.is_true("n") && !payload.is_true("other"));
    }

    #[test]
    fn what_two_readers_could_take_two_ways_is_refused() {
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"\"model\"",
            b"{",
            b"{} x",
            b"{}{}",
            b"\xef\xbb\xbf{}",
            b"{\"model\":\"a\xff\"}",
            br#"{"model":"a","model":"a"}"#,
            br#"{"model":"a","mod\u0065l":"b"}"#,
            br#"{"a":1,"a":2}"#,
            br#"{"model":"a","Model":"b"}"#,
            br#"{"MODEL":"a","stream":true,"model":"b"}"#,
            "{\"stream\":false,\"\u{17f}tream\":true}".as_bytes(),
            "{\"k\":1,\"\u{212a}\":2}".as_bytes(),
            br#"{"model":"a",}"#,
            br#"{'model':'a'}"#,
            br#"{"model":NaN}"#,
        ] {
            assert!(Payload::read(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        for body in [&br#"{"model":null}"#[..], br#"{"model":["a"]}"#, br#"{"model":1}"#, br#"{"model":"\ud800"}"#] {
            let read = Payload::read(body).and_then(|payload| payload.text("model").map(|_| ()));
            assert!(read.is_err(), "{}", String::from_utf8_lossy(body));
        }
        // Twice inside of a member is the provider's affair alone: nothing is billed by it.
        assert!(Payload::read(br#"{"model":"a","b":{"c":1,"c":2}}"#).is_ok());
    }

    #[test]
    fn depth_and_number_of_members_are_bounded_without_a_stack() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert!(Payload::read(deep.as_bytes()).is_ok());
        let many: Vec<String> = (0..=MEMBERS_MAX).map(|n| format!("\"m{n}\":0")).collect();
        assert!(Payload::read(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
        assert!(Payload::read(format!("{{{}}}", many[1..].join(",")).as_bytes()).is_ok());
    }

    #[test]
    fn a_stream_asks_for_its_usage() {
        for (body, rewritten) in [
            (r#"{"model":"m","stream":true}"#, r#"{"model":"m","stream":true,"usage":{"include":true}}"#),
            (r#"{"usage":{"include":false},"stream":true}"#, r#"{"stream":true,"usage":{"include":true}}"#),
            (r#"{"us\u0061ge":null,"a":[1, 2]}"#, r#"{"a":[1, 2],"usage":{"include":true}}"#),
            ("{}", r#"{"usage":{"include":true}}"#),
            (r#"{"q\"":1e5}"#, r#"{"q\"":1e5,"usage":{"include":true}}"#),
        ] {
            assert_eq!(
                String::from_utf8(Payload::read(body.as_bytes()).unwrap().asking_for_usage()).unwrap(),
                rewritten
            );
        }
    }

    #[test]
    fn a_toolkit_is_what_stands_before_the_first_underscore() {
        for (action, found) in
            [("GMAIL_SEND_EMAIL", "gmail"), ("A1_B", "a1"), ("SLACK__X", "slack"), ("1_2", "1"), ("A__", "a")]
        {
            assert_eq!(toolkit(action).as_deref(), Some(found), "{action}");
        }
        for action in
            ["", "_", "GMAIL", "GMAIL_", "_SEND", "gmail_SEND", "GMAIL_Send", "GM-AIL_X", "GMAIL_X ", "\u{c9}_X"]
        {
            assert_eq!(toolkit(action), None, "{action}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(payload) = Payload::read(&bytes) {
                prop_assert!(Payload::read(&payload.asking_for_usage()).is_ok());
            }
        }

        #[test]
        fn a_rewritten_body_says_what_it_said(
            names in proptest::collection::btree_set("[a-z\"\\\\\u{e9}]{0,4}", 0..6),
            value in prop_oneof![Just("1"), Just("\"x\""), Just("{\"a\":[]}"), Just("null")],
        ) {
            let members: Vec<String> =
                names.iter().map(|name| format!("{}:{value}", serde_json::to_string(name).unwrap())).collect();
            let body = format!("{{{}}}", members.join(","));
            let rewritten = Payload::read(body.as_bytes()).unwrap().asking_for_usage();
            let mut before: serde_json::Value = serde_json::from_str(&body).unwrap();
            before["usage"] = serde_json::json!({"include": true});
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&rewritten).unwrap(), before);
        }
    }
}
