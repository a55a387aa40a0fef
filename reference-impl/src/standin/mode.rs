//! What a stand-in's answer does, by the name of the model that was asked for.

use super::ask::Usage;
use serde_json::json;

/// A request header that says the mode where no model name can. It wins over the name.
pub const MODE_HEADER: &str = "x-standin";

/// Every mode's name with what it does. `NNN`, `I` and `O` stand for numbers. Any other name gives a plain answer.
pub const MODES: &[(&str, &str)] = &[
    ("tokens-I-O", "reports I input and O output tokens (or characters, or seconds: I)"),
    ("no-usage", "reports no usage"),
    ("usage-negative", "reports negative usage"),
    ("usage-fraction", "reports usage that is no integer"),
    ("usage-text", "reports usage as text"),
    ("usage-huge", "reports more usage than anybody could use"),
    ("slow", "pauses before the answer, or between the pieces of a stream"),
    ("held", "stops in the middle until Upstream::release"),
    ("silent", "never answers"),
    ("hangs-up", "closes the connection without an answer"),
    ("dies", "ends in the middle of the body"),
    ("error-NNN", "an error with that status, in the provider's form"),
    ("error-in-stream", "an error as an event, in the middle of a stream"),
    ("redirect", "302 to another host"),
    ("compressed", "a body in gzip that nobody asked for"),
    ("cookies", "cookies, grants for other origins, and headers of the platform"),
    ("large", "a body of two mebibytes"),
    ("echo", "gives back the head of the request as it came, the credential in it"),
    ("echo-header", "gives the credential back in a header"),
    ("echo-error", "gives the credential back in an error"),
    ("echo-redirect", "gives the credential back in a Location"),
    ("echo-trailer", "gives the credential back behind the body"),
    ("echo-base64", "gives the credential back in base64, in all three alignments"),
    ("echo-hex", "gives the credential back in hex"),
    ("echo-split", "gives the credential back in a body of chunks of one byte"),
];

/// What an answer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Plain,
    Tokens(u64, u64),
    NoUsage,
    UsageNegative,
    UsageFraction,
    UsageText,
    UsageHuge,
    Slow,
    Held,
    Silent,
    HangsUp,
    Dies,
    Error(u16),
    ErrorInStream,
    Redirect,
    Compressed,
    Cookies,
    Large,
    Echo,
    EchoHeader,
    EchoError,
    EchoRedirect,
    EchoTrailer,
    EchoBase64,
    EchoHex,
    EchoSplit,
}

impl Mode {
    /// The mode of a model's name, which may stand behind a vendor's.
    pub(super) fn named(name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name);
        match name {
            "no-usage" => Self::NoUsage,
            "usage-negative" => Self::UsageNegative,
            "usage-fraction" => Self::UsageFraction,
            "usage-text" => Self::UsageText,
            "usage-huge" => Self::UsageHuge,
            "slow" => Self::Slow,
            "held" => Self::Held,
            "silent" => Self::Silent,
            "hangs-up" => Self::HangsUp,
            "dies" => Self::Dies,
            "error-in-stream" => Self::ErrorInStream,
            "redirect" => Self::Redirect,
            "compressed" => Self::Compressed,
            "cookies" => Self::Cookies,
            "large" => Self::Large,
            "echo" => Self::Echo,
            "echo-header" => Self::EchoHeader,
            "echo-error" => Self::EchoError,
            "echo-redirect" => Self::EchoRedirect,
            "echo-trailer" => Self::EchoTrailer,
            "echo-base64" => Self::EchoBase64,
            "echo-hex" => Self::EchoHex,
            "echo-split" => Self::EchoSplit,
            name => Self::numbered(name).unwrap_or(Self::Plain),
        }
    }

    fn numbered(name: &str) -> Option<Self> {
        if let Some(numbers) = name.strip_prefix("tokens-") {
            let (input, output) = numbers.split_once('-')?;
            return Some(Self::Tokens(input.parse().ok()?, output.parse().ok()?));
        }
        let status = name.strip_prefix("error-")?.parse().ok()?;
        (400..=599).contains(&status).then_some(Self::Error(status))
    }

    /// Whether it is the text of the answer that matters.
    pub(super) fn is_said(self) -> bool {
        matches!(self, Self::Echo | Self::EchoBase64 | Self::EchoHex | Self::EchoSplit | Self::Large)
    }

    /// The usage that is reported where `counted` was used.
    pub(super) fn usage(self, counted: (u64, u64)) -> Usage {
        match self {
            Self::NoUsage => Usage::Absent,
            Self::Tokens(input, output) => Usage::Said(json!(input), json!(output)),
            Self::UsageNegative => Usage::Said(json!(-12), json!(-5)),
            Self::UsageFraction => Usage::Said(json!(12.5), json!(5.5)),
            Self::UsageText => Usage::Said(json!("12"), json!("5")),
            Self::UsageHuge => Usage::Said(json!(9_000_000_000_000_000_u64), json!(9_000_000_000_000_000_u64)),
            Self::Plain
            | Self::Slow
            | Self::Held
            | Self::Silent
            | Self::HangsUp
            | Self::Dies
            | Self::Error(_)
            | Self::ErrorInStream
            | Self::Redirect
            | Self::Compressed
            | Self::Cookies
            | Self::Large
            | Self::Echo
            | Self::EchoHeader
            | Self::EchoError
            | Self::EchoRedirect
            | Self::EchoTrailer
            | Self::EchoBase64
            | Self::EchoHex
            | Self::EchoSplit => Usage::Said(json!(counted.0), json!(counted.1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_a_mode() {
        for (name, _) in MODES {
            let name = name.replace("NNN", "429").replace("I-O", "10-20");
            assert_ne!(Mode::named(&name), Mode::Plain, "{name}");
            assert_eq!(Mode::named(&format!("vendor/{name}")), Mode::named(&name));
        }
        assert_eq!(Mode::named("tokens-10-20"), Mode::Tokens(10, 20));
        assert_eq!(Mode::named("error-503"), Mode::Error(503));
        for plain in ["gpt-4o", "", "error-200", "error-x", "tokens-1", "tokens-1-x", "echoes"] {
            assert_eq!(Mode::named(plain), Mode::Plain, "{plain}");
        }
    }
}
