//! The model's state: what the platform must look like after the actions so far.

pub mod edge;

use std::collections::BTreeMap;

use crate::action::edge::{EdgeCall, EdgeControl};
use crate::action::host::{HostOf, HostSpec, Spelling, portal, rename};
use crate::action::path::Code;
use crate::action::{Action, Control, Domain, Request, Status};
use crate::observation::Observation;
use crate::world::{World, label, legacy_host, single_host};
use edge::EdgeState;

/// Seconds for which a sign-in code can be redeemed.
pub const CODE_LIFETIME_S: i64 = 60;

/// A deployment as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentState {
    /// Its slug now.
    pub slug: String,
    /// Its status now.
    pub status: Status,
    /// Whether the app-proxy asks for a session.
    pub vendo_auth: bool,
    /// Whether its entries are gone for good.
    pub torn_down: bool,
}

/// A sign-in code that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCode {
    /// Its text, as the target gave it.
    pub text: String,
    /// To which member.
    pub member: usize,
    /// For which host.
    pub host: String,
    /// When, in seconds since the epoch.
    pub issued_s: i64,
    /// Whether it was presented.
    pub spent: bool,
}

/// Everything that changes during a case.
#[derive(Debug, Clone)]
pub struct State {
    /// The platform's clock, in seconds since the epoch.
    pub now_s: i64,
    /// The deployments, in the world's order.
    pub deployments: Vec<DeploymentState>,
    /// Every host that has an entry, and whose it is.
    pub hosts: BTreeMap<String, usize>,
    /// The sign-in codes, in the order in which they were given out.
    pub codes: Vec<IssuedCode>,
    /// Counts the changes of the control plane: what was seen before one proves nothing after it.
    pub epoch: u32,
    /// What changes at the edge.
    pub edge: EdgeState,
}

/// What the control plane must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlOutcome {
    /// It does it.
    Done,
    /// It refuses.
    Refused,
}

impl State {
    /// The state when a case begins.
    #[must_use]
    pub fn new(world: &World) -> Self {
        let mut hosts = BTreeMap::new();
        let mut deployments = Vec::new();
        for (index, deployment) in world.deployments.iter().enumerate() {
            let tenant = &world.tenant(deployment.tenant).slug;
            hosts.insert(single_host(&label(tenant, &deployment.slug)), index);
            if deployment.legacy {
                hosts.insert(legacy_host(tenant, &deployment.slug), index);
            }
            if let Some(domain) = &deployment.domain {
                hosts.insert(domain.clone(), index);
            }
            deployments.push(DeploymentState {
                slug: deployment.slug.clone(),
                status: Status::Running,
                vendo_auth: deployment.vendo_auth,
                torn_down: false,
            });
        }
        Self { now_s: world.start_s, deployments, hosts, codes: Vec::new(), epoch: 0, edge: EdgeState::new(world) }
    }

    /// Which deployment a plain host leads to.
    #[must_use]
    pub fn resolve(&self, host: &str) -> Option<usize> {
        self.hosts.get(host).copied()
    }

    /// The deployment's state, by the world's reading of an index.
    #[must_use]
    pub fn deployment(&self, world: &World, index: u8) -> Option<&DeploymentState> {
        self.deployments.get(world.deployment_index(index))
    }

    /// The text of the code that a request presents; `None` when it presents none.
    #[must_use]
    pub fn code_text(&self, code: Code) -> Option<String> {
        let issued = |n: u8| self.codes.get(usize::from(n)).map(|code| code.text.clone());
        match code {
            Code::Issued(n) => Some(issued(n).unwrap_or_else(guess)),
            Code::Altered(n) => Some(issued(n).map_or_else(guess, |text| altered(&text))),
            Code::OtherCase(n) => Some(issued(n).map_or_else(guess, |text| other_case(&text))),
            Code::Cut(n) => {
                Some(issued(n).map_or_else(guess, |text| text.chars().take(text.chars().count().max(1) - 1).collect()))
            }
            Code::Extended(n) => Some(issued(n).map_or_else(guess, |text| text + "A")),
            Code::Guessed => Some(guess()),
            Code::Missing => None,
            Code::Empty => Some(String::new()),
        }
    }

    /// Whether the action says something definite in this state. One that doesn't is left out.
    #[must_use]
    pub fn allows(&self, world: &World, action: &Action) -> bool {
        let control = match action {
            Action::Control(control) => control,
            Action::EdgeControl(control) => return self.allows_edge(world, *control),
            Action::During { control, .. } => {
                return !matches!(control, EdgeControl::SetWalletAvailable { .. }) && self.allows_edge(world, *control);
            }
            Action::Together(calls) => return self.allows_together(world, calls, action),
            Action::Request(_)
            | Action::Race { .. }
            | Action::Malformed { .. }
            | Action::Advance { .. }
            | Action::KvKey { .. }
            | Action::Edge(_)
            | Action::Vault(_) => return true,
        };
        let alive = |deployment: u8| {
            self.deployment(world, deployment).is_some_and(|d| !d.torn_down && d.status != Status::Destroyed)
        };
        match control {
            Control::SetStatus { deployment, .. }
            | Control::SetVendoAuth { deployment, .. }
            | Control::Teardown { deployment } => alive(*deployment),
            Control::Rename { deployment, slug } => {
                let own = self.deployment(world, *deployment);
                // A rename to the same name, or onto a destroyed deployment's, is nobody's claim.
                alive(*deployment)
                    && own.is_some_and(|d| d.slug != rename(*slug))
                    && self.holder_is_alive_or_none(&self.renamed_host(world, *deployment, *slug))
            }
            Control::ClaimDomain { deployment, domain } => {
                alive(*deployment)
                    && domain_text(world, *domain).is_none_or(|text| {
                        self.holder_is_alive_or_none(&text)
                            && self.resolve(&text) != Some(world.deployment_index(*deployment))
                    })
            }
            Control::ReleaseDomain { deployment, domain } => {
                alive(*deployment)
                    && matches!(domain, Domain::Fresh(_) | Domain::DomainOf(_))
                    && domain_text(world, *domain)
                        .is_some_and(|text| self.resolve(&text) == Some(world.deployment_index(*deployment)))
            }
            Control::SignInCode { host, .. } => {
                host.spelling == Spelling::Exact && self.holder_is_alive_or_none(&host.of.text(world))
            }
        }
    }

    /// Whether calls at once say something definite: no two of them are about one thing that is done or kept once.
    fn allows_together(&self, world: &World, calls: &[EdgeCall], action: &Action) -> bool {
        let dues = crate::oracle::edge::step::dues(world, self, action);
        let mut once: Vec<crate::oracle::edge::expect::Effect> = Vec::new();
        for effect in dues.iter().filter_map(|due| due.call()).flat_map(|due| &due.effects) {
            if once.iter().any(|other| other.is_about_the_same(effect)) {
                return false;
            }
            once.push(effect.clone());
        }
        (2..=4).contains(&calls.len())
    }

    /// What the control plane must answer to a control that this state allows.
    #[must_use]
    pub fn control_outcome(&self, world: &World, control: &Control) -> ControlOutcome {
        let done = |yes| {
            if yes { ControlOutcome::Done } else { ControlOutcome::Refused }
        };
        match control {
            Control::SetStatus { .. }
            | Control::SetVendoAuth { .. }
            | Control::Teardown { .. }
            | Control::ReleaseDomain { .. } => ControlOutcome::Done,
            Control::Rename { deployment, slug } => {
                done(self.resolve(&self.renamed_host(world, *deployment, *slug)).is_none())
            }
            Control::ClaimDomain { domain, .. } => {
                done(domain_text(world, *domain).is_some_and(|text| self.resolve(&text).is_none()))
            }
            Control::SignInCode { member, host } => {
                let holder = host.meaning(world).and_then(|text| self.resolve(&text));
                let tenant = holder.and_then(|index| world.deployments.get(index)).map(|d| d.tenant);
                done(tenant == Some(world.member(*member).tenant))
            }
        }
    }

    /// Moves on after an action that this state allows.
    pub fn apply(&mut self, world: &World, action: &Action, observation: &Observation) {
        match action {
            Action::Advance { seconds } => self.now_s += i64::from(*seconds),
            Action::Control(control) => {
                if self.control_outcome(world, control) == ControlOutcome::Done {
                    self.control(world, control, observation);
                }
            }
            Action::Edge(_) | Action::Together(_) => self.after_calls(world, action, observation),
            Action::During { control, .. } => {
                let done = self.edge_outcome(world, *control) == ControlOutcome::Done;
                self.after_calls(world, action, observation);
                if done {
                    self.change_edge(world, *control, observation);
                }
            }
            Action::EdgeControl(control) => {
                if self.edge_outcome(world, *control) == ControlOutcome::Done {
                    self.change_edge(world, *control, observation);
                }
                let day = self.now_s.div_euclid(86_400);
                self.edge.after_money(world, &observation.edge, day);
            }
            Action::Request(_)
            | Action::Race { .. }
            | Action::Malformed { .. }
            | Action::KvKey { .. }
            | Action::Vault(_) => {}
        }
    }

    /// A code was presented where codes are redeemed: it is spent.
    pub fn spend(&mut self, text: &str) {
        for code in self.codes.iter_mut().filter(|code| code.text == text) {
            code.spent = true;
        }
    }

    /// The member to whom a code is good at a host now.
    #[must_use]
    pub fn redeems(&self, text: &str, host: &str) -> Option<usize> {
        self.codes
            .iter()
            .find(|code| {
                code.text == text && !code.spent && code.host == host && self.now_s < code.issued_s + CODE_LIFETIME_S
            })
            .map(|code| code.member)
    }

    fn control(&mut self, world: &World, control: &Control, observation: &Observation) {
        self.epoch += 1;
        match control {
            Control::SetStatus { deployment, status } => {
                if let Some(own) = self.deployment_mut(world, *deployment) {
                    own.status = *status;
                }
                if *status == Status::Destroyed {
                    self.end_keys_of(world, world.deployment_index(*deployment));
                }
            }
            Control::SetVendoAuth { deployment, on } => {
                if let Some(own) = self.deployment_mut(world, *deployment) {
                    own.vendo_auth = *on;
                }
            }
            Control::Rename { deployment, slug } => {
                let index = world.deployment_index(*deployment);
                let tenant = world.tenant(world.deployment(*deployment).tenant).slug.clone();
                let legacy = world.deployment(*deployment).legacy;
                if let Some(own) = self.deployments.get_mut(index) {
                    self.hosts.remove(&single_host(&label(&tenant, &own.slug)));
                    self.hosts.remove(&legacy_host(&tenant, &own.slug));
                    own.slug = rename(*slug).to_owned();
                    self.hosts.insert(single_host(&label(&tenant, &own.slug)), index);
                    if legacy {
                        self.hosts.insert(legacy_host(&tenant, &own.slug), index);
                    }
                }
            }
            Control::Teardown { deployment } => {
                let index = world.deployment_index(*deployment);
                self.hosts.retain(|_, holder| *holder != index);
                self.end_keys_of(world, index);
                if let Some(own) = self.deployment_mut(world, *deployment) {
                    own.torn_down = true;
                    own.status = Status::Destroyed;
                }
            }
            Control::ClaimDomain { deployment, domain } => {
                if let Some(text) = domain_text(world, *domain) {
                    self.hosts.insert(text, world.deployment_index(*deployment));
                }
            }
            Control::ReleaseDomain { domain, .. } => {
                if let Some(text) = domain_text(world, *domain) {
                    self.hosts.remove(&text);
                }
            }
            Control::SignInCode { member, host } => {
                self.codes.push(IssuedCode {
                    text: observation.code.clone().unwrap_or_default(),
                    member: world.member_index(*member),
                    host: host.of.text(world),
                    issued_s: self.now_s,
                    spent: false,
                });
            }
        }
    }

    fn deployment_mut(&mut self, world: &World, index: u8) -> Option<&mut DeploymentState> {
        self.deployments.get_mut(world.deployment_index(index))
    }

    fn renamed_host(&self, world: &World, deployment: u8, slug: u8) -> String {
        single_host(&label(&world.tenant(world.deployment(deployment).tenant).slug, rename(slug)))
    }

    fn holder_is_alive_or_none(&self, host: &str) -> bool {
        self.resolve(host)
            .is_none_or(|index| self.deployments.get(index).is_some_and(|d| d.status != Status::Destroyed))
    }
}

/// The domain that is claimed; `None` when it is none that anybody may have.
#[must_use]
pub fn domain_text(world: &World, domain: Domain) -> Option<String> {
    match domain {
        Domain::Fresh(n) => Some(portal(n)),
        Domain::DomainOf(deployment) => world.deployment(deployment).domain.clone(),
        Domain::PlatformHost(_)
        | Domain::LegacyHost(_)
        | Domain::DeepHost(_)
        | Domain::SpelledHost(_)
        | Domain::Label(_)
        | Domain::IpLiteral
        | Domain::WholeKey(_)
        | Domain::Wildcard
        | Domain::Space
        | Domain::Slash
        | Domain::Empty
        | Domain::Platform => None,
    }
}

/// The domain as it is sent to the control plane.
#[must_use]
pub fn domain_sent(world: &World, domain: Domain) -> String {
    match domain {
        Domain::Fresh(_) | Domain::DomainOf(_) => domain_text(world, domain).unwrap_or_default(),
        Domain::PlatformHost(deployment) => HostSpec::of(deployment).of.text(world),
        Domain::LegacyHost(deployment) => HostOf::Legacy(deployment).text(world),
        Domain::DeepHost(deployment) => HostOf::Deeper(deployment).text(world),
        Domain::SpelledHost(deployment) => HostOf::Single(deployment).text(world).to_ascii_uppercase() + ".",
        Domain::Label(deployment) => HostOf::BareLabel(deployment).text(world),
        Domain::IpLiteral => "127.0.0.1".to_owned(),
        Domain::WholeKey(deployment) => HostOf::WholeKey(deployment).text(world),
        Domain::Wildcard => "*.example".to_owned(),
        Domain::Space => "a b.example".to_owned(),
        Domain::Slash => "a/b.example".to_owned(),
        Domain::Empty => String::new(),
        Domain::Platform => "vendo.run".to_owned(),
    }
}

/// The sign-in codes that a request would present.
#[must_use]
pub fn presented_code(request: &Request) -> Option<Code> {
    match request.path {
        crate::action::path::Path::Session { code, .. } => Some(code),
        crate::action::path::Path::Root
        | crate::action::path::Path::Shared(_)
        | crate::action::path::Path::Odd(_)
        | crate::action::path::Path::NamesTenantOf(_)
        | crate::action::path::Path::SessionInQuery(_)
        | crate::action::path::Path::Asterisk
        | crate::action::path::Path::Reserved(_) => None,
    }
}

fn guess() -> String {
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()
}

/// Every letter in its other case.
fn other_case(text: &str) -> String {
    let turned = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    text.chars().map(turned).collect()
}

fn altered(text: &str) -> String {
    let mut altered: Vec<char> = text.chars().collect();
    if let Some(last) = altered.last_mut() {
        *last = if *last == 'A' { 'B' } else { 'A' };
    }
    altered.into_iter().collect()
}
