//! The ways to write a text that the self-test injects: the counterpart of the decoders, and written apart from them.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

/// A way to write bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Technique {
    Plain,
    LowerCase,
    UpperCase,
    HexLower,
    HexUpper,
    /// Behind so many other bytes.
    Base64(usize),
    Base64Url(usize),
    /// Without so many characters at its start, so that nothing says where its groups begin.
    Base64Cut(usize),
    /// Behind half a byte.
    HexOdd,
    Base64Wrapped,
    Base32Upper,
    Base32Lower,
    PercentAll,
    /// Every third byte, in lower-case hex.
    PercentSome,
    PercentTwice,
    JsonAll,
    /// Every third byte; a backslash as JSON writes it.
    JsonSome,
    HtmlDecimal,
    HtmlHexSome,
    /// Percent, JSON and HTML in turn.
    MixedEscapes,
    QuotedPrintable,
    DecimalList,
    Gzip,
    Zlib,
}

impl Technique {
    pub(super) const ALL: [Self; 28] = [
        Self::Plain,
        Self::LowerCase,
        Self::UpperCase,
        Self::HexLower,
        Self::HexUpper,
        Self::Base64(0),
        Self::Base64(1),
        Self::Base64(2),
        Self::Base64Url(1),
        Self::Base64Cut(1),
        Self::Base64Cut(2),
        Self::Base64Cut(3),
        Self::HexOdd,
        Self::Base64Wrapped,
        Self::Base32Upper,
        Self::Base32Lower,
        Self::PercentAll,
        Self::PercentSome,
        Self::PercentTwice,
        Self::JsonAll,
        Self::JsonSome,
        Self::HtmlDecimal,
        Self::HtmlHexSome,
        Self::MixedEscapes,
        Self::QuotedPrintable,
        Self::DecimalList,
        Self::Gzip,
        Self::Zlib,
    ];

    /// Whether what this writes survives being written again by `outer`.
    pub(super) fn nests_in(self, outer: Self) -> bool {
        match outer {
            // They would change the letters of another encoding.
            Self::LowerCase | Self::UpperCase => self == Self::Plain,
            // They write code points, so bytes that are not ASCII come back as UTF-8.
            Self::JsonAll | Self::JsonSome | Self::HtmlDecimal | Self::HtmlHexSome | Self::MixedEscapes => {
                !matches!(self, Self::Gzip | Self::Zlib)
            }
            Self::Plain
            | Self::HexLower
            | Self::HexUpper
            | Self::Base64(_)
            | Self::Base64Url(_)
            | Self::Base64Cut(_)
            | Self::HexOdd
            | Self::Base64Wrapped
            | Self::Base32Upper
            | Self::Base32Lower
            | Self::PercentAll
            | Self::PercentSome
            | Self::PercentTwice
            | Self::QuotedPrintable
            | Self::DecimalList
            | Self::Gzip
            | Self::Zlib => true,
        }
    }

    pub(super) fn folds_case(self) -> bool {
        matches!(self, Self::LowerCase | Self::UpperCase)
    }

    pub(super) fn write(self, bytes: &[u8]) -> Vec<u8> {
        let padded = |before: usize| [&vec![b'~'; before], bytes, b"~~"].concat();
        match self {
            Self::Plain => bytes.to_vec(),
            Self::LowerCase => bytes.to_ascii_lowercase(),
            Self::UpperCase => bytes.to_ascii_uppercase(),
            Self::HexLower => each(bytes, |out, _, b| write!(out, "{b:02x}")),
            Self::HexUpper => each(bytes, |out, _, b| write!(out, "{b:02X}")),
            Self::Base64(before) => STANDARD.encode(padded(before)).into_bytes(),
            Self::Base64Url(before) => URL_SAFE_NO_PAD.encode(padded(before)).into_bytes(),
            Self::Base64Cut(chars) => STANDARD.encode(padded(3)).into_bytes().split_off(chars),
            Self::HexOdd => [&b"7"[..], &Self::HexLower.write(bytes)].concat(),
            Self::Base64Wrapped => {
                let text = STANDARD.encode([&[b'~'; 50], bytes].concat()).into_bytes();
                text.chunks(76).collect::<Vec<_>>().join(&b"\r\n"[..])
            }
            Self::Base32Upper => base32(bytes, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            Self::Base32Lower => base32(bytes, b"abcdefghijklmnopqrstuvwxyz234567"),
            Self::PercentAll => each(bytes, |out, _, b| write!(out, "%{b:02X}")),
            Self::PercentSome => some(bytes, |out, b| write!(out, "%{b:02x}")),
            Self::PercentTwice => each(bytes, |out, _, b| write!(out, "%25{b:02x}")),
            Self::JsonAll => each(bytes, |out, _, b| write!(out, "\\u{:04x}", u32::from(b))),
            Self::JsonSome => {
                let pieces = bytes.split(|b| *b == b'\\');
                let written: Vec<_> =
                    pieces.map(|piece| some(piece, |out, b| write!(out, "\\u{:04X}", u32::from(b)))).collect();
                written.join(&b"\\\\"[..])
            }
            Self::HtmlDecimal => each(bytes, |out, _, b| write!(out, "&#{b};")),
            Self::HtmlHexSome => some(bytes, |out, b| write!(out, "&#x{b:x};")),
            Self::MixedEscapes => each(bytes, |out, at, b| match at % 3 {
                0 => write!(out, "%{b:02x}"),
                1 => write!(out, "\\x{b:02x}"),
                _ => write!(out, "&#{b};"),
            }),
            Self::QuotedPrintable => {
                let written = some(bytes, |out, b| write!(out, "={b:02X}"));
                written.chunks(10).collect::<Vec<_>>().join(&b"=\r\n"[..])
            }
            Self::DecimalList => each(bytes, |out, at, b| write!(out, "{}{b}", if at == 0 { "" } else { ", " })),
            Self::Gzip => gzip(bytes).unwrap_or_default(),
            Self::Zlib => zlib(bytes).unwrap_or_default(),
        }
    }
}

/// A content coding of a whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Body {
    Gzip,
    DeflateZlib,
    DeflateRaw,
    Brotli,
    /// Brotli first, then gzip.
    BrotliGzip,
}

impl Body {
    pub(super) const ALL: [Self; 5] = [Self::Gzip, Self::DeflateZlib, Self::DeflateRaw, Self::Brotli, Self::BrotliGzip];

    pub(super) fn content_encoding(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::DeflateZlib | Self::DeflateRaw => "deflate",
            Self::Brotli => "br",
            Self::BrotliGzip => "br, gzip",
        }
    }

    /// The compressed body; empty if compressing fails, so that nothing is found in it and the self-test says so.
    pub(super) fn write(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => gzip(bytes),
            Self::DeflateZlib => zlib(bytes),
            Self::DeflateRaw => deflate(bytes),
            Self::Brotli => brotli(bytes),
            Self::BrotliGzip => brotli(bytes).and_then(|bytes| gzip(&bytes)),
        }
        .unwrap_or_default()
    }
}

/// Writes every byte with its position. Writing to a string does not fail.
fn each(bytes: &[u8], write: impl Fn(&mut String, usize, u8) -> std::fmt::Result) -> Vec<u8> {
    let mut out = String::with_capacity(bytes.len() * 4);
    let written = bytes.iter().enumerate().try_for_each(|(at, byte)| write(&mut out, at, *byte));
    written.map(|()| out.into_bytes()).unwrap_or_default()
}

/// Writes every third byte, and copies the others.
fn some(bytes: &[u8], write: impl Fn(&mut String, u8) -> std::fmt::Result) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 3);
    for (at, byte) in bytes.iter().enumerate() {
        let mut escape = String::new();
        if at % 3 == 1 && write(&mut escape, *byte).is_ok() {
            out.extend_from_slice(escape.as_bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

fn base32(bytes: &[u8], alphabet: &[u8; 32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0_u64, |bits, b| bits << 8 | u64::from(*b)) << (8 * (5 - group.len()));
        let chars = (group.len() * 8).div_ceil(5);
        let char_at = |at: usize| alphabet.get((bits >> (35 - 5 * at)) as usize & 31).copied().unwrap_or(b'=');
        out.extend((0..chars).map(char_at));
        out.extend(std::iter::repeat_n(b'=', 8 - chars));
    }
    out
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn zlib(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn deflate(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    // The default window is meant for gigabytes; this one is enough and a hundred times cheaper to set up.
    let params = brotli::enc::BrotliEncoderParams { quality: 5, lgwin: 18, ..Default::default() };
    brotli::BrotliCompress(&mut &*bytes, &mut out, &params)?;
    Ok(out)
}
