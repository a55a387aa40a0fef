//! How a canary was written where it was found.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::stream::MAX_LAYERS;

/// The form in which a canary was found, outermost layer first: `Gzip(Base64 { inner: Raw, .. })` is a gzip stream
/// whose text holds the canary in base64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// The bytes themselves.
    Raw,
    /// All letters in lower case, or all in upper case (ASCII).
    CaseFolded,
    /// `%41`, also `%u0041`, on some bytes or all.
    Percent(Box<Encoding>),
    /// `\u0041`, `\u{41}`, `\x41`, `\101`, `\/` and the like, on some bytes or all.
    JsonEscape(Box<Encoding>),
    /// `&#65;`, `&#x41;`, `&amp;`, on some bytes or all.
    HtmlEntity(Box<Encoding>),
    /// Several of the three kinds above within one match.
    MixedEscapes(Box<Encoding>),
    /// `=41`, and soft line breaks.
    QuotedPrintable(Box<Encoding>),
    /// Base64, standard or URL alphabet.
    Base64 {
        /// Position of the match's first byte within its group of three: 0, 1 or 2.
        alignment: u8,
        /// What the base64 decodes to.
        inner: Box<Encoding>,
    },
    /// Base32 of RFC 4648, either case.
    Base32(Box<Encoding>),
    /// Hex digits, either case.
    Hex(Box<Encoding>),
    /// A list of decimal byte values, as JSON writes a buffer.
    DecimalList(Box<Encoding>),
    /// A gzip stream.
    Gzip(Box<Encoding>),
    /// A zlib stream.
    Zlib(Box<Encoding>),
    /// A raw deflate stream.
    Deflate(Box<Encoding>),
    /// A brotli stream.
    Brotli(Box<Encoding>),
}

impl Encoding {
    /// What this layer holds; none for the canary's own text.
    #[must_use]
    pub fn inner(&self) -> Option<&Encoding> {
        match self {
            Self::Raw | Self::CaseFolded => None,
            Self::Percent(inner)
            | Self::JsonEscape(inner)
            | Self::HtmlEntity(inner)
            | Self::MixedEscapes(inner)
            | Self::QuotedPrintable(inner)
            | Self::Base64 { inner, .. }
            | Self::Base32(inner)
            | Self::Hex(inner)
            | Self::DecimalList(inner)
            | Self::Gzip(inner)
            | Self::Zlib(inner)
            | Self::Deflate(inner)
            | Self::Brotli(inner) => Some(inner),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::CaseFolded => "case-folded",
            Self::Percent(_) => "percent",
            Self::JsonEscape(_) => "json-escape",
            Self::HtmlEntity(_) => "html-entity",
            Self::MixedEscapes(_) => "mixed-escapes",
            Self::QuotedPrintable(_) => "quoted-printable",
            Self::Base64 { .. } => "base64",
            Self::Base32(_) => "base32",
            Self::Hex(_) => "hex",
            Self::DecimalList(_) => "decimal-list",
            Self::Gzip(_) => "gzip",
            Self::Zlib(_) => "zlib",
            Self::Deflate(_) => "deflate",
            Self::Brotli(_) => "brotli",
        }
    }
}

/// Outermost first: `gzip > base64@1 > raw`.
impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Self::Base64 { alignment, .. } = self {
            write!(f, "@{alignment}")?;
        }
        self.inner().map_or(Ok(()), |inner| write!(f, " > {inner}"))
    }
}

/// One decoded layer, as the scanner tracks it: `Encoding` without boxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layer {
    Percent,
    JsonEscape,
    HtmlEntity,
    MixedEscapes,
    QuotedPrintable,
    Base64 { alignment: u8 },
    Base32,
    Hex,
    DecimalList,
    Gzip,
    Zlib,
    Deflate,
    Brotli,
}

/// The layers around a match, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Layers {
    stack: [Option<Layer>; MAX_LAYERS],
    len: usize,
}

impl Layers {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a layer inside the others. A layer beyond the limit can't arise: nothing is decoded at the limit.
    pub(super) fn push(&mut self, layer: Layer) {
        if let Some(slot) = self.stack.get_mut(self.len) {
            *slot = Some(layer);
            self.len += 1;
        }
    }

    pub(super) fn around(&self, canary: Encoding) -> Encoding {
        self.stack.iter().rev().flatten().fold(canary, |inner, layer| {
            let inner = Box::new(inner);
            match *layer {
                Layer::Percent => Encoding::Percent(inner),
                Layer::JsonEscape => Encoding::JsonEscape(inner),
                Layer::HtmlEntity => Encoding::HtmlEntity(inner),
                Layer::MixedEscapes => Encoding::MixedEscapes(inner),
                Layer::QuotedPrintable => Encoding::QuotedPrintable(inner),
                Layer::Base64 { alignment } => Encoding::Base64 { alignment, inner },
                Layer::Base32 => Encoding::Base32(inner),
                Layer::Hex => Encoding::Hex(inner),
                Layer::DecimalList => Encoding::DecimalList(inner),
                Layer::Gzip => Encoding::Gzip(inner),
                Layer::Zlib => Encoding::Zlib(inner),
                Layer::Deflate => Encoding::Deflate(inner),
                Layer::Brotli => Encoding::Brotli(inner),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_become_an_encoding_outermost_first() {
        let mut layers = Layers::default();
        layers.push(Layer::Gzip);
        layers.push(Layer::Base64 { alignment: 1 });
        let encoding = layers.around(Encoding::Raw);
        assert_eq!(encoding.to_string(), "gzip > base64@1 > raw");
        let json = serde_json::to_string(&encoding).unwrap();
        assert_eq!(json, r#"{"gzip":{"base64":{"alignment":1,"inner":"raw"}}}"#);
        assert_eq!(serde_json::from_str::<Encoding>(&json).unwrap(), encoding);
    }
}
