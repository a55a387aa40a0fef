//! What a request asks for, and in which order it is refused. Pure.

use super::answers::Refusal;
use crate::edge::entry::Inspection;
use crate::edge::provider_proxy::path_guard;
use crate::observe::Guard;
use crate::provider;
use http::{Method, Uri, Version};

/// The most providers of one request.
const SLUGS_MAX: usize = 50;
/// The longest name of a provider, and of a variable, in bytes.
const SLUG_MAX: usize = 32;
const ENV_MAX: usize = 64;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The token of one provider, which is in the catalogue.
    One(&'static str),
    /// The tokens of several, each as it was asked for, once, in that order.
    Several(Vec<String>),
}

/// The checks that come before the key.
///
/// # Errors
/// 400 and 405, in this order.
pub fn admit(method: &Method, uri: &Uri, version: Version, inspection: &mut Inspection) -> Result<(), Refusal> {
    inspection.reach(Guard::PathGuard);
    // In HTTP/2 the authority is no part of the target.
    if version < Version::HTTP_2 && uri.authority().is_some() {
        return Err(Refusal::Validation);
    }
    let length = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    path_guard::guard(uri.path().as_bytes(), length).map_err(|_| Refusal::Validation)?;
    if *method == Method::GET { Ok(()) } else { Err(Refusal::MethodNotAllowed) }
}

/// What a request asks for, by its path.
///
/// # Errors
/// 400 for what can't be a variable's name or a list, 404 for what no provider is called.
pub fn wanted(uri: &Uri, inspection: &mut Inspection) -> Result<Wanted, Refusal> {
    inspection.reach(Guard::Adapter);
    let path = uri.path().strip_prefix('/').unwrap_or_default();
    if path == "_bulk" {
        return several(uri.query().unwrap_or_default()).map(Wanted::Several);
    }
    if let Some(env) = path.strip_prefix("v1/") {
        if env.contains('/') {
            return Err(Refusal::ProviderUnknown);
        }
        if !is_env_name(env) {
            return Err(Refusal::Validation);
        }
        return provider::provider_of_env(env).map(Wanted::One).ok_or(Refusal::ProviderUnknown);
    }
    known(path).map(Wanted::One).ok_or(Refusal::ProviderUnknown)
}

/// The provider of a name, byte for byte.
pub fn known(slug: &str) -> Option<&'static str> {
    if slug.len() > SLUG_MAX {
        return None;
    }
    provider::catalogue().find(|known| *known == slug)
}

fn is_env_name(text: &str) -> bool {
    let tail = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() <= ENV_MAX && text.starts_with(|first: char| first.is_ascii_uppercase()) && text.bytes().all(tail)
}

/// The list of `slugs=…`: form-encoded, since that is how a client's library writes a comma.
fn several(query: &str) -> Result<Vec<String>, Refusal> {
    let mut lists = query.split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name).as_deref() == Some("slugs")).then_some(value)
    });
    let (Some(list), None) = (lists.next(), lists.next()) else {
        return Err(Refusal::Validation);
    };
    let list = decoded(list).ok_or(Refusal::Validation)?;
    let asked: Vec<&str> = list.split(',').collect();
    if asked.len() > SLUGS_MAX || asked.contains(&"") {
        return Err(Refusal::Validation);
    }
    let mut slugs: Vec<String> = Vec::new();
    for slug in asked {
        if !slugs.iter().any(|earlier| earlier == slug) {
            slugs.push(slug.to_owned());
        }
    }
    Ok(slugs)
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Refusal::{ProviderUnknown, Validation};

    fn of(target: &str) -> Result<Wanted, Refusal> {
        let uri: Uri = target.parse().unwrap();
        admit(&Method::GET, &uri, Version::HTTP_11, &mut Inspection::default())?;
        wanted(&uri, &mut Inspection::default())
    }

    #[test]
    fn a_path_names_one_provider_or_none() {
        for (target, expected) in [
            ("/slack", Ok("slack")),
            ("/openai", Ok("openai")),
            ("/slack?x=1", Ok("slack")),
            ("/v1/OPENAI_API_KEY", Ok("openai")),
            ("/v1/TELEGRAM_BOT_TOKEN", Ok("telegram")),
            ("/v1/SLACK_TOKEN", Ok("slack")),
            ("/Slack", Err(ProviderUnknown)),
            ("/slack/", Err(ProviderUnknown)),
            ("/%73lack", Err(ProviderUnknown)),
            ("/slack2", Err(ProviderUnknown)),
            ("/", Err(ProviderUnknown)),
            ("/v1", Err(ProviderUnknown)),
            ("/v1/OPENAI_API_KEY/x", Err(ProviderUnknown)),
            ("/v1/SLACK_API_KEY", Err(ProviderUnknown)),
            ("/v1/TELEGRAM_API_KEY", Err(ProviderUnknown)),
            ("/_bulk/x", Err(ProviderUnknown)),
            ("/a/b", Err(ProviderUnknown)),
            ("/v1/", Err(Validation)),
            ("/v1/openai_api_key", Err(Validation)),
            ("/v1/OPENAI-API-KEY", Err(Validation)),
            ("/v1/1A", Err(Validation)),
            ("/v1/_A", Err(Validation)),
            ("/v1/OPENAI%5FAPI_KEY", Err(Validation)),
            ("/../slack", Err(Validation)),
            ("//slack", Err(Validation)),
            ("/%2e%2e/slack", Err(Validation)),
            ("/slack%00", Err(Validation)),
            ("/slack%", Err(Validation)),
        ] {
            assert_eq!(of(target), expected.map(Wanted::One), "{target}");
        }
        let longest = format!("/v1/{}", "A".repeat(64));
        assert_eq!(of(&longest), Err(ProviderUnknown));
        assert_eq!(of(&format!("{longest}A")), Err(Validation));
        assert_eq!(of(&format!("/{}", "a".repeat(9000))), Err(Validation));
    }

    #[test]
    fn a_list_is_read_once_in_its_order() {
        let list = |slugs: &[&str]| Ok(Wanted::Several(slugs.iter().map(|slug| (*slug).to_owned()).collect()));
        let fifty: Vec<String> = (0..50).map(|n| format!("s{n}")).collect();
        let (fifty, more) = (fifty.join(","), format!("{},s0", fifty.join(",")));
        for (target, expected) in [
            ("/_bulk?slugs=slack", list(&["slack"])),
            ("/_bulk?slugs=slack,openai,slack", list(&["slack", "openai"])),
            ("/_bulk?slugs=slack%2Copenai&x=1", list(&["slack", "openai"])),
            ("/_bulk?slugs=nobody,Slack", list(&["nobody", "Slack"])),
            ("/_bulk?x=1&slugs=a+b", list(&["a b"])),
            ("/_bulk", Err(Validation)),
            ("/_bulk?", Err(Validation)),
            ("/_bulk?slugs", Err(Validation)),
            ("/_bulk?slugs=", Err(Validation)),
            ("/_bulk?slugs=,", Err(Validation)),
            ("/_bulk?slugs=a,,b", Err(Validation)),
            ("/_bulk?slugs=a&slugs=b", Err(Validation)),
            ("/_bulk?slugs=a&sl%75gs=b", Err(Validation)),
            ("/_bulk?slugs=%ff", Err(Validation)),
        ] {
            assert_eq!(of(target), expected, "{target}");
        }
        assert!(matches!(of(&format!("/_bulk?slugs={fifty}")), Ok(Wanted::Several(slugs)) if slugs.len() == 50));
        assert_eq!(of(&format!("/_bulk?slugs={more}")), Err(Validation));
    }

    #[test]
    fn the_path_is_guarded_before_the_method() {
        for (method, target, expected) in [
            (Method::POST, "/slack", Err(Refusal::MethodNotAllowed)),
            (Method::HEAD, "/slack", Err(Refusal::MethodNotAllowed)),
            (Method::OPTIONS, "/slack", Err(Refusal::MethodNotAllowed)),
            (Method::POST, "/../slack", Err(Validation)),
            (Method::GET, "/nobody/knows", Ok(())),
        ] {
            let uri: Uri = target.parse().unwrap();
            assert_eq!(
                admit(&method, &uri, Version::HTTP_11, &mut Inspection::default()),
                expected,
                "{method} {target}"
            );
        }
    }
}
