//! The providers that the platform knows: those with a proxy of their own, and those whose tokens it only vends.

use std::fmt;

/// A provider with a proxy in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Adapter {
    /// OpenAI.
    Openai,
    /// Anthropic.
    Anthropic,
    /// OpenRouter.
    Openrouter,
    /// Google's Gemini.
    Gemini,
    /// ElevenLabs.
    Elevenlabs,
    /// AssemblyAI.
    Assemblyai,
    /// MuAPI.
    Muapi,
    /// Telegram's Bot API. Not billed.
    Telegram,
    /// Composio, which holds connections to others.
    Composio,
}

/// Providers without a proxy, whose tokens the credentials worker vends.
const VENDED_ONLY: [(&str, &str); 5] = [
    ("slack", "SLACK_TOKEN"),
    ("notion", "NOTION_TOKEN"),
    ("github", "GITHUB_TOKEN"),
    ("google", "GOOGLE_TOKEN"),
    ("discord", "DISCORD_TOKEN"),
];

impl Adapter {
    /// Every adapter.
    pub const ALL: [Self; 9] = [
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

    /// The provider's name.
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
        }
    }

    /// The adapter of a provider's name; exact.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|adapter| adapter.slug() == slug)
    }

    /// The adapter of a host's label, as `openai-proxy`; exact.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::from_slug(label.strip_suffix("-proxy")?)
    }

    /// The name of the only host that the adapter speaks to.
    #[must_use]
    pub const fn upstream_host(self) -> &'static str {
        match self {
            Self::Openai => "api.openai.com",
            Self::Anthropic => "api.anthropic.com",
            Self::Openrouter => "openrouter.ai",
            Self::Gemini => "generativelanguage.googleapis.com",
            Self::Elevenlabs => "api.elevenlabs.io",
            Self::Assemblyai => "api.assemblyai.com",
            Self::Muapi => "api.muapi.ai",
            Self::Telegram => "api.telegram.org",
            Self::Composio => "backend.composio.dev",
        }
    }

    /// What a metered request reserves on its tenant's wallet, in micro-dollars: 0 where nothing is billed.
    #[must_use]
    pub const fn hold_micros(self) -> u64 {
        match self {
            Self::Openai | Self::Anthropic | Self::Openrouter | Self::Gemini | Self::Composio => 1_000_000,
            Self::Elevenlabs | Self::Muapi => 500_000,
            Self::Assemblyai => 200_000,
            Self::Telegram => 0,
        }
    }

    /// The meters that are billed; each must have a rate before a metered request is sent.
    #[must_use]
    pub const fn meters(self) -> &'static [&'static str] {
        match self {
            Self::Openai | Self::Anthropic | Self::Openrouter | Self::Gemini => &["input_tokens", "output_tokens"],
            Self::Elevenlabs => &["characters"],
            Self::Assemblyai => &["seconds"],
            Self::Muapi | Self::Composio => &["calls"],
            Self::Telegram => &[],
        }
    }

    const fn env(self) -> &'static str {
        match self {
            Self::Openai => "OPENAI_API_KEY",
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::Openrouter => "OPENROUTER_API_KEY",
            Self::Gemini => "GEMINI_API_KEY",
            Self::Elevenlabs => "ELEVENLABS_API_KEY",
            Self::Assemblyai => "ASSEMBLYAI_API_KEY",
            Self::Muapi => "MUAPI_API_KEY",
            Self::Telegram => "TELEGRAM_BOT_TOKEN",
            Self::Composio => "COMPOSIO_API_KEY",
        }
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.slug())
    }
}

/// The names of all providers whose tokens can be vended.
pub fn catalogue() -> impl Iterator<Item = &'static str> {
    named().map(|(slug, _)| slug)
}

/// The environment variable that stands for a provider's token, or none for a provider that isn't in the catalogue.
#[must_use]
pub fn env_name(slug: &str) -> Option<&'static str> {
    named().find(|(known, _)| *known == slug).map(|(_, env)| env)
}

/// The provider whose token an environment variable stands for; exact.
#[must_use]
pub fn provider_of_env(env: &str) -> Option<&'static str> {
    named().find(|(_, known)| *known == env).map(|(slug, _)| slug)
}

fn named() -> impl Iterator<Item = (&'static str, &'static str)> {
    Adapter::ALL.into_iter().map(|adapter| (adapter.slug(), adapter.env())).chain(VENDED_ONLY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ProviderSlug;
    use std::collections::BTreeSet;

    #[test]
    fn a_label_names_its_adapter_exactly() {
        for adapter in Adapter::ALL {
            assert_eq!(Adapter::from_label(&format!("{adapter}-proxy")), Some(adapter));
        }
        for other in ["openai", "-proxy", "proxy", "Openai-proxy", "openai-proxy-proxy", "xopenai-proxy", "slack-proxy"]
        {
            assert_eq!(Adapter::from_label(other), None, "{other}");
        }
    }

    #[test]
    fn names_and_hosts_are_one_to_one() {
        let slugs: BTreeSet<_> = catalogue().collect();
        assert_eq!(slugs.len(), 14);
        for slug in &slugs {
            assert!(ProviderSlug::parse(slug).is_ok());
            let env = env_name(slug).unwrap();
            assert_eq!(provider_of_env(env), Some(*slug));
            let (upper, _) = env.split_once('_').unwrap();
            assert_eq!(upper.to_ascii_lowercase(), *slug);
        }
        let hosts: BTreeSet<_> = Adapter::ALL.iter().map(|adapter| adapter.upstream_host()).collect();
        assert_eq!(hosts.len(), Adapter::ALL.len());
        assert_eq!(env_name("telegram"), Some("TELEGRAM_BOT_TOKEN"));
        assert_eq!(env_name("slack"), Some("SLACK_TOKEN"));
        assert_eq!((env_name("none"), provider_of_env("openai_API_KEY")), (None, None));
    }

    #[test]
    fn what_is_billed_is_held() {
        for adapter in Adapter::ALL {
            assert_eq!(adapter.hold_micros() == 0, adapter.meters().is_empty(), "{adapter}");
        }
    }
}
