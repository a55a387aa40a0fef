//! The providers that the platform knows: the nine adapters, and those that are only vended.

use serde::{Deserialize, Serialize};

/// A provider of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// OpenAI
    Openai,
    /// Anthropic
    Anthropic,
    /// OpenRouter
    Openrouter,
    /// Gemini
    Gemini,
    /// ElevenLabs
    Elevenlabs,
    /// AssemblyAI
    Assemblyai,
    /// muapi
    Muapi,
    /// Telegram
    Telegram,
    /// Composio
    Composio,
    /// Slack: no adapter.
    Slack,
    /// Notion: no adapter.
    Notion,
    /// GitHub: no adapter.
    Github,
    /// Google: no adapter.
    Google,
    /// Discord: no adapter.
    Discord,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Openai,
        Self::Anthropic,
        Self::Openrouter,
        Self::Gemini,
        Self::Elevenlabs,
        Self::Assemblyai,
        Self::Muapi,
        Self::Telegram,
        Self::Composio,
        Self::Slack,
        Self::Notion,
        Self::Github,
        Self::Google,
        Self::Discord,
    ];

    /// Those that have a provider proxy.
    pub const ADAPTERS: [Self; 9] = [
        Self::Openai,
        Self::Anthropic,
        Self::Openrouter,
        Self::Gemini,
        Self::Elevenlabs,
        Self::Assemblyai,
        Self::Muapi,
        Self::Telegram,
        Self::Composio,
    ];

    /// Those that a tenant's extra connections are to.
    pub const EXTRAS: [Self; 4] = [Self::Openrouter, Self::Elevenlabs, Self::Muapi, Self::Telegram];

    /// As hosts, paths and rows spell it.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Openrouter => "openrouter",
            Self::Gemini => "gemini",
            Self::Elevenlabs => "elevenlabs",
            Self::Assemblyai => "assemblyai",
            Self::Muapi => "muapi",
            Self::Telegram => "telegram",
            Self::Composio => "composio",
            Self::Slack => "slack",
            Self::Notion => "notion",
            Self::Github => "github",
            Self::Google => "google",
            Self::Discord => "discord",
        }
    }

    /// The environment variable that the credentials worker knows it by.
    #[must_use]
    pub fn env(self) -> String {
        let upper = self.slug().to_ascii_uppercase();
        match self {
            Self::Telegram => format!("{upper}_BOT_TOKEN"),
            Self::Openai
            | Self::Anthropic
            | Self::Openrouter
            | Self::Gemini
            | Self::Elevenlabs
            | Self::Assemblyai
            | Self::Muapi
            | Self::Composio => format!("{upper}_API_KEY"),
            Self::Slack | Self::Notion | Self::Github | Self::Google | Self::Discord => format!("{upper}_TOKEN"),
        }
    }

    /// Whether it has a provider proxy.
    #[must_use]
    pub const fn is_adapter(self) -> bool {
        self.upstream_host().is_some()
    }

    /// The fixed host of an adapter's upstream.
    #[must_use]
    pub const fn upstream_host(self) -> Option<&'static str> {
        match self {
            Self::Openai => Some("api.openai.com"),
            Self::Anthropic => Some("api.anthropic.com"),
            Self::Openrouter => Some("openrouter.ai"),
            Self::Gemini => Some("generativelanguage.googleapis.com"),
            Self::Elevenlabs => Some("api.elevenlabs.io"),
            Self::Assemblyai => Some("api.assemblyai.com"),
            Self::Muapi => Some("api.muapi.ai"),
            Self::Telegram => Some("api.telegram.org"),
            Self::Composio => Some("backend.composio.dev"),
            Self::Slack | Self::Notion | Self::Github | Self::Google | Self::Discord => None,
        }
    }

    /// What a metered call reserves, in micro-dollars; 0 where nothing is metered.
    #[must_use]
    pub const fn hold_micros(self) -> u64 {
        match self {
            Self::Openai | Self::Anthropic | Self::Openrouter | Self::Gemini | Self::Composio => 1_000_000,
            Self::Elevenlabs | Self::Muapi => 500_000,
            Self::Assemblyai => 200_000,
            Self::Telegram | Self::Slack | Self::Notion | Self::Github | Self::Google | Self::Discord => 0,
        }
    }

    /// What is metered.
    #[must_use]
    pub const fn meters(self) -> &'static [Meter] {
        match self {
            Self::Openai | Self::Anthropic | Self::Openrouter | Self::Gemini => {
                &[Meter::InputTokens, Meter::OutputTokens]
            }
            Self::Elevenlabs => &[Meter::Characters],
            Self::Assemblyai => &[Meter::Seconds],
            Self::Muapi | Self::Composio => &[Meter::Calls],
            Self::Telegram | Self::Slack | Self::Notion | Self::Github | Self::Google | Self::Discord => &[],
        }
    }

    /// The models that have rates. Composio's are toolkits, and it is first of them that an absent model means.
    #[must_use]
    pub const fn models(self) -> &'static [&'static str] {
        match self {
            Self::Openai => &["gpt-4.1-mini", "o3", "text-embedding-3-small"],
            Self::Anthropic => &["claude-sonnet-4-5", "claude-haiku-4-5"],
            Self::Openrouter => &["meta-llama/llama-3.3-70b", "openai/gpt-4.1-mini"],
            Self::Gemini => &["gemini-2.5-flash", "gemini-embedding-001"],
            Self::Elevenlabs => &["eleven_multilingual_v2", "eleven_flash_v2_5"],
            Self::Assemblyai => &["best", "nano"],
            Self::Muapi => &["flux-dev", "veo3-fast"],
            Self::Composio => &["notion", "discord"],
            Self::Telegram | Self::Slack | Self::Notion | Self::Github | Self::Google | Self::Discord => &[],
        }
    }

    /// The model at a place of [`Self::models`], read modulo their number.
    #[must_use]
    pub fn model(self, index: u8) -> &'static str {
        let models = self.models();
        models.get(usize::from(index) % models.len().max(1)).copied().unwrap_or("")
    }
}

/// What is counted of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meter {
    /// Tokens of the question.
    InputTokens,
    /// Tokens of the answer.
    OutputTokens,
    /// Unicode scalar values of the text to speak.
    Characters,
    /// Seconds of sound.
    Seconds,
    /// Calls.
    Calls,
}

impl Meter {
    /// As rates spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Characters => "characters",
            Self::Seconds => "seconds",
            Self::Calls => "calls",
        }
    }
}
