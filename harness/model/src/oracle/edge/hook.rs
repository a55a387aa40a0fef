//! Webhooks: what a call to the hooks worker must lead to, and whether it did.
//!
//! Until the secret was right there is one answer, whatever is wrong. With it, the event goes to the container of the one
//! deployment that its connection's binding names, in an envelope that the bound app's secret signs, and what comes back
//! is that container's status.

pub mod canaries;
pub mod judge;

use std::collections::BTreeSet;

use crate::action::edge::control::ConnectionStatus;
use crate::action::edge::header::{ConnectionSpelling, EdgeHeader};
use crate::action::edge::hook::{HookBody, HookPath, HookReply, SecretField, SecretRef};
use crate::action::edge::{EdgeCall, HookCall};
use crate::action::header::NameSpelling;
use crate::action::{Method, Status};
use crate::claim::ClaimId;
use crate::observation::Fields;
use crate::oracle::expect::{CONTAINER_HOST, Delivery};
use crate::render::WireBody;
use crate::render::edge::call::{other_case, secret_header, secret_text};
use crate::render::edge::{hmac_sha256, wire};
use crate::state::State;
use crate::world::edge::{App, Connection, replaced};
use crate::world::{PLATFORM_DOMAIN, World};

/// What a webhook must lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Why.
    pub reason: Reason,
    /// What the sender gets.
    pub answer: Answer,
    /// What reaches a container; `None` when nothing may.
    pub delivery: Option<Delivery>,
    /// The KV keys that may be read for it.
    pub reads: BTreeSet<String>,
    /// The secret that was sent: it never goes on.
    pub presented: Option<String>,
    /// The connection's secret as it is now, and that of the app which signs: they reach nobody. A replaced one is no
    /// canary, so they are looked for one by one.
    pub secrets: Vec<String>,
}

/// Why a webhook leads where it leads, in the order in which the worker decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Host fields or header syntax are no request to this worker.
    Entry,
    /// The method is never passed on by any worker.
    NeverPassed,
    /// The path is no connection's external id.
    Nobody,
    /// The secret isn't that of the connection, which is there.
    Secret,
    /// The connection was revoked.
    Revoked,
    /// The secret is right, and the method isn't POST.
    Method,
    /// The secret is right, and the body is too large.
    TooLarge,
    /// The connection is bound to no app, or not to one with a deployment.
    Unbound,
    /// The deployment is gone, or another tenant's.
    Gone,
    /// The deployment doesn't run.
    NotRunning,
    /// The event is delivered.
    Delivered,
}

impl Reason {
    /// Whether the webhook has to be refused.
    #[must_use]
    pub const fn refuses(self) -> bool {
        !matches!(self, Self::Delivered)
    }

    /// Whether it must not show that the connection is there.
    #[must_use]
    pub const fn hides(self) -> bool {
        match self {
            Self::Nobody | Self::Secret | Self::Revoked => true,
            Self::Entry
            | Self::NeverPassed
            | Self::Method
            | Self::TooLarge
            | Self::Unbound
            | Self::Gone
            | Self::NotRunning
            | Self::Delivered => false,
        }
    }

    /// The claim that falls when the answer is another.
    #[must_use]
    pub const fn claim(self) -> ClaimId {
        if self.hides() { ClaimId::Hks2 } else { ClaimId::Hks1 }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Entry => "the request isn't one to this worker",
            Self::NeverPassed => "the method is never passed on",
            Self::Nobody => "the path is no external id",
            Self::Secret => "the secret is wrong",
            Self::Revoked => "the connection was revoked",
            Self::Method => "the method isn't POST",
            Self::TooLarge => "the body is too large",
            Self::Unbound => "the connection is bound to nothing",
            Self::Gone => "the deployment is gone",
            Self::NotRunning => "the deployment doesn't run",
            Self::Delivered => "the event is due to the deployment",
        }
    }
}

/// What the sender of a webhook gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A refusal before the worker has its say, in whatever words; the connection may end.
    Entry(u16),
    /// The worker's own answer.
    Own(u16),
    /// The container's status, and nothing else of it.
    Container(u16),
}

impl Answer {
    /// The status that is due.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Entry(status) | Self::Own(status) | Self::Container(status) => status,
        }
    }
}

/// What a webhook must lead to in this state.
#[must_use]
pub fn expect(world: &World, state: &State, call: &HookCall) -> Expected {
    if is_malformed(call) {
        return refused(Reason::Entry, Answer::Entry(400));
    }
    if matches!(call.method, Method::Connect | Method::Trace) {
        return refused(Reason::NeverPassed, Answer::Entry(405));
    }
    let presented = secret_text(world, state, call);
    let Some((index, own)) = asked(world, call.path) else {
        return Expected { presented, ..refused(Reason::Nobody, Answer::Own(412)) };
    };
    let current = current_secret(state, index, own);
    let right = current.is_some() && presented == current && is_where_it_must_be(world, call, own);
    let bound = bound_app(world, state, index);
    let signing = bound.map(|app| app.webhook_secret.text.clone());
    let mut reads = BTreeSet::from([format!("conn:{}", own.id)]);
    if let Some(deployment) = bound.and_then(|app| app.deployment) {
        reads.extend(deployment_keys(state, deployment));
    }
    let decided = decide(world, state, call, (index, own), right, bound);
    Expected { reads, presented, secrets: current.into_iter().chain(signing).collect(), ..decided }
}

fn decide(
    world: &World,
    state: &State,
    call: &HookCall,
    (index, own): (usize, &Connection),
    right: bool,
    bound: Option<&App>,
) -> Expected {
    let own_answer = |reason, status| refused(reason, Answer::Own(status));
    // The row decides: an external id is looked up there, not in the key-value store.
    if state.edge.connections.get(index).is_none_or(|now| now.status == ConnectionStatus::Revoked) {
        return own_answer(Reason::Revoked, 412);
    }
    if !right {
        return own_answer(Reason::Secret, 412);
    }
    if call.method != Method::Post {
        return own_answer(Reason::Method, 405);
    }
    if call.body == HookBody::TooLarge {
        return own_answer(Reason::TooLarge, 413);
    }
    let Some((app, deployment)) = bound.and_then(|app| Some((app, app.deployment?))) else {
        return own_answer(Reason::Unbound, 404);
    };
    let (Some(target), Some(now)) = (world.deployments.get(deployment), state.deployments.get(deployment)) else {
        return own_answer(Reason::Gone, 404);
    };
    if app.tenant != own.tenant || target.tenant != own.tenant || now.torn_down {
        return own_answer(Reason::Gone, 404);
    }
    match now.status {
        Status::Running => {}
        Status::Suspending | Status::Suspended | Status::Resuming | Status::SuspendFailed | Status::ResumeFailed => {
            return own_answer(Reason::NotRunning, 503);
        }
        Status::Destroyed => return own_answer(Reason::Gone, 404),
    }
    let answer = match call.container {
        HookReply::Ok | HookReply::WithHeaders => Answer::Container(200),
        HookReply::Accepted => Answer::Container(202),
        HookReply::NotFound => Answer::Container(404),
        HookReply::Error => Answer::Container(500),
        HookReply::Redirect(_) => Answer::Container(302),
        HookReply::RedirectStray => Answer::Container(307),
        HookReply::Garbage | HookReply::ClosesAtOnce => Answer::Own(502),
    };
    let delivery = delivery(world, state, call, own, app, deployment);
    Expected { delivery: Some(delivery), ..refused(Reason::Delivered, answer) }
}

const fn refused(reason: Reason, answer: Answer) -> Expected {
    Expected { reason, answer, delivery: None, reads: BTreeSet::new(), presented: None, secrets: Vec::new() }
}

/// Whether it is refused for its host fields or a folded header.
fn is_malformed(call: &HookCall) -> bool {
    let folded =
        |header: &EdgeHeader| matches!(header, EdgeHeader::Connection { spelling: ConnectionSpelling::Folded, .. });
    call.carrier.host.is_refused() || call.carrier.headers.iter().any(folded)
}

/// The connection whose external id the path is, byte for byte. An id that was altered may be another connection's.
fn asked(world: &World, path: HookPath) -> Option<(usize, &Connection)> {
    let external = |connection: u8| world.connection(connection).external_id.clone();
    let id = match path {
        HookPath::Of(connection) | HookPath::Query(connection) => external(connection),
        HookPath::OtherCase(connection) => other_case(&external(connection)),
        HookPath::Cut(connection) => {
            let mut id = external(connection);
            id.pop();
            id
        }
        HookPath::Extended(connection) => external(connection) + "0",
        HookPath::ConnectionId(connection) => world.connection(connection).id.clone(),
        HookPath::TrailingSlash(_)
        | HookPath::Deeper(_)
        | HookPath::DoubleSlash(_)
        | HookPath::DotDot(_)
        | HookPath::Encoded(_)
        | HookPath::Nul(_)
        | HookPath::Unknown
        | HookPath::Star
        | HookPath::Colon(_)
        | HookPath::Long
        | HookPath::Root => return None,
    };
    world.edge.connections.iter().enumerate().find(|(_, own)| own.external_id == id)
}

/// The secret of a connection that takes webhooks, as it is now.
fn current_secret(state: &State, index: usize, own: &Connection) -> Option<String> {
    let times = state.edge.connections.get(index).map_or(0, |now| now.webhook_secret);
    own.webhook_secret.as_ref().map(|first| replaced(&first.text, times))
}

/// Whether what is sent stands once, and alone, in the header of the connection's provider.
fn is_where_it_must_be(world: &World, call: &HookCall, own: &Connection) -> bool {
    let named = match call.field {
        SecretField::Own(spelling) => match spelling {
            NameSpelling::Canonical | NameSpelling::Lower | NameSpelling::Upper | NameSpelling::Mixed => {
                // The header that is sent is that of the provider which the path is near to.
                let near = call.path.near().map(|near| secret_header(world.connection(near).provider));
                near == Some(secret_header(own.provider))
            }
            NameSpelling::Underscore | NameSpelling::LastUnderscore => false,
        },
        SecretField::Other | SecretField::Authorization | SecretField::Query => false,
    };
    let alone = match call.secret {
        SecretRef::Own
        | SecretRef::Old
        | SecretRef::Of(_)
        | SecretRef::Wrong
        | SecretRef::Missing
        | SecretRef::Empty
        | SecretRef::Cut
        | SecretRef::Extended
        | SecretRef::OtherCase
        | SecretRef::OfApp(_) => true,
        SecretRef::Twice | SecretRef::ThenWrong | SecretRef::AfterWrong | SecretRef::CommaList => false,
    };
    named && alone
}

fn bound_app<'w>(world: &'w World, state: &State, connection: usize) -> Option<&'w App> {
    let (app, _) = state.edge.bindings.iter().find(|(_, bound)| *bound == connection)?;
    world.edge.apps.get(*app)
}

fn deployment_keys(state: &State, deployment: usize) -> impl Iterator<Item = String> {
    let hosts = state.hosts.iter().filter(move |(_, index)| **index == deployment);
    hosts.map(|(host, _)| {
        let label = host.strip_suffix(PLATFORM_DOMAIN).and_then(|rest| rest.strip_suffix('.'));
        match label.filter(|label| !label.contains('.')) {
            Some(label) => format!("deploy:{label}"),
            None => format!("deploy:{host}"),
        }
    })
}

/// What the container must receive: the body as it came, and the envelope, and nothing else of the sender's.
fn delivery(world: &World, state: &State, call: &HookCall, own: &Connection, app: &App, deployment: usize) -> Delivery {
    let sent = wire(world, state, &EdgeCall::Hook(call.clone()), 0);
    let body = sent.body.bytes();
    let timestamp = state.now_s.to_string();
    let mut headers: Fields = vec![
        ("host".to_owned(), CONTAINER_HOST.as_bytes().to_vec()),
        (SIGNATURE.to_owned(), signature(app, timestamp.as_bytes(), &body).into_bytes()),
        (TIMESTAMP.to_owned(), timestamp.into_bytes()),
        ("x-vendo-connection-id".to_owned(), own.id.clone().into_bytes()),
        ("x-vendo-provider".to_owned(), own.provider.slug().as_bytes().to_vec()),
    ];
    if sent.body != WireBody::None {
        let types = sent.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE));
        headers.extend(types.map(|(_, value)| (CONTENT_TYPE.to_owned(), value.clone())));
    }
    headers.sort();
    Delivery {
        deployment,
        method: "POST",
        target: format!("/vendo/webhooks/{}", own.provider.slug()).into_bytes(),
        headers,
        body,
    }
}

pub(super) const CONTENT_TYPE: &str = "content-type";
pub(super) const SIGNATURE: &str = "vendo-signature";
pub(super) const TIMESTAMP: &str = "vendo-timestamp";

/// Lower-case hex of the HMAC-SHA256 of `{timestamp}.{body}` under an app's webhook secret.
pub(super) fn signature(app: &App, timestamp: &[u8], body: &[u8]) -> String {
    let signed = [timestamp, b".", body].concat();
    let mac = hmac_sha256(app.webhook_secret.text.as_bytes(), &signed);
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::edge::{Carrier, HostLine};
    use crate::choose::Seeded;
    use crate::state::edge::ConnectionState;
    use crate::world::Profile;
    use crate::world::edge::{ConnectionProfile, Slot};

    struct Case {
        world: World,
        state: State,
        hook: u8,
    }

    impl Case {
        fn new() -> Self {
            let world = World::generate(&mut Seeded::new(7), Profile { tenants_min: 3, ..Profile::default() });
            let state = State::new(&world);
            let hook = world.connection_in(0, Slot::TelegramHook).unwrap();
            Self { world, state, hook }
        }

        fn expect(&self, change: impl Fn(&mut HookCall)) -> Expected {
            let mut call = HookCall::plain(1, self.hook);
            change(&mut call);
            expect(&self.world, &self.state, &call.canonical())
        }

        fn outcome(&self, change: impl Fn(&mut HookCall)) -> (Reason, u16) {
            let expected = self.expect(change);
            assert_eq!(expected.delivery.is_some(), expected.reason == Reason::Delivered);
            (expected.reason, expected.answer.status())
        }

        fn connection(&mut self) -> &mut ConnectionState {
            let index = self.world.edge.connection_index(self.hook);
            &mut self.state.edge.connections[index]
        }

        fn destination(&self) -> usize {
            self.expect(|_| {}).delivery.unwrap().deployment
        }

        /// The same slot of another tenant.
        fn other(&self, tenant: usize) -> u8 {
            self.world.connection_in(tenant, Slot::TelegramHook).unwrap()
        }
    }

    #[test]
    fn an_event_is_delivered_in_an_envelope_that_the_bound_app_signs() {
        let case = Case::new();
        let expected = case.expect(|call| {
            call.carrier.headers = vec![EdgeHeader::App(0), EdgeHeader::Origin, EdgeHeader::SessionCookie(0)];
        });
        assert_eq!((expected.reason, expected.answer), (Reason::Delivered, Answer::Container(200)));
        let delivery = expected.delivery.unwrap();
        let own = case.world.connection(case.hook);
        assert_eq!((delivery.method, delivery.target.as_slice()), ("POST", &b"/vendo/webhooks/telegram"[..]));
        let names: Vec<&str> = delivery.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "host", SIGNATURE, TIMESTAMP, "x-vendo-connection-id", "x-vendo-provider"]);
        let app = case.world.edge.apps.iter().find(|app| app.deployment == Some(delivery.deployment)).unwrap();
        assert_eq!(app.tenant, own.tenant);
        let due = signature(app, case.state.now_s.to_string().as_bytes(), &delivery.body);
        assert!(delivery.headers.contains(&(SIGNATURE.to_owned(), due.into_bytes())));
        assert!(expected.reads.contains(&format!("conn:{}", own.id)) && expected.reads.len() >= 2);
    }

    #[test]
    fn the_signature_is_that_of_the_known_example() {
        // The same from: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec
        let mut app = Case::new().world.edge.apps.swap_remove(0);
        app.webhook_secret.text = "whsec".to_owned();
        let known = "8ad37ba156048ae0e0a5533c75cdf26fee88b07f93cb57ee4c80adb053012032";
        assert_eq!(signature(&app, b"1700000000", br#"{"a":1}"#), known);
    }

    #[test]
    fn without_a_body_there_is_no_content_type() {
        let case = Case::new();
        let delivery = case.expect(|call| call.body = HookBody::Empty).delivery.unwrap();
        assert!(delivery.body.is_empty() && delivery.headers.iter().all(|(name, _)| name != CONTENT_TYPE));
    }

    #[test]
    fn only_the_newest_secret_in_its_own_header_is_right() {
        let mut case = Case::new();
        let other = case.other(1);
        let hook = case.hook;
        for secret in SecretRef::ALONE {
            let due =
                if matches!(secret, SecretRef::Own | SecretRef::Old) { Reason::Delivered } else { Reason::Secret };
            assert_eq!(case.outcome(|call| call.secret = secret).0, due, "{secret:?}");
        }
        for (secret, due) in [
            (SecretRef::Of(other), Reason::Secret),
            (SecretRef::Of(hook), Reason::Delivered),
            (SecretRef::OfApp(0), Reason::Secret),
        ] {
            assert_eq!(case.outcome(|call| call.secret = secret).0, due, "{secret:?}");
        }
        for spelling in NameSpelling::ALL {
            let one = !matches!(spelling, NameSpelling::Underscore | NameSpelling::LastUnderscore);
            let due = if one { (Reason::Delivered, 200) } else { (Reason::Secret, 412) };
            assert_eq!(case.outcome(|call| call.field = SecretField::Own(spelling)), due, "{spelling:?}");
        }
        for field in [SecretField::Other, SecretField::Authorization, SecretField::Query] {
            assert_eq!(case.outcome(|call| call.field = field), (Reason::Secret, 412), "{field:?}");
        }
        case.connection().webhook_secret = 1;
        assert_eq!(case.outcome(|call| call.secret = SecretRef::Old), (Reason::Secret, 412));
        assert_eq!(case.outcome(|_| {}), (Reason::Delivered, 200));
    }

    #[test]
    fn only_the_external_id_itself_is_a_path() {
        let case = Case::new();
        let hook = case.hook;
        assert_eq!(case.outcome(|call| call.path = HookPath::Query(hook)).0, Reason::Delivered);
        let near = [
            HookPath::ConnectionId(hook),
            HookPath::TrailingSlash(hook),
            HookPath::Deeper(hook),
            HookPath::DoubleSlash(hook),
            HookPath::DotDot(hook),
            HookPath::Encoded(hook),
            HookPath::Nul(hook),
            HookPath::Colon(hook),
            HookPath::Cut(hook),
            HookPath::Extended(hook),
        ];
        for path in HookPath::NOWHERE.into_iter().chain(near) {
            assert_eq!(case.outcome(|call| call.path = path), (Reason::Nobody, 412), "{path:?}");
        }
        for connection in 0..u8::try_from(case.world.edge.connections.len()).unwrap() {
            let takes = case.world.connection(connection).profile == ConnectionProfile::WebhookInbound;
            let due = if takes { Reason::Delivered } else { Reason::Secret };
            assert_eq!(case.outcome(|call| call.path = HookPath::Of(connection)).0, due, "{connection}");
        }
        // In its other case the first tenant's id is the third's, whose secret is another.
        let third = case.other(2);
        assert_eq!(case.outcome(|call| call.path = HookPath::OtherCase(hook)), (Reason::Secret, 412));
        let expected = case.expect(|call| {
            call.path = HookPath::OtherCase(hook);
            call.secret = SecretRef::Of(third);
        });
        let delivery = expected.delivery.unwrap();
        assert_eq!(case.world.deployments[delivery.deployment].tenant, 2);
    }

    #[test]
    fn one_answer_until_the_secret_is_right_then_each_check_its_own() {
        let mut case = Case::new();
        for method in Method::ORDINARY.into_iter().filter(|method| *method != Method::Post) {
            assert_eq!(case.outcome(|call| call.method = method), (Reason::Method, 405), "{method:?}");
            let wrong = |call: &mut HookCall| {
                call.method = method;
                call.secret = SecretRef::Wrong;
            };
            assert_eq!(case.outcome(wrong), (Reason::Secret, 412), "{method:?}");
        }
        let large = |call: &mut HookCall| call.body = HookBody::TooLarge;
        assert_eq!(case.outcome(large), (Reason::TooLarge, 413));
        assert_eq!(case.outcome(|call| call.body = HookBody::Largest), (Reason::Delivered, 200));
        let blind = |call: &mut HookCall| {
            call.body = HookBody::TooLarge;
            call.secret = SecretRef::Missing;
        };
        assert_eq!(case.outcome(blind), (Reason::Secret, 412));

        let deployment = case.destination();
        for (status, due) in [
            (Status::Suspending, (Reason::NotRunning, 503)),
            (Status::Suspended, (Reason::NotRunning, 503)),
            (Status::Resuming, (Reason::NotRunning, 503)),
            (Status::SuspendFailed, (Reason::NotRunning, 503)),
            (Status::ResumeFailed, (Reason::NotRunning, 503)),
            (Status::Destroyed, (Reason::Gone, 404)),
        ] {
            case.state.deployments[deployment].status = status;
            assert_eq!(case.outcome(|_| {}), due, "{status:?}");
        }
        case.state.deployments[deployment].status = Status::Running;
        case.state.deployments[deployment].torn_down = true;
        assert_eq!(case.outcome(|_| {}), (Reason::Gone, 404));
        case.state.deployments[deployment].torn_down = false;
        assert_eq!(case.outcome(large), (Reason::TooLarge, 413));

        let index = case.world.edge.connection_index(case.hook);
        case.state.edge.bindings.retain(|(_, bound)| *bound != index);
        assert_eq!(case.outcome(|_| {}), (Reason::Unbound, 404));
        assert_eq!(case.outcome(large), (Reason::TooLarge, 413));
        for status in ConnectionStatus::ALL {
            case.connection().status = status;
            let due = if status == ConnectionStatus::Revoked { (Reason::Revoked, 412) } else { (Reason::Unbound, 404) };
            assert_eq!(case.outcome(|_| {}), due, "{status:?}");
        }
    }

    #[test]
    fn with_the_sibling_bound_the_event_is_the_siblings() {
        let mut case = Case::new();
        let first = case.destination();
        let index = case.world.edge.connection_index(case.hook);
        let sibling = usize::from(case.world.app_of_tenant(0, 1).unwrap());
        case.state.edge.bindings.retain(|(_, bound)| *bound != index);
        case.state.edge.bindings.push((sibling, index));
        let delivery = case.expect(|_| {}).delivery.unwrap();
        assert_ne!(delivery.deployment, first);
        assert_eq!(Some(delivery.deployment), case.world.edge.apps[sibling].deployment);
        let foreign = usize::from(case.world.app_of_tenant(1, 0).unwrap());
        case.state.edge.bindings.retain(|(_, bound)| *bound != index);
        case.state.edge.bindings.push((foreign, index));
        assert_eq!(case.outcome(|_| {}), (Reason::Gone, 404));
    }

    #[test]
    fn what_is_no_request_never_comes_to_the_secret() {
        let case = Case::new();
        for host in [HostLine::Twice, HostLine::Missing, HostLine::AbsoluteOther(1)] {
            let change = |call: &mut HookCall| call.carrier = Carrier { host, ..Carrier::plain() };
            assert_eq!(case.outcome(change), (Reason::Entry, 400), "{host:?}");
        }
        for method in [Method::Connect, Method::Trace] {
            assert_eq!(case.outcome(|call| call.method = method), (Reason::NeverPassed, 405), "{method:?}");
        }
    }

    #[test]
    fn the_senders_answer_is_the_containers_status() {
        let case = Case::new();
        let all = HookReply::ALONE.into_iter().chain([HookReply::Redirect(1)]);
        for reply in all {
            let due = match reply {
                HookReply::Ok | HookReply::WithHeaders => Answer::Container(200),
                HookReply::Accepted => Answer::Container(202),
                HookReply::NotFound => Answer::Container(404),
                HookReply::Error => Answer::Container(500),
                HookReply::Redirect(_) => Answer::Container(302),
                HookReply::RedirectStray => Answer::Container(307),
                HookReply::Garbage | HookReply::ClosesAtOnce => Answer::Own(502),
            };
            assert_eq!(case.expect(|call| call.container = reply).answer, due, "{reply:?}");
        }
    }
}
