//! The first check of the provider proxies: what the raw path holds, before anything takes it apart. Pure.
//!
//! A path that two readers resolve in two ways is how a request leaves the routes that its credential was let out for.
//! So nothing is resolved or repaired here. The path is looked at as it came, decoded once and decoded twice, and if one
//! of the three could be read as another path, the request is refused.

use crate::fault::{Fault, FaultSet};
use std::borrow::Cow;

/// The longest request target, in bytes.
pub const TARGET_MAX: usize = 8 * 1024;

/// What is wrong with a path. All of them are 400, and no client is told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathDefect {
    /// It does not begin with a slash: an absolute form, or a mere `*`.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// The target is longer than [`TARGET_MAX`].
    #[error("the target is longer than 8 KiB")]
    TooLong,
    /// A byte outside of ASCII, not encoded.
    #[error("the path holds a raw byte outside ASCII")]
    NotAscii,
    /// A control character.
    #[error("the path holds a control character")]
    Control,
    /// A backslash, which some readers take for a slash.
    #[error("the path holds a backslash")]
    Backslash,
    /// What would begin a fragment.
    #[error("the path holds a number sign")]
    Fragment,
    /// A percent sign that two hex digits don't follow.
    #[error("the path holds a percent sign without two hex digits")]
    Percent,
    /// Two slashes in a row.
    #[error("the path holds an empty segment")]
    EmptySegment,
    /// A segment that is `.` or `..`.
    #[error("the path holds a dot segment")]
    DotSegment,
    /// Dots, then a semicolon, which some readers cut off with what follows.
    #[error("the path holds dots with a parameter")]
    DotParameter,
    /// An at sign where some readers would find userinfo.
    #[error("the path begins with an at sign")]
    AtSign,
}

/// Looks at a path, and at the length of the whole target.
///
/// # Errors
/// [`PathDefect`], of the form that shows it first: as it came, decoded once, decoded twice.
pub fn guard(path: &[u8], target_length: usize) -> Result<(), PathDefect> {
    if target_length > TARGET_MAX {
        return Err(PathDefect::TooLong);
    }
    if !path.starts_with(b"/") {
        return Err(PathDefect::NotAbsolute);
    }
    if path.iter().any(|byte| !byte.is_ascii()) {
        return Err(PathDefect::NotAscii);
    }
    sound(path)?;
    let once = decoded(path);
    let Cow::Owned(once) = &once else { return Ok(()) };
    sound(once)?;
    match &decoded(once) {
        Cow::Owned(twice) => sound(twice),
        Cow::Borrowed(_) => Ok(()),
    }
}

/// Looks at a path, and gives the one that its route is found by: the path as it came.
pub(crate) fn examined(path: &str, target_length: usize, faults: FaultSet) -> Result<Cow<'_, str>, PathDefect> {
    if faults.has(Fault::PrxPathGuardAfterDecoding) {
        let plain = resolved(&String::from_utf8_lossy(&decoded(path.as_bytes())));
        return guard(plain.as_bytes(), target_length).map(|()| Cow::Owned(plain));
    }
    if faults.has(Fault::PrxPathGuardPlainOnly) {
        let plain = sound(path.as_bytes()).map(|()| decoded(path.as_bytes()));
        return plain.map(|plain| Cow::Owned(String::from_utf8_lossy(&plain).into_owned()));
    }
    guard(path.as_bytes(), target_length).map(|()| Cow::Borrowed(path))
}

/// What a URL library makes of a path, for a planted fault.
fn resolved(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split(['/', '\\']).skip(1) {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    ["/", &kept.join("/")].concat()
}

/// One form of a path.
fn sound(path: &[u8]) -> Result<(), PathDefect> {
    if path.get(1) == Some(&b'@') {
        return Err(PathDefect::AtSign);
    }
    // How long the segment is that ends here, if it holds nothing but dots; none if it holds anything else.
    let mut dots: Option<usize> = None;
    let mut before = 0;
    let mut rest = path;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            0..=0x1f | 0x7f => return Err(PathDefect::Control),
            b'\\' => return Err(PathDefect::Backslash),
            b'#' => return Err(PathDefect::Fragment),
            b'%' if !begins_with_two_digits(rest) => return Err(PathDefect::Percent),
            b'/' if before == b'/' => return Err(PathDefect::EmptySegment),
            b'/' if matches!(dots, Some(1 | 2)) => return Err(PathDefect::DotSegment),
            b';' if before == b'.' => return Err(PathDefect::DotParameter),
            _ => {}
        }
        dots = match (byte, dots) {
            (b'/', _) => Some(0),
            (b'.', Some(dots)) => Some(dots + 1),
            (_, _) => None,
        };
        before = *byte;
    }
    if matches!(dots, Some(1 | 2)) { Err(PathDefect::DotSegment) } else { Ok(()) }
}

fn begins_with_two_digits(bytes: &[u8]) -> bool {
    matches!(bytes, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// The path with each escape replaced by its byte; borrowed if it has none.
fn decoded(path: &[u8]) -> Cow<'_, [u8]> {
    percent_encoding::percent_decode(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use PathDefect::*;
    use proptest::prelude::*;

    fn of(path: &str) -> Result<(), PathDefect> {
        guard(path.as_bytes(), path.len())
    }

    #[test]
    fn ordinary_paths_pass() {
        for path in [
            "/",
            "/v1/models",
            "/v1/models/gpt-4o.mini",
            "/v1/models/ft:gpt-4o",
            "/v1beta/models/gemini-2.0-flash:generateContent",
            "/a/",
            "/.well-known/x",
            "/..a/b..",
            "/.../x",
            "/a.b;c=d",
            "/a;.",
            "/v1/a%20b",
            "/caf%C3%A9",
            "/a@b",
            "/a/@b",
            "/%2541",
            "/a%25252e%25252e/",
            "/~x!$&'()*+,=:_-",
        ] {
            assert_eq!(of(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn what_could_be_read_as_another_path_is_refused() {
        for (path, defect) in [
            ("", NotAbsolute),
            ("*", NotAbsolute),
            ("v1/models", NotAbsolute),
            ("http://x/v1", NotAbsolute),
            ("/..", DotSegment),
            ("/.", DotSegment),
            ("/./", DotSegment),
            ("/v1/../v1/models", DotSegment),
            ("/v1/..", DotSegment),
            ("/v1/%2e%2e/models", DotSegment),
            ("/v1/%2E./models", DotSegment),
            ("/v1/.%2e", DotSegment),
            ("/v1/%252e%252e/models", DotSegment),
            ("/v1/%252e./x", DotSegment),
            ("/v1%2f..%2fx", DotSegment),
            ("/v1%2f%2e", DotSegment),
            ("/v1/%25%32%65.", DotSegment),
            ("/v1\\..\\x", Backslash),
            ("/v1%5c..", Backslash),
            ("/v1%255Cx", Backslash),
            ("//v1", EmptySegment),
            ("/v1//models", EmptySegment),
            ("/v1/%2fmodels", EmptySegment),
            ("/v1%2f%2fmodels", EmptySegment),
            ("/%252fv1", EmptySegment),
            ("/a\r\nb", Control),
            ("/a%0d%0ab", Control),
            ("/a%250ab", Control),
            ("/a%00", Control),
            ("/a\t", Control),
            ("/a%7f", Control),
            ("/a\u{7f}", Control),
            ("/caf\u{e9}", NotAscii),
            ("/@evil.example/", AtSign),
            ("/%40evil.example", AtSign),
            ("/%2540evil.example", AtSign),
            ("/a%", Percent),
            ("/a%2", Percent),
            ("/a%zz", Percent),
            ("/a%2g", Percent),
            ("/100%25", Percent),
            ("/a%25zz", Percent),
            ("/a%2525", Percent),
            ("/..;/x", DotParameter),
            ("/.;x/y", DotParameter),
            ("/v1/%2e%2e;/x", DotParameter),
            ("/v1/..%3b/x", DotParameter),
            ("/a#b", Fragment),
            ("/a%23b", Fragment),
            ("/a%2523b", Fragment),
        ] {
            assert_eq!(of(path), Err(defect), "{path}");
        }
    }

    #[test]
    fn a_target_has_a_longest_length() {
        let long = format!("/{}", "a".repeat(TARGET_MAX - 1));
        assert_eq!(of(&long), Ok(()));
        assert_eq!(guard(b"/a", TARGET_MAX), Ok(()));
        assert_eq!(guard(b"/a", TARGET_MAX + 1), Err(TooLong));
    }

    /// What a lenient server may make of a path: decoded as often as it likes, `\` and `;` its own way.
    fn resolved(path: &[u8]) -> Option<Vec<Vec<u8>>> {
        let text: Vec<u8> = path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect();
        let segments = text
            .split(|byte| *byte == b'/')
            .map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default().to_vec());
        let segments: Vec<_> = segments.skip(1).collect();
        segments.iter().any(|segment| segment == b"." || segment == b"..").then_some(segments)
    }

    proptest! {
        #[test]
        fn no_lenient_reader_finds_a_dot_segment_in_what_passed(
            path in "/(\\.|/|%2e|%2E|%252e|%2f|%5c|\\\\|;|%3b|%25|a|2|e){0,12}"
        ) {
            if of(&path).is_ok() {
                let once = percent_encoding::percent_decode(path.as_bytes()).collect::<Vec<u8>>();
                let twice = percent_encoding::percent_decode(&once).collect::<Vec<u8>>();
                for form in [path.as_bytes(), &once, &twice] {
                    prop_assert_eq!(resolved(form), None, "{:?}", String::from_utf8_lossy(form));
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let verdict = guard(&bytes, bytes.len());
            if verdict.is_ok() {
                prop_assert!(bytes.iter().all(|byte| (0x20..0x7f).contains(byte)));
            }
        }
    }
}
