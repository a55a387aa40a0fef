//! HKS-1: events with no right to be delivered, and events that are delivered elsewhere, or as somebody else's.

use super::draft::Draft;
use super::edge_draft::named;
use crate::action::edge::control::DestinationUrl;
use crate::action::edge::header::{EnvelopeField, TenantField};
use crate::action::edge::hook::{HookBody, HookPath, HookReply, SecretField, SecretRef};
use crate::action::edge::{Carrier, Door, EdgeCall, EdgeControl, EdgeHeader, HookCall, HostLine};
use crate::action::header::{ForwardingField, HintField, NameSpelling};
use crate::action::{Control, Status};
use crate::choose::Choose;
use crate::world::edge::ConnectionProfile;

/// Spellings of a header's name that are one name.
const ONE_NAME: [NameSpelling; 4] =
    [NameSpelling::Canonical, NameSpelling::Lower, NameSpelling::Upper, NameSpelling::Mixed];
/// Spellings with underscores, which are another name.
const OTHER_NAME: [NameSpelling; 2] = [NameSpelling::Underscore, NameSpelling::LastUnderscore];

/// A connection that takes webhooks, and where its events are due while the world is as it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hook {
    pub(super) tenant: usize,
    pub(super) connection: u8,
    app: u8,
    deployment: u8,
}

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let hook = draft.hook(|_| true)?;
    match name {
        "wrong-secret" => {
            draft.delivered_before(hook);
            let event = draft.strange_event(hook);
            let secret = draft.of(&[
                SecretRef::Wrong,
                SecretRef::Wrong,
                SecretRef::Cut,
                SecretRef::Extended,
                SecretRef::OtherCase,
                SecretRef::CommaList,
            ]);
            draft.event(HookCall { secret, ..event });
        }
        "missing-secret" => missing_secret(draft, hook),
        "foreign-secret" => foreign_secret(draft, hook)?,
        "replayed-secret" => {
            draft.delivered_before(hook);
            for _ in 0..draft.of(&[1, 1, 2]) {
                draft.operate(EdgeControl::ReplaceWebhookSecret { connection: hook.connection });
            }
            draft.delivered_before(hook);
            let event = draft.strange_event(hook);
            draft.event(HookCall { secret: SecretRef::Old, ..event });
        }
        "duplicate-secret" => {
            draft.delivered_before(hook);
            let event = draft.strange_event(hook);
            let secret =
                draft.of(&[SecretRef::Twice, SecretRef::ThenWrong, SecretRef::AfterWrong, SecretRef::CommaList]);
            draft.event(HookCall { secret, ..event });
        }
        "forged-destination" => forged_destination(draft, hook)?,
        "destination-not-deployment" => destination_not_deployment(draft, hook)?,
        "suspended" => suspended(draft, hook),
        "unbound" => unbound(draft, hook)?,
        "other-app-signature" => other_app_signature(draft, hook)?,
        "envelope-spoof" => {
            let mut event = draft.right_event(hook);
            for _ in 0..draft.of(&[1, 2, 3, 4]) {
                let field = draft.of(&EnvelopeField::ALL);
                let spelling = draft.of(&NameSpelling::ALL);
                event.carrier.headers.push(EdgeHeader::Envelope { field, spelling });
            }
            draft.event(event);
        }
        "redirect" => {
            draft.delivered_before(hook);
            let other = draft.elsewhere(hook.deployment)?;
            let container = draft.of(&[HookReply::Redirect(other), HookReply::RedirectStray]);
            let event = draft.right_event(hook);
            draft.event(HookCall { container, ..event });
            if draft.one_in(2) {
                // A redirect that was kept would send the next event astray.
                let event = draft.right_event(hook);
                draft.event(HookCall { container, ..event });
            }
        }
        _ => return None,
    }
    Some(())
}

/// No secret at all, or the right one where nobody looks for it.
fn missing_secret<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook) {
    draft.delivered_before(hook);
    let event = draft.strange_event(hook);
    let nowhere = [
        (SecretRef::Missing, event.field),
        (SecretRef::Missing, event.field),
        (SecretRef::Empty, event.field),
        (SecretRef::Own, SecretField::Other),
        (SecretRef::Own, SecretField::Authorization),
        (SecretRef::Own, SecretField::Query),
        (SecretRef::Own, SecretField::Own(draft.of(&OTHER_NAME))),
    ];
    let (secret, field) = draft.of(&nowhere);
    draft.event(HookCall { secret, field, ..event });
}

/// The secret of another tenant's connection, of a sibling, or of an app, which only signs.
fn foreign_secret<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook) -> Option<()> {
    let other = draft.hook(|other| other.connection != hook.connection)?;
    // He whose secret it is has used it, so that whatever keeps secrets keeps it.
    draft.delivered_before(other);
    draft.delivered_before(hook);
    let event = draft.strange_event(hook);
    let of_other = (HookPath::Of(hook.connection), SecretRef::Of(other.connection));
    let attacks = [
        of_other,
        of_other,
        of_other,
        (HookPath::Of(hook.connection), SecretRef::OfApp(hook.app)),
        (HookPath::Of(hook.connection), SecretRef::OfApp(other.app)),
        // Ids that differ in case alone, or are each other's beginning, belong to different tenants.
        (HookPath::OtherCase(hook.connection), SecretRef::Own),
        (HookPath::Cut(hook.connection), SecretRef::Own),
    ];
    let (path, secret) = draft.of(&attacks);
    draft.event(HookCall { path, secret, ..event });
    Some(())
}

/// The right secret, and somebody else's deployment named wherever an event has room for it.
fn forged_destination<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook) -> Option<()> {
    let other = draft.another_deployment(hook)?;
    let tenant = named(draft.tenant_of(other));
    draft.delivered_before(hook);
    if draft.one_in(3) {
        // In the path it makes another path, which is refused.
        let event = draft.right_event(hook);
        let path = draft.of(&[HookPath::Deeper(hook.connection), HookPath::DotDot(hook.connection)]);
        draft.event(HookCall { path, names: None, ..event });
    }
    let mut event = draft.right_event(hook);
    let (by_query, by_body, by_header) =
        draft.of(&[(true, false, false), (false, true, false), (false, false, true), (true, true, true)]);
    if by_query {
        event.path = HookPath::Of(hook.connection);
        event.names = Some(other);
    }
    if by_body {
        event.body = HookBody::Names(other);
    }
    if by_header {
        let forwarding = EdgeHeader::Forwarding {
            field: draft.of(&ForwardingField::ALL),
            spelling: draft.of(&NameSpelling::ALL),
            deployment: other,
        };
        let hint = EdgeHeader::Hint { field: draft.of(&HintField::ALL), deployment: other };
        let field = draft.of(&TenantField::ALL);
        let of_tenant = EdgeHeader::TenantNamed { field, spelling: draft.of(&NameSpelling::ALL), tenant };
        event.carrier.headers.push(draft.of(&[forwarding, hint, of_tenant]));
        if event.carrier.door == Door::Listener && draft.one_in(2) {
            event.carrier.host = HostLine::Deployment(other);
        }
    }
    draft.event(event);
    Some(())
}

/// A destination that is no deployment of the app's is refused, and an event goes where it went before, or nowhere.
fn destination_not_deployment<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook) -> Option<()> {
    let actor = named(hook.tenant);
    let (connection, own_app) = (hook.connection, hook.app);
    let other = draft.another_deployment(hook)?;
    let url = if draft.one_in(3) { DestinationUrl::Of(other) } else { draft.of(&DestinationUrl::REFUSED) };
    let sibling = draft.sibling_app(hook)?;
    // Another deployment of the tenant may well be the other app's own.
    let app = if matches!(url, DestinationUrl::Of(_)) { own_app } else { draft.of(&[own_app, own_app, sibling]) };
    draft.delivered_before(hook);
    if draft.one_in(3) {
        // While a binding is there it stays as it is, whoever asks for another one.
        let url = if matches!(url, DestinationUrl::Of(_)) { DestinationUrl::Own } else { url };
        draft.operate(EdgeControl::Bind { actor, app: sibling, connection, url: Some(url) });
    } else {
        draft.operate(EdgeControl::Unbind { actor, app: own_app, connection });
        draft.operate(EdgeControl::Bind { actor, app, connection, url: Some(url) });
        if draft.one_in(3) {
            let url = draft.of(&[None, Some(DestinationUrl::Own)]);
            draft.operate(EdgeControl::Bind { actor, app: own_app, connection, url });
        }
    }
    let event = draft.right_event(hook);
    draft.event(event);
    Some(())
}

fn suspended<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook) {
    const DOWN: [Status; 5] =
        [Status::Suspending, Status::Suspended, Status::Resuming, Status::SuspendFailed, Status::ResumeFailed];
    draft.delivered_before(hook);
    if draft.one_in(5) {
        draft.control(Control::Teardown { deployment: hook.deployment });
    } else {
        if draft.one_in(4) {
            // Down, up, and down again.
            let first = draft.of(&DOWN);
            draft.status(hook.deployment, first);
            draft.status(hook.deployment, Status::Running);
            draft.delivered_before(hook);
        }
        let status = draft.of(&DOWN);
        draft.status(hook.deployment, status);
    }
    let event = draft.right_event(hook);
    draft.event(event);
}

/// Nothing is delivered without a binding, and with another one nothing to where the first led.
fn unbound<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook) -> Option<()> {
    let actor = named(hook.tenant);
    let connection = hook.connection;
    draft.delivered_before(hook);
    draft.operate(EdgeControl::Unbind { actor, app: hook.app, connection });
    if draft.one_in(3) {
        let app = draft.sibling_app(hook)?;
        draft.operate(EdgeControl::Bind { actor, app, connection, url: None });
        if draft.one_in(2) {
            draft.delivered_before(hook);
            draft.operate(EdgeControl::Unbind { actor, app, connection });
        }
    }
    let event = draft.right_event(hook);
    draft.event(event);
    Some(())
}

/// Equal bodies for two apps, one after the other or at once: each is signed with its own app's secret.
fn other_app_signature<C: Choose>(draft: &mut Draft<'_, C>, hook: Hook) -> Option<()> {
    let other = draft.hook(|other| other.connection != hook.connection)?;
    let event = draft.right_event(hook);
    let of_other = draft.right_event(other);
    let alike = HookCall { sender: event.sender, body: event.body, ..of_other };
    match draft.of(&[0, 1, 2]) {
        0 => {
            draft.event(alike);
            draft.event(event);
        }
        1 => {
            let third = draft.right_event(hook);
            let calls = draft.of(&[2, 3]);
            let all = [alike, event, third].into_iter().take(calls);
            draft.at_once(all.map(EdgeCall::Hook).collect());
        }
        _ => {
            // Bound to the tenant's other app, it is that one's secret.
            let actor = named(hook.tenant);
            let app = draft.sibling_app(hook)?;
            draft.delivered_before(hook);
            draft.operate(EdgeControl::Unbind { actor, app: hook.app, connection: hook.connection });
            draft.operate(EdgeControl::Bind { actor, app, connection: hook.connection, url: None });
            draft.event(event);
        }
    }
    Some(())
}

impl<C: Choose> Draft<'_, C> {
    /// A connection that takes webhooks and leads to a deployment.
    pub(super) fn hook(&mut self, fits: impl Fn(&Hook) -> bool) -> Option<Hook> {
        let world = self.world;
        let takers = world.connections_where(|own| own.profile == ConnectionProfile::WebhookInbound);
        let hooks = takers.into_iter().filter_map(|connection| {
            let index = world.edge.connection_index(connection);
            let (app, _) = world.edge.bindings.iter().find(|(_, bound)| *bound == index)?;
            let app = named(*app);
            let deployment = named(world.app(app).deployment?);
            Some(Hook { tenant: world.connection(connection).tenant, connection, app, deployment })
        });
        let hooks: Vec<Hook> = hooks.filter(fits).collect();
        self.among(&hooks)
    }

    /// The tenant's other app.
    fn sibling_app(&mut self, hook: Hook) -> Option<u8> {
        let which = usize::from(self.world.app_of_tenant(hook.tenant, 0) == Some(hook.app));
        self.world.app_of_tenant(hook.tenant, which)
    }

    /// A deployment that the hook's events are not due to: another tenant's, or another of the tenant's own.
    fn another_deployment(&mut self, hook: Hook) -> Option<u8> {
        let due = self.world.deployment_index(hook.deployment);
        let count = self.world.deployments.len();
        let siblings: Vec<u8> = (0..count)
            .filter(|other| {
                *other != due && self.world.deployments.get(*other).is_some_and(|d| d.tenant == hook.tenant)
            })
            .map(named)
            .collect();
        let foreign = self.elsewhere(hook.deployment);
        if self.one_in(3) { self.among(&siblings).or(foreign) } else { foreign }
    }

    /// An event of the connection's provider, with the right secret. What a sender may choose is drawn.
    pub(super) fn right_event(&mut self, hook: Hook) -> HookCall {
        let sender = self.sender(hook.tenant);
        HookCall {
            carrier: self.hook_carrier(),
            path: self.of(&[
                HookPath::Of(hook.connection),
                HookPath::Of(hook.connection),
                HookPath::Query(hook.connection),
            ]),
            field: SecretField::Own(self.of(&ONE_NAME)),
            body: self.of(&[HookBody::Update, HookBody::Update, HookBody::Chunked, HookBody::Odd, HookBody::Empty]),
            container: self.of(&[HookReply::Ok, HookReply::Accepted, HookReply::NotFound, HookReply::WithHeaders]),
            ..HookCall::plain(sender, hook.connection)
        }
    }

    /// The same event, sent by somebody of another tenant.
    pub(super) fn strange_event(&mut self, hook: Hook) -> HookCall {
        let other = self.other_tenant(hook.tenant);
        HookCall { sender: self.sender(other), ..self.right_event(hook) }
    }

    fn hook_carrier(&mut self) -> Carrier {
        let mut carrier = self.carrier();
        if self.one_in(5) {
            carrier.headers.push(self.of(&[EdgeHeader::Origin, EdgeHeader::Referer]));
        }
        carrier
    }

    /// In half of the tries the connection's provider has sent an event before.
    pub(super) fn delivered_before(&mut self, hook: Hook) {
        if self.one_in(2) {
            let event = self.right_event(hook);
            self.event(event);
        }
    }

    pub(super) fn event(&mut self, event: HookCall) {
        self.call(EdgeCall::Hook(event));
    }
}
