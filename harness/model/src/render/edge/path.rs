//! Targets of calls: paths and queries as they are written.

use super::body::account_id;
use super::call::{other_case, secret_text};
use super::key::key_text;
use crate::action::edge::hook::{HookPath, SecretField};
use crate::action::edge::key::{KeyCarrier, QueryField};
use crate::action::edge::provider::{ComposioAction, JobRef, PathModel, PathSpelling, ProviderCall, QueryPair, Route};
use crate::action::edge::vend::{BulkItem, BulkSpelling, EnvSpelling, OddVendPath, SlugSpelling, VendAsk};
use crate::action::edge::{EdgeCall, HookCall, Presented, VendCall};
use crate::state::State;
use crate::world::World;
use crate::world::edge::Provider;

/// A pair of a query as it is written, and whether it goes on to a provider.
type Pair = (String, bool);

fn key_pair(world: &World, state: &State, presented: Presented) -> Option<Pair> {
    let KeyCarrier::Query(field) = presented.how else { return None };
    let key = key_text(world, state, presented.key)?;
    let text = match field {
        QueryField::Key => format!("key={key}"),
        QueryField::ApiKey => format!("api_key={key}"),
        QueryField::AccessToken => format!("access_token={key}"),
        QueryField::Authorization => format!("authorization=Bearer%20{key}"),
    };
    Some((text, false))
}

fn pairs(world: &World, state: &State, call: &ProviderCall) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    if matches!(call.ask.route, Route::GenerateStream(_)) {
        pairs.push(("alt=sse".to_owned(), true));
    }
    if !call.ask.preflight {
        pairs.extend(key_pair(world, state, call.presented));
    }
    let composio = call.adapter.meant() == Some(Provider::Composio);
    pairs.extend(call.query.iter().map(|pair| match pair {
        QueryPair::Account(name, account) => (format!("{}={}", name.name(), account_id(world, *account)), !composio),
        QueryPair::Plain(n) => (format!("q{n}=a%20b"), true),
        QueryPair::Tenant(tenant) => (format!("tenant_id={}", world.tenant(usize::from(*tenant)).id), true),
        QueryPair::Connection(connection) => (format!("connection={}", world.connection(*connection).id), true),
        QueryPair::Credential(field) => (format!("{}=caller-credential", field.name()), false),
        QueryPair::Bearer(key) => (format!("note={}", world.bearer(*key)), false),
        QueryPair::EncodedBearer(key) => (format!("note={}", world.bearer(*key).replace('_', "%5f")), false),
    }));
    pairs
}

/// The target of a call in origin form, as the client writes it.
#[must_use]
pub fn target(world: &World, state: &State, call: &EdgeCall) -> Vec<u8> {
    match call {
        EdgeCall::Provider(call) => {
            let path = call.ask.spelling.apply(&path_of(world, call));
            if call.ask.spelling == PathSpelling::Asterisk || call.ask.spelling == PathSpelling::TooLong {
                return path;
            }
            let pairs = pairs(world, state, call);
            with_query(path, pairs.into_iter().map(|(text, _)| text))
        }
        EdgeCall::Vend(call) => vend_target(world, state, call),
        EdgeCall::Hook(call) => hook_target(world, state, call),
    }
}

/// What of a call's query goes on to a provider: with its question mark, or nothing.
#[must_use]
pub fn passing_query(world: &World, state: &State, call: &ProviderCall) -> Vec<u8> {
    let passing = pairs(world, state, call).into_iter().filter(|(_, passes)| *passes);
    with_query(Vec::new(), passing.map(|(text, _)| text))
}

fn with_query(mut path: Vec<u8>, pairs: impl Iterator<Item = String>) -> Vec<u8> {
    let query = pairs.collect::<Vec<_>>().join("&");
    if !query.is_empty() {
        path.push(b'?');
        path.extend_from_slice(query.as_bytes());
    }
    path
}

/// The plain path of a call's route.
#[must_use]
pub fn path_of(world: &World, call: &ProviderCall) -> String {
    let adapter = call.adapter.meant().unwrap_or(Provider::Openai);
    let model = |model: PathModel| path_model(world, adapter, model);
    match call.ask.route {
        Route::Chat => "/v1/chat/completions".to_owned(),
        Route::ApiChat => "/api/v1/chat/completions".to_owned(),
        Route::Completions => "/v1/completions".to_owned(),
        Route::ApiCompletions => "/api/v1/completions".to_owned(),
        Route::Responses => "/v1/responses".to_owned(),
        Route::Embeddings => "/v1/embeddings".to_owned(),
        Route::Models => "/v1/models".to_owned(),
        Route::Model(of) => format!("/v1/models/{}", model(of)),
        Route::Messages => "/v1/messages".to_owned(),
        Route::CountTokens => "/v1/messages/count_tokens".to_owned(),
        Route::Generate(of) => format!("/v1beta/models/{}:generateContent", model(of)),
        Route::GenerateStream(of) => format!("/v1beta/models/{}:streamGenerateContent", model(of)),
        Route::EmbedContent(of) => format!("/v1/models/{}:embedContent", model(of)),
        Route::Speech => "/v1/text-to-speech/voice-1".to_owned(),
        Route::SpeechStream => "/v1/text-to-speech/voice-1/stream".to_owned(),
        Route::Transcribe(_) => "/v2/transcript".to_owned(),
        Route::Transcript(job) => format!("/v2/transcript/{}", job_ref_text(world, job, Provider::Assemblyai)),
        Route::Predict(of, _) => format!("/api/v1/{}", model(of)),
        Route::Prediction(job) => {
            format!("/api/v1/predictions/{}/result", job_ref_text(world, job, Provider::Muapi))
        }
        Route::SendMessage => "/sendMessage".to_owned(),
        Route::GetMe => "/getMe".to_owned(),
        Route::Execute(_) => "/v1/execute".to_owned(),
        Route::Files => "/v1/files".to_owned(),
        Route::AdminKeys => "/v1/organization/admin_api_keys".to_owned(),
        Route::Credits => "/v1/credits".to_owned(),
        Route::Listing(of) => of.path().to_owned(),
        Route::Root => "/".to_owned(),
    }
}

/// A model as a path names it.
#[must_use]
pub fn path_model(world: &World, adapter: Provider, model: PathModel) -> String {
    let listed = |n: u8| if adapter.models().is_empty() { "m1" } else { adapter.model(n) };
    match model {
        PathModel::Listed(n) => listed(n).to_owned(),
        PathModel::OtherCase(n) => listed(n).to_ascii_uppercase(),
        PathModel::Unlisted => "no-such-model".to_owned(),
        PathModel::TenantId(tenant) => world.tenant(usize::from(tenant)).id.clone(),
    }
}

/// The id of the job that a tenant's key began under a number: every other tenant's begins with the first one's.
#[must_use]
pub fn job_text(provider: Provider, tenant: usize, number: u8) -> String {
    let kind = if provider == Provider::Assemblyai { "tr" } else { "pr" };
    if tenant == 0 { format!("{kind}-{number}") } else { format!("{kind}-{number}-{tenant}") }
}

fn job_ref_text(world: &World, job: JobRef, provider: Provider) -> String {
    match job {
        JobRef::Of { tenant, job } => job_text(provider, usize::from(tenant) % world.tenants.len().max(1), job),
        JobRef::Unknown => format!("{}-none", if provider == Provider::Assemblyai { "tr" } else { "pr" }),
    }
}

/// The action that a body names to composio; `None` where it is left out or no string.
#[must_use]
pub fn action_text(action: ComposioAction) -> Option<String> {
    let upper = |provider: Provider| provider.slug().to_ascii_uppercase();
    match action {
        ComposioAction::Of(provider) => Some(format!("{}_FETCH_DATA", upper(provider))),
        ComposioAction::UnknownToolkit => Some("STRIPE_FETCH_DATA".to_owned()),
        ComposioAction::Lower(provider) => Some(format!("{}_fetch_data", provider.slug())),
        ComposioAction::NoUnderscore(provider) => Some(upper(provider)),
        ComposioAction::NoToolkit => Some("_FETCH".to_owned()),
        ComposioAction::Dotted(provider) => Some(format!("{}_FETCH.DATA", upper(provider))),
        ComposioAction::Missing | ComposioAction::Number => None,
    }
}

fn vend_target(world: &World, state: &State, call: &VendCall) -> Vec<u8> {
    let path = match &call.ask {
        VendAsk::One { provider, spelling } => one_path(provider.slug(), *spelling),
        VendAsk::Env { provider, spelling } => {
            let env = provider.env();
            let text = match spelling {
                EnvSpelling::Plain => env,
                EnvSpelling::Lower => env.to_ascii_lowercase(),
                EnvSpelling::Digit => format!("1{env}"),
                EnvSpelling::Hyphen => env.replace('_', "-"),
                EnvSpelling::Long => "A".repeat(65),
                EnvSpelling::Empty => String::new(),
                EnvSpelling::Longer => format!("{env}_X"),
                EnvSpelling::Unknown => "DATABASE_URL".to_owned(),
                EnvSpelling::Encoded => env.replacen('_', "%5F", 1),
                EnvSpelling::DotDot => format!("../{env}"),
            };
            format!("/v1/{text}")
        }
        VendAsk::Bulk { items, spelling } => {
            let list = items.iter().map(|item| bulk_text(*item)).collect::<Vec<_>>().join(",");
            let query = match spelling {
                BulkSpelling::Plain => format!("?slugs={list}"),
                BulkSpelling::Among => format!("?x=1&slugs={list}&y=2"),
                BulkSpelling::Twice => format!("?slugs={list}&slugs={list}"),
                BulkSpelling::Empty => "?slugs=".to_owned(),
                BulkSpelling::Missing => String::new(),
                BulkSpelling::TooMany => format!("?slugs={}", vec!["slack"; 51].join(",")),
            };
            format!("/_bulk{query}")
        }
        VendAsk::Odd(odd) => match odd {
            OddVendPath::Root => "/".to_owned(),
            OddVendPath::V1 => "/v1".to_owned(),
            OddVendPath::Refresh => "/slack/refresh".to_owned(),
            OddVendPath::All => "/_all".to_owned(),
            OddVendPath::Deeper => "/slack/token/raw".to_owned(),
            OddVendPath::Connection(connection) => format!("/connections/{}", world.connection(*connection).id),
        },
    };
    match key_pair(world, state, call.presented) {
        Some((pair, _)) => {
            let mark = if path.contains('?') { '&' } else { '?' };
            format!("{path}{mark}{pair}").into_bytes()
        }
        None => path.into_bytes(),
    }
}

/// One of several slugs as it is written.
#[must_use]
pub fn bulk_text(item: BulkItem) -> String {
    match item {
        BulkItem::Provider(provider) => provider.slug().to_owned(),
        BulkItem::Upper(provider) => provider.slug().to_ascii_uppercase(),
        BulkItem::Unknown => "nobody".to_owned(),
    }
}

fn one_path(slug: &str, spelling: SlugSpelling) -> String {
    match spelling {
        SlugSpelling::Plain => format!("/{slug}"),
        SlugSpelling::Query => format!("/{slug}?x=1"),
        SlugSpelling::Upper => format!("/{}", slug.to_ascii_uppercase()),
        SlugSpelling::Capital => {
            let (first, rest) = slug.split_at_checked(1).unwrap_or((slug, ""));
            format!("/{}{rest}", first.to_ascii_uppercase())
        }
        SlugSpelling::EncodedLetter => format!("/{}", percent_first(slug)),
        SlugSpelling::EncodedSpace => format!("/{slug}%20"),
        SlugSpelling::TrailingSlash => format!("/{slug}/"),
        SlugSpelling::Longer => format!("/{slug}x"),
        SlugSpelling::Shorter => format!("/{}", slug.get(..slug.len().saturating_sub(1)).unwrap_or_default()),
        SlugSpelling::EncodedSlash => format!("/{slug}%2f"),
        SlugSpelling::Semicolon => format!("/{slug};x"),
        SlugSpelling::DotDot => format!("/x/../{slug}"),
        SlugSpelling::EncodedDots => format!("/x/%2e%2e/{slug}"),
        SlugSpelling::DoubleSlash => format!("//{slug}"),
        SlugSpelling::Nul => format!("/{slug}%00"),
    }
}

fn hook_target(world: &World, state: &State, call: &HookCall) -> Vec<u8> {
    let external = |connection: u8| world.connection(connection).external_id.clone();
    let mut text = match call.path {
        HookPath::Of(connection) => format!("/{}", external(connection)),
        HookPath::Query(connection) => format!("/{}?a=b", external(connection)),
        HookPath::OtherCase(connection) => format!("/{}", other_case(&external(connection))),
        HookPath::Cut(connection) => {
            let external = external(connection);
            format!("/{}", external.get(..external.len().saturating_sub(1)).unwrap_or_default())
        }
        HookPath::Extended(connection) => format!("/{}0", external(connection)),
        HookPath::ConnectionId(connection) => format!("/{}", world.connection(connection).id),
        HookPath::TrailingSlash(connection) => format!("/{}/", external(connection)),
        HookPath::Deeper(connection) => format!("/{}/x", external(connection)),
        HookPath::DoubleSlash(connection) => format!("//{}", external(connection)),
        HookPath::DotDot(connection) => format!("/x/../{}", external(connection)),
        HookPath::Encoded(connection) => format!("/{}", percent_first(&external(connection))),
        HookPath::Nul(connection) => format!("/{}%00", external(connection)),
        HookPath::Unknown => "/hook-that-never-was".to_owned(),
        HookPath::Star => "/*".to_owned(),
        HookPath::Colon(connection) => format!("/conn:{}", external(connection)),
        HookPath::Long => format!("/{}", "a".repeat(129)),
        HookPath::Root => "/".to_owned(),
    };
    if let Some(deployment) = call.names {
        let deployment = world.deployment(deployment);
        text = format!("{text}?deployment={}&deployment_url=https://evil.example", deployment.id);
    }
    if call.field == SecretField::Query
        && let Some(secret) = secret_text(world, state, call)
    {
        let mark = if text.contains('?') { '&' } else { '?' };
        text = format!("{text}{mark}secret={secret}");
    }
    text.into_bytes()
}

fn percent_first(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| format!("%{:02x}", u32::from(c))).unwrap_or_default();
    format!("{first}{}", chars.as_str())
}
