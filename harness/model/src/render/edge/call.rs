//! A call to the edge as it is sent.

use sha2::{Digest, Sha256};

use super::body::{hook_body, provider_body};
use super::key::key_fields;
use super::path::target;
use super::token::user_token;
use crate::action::cookie::Token;
use crate::action::edge::header::{
    ConnectionSpelling, EdgeHeader, EnvelopeField, NamedConnection, TenantField, UserToken, UserTokenAlteration,
};
use crate::action::edge::hook::{SecretField, SecretRef};
use crate::action::edge::provider::{BodyShape, ClientEnd, PathSpelling};
use crate::action::edge::vend::{EnvSpelling, SlugSpelling, VendAsk};
use crate::action::edge::{Door, EdgeCall, HookCall, HostLine};
use crate::action::header::{Header, HintField, NameSpelling};
use crate::action::host::HostSpec;
use crate::render::{Wire, WireBody};
use crate::state::State;
use crate::token;
use crate::world::edge::{Provider, replaced};
use crate::world::{World, single_host};

/// The header by which a call of a step is recognised behind the provider proxy. It goes on like any header of a
/// caller's own; its value is the call's number in the step, from 0.
pub const CALL_MARKER: &str = "x-call";

/// A worker of the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worker {
    /// The proxy of an adapter.
    Provider(Provider),
    /// The credentials worker.
    Credentials,
    /// The hooks worker.
    Hooks,
}

/// The worker whose listener a call enters by, where it enters by one.
#[must_use]
pub fn worker(call: &EdgeCall) -> Worker {
    match call {
        EdgeCall::Provider(call) => Worker::Provider(call.adapter.meant().unwrap_or(Provider::Openai)),
        EdgeCall::Vend(_) => Worker::Credentials,
        EdgeCall::Hook(_) => Worker::Hooks,
    }
}

/// The host of the worker that a call is for.
#[must_use]
pub fn host_of(call: &EdgeCall) -> String {
    match call {
        EdgeCall::Provider(call) => single_host(&call.adapter.label()),
        EdgeCall::Vend(_) => single_host("credentials"),
        EdgeCall::Hook(_) => single_host("hooks"),
    }
}

/// The call as it is sent in this state. `number` is its number in the step, from 0.
#[must_use]
pub fn wire(world: &World, state: &State, call: &EdgeCall, number: usize) -> Wire {
    let carrier = call.carrier();
    let host = host_of(call);
    let path = target(world, state, call);
    let http2 = carrier.transport.is_http2();
    let written = match carrier.host {
        HostLine::Plain | HostLine::Twice | HostLine::Missing | HostLine::Absolute | HostLine::AbsoluteOther(_) => {
            host.clone()
        }
        HostLine::Upper => host.to_ascii_uppercase(),
        HostLine::TrailingDot => format!("{host}."),
        HostLine::Port => format!("{host}:8443"),
        HostLine::Address => "127.0.0.1:8080".to_owned(),
        HostLine::Deployment(deployment) => HostSpec::of(deployment).of.text(world),
        HostLine::Adapter(provider) => single_host(&format!("{}-proxy", provider.slug())),
    };
    let absolute = |host: &str| [b"http://", host.as_bytes(), &path].concat();
    let target = match carrier.host {
        HostLine::Absolute => absolute(&host),
        HostLine::AbsoluteOther(deployment) => absolute(&HostSpec::of(deployment).of.text(world)),
        HostLine::Plain
        | HostLine::Upper
        | HostLine::TrailingDot
        | HostLine::Port
        | HostLine::Address
        | HostLine::Deployment(_)
        | HostLine::Adapter(_)
        | HostLine::Twice
        | HostLine::Missing => path,
    };
    let method = method(call);
    let target = if method == "CONNECT" { format!("{host}:443").into_bytes() } else { target };
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    if !http2 {
        let times = match carrier.host {
            HostLine::Missing => 0,
            HostLine::Twice => 2,
            HostLine::Plain
            | HostLine::Upper
            | HostLine::TrailingDot
            | HostLine::Port
            | HostLine::Address
            | HostLine::Deployment(_)
            | HostLine::Adapter(_)
            | HostLine::Absolute
            | HostLine::AbsoluteOther(_) => 1,
        };
        headers.extend((0..times).map(|_| ("Host".to_owned(), written.clone().into_bytes())));
    }
    headers.extend(header_fields(world, state, call, number).into_iter().map(|field| (field.name, field.value)));
    if http2 {
        for (name, _) in &mut headers {
            name.make_ascii_lowercase();
        }
    }
    Wire {
        transport: carrier.transport,
        reuse: carrier.reuse,
        sni: carrier.transport.is_tls().then(|| host.clone()),
        method,
        target,
        authority: written.into_bytes(),
        version10: false,
        headers,
        body: body(world, state, call),
        upgrade: false,
        ordinary: is_ordinary(call),
        library_host: host,
    }
}

fn method(call: &EdgeCall) -> &'static str {
    match call {
        EdgeCall::Provider(call) => call.ask.method_sent().as_str(),
        EdgeCall::Vend(call) => call.method.as_str(),
        EdgeCall::Hook(call) => call.method.as_str(),
    }
}

fn body(world: &World, state: &State, call: &EdgeCall) -> WireBody {
    match call {
        EdgeCall::Provider(call) => provider_body(world, call),
        EdgeCall::Vend(_) => WireBody::None,
        EdgeCall::Hook(call) => hook_body(world, state, call),
    }
}

/// Whether an ordinary client library sends it unchanged.
fn is_ordinary(call: &EdgeCall) -> bool {
    let carrier = call.carrier();
    let plain = match call {
        EdgeCall::Provider(call) => {
            call.ask.spelling == PathSpelling::Plain
                && call.client == ClientEnd::Reads
                && !call.ask.preflight
                && !call.upstream.kind.breaks_off()
                && call.payload.shape != BodyShape::Chunked
        }
        EdgeCall::Vend(call) => match &call.ask {
            VendAsk::One { spelling, .. } => matches!(spelling, SlugSpelling::Plain | SlugSpelling::Query),
            VendAsk::Env { spelling, .. } => matches!(spelling, EnvSpelling::Plain),
            VendAsk::Bulk { .. } => true,
            VendAsk::Odd(_) => false,
        },
        EdgeCall::Hook(_) => false,
    };
    plain
        && carrier.door == Door::Host
        && carrier.host == HostLine::Plain
        && !carrier.reuse
        && !matches!(method(call), "CONNECT" | "TRACE")
        && carrier.headers.iter().all(|header| {
            header.fits_http2()
                && !matches!(
                    header,
                    EdgeHeader::Connection { spelling: ConnectionSpelling::Folded, .. } | EdgeHeader::SessionCookie(_)
                )
        })
}

/// A header as it is sent, and whether it goes on to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallField {
    /// As written.
    pub name: String,
    /// As written.
    pub value: Vec<u8>,
    /// Whether a provider must get it.
    pub passes: bool,
}

/// The headers of a call in their order, but for `Host` and those of the framing.
#[must_use]
pub fn header_fields(world: &World, state: &State, call: &EdgeCall, number: usize) -> Vec<CallField> {
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String, passes: bool| {
        fields.push(CallField { name: name.to_owned(), value: value.into_bytes(), passes });
    };
    let nominates = |name: &str| {
        call.carrier().headers.iter().any(|h| matches!(h, EdgeHeader::Nominate(nominee) if nominee.name() == name))
    };
    match call {
        EdgeCall::Provider(own) => {
            if own.ask.preflight {
                add("Origin", "https://app.example".to_owned(), false);
                add("Access-Control-Request-Method", "POST".to_owned(), true);
                add("Access-Control-Request-Headers", "authorization, content-type".to_owned(), true);
            } else {
                for (name, value) in key_fields(world, state, own.presented) {
                    add(name, value, false);
                }
            }
            add("Accept", "application/json".to_owned(), true);
            add(CALL_MARKER, number.to_string(), true);
            if body(world, state, call) != WireBody::None {
                add("Content-Type", "application/json".to_owned(), true);
                if let Some(coding) = own.payload.shape.coding() {
                    add("Content-Encoding", coding.to_owned(), true);
                }
            }
        }
        EdgeCall::Vend(own) => {
            for (name, value) in key_fields(world, state, own.presented) {
                add(name, value, false);
            }
            add("Accept", "application/json".to_owned(), false);
        }
        EdgeCall::Hook(own) => {
            for (name, value) in secret_fields(world, state, own) {
                add(&name, value, false);
            }
            if let Some(deployment) = own.names {
                let deployment = world.deployment(deployment);
                add("X-Vendo-Deployment-Id", deployment.id.clone(), false);
                add(
                    "X-Forwarded-Host",
                    single_host(&crate::world::label(&world.tenant(deployment.tenant).slug, &deployment.slug)),
                    false,
                );
            }
            if body(world, state, call) != WireBody::None {
                add("Content-Type", "application/json".to_owned(), true);
            }
        }
    }
    let mark = &world.member(call.sender()).request_canary.text;
    for header in &call.carrier().headers {
        fields.extend(extra_fields(world, state, *header, mark));
    }
    for field in &mut fields {
        field.passes &= !nominates(&field.name.to_ascii_lowercase());
    }
    fields
}

fn extra_fields(world: &World, state: &State, header: EdgeHeader, mark: &str) -> Vec<CallField> {
    let one = |name: String, value: String, passes: bool| vec![CallField { name, value: value.into_bytes(), passes }];
    let light = |header: Header, passes: bool| {
        let own = header.fields(world, mark).into_iter();
        own.map(|field| CallField { name: field.name, value: field.value, passes }).collect()
    };
    match header {
        EdgeHeader::TenantNamed { field, spelling, tenant } => {
            one(spelling.spell(field.name()), tenant_value(world, field, tenant), field.passes())
        }
        EdgeHeader::Connection { which, spelling } => {
            let name = match spelling {
                ConnectionSpelling::Upper => "X-VENDO-CONNECTION",
                ConnectionSpelling::Underscore => "X_Vendo_Connection",
                ConnectionSpelling::Plain
                | ConnectionSpelling::Twice
                | ConnectionSpelling::ThenOther(_)
                | ConnectionSpelling::AfterOther(_)
                | ConnectionSpelling::CommaList(_)
                | ConnectionSpelling::Folded
                | ConnectionSpelling::Quoted => "X-Vendo-Connection",
            };
            let id = named_connection_text(world, which);
            let other = |connection: u8| world.connection(connection).id.clone();
            let values = match spelling {
                ConnectionSpelling::Plain | ConnectionSpelling::Upper | ConnectionSpelling::Underscore => vec![id],
                ConnectionSpelling::Twice => vec![id.clone(), id],
                ConnectionSpelling::ThenOther(connection) => vec![id, other(connection)],
                ConnectionSpelling::AfterOther(connection) => vec![other(connection), id],
                ConnectionSpelling::CommaList(connection) => vec![format!("{id},{}", other(connection))],
                ConnectionSpelling::Folded => vec![format!("{id}\r\n {id}")],
                ConnectionSpelling::Quoted => vec![format!("\"{id}\"")],
            };
            values.into_iter().flat_map(|value| one(name.to_owned(), value, false)).collect()
        }
        EdgeHeader::UserJwt(token) => user_fields(world, state, token),
        EdgeHeader::OwnCredential(field) => {
            one(field.name().to_owned(), format!("caller-{}", field.name().to_ascii_lowercase()), false)
        }
        EdgeHeader::KeyBeside { field, key } => one(field.name().to_owned(), world.bearer(key).to_owned(), false),
        EdgeHeader::Partial(field) => {
            let (name, value) = field.written();
            one(name.to_owned(), value.to_owned(), false)
        }
        EdgeHeader::ConnectedAccount(account) => {
            let accounts = &world.edge.accounts;
            let id = accounts.get(usize::from(account) % accounts.len().max(1)).map(|own| own.id.clone());
            one("X-Connected-Account-Id".to_owned(), id.unwrap_or_default(), false)
        }
        EdgeHeader::SessionCookie(member) => {
            let text = token::text(world, Token::valid(member), state.now_s);
            one("Cookie".to_owned(), format!("vendoAuth={}", String::from_utf8_lossy(&text)), false)
        }
        EdgeHeader::App(n) => one(format!("X-App-{}", n % 3), mark.to_owned(), true),
        EdgeHeader::BearerElsewhere(key) => one("X-App-Key".to_owned(), world.bearer(key).to_owned(), false),
        EdgeHeader::Forwarding { field, spelling, deployment } => {
            light(Header::Forwarding { field, spelling, host: HostSpec::of(deployment) }, false)
        }
        EdgeHeader::Edge(field) => light(Header::Edge { field, spelling: NameSpelling::Canonical }, false),
        EdgeHeader::Hint { field, deployment } => {
            let passes = matches!(field, HintField::Host | HintField::OriginalHost);
            light(Header::Hint { field, host: HostSpec::of(deployment) }, passes)
        }
        EdgeHeader::Hop(hop) => light(Header::Hop(hop), false),
        EdgeHeader::Nominate(nominee) => one("Connection".to_owned(), nominee.name().to_owned(), false),
        EdgeHeader::Origin => one("Origin".to_owned(), "https://evil.example".to_owned(), false),
        EdgeHeader::Referer => one("Referer".to_owned(), "https://vendo.run/".to_owned(), false),
        EdgeHeader::Envelope { field, spelling } => {
            let value = match field {
                EnvelopeField::Timestamp => "1".to_owned(),
                EnvelopeField::Signature => "00".repeat(32),
                EnvelopeField::ConnectionId => "cnForged".to_owned(),
                EnvelopeField::Provider => "forged".to_owned(),
            };
            one(spelling.spell(field.name()), value, false)
        }
    }
}

fn tenant_value(world: &World, field: TenantField, tenant: u8) -> String {
    let tenant = world.tenant(usize::from(tenant));
    match field {
        TenantField::VendoTenantId | TenantField::TenantId | TenantField::OrgId | TenantField::PlainVendoTenant => {
            tenant.id.clone()
        }
        TenantField::VendoTenant | TenantField::VendoWorkspace | TenantField::Tenant => tenant.slug.clone(),
    }
}

fn user_fields(world: &World, state: &State, token: UserToken) -> Vec<CallField> {
    let text = user_token(world, token, state.now_s);
    let (name, times) = match token.alteration {
        UserTokenAlteration::Underscore => ("X_Vendo_User_JWT", 1),
        UserTokenAlteration::Twice => ("X-Vendo-User-JWT", 2),
        UserTokenAlteration::None
        | UserTokenAlteration::Expired
        | UserTokenAlteration::ExpiresNow
        | UserTokenAlteration::ForeignKey
        | UserTokenAlteration::UnknownKid
        | UserTokenAlteration::NoKid
        | UserTokenAlteration::AlgNone
        | UserTokenAlteration::AlgHs256
        | UserTokenAlteration::NoAudience
        | UserTokenAlteration::OtherAudience
        | UserTokenAlteration::NoExpiry
        | UserTokenAlteration::TenantOf(_)
        | UserTokenAlteration::UserMetadata
        | UserTokenAlteration::UserMetadataOther(_)
        | UserTokenAlteration::NoTenant
        | UserTokenAlteration::Stranger
        | UserTokenAlteration::NoSubject
        | UserTokenAlteration::AlteredSignature
        | UserTokenAlteration::AlteredPayload(_)
        | UserTokenAlteration::CutSignature
        | UserTokenAlteration::Empty => ("X-Vendo-User-JWT", 1),
    };
    let field = CallField { name: name.to_owned(), value: text.into_bytes(), passes: false };
    vec![field; times]
}

/// What `X-Vendo-Connection` says.
#[must_use]
pub fn named_connection_text(world: &World, which: NamedConnection) -> String {
    match which {
        NamedConnection::Of(connection) => world.connection(connection).id.clone(),
        NamedConnection::OtherCase(connection) => other_case(&world.connection(connection).id),
        NamedConnection::External(connection) => world.connection(connection).external_id.clone(),
        NamedConnection::Unknown => "cnNobody".to_owned(),
        NamedConnection::Malformed => "cn:*".to_owned(),
        NamedConnection::Traversal(connection) => format!("../{}", world.connection(connection).id),
        NamedConnection::Empty => String::new(),
    }
}

/// The secret that a connection has now, or began with.
fn secret_of(world: &World, state: &State, connection: u8, now: bool) -> Option<String> {
    let index = world.edge.connection_index(connection);
    let first = world.connection(connection).webhook_secret.as_ref()?;
    let times = if now { state.edge.connections.get(index).map_or(0, |own| own.webhook_secret) } else { 0 };
    Some(replaced(&first.text, times))
}

/// The secret that a webhook sends, where it is one value; `None` where no field is sent.
#[must_use]
pub fn secret_text(world: &World, state: &State, call: &HookCall) -> Option<String> {
    let own = || {
        let near = call.path.near().unwrap_or(0);
        // A connection that takes no webhooks has no secret: then some text stands in for it.
        secret_of(world, state, near, true).unwrap_or_else(wrong_secret)
    };
    match call.secret {
        SecretRef::Own | SecretRef::Twice | SecretRef::ThenWrong | SecretRef::AfterWrong => Some(own()),
        SecretRef::Old => {
            let near = call.path.near().unwrap_or(0);
            Some(secret_of(world, state, near, false).unwrap_or_else(wrong_secret))
        }
        SecretRef::Of(connection) => Some(secret_of(world, state, connection, true).unwrap_or_else(wrong_secret)),
        SecretRef::Wrong => Some(wrong_secret()),
        SecretRef::Missing => None,
        SecretRef::Empty => Some(String::new()),
        SecretRef::Cut => {
            let own = own();
            Some(own.get(..own.len().saturating_sub(1)).unwrap_or_default().to_owned())
        }
        SecretRef::Extended => Some(own() + "A"),
        SecretRef::OtherCase => Some(other_case(&own())),
        SecretRef::OfApp(app) => Some(world.app(app).webhook_secret.text.clone()),
        SecretRef::CommaList => Some(format!("{},{}", own(), wrong_secret())),
    }
}

fn secret_fields(world: &World, state: &State, call: &HookCall) -> Vec<(String, String)> {
    let Some(secret) = secret_text(world, state, call) else { return Vec::new() };
    let provider = call.path.near().map_or(Provider::Telegram, |connection| world.connection(connection).provider);
    let name = match call.field {
        SecretField::Own(spelling) => spelling.spell(secret_header(provider)),
        SecretField::Other => {
            let other = if provider == Provider::Telegram { Provider::Github } else { Provider::Telegram };
            secret_header(other).to_owned()
        }
        SecretField::Authorization => return vec![("Authorization".to_owned(), format!("Bearer {secret}"))],
        SecretField::Query => return Vec::new(),
    };
    let values = match call.secret {
        SecretRef::Twice => vec![secret.clone(), secret],
        SecretRef::ThenWrong => vec![secret, wrong_secret()],
        SecretRef::AfterWrong => vec![wrong_secret(), secret],
        SecretRef::Own
        | SecretRef::Old
        | SecretRef::Of(_)
        | SecretRef::Wrong
        | SecretRef::Missing
        | SecretRef::Empty
        | SecretRef::Cut
        | SecretRef::Extended
        | SecretRef::OtherCase
        | SecretRef::OfApp(_)
        | SecretRef::CommaList => vec![secret],
    };
    values.into_iter().map(|value| (name.clone(), value)).collect()
}

/// The header in which a provider sends its secret.
#[must_use]
pub fn secret_header(provider: Provider) -> &'static str {
    if provider == Provider::Telegram { "X-Telegram-Bot-Api-Secret-Token" } else { "X-Webhook-Secret" }
}

fn wrong_secret() -> String {
    "WrongSecretWrongSecretWrongSecre".to_owned()
}

/// SHA-256 in lower-case hex.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every letter in its other case.
#[must_use]
pub fn other_case(text: &str) -> String {
    let turned = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(turned).collect()
}
