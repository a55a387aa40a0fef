//! Percent-encoding, as the platform's documents define it. Written here since an oracle shares no code with a target.

/// Every byte but the unreserved ones of RFC 3986.
#[must_use]
pub(crate) fn encode_component(bytes: &[u8]) -> String {
    encode(bytes, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// The value of an identity header: visible ASCII but `%` stays, and so do spaces that are not at an end.
#[must_use]
pub(crate) fn encode_identity(text: &str) -> String {
    let bytes = text.as_bytes();
    let inner = bytes.iter().position(|b| *b != b' ').map(|first| {
        let last = bytes.iter().rposition(|b| *b != b' ').unwrap_or(first);
        first..=last
    });
    bytes
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            let inner_space = *byte == b' ' && inner.as_ref().is_some_and(|range| range.contains(&at));
            if inner_space || (byte.is_ascii_graphic() && *byte != b'%') {
                char::from(*byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn encode(bytes: &[u8], keep: impl Fn(u8) -> bool) -> String {
    bytes.iter().map(|byte| if keep(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_values_stay_on_one_line() {
        for (text, value) in [
            ("Ada Lovelace", "Ada Lovelace"),
            (" padded\t", "%20padded%09"),
            ("a\r\nb", "a%0D%0Ab"),
            ("100%", "100%25"),
            ("Zo\u{eb}", "Zo%C3%AB"),
            ("", ""),
            ("  ", "%20%20"),
            ("\u{7f}\u{0}", "%7F%00"),
        ] {
            assert_eq!(encode_identity(text), value);
        }
    }

    #[test]
    fn components_keep_only_unreserved_bytes() {
        assert_eq!(encode_component(b"/a?b=c&d~e"), "%2Fa%3Fb%3Dc%26d~e");
    }
}
