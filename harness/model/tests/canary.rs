//! The canary scan from outside: exact findings, limits, and properties over random bytes, placements and chunkings.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of a test fail by panicking, as the tests do"
)]

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use isolation_model::canary::{
    BLOCK, CanaryId, CanaryRegistry, Encoding, Finding, Incomplete, OUTPUT_LIMIT, Scan, Scanner, WINDOW,
};
use proptest::prelude::*;

/// A registry with one canary of tenant 0 among others of tenant 1.
fn fixture() -> (CanaryRegistry, Scanner, CanaryId, String) {
    let mut registry = CanaryRegistry::new([9; 32], "run");
    registry.mint("tenant-1", "page", 0);
    let canary = registry.mint("tenant-0", "page", 0);
    registry.mint("tenant-1", "cookie", 4);
    let scanner = registry.scanner();
    (registry, scanner, canary.id, canary.text)
}

fn chunked(scanner: &Scanner, chunks: &[&[u8]]) -> Scan {
    let mut stream = scanner.stream();
    chunks.iter().for_each(|chunk| stream.feed(chunk));
    stream.finish()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

fn json(text: &str) -> String {
    text.bytes().map(|b| format!("\\u{b:04x}")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn base32(bytes: &[u8]) -> String {
    let bits: String = bytes.iter().map(|b| format!("{b:08b}")).collect();
    let groups = bits.as_bytes().chunks(5).map(|g| format!("{:0<5}", String::from_utf8_lossy(g)));
    groups.map(|g| b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from_str_radix(&g, 2).unwrap()] as char).collect()
}

fn raw() -> Box<Encoding> {
    Box::new(Encoding::Raw)
}

fn base64_of(alignment: u8, inner: Box<Encoding>) -> Encoding {
    Encoding::Base64 { alignment, inner }
}

/// Incompressible bytes without a meaning.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn says_which_canary_how_and_where() {
    let (_, scanner, id, text) = fixture();
    let html: String = text.bytes().map(|b| format!("&#{b};")).collect();
    let list = text.bytes().map(|b| b.to_string()).collect::<Vec<_>>().join(",");
    let cases: Vec<(Vec<u8>, Encoding, usize)> = vec![
        (format!("id={text};").into(), Encoding::Raw, 3),
        (format!("id={};", text.to_lowercase()).into(), Encoding::CaseFolded, 3),
        (format!("id={};", text.to_uppercase()).into(), Encoding::CaseFolded, 3),
        (format!("id={};", percent(&text)).into(), Encoding::Percent(raw()), 3),
        (format!("id={};", percent(&percent(&text))).into(), Encoding::Percent(Box::new(Encoding::Percent(raw()))), 3),
        (format!("id={}%{:x};", &text[..31], text.as_bytes()[31]).into(), Encoding::Percent(raw()), 3),
        (format!("\"{}\"", json(&text)).into(), Encoding::JsonEscape(raw()), 1),
        (format!("<b>{html}</b>").into(), Encoding::HtmlEntity(raw()), 3),
        (format!("{}{}", percent(&text[..9]), json(&text[9..])).into(), Encoding::MixedEscapes(raw()), 0),
        (format!("x {}=\r\n{} y", &text[..20], &text[20..]).into(), Encoding::QuotedPrintable(raw()), 2),
        (format!("[{list}]").into(), Encoding::DecimalList(raw()), 1),
        (format!("h: {}", hex(text.as_bytes())).into(), Encoding::Hex(raw()), 3),
        (format!("h: {}", hex(text.as_bytes()).to_uppercase()).into(), Encoding::Hex(raw()), 3),
        (format!("b {} ", STANDARD.encode(&text)).into(), base64_of(0, raw()), 2),
        (format!("b {} ", STANDARD.encode(format!("~{text}"))).into(), base64_of(1, raw()), 3),
        (format!("b {} ", URL_SAFE_NO_PAD.encode(format!("~~{text}??"))).into(), base64_of(2, raw()), 4),
        ([b"--", &gzip(text.as_bytes())[..], b"--"].concat(), Encoding::Gzip(raw()), 2),
        (format!("b {}", STANDARD.encode(json(&text))).into(), base64_of(0, Box::new(Encoding::JsonEscape(raw()))), 2),
        (gzip(format!(" {} ", STANDARD.encode(&text)).as_bytes()), Encoding::Gzip(Box::new(base64_of(0, raw()))), 0),
        (hex(STANDARD.encode(&text).as_bytes()).into(), Encoding::Hex(Box::new(base64_of(0, raw()))), 0),
        (
            STANDARD.encode(gzip(percent(&text).as_bytes())).into(),
            base64_of(0, Box::new(Encoding::Gzip(Box::new(Encoding::Percent(raw()))))),
            0,
        ),
    ];
    for (bytes, encoding, offset) in cases {
        let expected = Finding { canary: id, encoding, offset, matched_len: 32, whole: true };
        let scan = scanner.scan(&bytes);
        let shown = bytes.escape_ascii().to_string();
        assert!(scan.findings.contains(&expected), "{shown}: {scan:?} lacks {expected:?}");
        assert!(scan.findings.iter().all(|f| f.canary == id), "{shown}: {scan:?}");
        assert_eq!(scan.incomplete, [], "{shown}");
    }
}

#[test]
fn a_plain_canary_next_to_escapes_is_one_finding() {
    let (_, scanner, id, text) = fixture();
    let scan = scanner.scan(format!("%20{text}%20&amp;\\n{text}=\r\n").as_bytes());
    assert_eq!(
        scan.findings,
        [Finding { canary: id, encoding: Encoding::Raw, offset: 3, matched_len: 32, whole: true }]
    );
}

#[test]
fn the_longest_match_of_several_is_reported() {
    let (_, scanner, id, text) = fixture();
    let scan = scanner.scan(format!("{} {} {} {}", &text[..8], &text[4..20], &text[10..26], &text[..9]).as_bytes());
    assert_eq!(
        scan.findings,
        [Finding { canary: id, encoding: Encoding::Raw, offset: 9, matched_len: 16, whole: false }]
    );
    assert!(scanner.scan(&text.as_bytes()[..WINDOW - 1]).is_clean());
}

#[test]
fn a_run_may_start_anywhere() {
    let (_, scanner, id, text) = fixture();
    let cases = [
        ("/", STANDARD.encode(&text)),
        ("A", STANDARD.encode(format!("~{text}"))),
        ("-", STANDARD.encode(format!("~~{text}"))),
        ("7", hex(text.as_bytes())),
        ("B", base32(text.as_bytes())),
        ("c", base32(text.as_bytes()).to_lowercase()),
    ];
    for (filler, encoded) in cases {
        for before in 0..9 {
            let scan = scanner.scan(format!(" {}{encoded}", filler.repeat(before)).as_bytes());
            let found: Vec<_> = scan.findings.iter().map(|f| (f.canary, f.matched_len)).collect();
            assert_eq!(found, [(id, 32)], "{filler} {before}: {scan:?}");
        }
    }
}

#[test]
fn tokens_that_share_a_header_are_told_apart() {
    let mut registry = CanaryRegistry::new([1; 32], "run");
    let header = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9";
    let tails = ["kD93hfQ-zz_18dkQ", "pL0smQ2-ab_77XnW"];
    let ids: Vec<CanaryId> = tails
        .iter()
        .zip(["tenant-0", "tenant-1"])
        .map(|(tail, owner)| registry.adopt(owner, "token", 0, format!("{header}.{tail}").as_bytes()).unwrap())
        .collect();
    let scanner = registry.scanner();
    assert_eq!(scanner.blind(), []);
    assert!(scanner.scan(header.as_bytes()).is_clean());
    assert!(scanner.scan(format!("{header}.aaaaaaaa").as_bytes()).is_clean());
    for (tail, id) in tails.iter().zip(&ids) {
        for (text, len, whole) in [(format!("{header}.{tail}"), 53, true), ((*tail).to_owned(), 16, false)] {
            let scan = scanner.scan(text.as_bytes());
            let found: Vec<_> = scan.findings.iter().map(|f| (f.canary, f.matched_len, f.whole)).collect();
            assert_eq!(found, [(*id, len, whole)], "{text}");
        }
    }
}

#[test]
fn content_codings_are_undone_in_order() {
    let (_, scanner, id, text) = fixture();
    let body = format!("<p>{text}</p>");
    let brotli = |bytes: &[u8]| {
        let mut out = Vec::new();
        brotli::BrotliCompress(&mut &*bytes, &mut out, &brotli::enc::BrotliEncoderParams::default()).unwrap();
        out
    };
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(body.as_bytes()).unwrap();
    let cases = [
        ("br", brotli(body.as_bytes()), Encoding::Brotli(raw())),
        ("deflate", deflate.finish().unwrap(), Encoding::Deflate(raw())),
        ("GZIP", gzip(body.as_bytes()), Encoding::Gzip(raw())),
        ("identity, br , gzip", gzip(&brotli(body.as_bytes())), Encoding::Gzip(Box::new(Encoding::Brotli(raw())))),
    ];
    for (coding, bytes, encoding) in cases {
        let scan = scanner.scan_encoded(&bytes, coding);
        let expected = Finding { canary: id, encoding, offset: 0, matched_len: 32, whole: true };
        assert!(scan.findings.contains(&expected), "{coding}: {scan:?}");
        assert_eq!(scan.incomplete, [], "{coding}");
    }
    // What can't be undone is named.
    let declared = |coding: &str, bytes: &[u8]| scanner.scan_encoded(bytes, coding).incomplete;
    assert_eq!(declared("zstd", b"?"), [Incomplete::UnknownCoding { coding: "zstd".into() }]);
    assert_eq!(declared("gzip", b"plain text, not gzip"), [Incomplete::Undecodable { coding: "gzip".into() }]);
    assert_eq!(declared("br", &[0xFF; 64]), [Incomplete::Undecodable { coding: "br".into() }]);
    assert_eq!(declared("gzip", b""), []);
}

#[test]
fn long_streams_are_scanned_across_blocks_and_chunks() {
    let (_, scanner, id, text) = fixture();
    let inner = json(&text);
    // Around the first block's end, and at the end of the overlap that follows it.
    for at in [BLOCK - 300, BLOCK - 100, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 4_200] {
        let mut bytes = vec![b' '; at];
        bytes.extend_from_slice(inner.as_bytes());
        bytes.resize(3 * BLOCK, b' ');
        let expected =
            [Finding { canary: id, encoding: Encoding::JsonEscape(raw()), offset: at, matched_len: 32, whole: true }];
        for size in [1_000, 65_537, bytes.len()] {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            assert_eq!(chunked(&scanner, &chunks).findings, expected, "{at} in chunks of {size}");
        }
    }
}

#[test]
fn a_compressed_stream_longer_than_a_block_is_followed() {
    let (_, scanner, id, text) = fixture();
    let mut body = noise(2 * BLOCK);
    body.extend_from_slice(text.as_bytes());
    body.extend(noise(1_000));
    for before in [0, 10, BLOCK - 1, BLOCK - 2] {
        let bytes = [vec![b' '; before], gzip(&body)].concat();
        let scan = scanner.scan(&bytes);
        let expected =
            Finding { canary: id, encoding: Encoding::Gzip(raw()), offset: before, matched_len: 32, whole: true };
        assert!(scan.findings.contains(&expected), "{before}: {scan:?}");
        assert_eq!(scan.incomplete, [], "{before}");
    }
}

#[test]
fn limits_are_reported_never_silent() {
    let (_, scanner, id, text) = fixture();
    let bomb = gzip(&[vec![b' '; OUTPUT_LIMIT + 1], text.clone().into_bytes()].concat());
    let scan = scanner.scan(&[b"..", &bomb[..]].concat());
    assert_eq!(scan.incomplete, [Incomplete::OutputLimit { offset: 2 }]);
    assert_eq!(scan.findings, []);
    let scan = scanner.scan_encoded(&bomb, "gzip");
    assert!(scan.incomplete.contains(&Incomplete::OutputLimit { offset: 0 }), "{:?}", scan.incomplete);
    // Up to the limit it is looked at.
    let full = gzip(&[text.clone().into_bytes(), vec![b' '; OUTPUT_LIMIT - 32]].concat());
    let scan = scanner.scan(&full);
    assert_eq!((scan.findings.len(), scan.findings.first().map(|f| f.canary)), (1, Some(id)), "{scan:?}");

    // Nothing but starts of zlib streams.
    let scan = scanner.scan(&b"x\x9c".repeat(4_000));
    assert!(scan.incomplete.iter().all(|i| matches!(i, Incomplete::StreamLimit { .. })), "{scan:?}");
    assert!(!scan.incomplete.is_empty());

    // A compressed stream in base64 that no block holds whole.
    let long = STANDARD.encode(gzip(&noise(2 * BLOCK)));
    let scan = scanner.scan(long.as_bytes());
    assert!(scan.incomplete.contains(&Incomplete::BlockEdge { offset: 0 }), "{:?}", scan.incomplete);
}

#[test]
fn clean_data_is_clean() {
    let mut registry = CanaryRegistry::new([9; 32], "run");
    for tenant in 0..1_000 {
        registry.mint(&format!("tenant-{tenant}"), "page", 0);
    }
    let scanner = registry.scanner();
    let binary = noise(1 << 18);
    let cases = [
        ("binary", binary.clone()),
        ("base64", STANDARD.encode(&binary).into_bytes()),
        ("hex", hex(&binary).into_bytes()),
        ("gzip", gzip(&binary)),
    ];
    for (name, bytes) in cases {
        let scan = scanner.scan(&bytes);
        assert_eq!(scan.findings, [], "{name}");
        assert_eq!(scan.incomplete, [], "{name}");
    }
}

/// How one byte of the canary is written in a mixed text.
fn write_byte(byte: u8, how: u8) -> String {
    match how {
        0 => char::from(byte).to_string(),
        1 => format!("%{byte:02x}"),
        2 => format!("%{byte:02X}"),
        3 => format!("\\u{byte:04x}"),
        4 => format!("&#{byte};"),
        _ => format!("&#x{byte:X};"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic_and_are_clean(
        bytes in prop::collection::vec(any::<u8>(), 0..4_000),
        coding in "[a-z, ]{0,8}|gzip|deflate|br|gzip, br",
    ) {
        let (_, scanner, ..) = fixture();
        prop_assert_eq!(scanner.scan(&bytes).findings, []);
        prop_assert_eq!(scanner.scan_encoded(&bytes, &coding).findings, []);
    }

    #[test]
    fn random_text_of_triggers_never_panics(
        text in r#"([%\\&=+/,\[ \r\nxu#;]|[0-9a-fA-F]{1,4}|\\u[0-9]{3}|=\r\n|&amp;|[0-9]{1,3},|x\x9c|\x1f\x8b\x08){0,200}"#,
    ) {
        let (_, scanner, ..) = fixture();
        prop_assert_eq!(scanner.scan(text.as_bytes()).findings, []);
    }

    #[test]
    fn a_mixed_fragment_anywhere_is_found(
        before in "[ -~]{0,40}", after in "[ -~]{0,40}",
        start in 0_usize..24, len in 8_usize..33, how in prop::collection::vec(0_u8..6, 32), outer in 0_u8..5,
    ) {
        let (_, scanner, id, text) = fixture();
        let end = (start + len).min(32);
        let fragment: String = text[start..end].bytes().zip(&how).map(|(b, how)| write_byte(b, *how)).collect();
        // Before and after are plain text around it, so they are kept from joining the first and last escape.
        let plain = format!("{before} {fragment} {after}").into_bytes();
        let bytes = match outer {
            0 => plain,
            1 => STANDARD.encode(&plain).into_bytes(),
            2 => hex(&plain).into_bytes(),
            3 => gzip(&plain),
            _ => plain.iter().map(|b| format!("%{b:02X}")).collect::<String>().into_bytes(),
        };
        let scan = scanner.scan(&bytes);
        let longest = scan.findings.iter().filter(|f| f.canary == id).map(|f| f.matched_len).max();
        prop_assert_eq!(longest, Some(end - start), "{:?} in {:?}", scan, bytes.escape_ascii().to_string());
    }

    #[test]
    fn chunking_does_not_change_the_result(
        cuts in prop::collection::vec(0_usize..1_000, 0..12),
        before in prop::collection::vec(any::<u8>(), 0..200),
        how in 0_u8..5,
    ) {
        let (_, scanner, _, text) = fixture();
        let payload = match how {
            0 => text.clone().into_bytes(),
            1 => STANDARD.encode(&text).into_bytes(),
            2 => json(&text).into_bytes(),
            3 => gzip(text.as_bytes()),
            _ => STANDARD.encode(gzip(text.as_bytes())).into_bytes(),
        };
        let bytes = [&before[..], b" ", &payload, b" "].concat();
        let inside = cuts.into_iter().map(|cut| cut % (bytes.len() + 1));
        let mut cuts: Vec<usize> = inside.chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let whole = scanner.scan(&bytes);
        prop_assert!(!whole.findings.is_empty());
        prop_assert_eq!(chunked(&scanner, &chunks), whole);
    }
}
