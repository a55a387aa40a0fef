//! Defects of HTTP/1.1 framing: where one message ends and the next begins, which two parsers may read differently.

use serde::{Deserialize, Serialize};

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $name:ident $class:ident,)+) => {
        /// What is wrong with the framing of a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Defect {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Defect {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What a proxy may do with it.
            #[must_use]
            pub const fn class(self) -> DefectClass {
                match self { $(Self::$name => DefectClass::$class,)+ }
            }
        }
    };
}

/// What a proxy may do with a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefectClass {
    /// There is none: both requests are executed, one after the other.
    Good,
    /// It refuses and closes: nothing reaches a container, nothing that follows is executed.
    Refused,
    /// It refuses and closes, or it reads the message as its one meaning and goes on.
    Either,
    /// The head is good and the body breaks: the container may have seen the head, the connection closes, and nothing
    /// that follows is executed.
    BodyBreaks,
    /// The request is good; the bytes after it are not. It is answered, then the connection closes, and nothing that
    /// follows is executed.
    GoodThenBroken,
}

defects! {
    /// Nothing: two good requests in one write.
    None Good,
    /// `Content-Length`, then `Transfer-Encoding: chunked`.
    LengthThenChunked Refused,
    /// `Transfer-Encoding: chunked`, then `Content-Length`.
    ChunkedThenLength Refused,
    /// Two lengths that differ.
    TwoLengths Refused,
    /// One length twice.
    SameLengthTwice Either,
    /// `5, 5`
    LengthList Either,
    /// `+5`
    LengthPlus Refused,
    /// `-5`
    LengthNegative Refused,
    /// `0x5`
    LengthHex Refused,
    /// More than 64 bits.
    LengthHuge Refused,
    /// Letters.
    LengthLetters Refused,
    /// `Transfer-Encoding: identity`
    CodingIdentity Refused,
    /// `Transfer-Encoding: xchunked`
    CodingUnknown Refused,
    /// `Transfer-Encoding: chunked, identity`
    CodingChunkedNotLast Refused,
    /// `Transfer-Encoding: chunked, chunked`
    CodingTwice Either,
    /// A vertical tab before `chunked`.
    CodingVerticalTab Refused,
    /// `Transfer-Encoding` in HTTP/1.0.
    CodingInVersion10 Refused,
    /// Lines that end in LF alone.
    BareLf Either,
    /// CR alone in a header's value.
    BareCr Refused,
    /// A header folded over two lines.
    ObsFold Refused,
    /// NUL in a header's value.
    Nul Refused,
    /// A space before the first header's name.
    LeadingSpace Refused,
    /// A space between a header's name and the colon.
    SpaceBeforeColon Refused,
    /// A space inside a header's name.
    SpaceInName Refused,
    /// A header without a name.
    NoName Refused,
    /// A line without a colon.
    NoColon Refused,
    /// A fourth part in the request line.
    ExtraPart Refused,
    /// A space inside the target.
    SpaceInTarget Refused,
    /// A target that begins with `@`.
    TargetAt Refused,
    /// A version that doesn't exist.
    BadVersion Refused,
    /// A method with a character that no method has.
    BadMethod Refused,
    /// More headers than are allowed.
    ManyHeaders Refused,
    /// A header larger than is allowed.
    HugeHeader Refused,
    /// A chunk size beyond 64 bits.
    ChunkOverflow BodyBreaks,
    /// A negative chunk size.
    ChunkNegative BodyBreaks,
    /// Letters for a chunk size.
    ChunkLetters BodyBreaks,
    /// A chunk longer than its size says.
    ChunkTooLong BodyBreaks,
    /// A chunk without the line end after it.
    ChunkUnterminated BodyBreaks,
    /// A chunk extension.
    ChunkExtension Either,
    /// A length that reaches into what follows, and no more bytes after it.
    LengthTooLong BodyBreaks,
    /// A length that ends before the body does; the rest is no request.
    LengthTooShort GoodThenBroken,
}
