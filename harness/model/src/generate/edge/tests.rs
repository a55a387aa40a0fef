//! The generator says everything that the vocabulary of the edge can say, and most of what it says comes near a service.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::*;
use crate::action::edge::header::{
    ConnectionSpelling, CredentialField, EdgeNominee, EnvelopeField, NamedConnection, TenantField, UserTokenAlteration,
};
use crate::action::edge::hook::{HookBody, HookPath, HookReply, SecretField, SecretRef};
use crate::action::edge::key::{BadBearer, CookieField, KeyCarrier, KeyHeader, KeyRef, QueryField, SchemeSpelling};
use crate::action::edge::provider::{
    AdapterHost, BodyShape, ClientEnd, ComposioAction, EchoForm, ErrorStatus, JobRef, Lie, ModelName, NearAdapter,
    PathModel, PathSpelling, QueryCredential, QueryPair, RedirectTo, Route, UpstreamHeader, UpstreamKind, Usage,
};
use crate::action::edge::vend::{
    BrokerReply, BrokerStatus, BulkItem, BulkSpelling, EnvSpelling, OddVendPath, SlugSpelling,
};
use crate::action::edge::{Door, HostLine};
use crate::action::header::{EdgeField, ForwardingField, HintField, HopField, NameSpelling};
use crate::action::{Action, Transport};
use crate::choose::{FromBytes, Seeded};
use crate::generate::Swarm;
use crate::world::Profile;
use crate::world::edge::Provider;

fn world(seed: u64) -> World {
    World::generate(&mut Seeded::new(seed), Profile::default())
}

fn calls(action: &Action) -> Vec<&EdgeCall> {
    match action {
        Action::Edge(call) | Action::During { call, .. } => vec![call],
        Action::Together(calls) => calls.iter().collect(),
        Action::Request(_)
        | Action::Race { .. }
        | Action::Malformed { .. }
        | Action::Control(_)
        | Action::Advance { .. }
        | Action::KvKey { .. }
        | Action::EdgeControl(_)
        | Action::Vault(_) => Vec::new(),
    }
}

#[test]
fn every_call_can_be_carried_and_survives_a_file() {
    let mut choose = Seeded::new(5);
    for seed in 0..10 {
        let world = world(seed);
        for _ in 0..400 {
            let action = action(&mut choose, &world, EdgeSwarm::ALL);
            for call in calls(&action) {
                assert_eq!(call.clone().canonical(), *call);
            }
            if let Action::Together(calls) = &action {
                assert_eq!(Action::together(calls.clone()), action);
                assert!((2..=4).contains(&calls.len()));
            }
            let text = serde_json::to_string(&action).unwrap();
            assert_eq!(serde_json::from_str::<Action>(&text).unwrap(), action);
        }
    }
}

#[test]
fn any_bytes_are_an_action() {
    for seed in 0..200u64 {
        let mut random = Seeded::new(seed);
        let bytes: Vec<u8> = (0..300).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
        let _ = action(&mut FromBytes::new(&bytes), &world(seed % 4), EdgeSwarm::ALL);
    }
}

#[test]
fn light_and_edge_share_a_case() {
    let mut choose = Seeded::new(8);
    let world = world(1);
    let at_edge = |action: &Action| {
        matches!(
            action,
            Action::Edge(_) | Action::Together(_) | Action::During { .. } | Action::EdgeControl(_) | Action::Vault(_)
        )
    };
    let mut share = |swarm: &mut dyn FnMut(&mut Seeded) -> Swarm| {
        let mut count = 0;
        for _ in 0..4_000 {
            let swarm = swarm(&mut choose);
            count += u32::from(at_edge(&crate::generate::action(&mut choose, &world, swarm)));
        }
        count
    };
    let all = share(&mut |choose| Swarm::generate(choose));
    assert!((1_500..2_300).contains(&all), "{all}");
    assert_eq!(share(&mut |_| Swarm::APP_PROXY), 0);
}

/// What of the vocabulary occurs, as `field=variant`, read from the serialised form.
#[derive(Default)]
struct Used(BTreeSet<String>);

impl Used {
    fn walk(&mut self, field: &str, value: &Value) {
        match value {
            Value::String(variant) => {
                self.0.insert(format!("{field}={variant}"));
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(field, item)),
            Value::Object(members) => {
                for (name, value) in members {
                    self.0.insert(format!("{field}={name}"));
                    self.walk(name, value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The name of a variant without what it holds.
fn name(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap();
    let tagged = value.as_object().and_then(|members| members.keys().next());
    tagged.map(String::as_str).or(value.as_str()).unwrap().to_owned()
}

fn names<T: Serialize>(values: impl IntoIterator<Item = T>) -> Vec<String> {
    values.into_iter().map(name).collect()
}

#[test]
fn nothing_in_the_vocabulary_is_dead() {
    let mut used = Used::default();
    let mut choose = Seeded::new(21);
    for seed in 0..30 {
        let world = world(seed);
        for _ in 0..1_000 {
            let action = action(&mut choose, &world, EdgeSwarm::ALL);
            used.walk("action", &serde_json::to_value(action).unwrap());
        }
    }
    let openai = Provider::Openai;
    let slack = Provider::Slack;
    let own = KeyRef::Key(0);
    let second = own;
    let model = PathModel::Listed(0);
    let job = JobRef::Unknown;
    let wanted: Vec<(&str, Vec<String>)> = vec![
        ("action", ["edge", "together", "during", "edge-control", "advance", "vault"].map(str::to_owned).to_vec()),
        ("kind", names(VaultKind::ALL)),
        ("transport", names(Transport::ALL)),
        ("door", names([Door::Host, Door::Listener])),
        ("host", names(HostLine::GOOD)),
        ("host", names([HostLine::Address, HostLine::Deployment(0), HostLine::Adapter(openai), HostLine::Twice])),
        ("host", names([HostLine::Missing, HostLine::Absolute, HostLine::AbsoluteOther(0)])),
        // Keys.
        ("key", names([own, KeyRef::Issued(0), KeyRef::NeverIssued, KeyRef::HashOf(0), KeyRef::PrefixOf(0)])),
        ("key", names([KeyRef::None, KeyRef::Malformed { key: 0, kind: BadBearer::Short }])),
        ("kind", names(BadBearer::ALL)),
        ("how", names([KeyCarrier::Authorization, KeyCarrier::ApiKey, KeyCarrier::BothSame, KeyCarrier::BasicBeside])),
        ("how", names([KeyCarrier::BothDiffer(own), KeyCarrier::TwoAuthorizations { second }])),
        ("how", names([KeyCarrier::TwoApiKeys { second }])),
        ("scheme", names(SchemeSpelling::ALL)),
        ("query", names(QueryField::ALL)),
        ("cookie", names(CookieField::ALL)),
        ("other-header", names(KeyHeader::ALL)),
        // Headers.
        ("field", names(TenantField::ALL)),
        ("field", names(EnvelopeField::ALL)),
        ("field", names(ForwardingField::ALL)),
        ("field", names(HintField::ALL)),
        ("own-credential", names(CredentialField::ALL)),
        ("edge", names(EdgeField::ALL)),
        ("hop", names(HopField::ALL)),
        ("nominate", names(EdgeNominee::ALL)),
        ("headers", ["session-cookie", "app", "bearer-elsewhere", "connected-account"].map(str::to_owned).to_vec()),
        ("headers", ["origin", "referer", "user-jwt", "connection"].map(str::to_owned).to_vec()),
        ("spelling", names(ConnectionSpelling::ALONE)),
        ("spelling", names([ConnectionSpelling::ThenOther(0), ConnectionSpelling::AfterOther(0)])),
        ("spelling", names([ConnectionSpelling::CommaList(0)])),
        ("which", names([NamedConnection::Of(0), NamedConnection::OtherCase(0), NamedConnection::External(0)])),
        ("which", names([NamedConnection::Unknown, NamedConnection::Malformed, NamedConnection::Empty])),
        ("which", names([NamedConnection::Traversal(0)])),
        ("alteration", names(UserTokenAlteration::ALONE)),
        ("alteration", names([UserTokenAlteration::TenantOf(0), UserTokenAlteration::UserMetadataOther(0)])),
        ("alteration", names([UserTokenAlteration::AlteredPayload(0), UserTokenAlteration::Underscore])),
        // The provider proxies.
        ("provider", names(Provider::ADAPTERS)),
        ("adapter", names([AdapterHost::Near(openai, NearAdapter::Cut), AdapterHost::Unknown])),
        ("adapter", names([AdapterHost::WithoutAdapter(slack)])),
        ("near", names(NearAdapter::ALL)),
        ("spelling", names(PathSpelling::GUARDED)),
        ("spelling", names(PathSpelling::NO_ROUTE)),
        ("route", names([Route::Chat, Route::ApiChat, Route::Completions, Route::ApiCompletions, Route::Responses])),
        ("route", names([Route::Embeddings, Route::Models, Route::Model(model), Route::Messages, Route::CountTokens])),
        ("route", names([Route::Generate(model), Route::GenerateStream(model), Route::EmbedContent(model)])),
        ("route", names([Route::Speech, Route::SpeechStream, Route::Transcribe(0), Route::Transcript(job)])),
        ("route", names([Route::Predict(model, 0), Route::Prediction(job), Route::SendMessage, Route::GetMe])),
        ("route", names([Route::Files, Route::AdminKeys, Route::Credits, Route::Root])),
        ("route", names([Route::Execute(ComposioAction::Number)])),
        ("execute", names([ComposioAction::Of(slack), ComposioAction::UnknownToolkit, ComposioAction::Lower(slack)])),
        ("execute", names([ComposioAction::NoUnderscore(slack), ComposioAction::NoToolkit, ComposioAction::Number])),
        ("execute", names([ComposioAction::Dotted(slack), ComposioAction::Missing])),
        ("generate", names([model, PathModel::OtherCase(0), PathModel::Unlisted, PathModel::TenantId(0)])),
        ("transcript", names([job, JobRef::Of { tenant: 0, job: 0 }])),
        ("query", names([QueryPair::Plain(0), QueryPair::Tenant(0), QueryPair::Connection(0), QueryPair::Bearer(0)])),
        ("query", names([QueryPair::EncodedBearer(0), QueryPair::Credential(QueryCredential::Key)])),
        ("credential", names(QueryCredential::ALL)),
        ("model", names([ModelName::Listed(0), ModelName::OtherCase(0), ModelName::TrailingSpace(0)])),
        ("model", names([ModelName::Suffixed(0), ModelName::Prefixed(0), ModelName::Escaped(0), ModelName::Unlisted])),
        ("model", names([ModelName::Missing, ModelName::Number, ModelName::Null, ModelName::Array(0)])),
        ("model", names([ModelName::Empty])),
        ("shape", names(BodyShape::ALL)),
        ("client", names([ClientEnd::Reads, ClientEnd::HangsUpAfter(0)])),
        ("kind", names([UpstreamKind::Answer, UpstreamKind::ChunkedAnswer, UpstreamKind::Stream(0)])),
        ("kind", names([UpstreamKind::StreamDies(0), UpstreamKind::AnswerDies, UpstreamKind::NoContent])),
        ("kind", names(UpstreamKind::QUOTING)),
        ("kind", names(UpstreamKind::BROKEN)),
        ("error", names(ErrorStatus::ALL)),
        ("error-quotes", names(ErrorStatus::ALL)),
        ("echo", names(EchoForm::ALL)),
        ("redirect", names(RedirectTo::ALL)),
        ("header", names(UpstreamHeader::ALL)),
        ("usage", names([Usage::Missing, Usage::Reported { input: 0, output: 0 }, Usage::Lies(Lie::Huge)])),
        ("lies", names(Lie::ALONE)),
        ("lies", names([Lie::Foreign(0)])),
        // The credentials worker.
        ("ask", ["one", "env", "bulk", "odd"].map(str::to_owned).to_vec()),
        ("provider", names(Provider::ALL)),
        ("spelling", names(SlugSpelling::ALL)),
        ("spelling", names(EnvSpelling::ALL)),
        ("spelling", names(BulkSpelling::ALL)),
        ("items", names([BulkItem::Provider(slack), BulkItem::Upper(slack), BulkItem::Unknown])),
        ("odd", names([OddVendPath::Root, OddVendPath::V1, OddVendPath::Refresh, OddVendPath::All])),
        ("odd", names([OddVendPath::Deeper, OddVendPath::Connection(0)])),
        ("broker", names(BrokerReply::BROKEN)),
        ("broker", names([BrokerReply::plain(), BrokerReply::WithHeaders])),
        ("error", names([BrokerStatus::BadRequest, BrokerStatus::Unauthorized, BrokerStatus::Internal])),
        // The hooks worker.
        ("path", names(HookPath::NOWHERE)),
        ("path", names([HookPath::Of(0), HookPath::Query(0), HookPath::OtherCase(0), HookPath::Cut(0)])),
        ("path", names([HookPath::Extended(0), HookPath::ConnectionId(0), HookPath::TrailingSlash(0)])),
        ("path", names([HookPath::Deeper(0), HookPath::DoubleSlash(0), HookPath::DotDot(0), HookPath::Encoded(0)])),
        ("path", names([HookPath::Nul(0)])),
        ("secret", names(SecretRef::ALONE)),
        ("secret", names([SecretRef::Of(0), SecretRef::OfApp(0)])),
        ("field", names([SecretField::Other, SecretField::Authorization, SecretField::Query])),
        ("own", names(NameSpelling::ALL)),
        ("body", names([HookBody::Empty, HookBody::Update, HookBody::Chunked, HookBody::Odd, HookBody::Names(0)])),
        ("body", names([HookBody::Largest, HookBody::TooLarge])),
        ("container", names(HookReply::ALONE)),
        ("container", names([HookReply::Redirect(0)])),
        // What operators change.
        ("edge-control", ["issue-key", "revoke-key", "list-keys", "drop-key-record"].map(str::to_owned).to_vec()),
        ("edge-control", ["set-connection", "stale-connection", "revoke-connection"].map(str::to_owned).to_vec()),
        (
            "edge-control",
            ["bind", "unbind", "replace-credential", "replace-webhook-secret"].map(str::to_owned).to_vec(),
        ),
        ("edge-control", ["top-up", "set-wallet-available", "dump"].map(str::to_owned).to_vec()),
        (
            "grant",
            names([GrantRef::App(0), GrantRef::Connection(0), GrantRef::UnknownApp, GrantRef::UnknownConnection]),
        ),
        ("key", names([KeyTarget::Key(0), KeyTarget::Issued(0), KeyTarget::Unknown])),
        ("status", names(ConnectionStatus::ALL)),
        ("url", names(DestinationUrl::REFUSED)),
        ("url", names([DestinationUrl::Own, DestinationUrl::Of(0)])),
    ];
    let missing: Vec<String> = wanted
        .iter()
        .flat_map(|(field, names)| names.iter().map(move |name| format!("{field}={name}")))
        .filter(|wanted| !used.0.contains(wanted))
        .collect();
    assert!(missing.is_empty(), "never drawn: {missing:?}");
}
