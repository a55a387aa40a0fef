//! Paths: what the guard lets through, against the rules and against the URL parser that HTTP clients use.

use isolation_model::choose::{Choose, FromBytes};
use reference_impl::edge::provider_proxy::path_guard::{TARGET_MAX, guard};
use reqwest::Url;

/// Whether a path may go on, by its length and the target's.
type Subject = fn(&[u8]) -> bool;

/// The reference.
pub(super) fn reference(path: &[u8]) -> bool {
    guard(path, path.len()).is_ok()
}

/// Holds a guard against the rules and the parser in the case of some bytes.
///
/// # Errors
/// What is wrong.
pub(super) fn check(passes: Subject, bytes: &[u8]) -> Result<(), String> {
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let path = if kind % 2 == 0 { rest.to_vec() } else { written(&mut FromBytes::new(rest)) };
    let shown = path.escape_ascii().to_string();
    let got = passes(&path);
    let wanted = rules(&path);
    if wanted.is_some_and(|wanted| wanted != got) {
        return Err(format!("the path `{shown}` must {}, and the guard says otherwise", words(!got)));
    }
    if got { leads_nowhere_else(&path, &shown) } else { Ok(()) }
}

const fn words(passes: bool) -> &'static str {
    if passes { "pass" } else { "be refused" }
}

/// A path out of pieces that parsers disagree about.
fn written(choose: &mut FromBytes<'_>) -> Vec<u8> {
    const PIECES: [&str; 40] = [
        "/",
        "/",
        "/",
        ".",
        "..",
        "%2e",
        "%2E",
        "%252e",
        "%25252e",
        "%2f",
        "%5c",
        "%252f",
        "%255c",
        "\\",
        "//",
        "@",
        "%40",
        ";",
        "..;",
        "%3b",
        "?",
        "#",
        "%23",
        "%",
        "%zz",
        "%2",
        "%00",
        "%0d%0a",
        "\r",
        "\n",
        "\t",
        " ",
        "\u{e9}",
        "%c3%a9",
        "v1",
        "models",
        "a.b",
        ":",
        "evil.example",
        "%25",
    ];
    let count = choose.below(12);
    let pieces: String = (0..count).map(|_| choose.of(&PIECES)).collect();
    let slash = if choose.one_in(8) { "" } else { "/" };
    format!("{slash}{pieces}").into_bytes()
}

/// Whether a path must pass or be refused; `None` where the contract leaves it open.
fn rules(path: &[u8]) -> Option<bool> {
    if path.first() != Some(&b'/') || path.len() > TARGET_MAX || path.iter().any(|byte| *byte > 0x7e) {
        return Some(false);
    }
    let (once, _) = decoded(path);
    let (twice, _) = decoded(&once);
    let verdicts = [path.to_vec(), once, twice].map(|form| form_rules(&form));
    if verdicts.contains(&Some(false)) {
        return Some(false);
    }
    if verdicts.contains(&None) { None } else { Some(true) }
}

/// One of the three forms.
fn form_rules(path: &[u8]) -> Option<bool> {
    let text = String::from_utf8_lossy(path).into_owned();
    let is_dots = |segment: &str| segment == "." || segment == "..";
    let bad = text.chars().any(|c| c.is_ascii_control() || c == '\\' || c == '#')
        || text.contains("//")
        || text.starts_with("/@")
        || text.split('/').any(|segment| is_dots(segment.split(';').next().unwrap_or_default()))
        || !decoded(path).1;
    if bad {
        return Some(false);
    }
    // Dots before a semicolon that aren't all of their segment may be taken for the same.
    if text.contains(".;") { None } else { Some(true) }
}

/// Each escape replaced by its byte, and whether each percent sign began one.
fn decoded(path: &[u8]) -> (Vec<u8>, bool) {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (mut out, mut good, mut at) = (Vec::new(), true, 0);
    while let Some(byte) = path.get(at) {
        let pair = path.get(at + 1).copied().and_then(digit).zip(path.get(at + 2).copied().and_then(digit));
        match (byte, pair) {
            (b'%', Some((high, low))) => {
                out.push(high << 4 | low);
                at += 3;
            }
            (byte, _) => {
                good &= *byte != b'%';
                out.push(*byte);
                at += 1;
            }
        }
    }
    (out, good)
}

/// A path that passed, read by a URL parser: as it came, and decoded once, behind a host and as a reference. The parser
/// resolves encoded dots itself, so what it is given decoded once is what two decodings would make of it.
fn leads_nowhere_else(path: &[u8], shown: &str) -> Result<(), String> {
    for form in [path.to_vec(), decoded(path).0] {
        // What isn't text, or holds another part of a URL, no parser would take for a path.
        let Ok(text) = String::from_utf8(form) else { continue };
        // The parser trims spaces behind a URL, and no request line can hold one.
        if text.contains('?') || text.ends_with(' ') {
            continue;
        }
        let whole = Url::parse(&format!("http://upstream.example{text}"));
        let joined = Url::parse("http://upstream.example/base/x").and_then(|base| base.join(&text));
        for url in [whole, joined] {
            let Ok(url) = url else { continue };
            if url.host_str() != Some("upstream.example") || url.port().is_some() || !url.username().is_empty() {
                return Err(format!("the path `{shown}` passed, and leads a client to `{url}`"));
            }
            if decoded(url.path().as_bytes()).0 != decoded(text.as_bytes()).0 || url.fragment().is_some() {
                return Err(format!("the path `{shown}` passed, and a client makes `{}` of it", url.path()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use isolation_model::choose::Seeded;

    use super::*;

    fn inputs() -> impl Iterator<Item = Vec<u8>> {
        (0..4_000).map(|seed| {
            let mut random = Seeded::new(seed);
            let bytes = (0..24).map(|_| u8::try_from(random.below(256)).unwrap());
            std::iter::once(1).chain(bytes).collect()
        })
    }

    #[test]
    fn the_reference_keeps_the_rules() {
        for bytes in inputs() {
            check(reference, &bytes).unwrap();
        }
    }

    #[test]
    fn guards_that_let_something_through_are_found() {
        let lenient: [Subject; 5] = [
            |_| true,
            |path| !path.windows(2).any(|window| window == b".."),
            |path| rules(&decoded(path).0) != Some(false) && path.starts_with(b"/"),
            |path| rules(path) != Some(false) || path.contains(&b'\\'),
            |_| false,
        ];
        for (number, subject) in lenient.into_iter().enumerate() {
            assert!(inputs().any(|bytes| check(subject, &bytes).is_err()), "{number}");
        }
    }

    #[test]
    fn the_parser_alone_finds_what_it_would_resolve() {
        for path in ["/x/../y", "/x/%2e%2e/y", "/\\evil.example/", "//evil.example/", "/x\\..\\y", "/a\tb"] {
            assert!(leads_nowhere_else(path.as_bytes(), path).is_err(), "{path}");
        }
        for path in ["/", "/v1/models", "/a b", "/caf%C3%A9", "/a@b", "/a:b", "/.../x"] {
            leads_nowhere_else(path.as_bytes(), path).unwrap();
        }
    }
}
