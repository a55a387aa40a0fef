//! The only loop that acts, observes and judges. Campaigns choose the steps; reports read what it notes.

mod baseline;
mod digest;
mod twin;

use std::collections::BTreeMap;

use isolation_model::action::Action;
use isolation_model::claim::{ClaimId, Guard, find_move};
use isolation_model::observation::{Exchange, Observation};
use isolation_model::oracle::canaries::requests;
use isolation_model::oracle::edge::step;
use isolation_model::oracle::judge::{Judge, words};
use isolation_model::oracle::{Finding, Judgement, expect};
use isolation_model::state::State;
use isolation_model::trace::Step;
use isolation_model::verdict::Evidence;
use isolation_model::world::World;
use serde::{Deserialize, Serialize};

use self::digest::digest;
use self::twin::Object;
use crate::target::{Performed, Session, Target, TargetError};

/// What a step was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A step of the trace.
    Trace,
    /// A positive twin: the owner on the object that the next step is about, or looking again after a refusal.
    Control,
    /// A plain refusal of each kind, before the trace: what every other refusal must not be told from.
    Baseline,
}

/// A step that was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Judged {
    /// What it was for.
    pub role: Role,
    /// What happened.
    #[schemars(with = "serde_json::Value")]
    pub step: Step,
    /// What each request had to lead to, and what it led to.
    pub requests: Vec<RequestOutcome>,
    /// The checks of the target that were made.
    #[schemars(with = "Vec<String>")]
    pub reached: Vec<Guard>,
    /// What must not be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub findings: Vec<Finding>,
    /// What should have been served and was not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortfalls: Vec<String>,
    /// SHA-256 over all that was seen.
    pub seen: String,
}

/// One request of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RequestOutcome {
    /// Why it leads where it leads.
    pub due: String,
    /// The status that came, or why none did.
    pub got: String,
}

/// A case that was run.
#[derive(Debug, Clone, Default)]
pub struct CaseOutcome {
    /// The steps in their order, positive twins among them.
    pub steps: Vec<Judged>,
    /// What it says of each claim.
    pub evidence: BTreeMap<ClaimId, Evidence>,
    /// Requests that were sent.
    pub requests: u64,
    /// Requests that were sent up to the first finding, with that.
    pub requests_to_first_finding: Option<u64>,
}

impl CaseOutcome {
    /// All findings.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.steps.iter().flat_map(|step| &step.findings)
    }
}

/// Runs one case in a fresh session: the trace, and around it the baseline and the positive twins.
///
/// # Errors
/// [`TargetError`], when the target can't be tested.
pub async fn run_case<T: Target>(target: &T, world: &World, trace: &[Step]) -> Result<CaseOutcome, TargetError> {
    let mut run = Run::new(target, world).await?;
    run.baseline(trace).await?;
    for (step, keep) in with_keep(trace) {
        run.step(step, keep).await?;
    }
    Ok(run.outcome)
}

/// Runs these steps and no others in a fresh session, as a counterexample has to show all that it takes.
///
/// # Errors
/// [`TargetError`], when the target can't be tested.
pub async fn run_bare<T: Target>(target: &T, world: &World, trace: &[Step]) -> Result<CaseOutcome, TargetError> {
    let mut run = Run::new(target, world).await?;
    for (step, keep) in with_keep(trace) {
        run.act_if_allowed(step, keep).await?;
    }
    Ok(run.outcome)
}

impl<'w, S: Session> Run<'w, S> {
    async fn new<T: Target<Session<'w> = S>>(target: &'w T, world: &'w World) -> Result<Self, TargetError> {
        Ok(Self {
            world,
            session: target.provision(world).await?,
            judge: Judge::new(world),
            state: State::new(world),
            proven: BTreeMap::new(),
            outcome: CaseOutcome::default(),
        })
    }

    async fn act_if_allowed(&mut self, step: &Step, keep: bool) -> Result<(), TargetError> {
        if self.state.allows(self.world, &step.action) {
            let claims = claims_of(self.world, &self.state, step);
            self.act(step, Role::Trace, &claims, keep).await?;
        }
        Ok(())
    }
}

/// Each step, and whether the next one wants to go on over its connection.
fn with_keep(trace: &[Step]) -> impl Iterator<Item = (&Step, bool)> {
    let reuses = |step: &Step| {
        if let Action::Edge(call) = &step.action {
            call.carrier().reuse
        } else {
            requests(&step.action).iter().any(|request| request.reuse)
        }
    };
    let next = trace.iter().skip(1).map(reuses).chain([false]);
    trace.iter().zip(next)
}

struct Run<'w, S> {
    world: &'w World,
    session: S,
    judge: Judge<'w>,
    state: State,
    /// In which epoch of the state each object's owner last succeeded.
    proven: BTreeMap<Object, u32>,
    outcome: CaseOutcome,
}

impl<S: Session> Run<'_, S> {
    async fn step(&mut self, step: &Step, keep: bool) -> Result<(), TargetError> {
        if !self.state.allows(self.world, &step.action) {
            return Ok(());
        }
        let claims = claims_of(self.world, &self.state, step);
        let objects = twin::objects(self.world, &self.state, &step.action, &claims);
        // The positive twin comes first: a target that denies everything proves nothing.
        for object in &objects {
            if self.proven.get(object) != Some(&self.state.epoch) {
                self.control(*object, &claims).await?;
            }
        }
        let acted = self.act(step, Role::Trace, &claims, keep).await?;
        let unread = matches!(step.action, Action::Malformed { .. });
        if acted.judgement.refusals.contains(&true) || acted.control_refused || unread {
            // Denied means unchanged: the owner looks again.
            for object in &objects {
                self.control(*object, &claims).await?;
            }
        }
        if matches!(step.action, Action::Vault(_)) && acted.judgement.is_clean() {
            // What was sealed was opened at its own place as well.
            self.count_control(&claims);
        }
        Ok(())
    }

    /// Plain refusals of each kind, which all others must not be told from.
    async fn baseline(&mut self, trace: &[Step]) -> Result<(), TargetError> {
        for step in baseline::refusals(self.world, trace) {
            let claims = claims_of(self.world, &self.state, &step);
            self.act(&step, Role::Baseline, &claims, false).await?;
        }
        Ok(())
    }

    /// The owner uses an object, if he can now.
    async fn control(&mut self, object: Object, claims: &[ClaimId]) -> Result<(), TargetError> {
        let Some(action) = twin::twin(self.world, &self.state, object) else { return Ok(()) };
        let judgement = self.act(&Step::from(action), Role::Control, claims, false).await?.judgement;
        if judgement.served == [true] && judgement.is_clean() {
            self.proven.insert(object, self.state.epoch);
            self.count_control(claims);
        }
        Ok(())
    }

    fn count_control(&mut self, claims: &[ClaimId]) {
        for claim in claims {
            self.outcome.evidence.entry(*claim).or_default().controls += 1;
        }
    }

    async fn act(&mut self, step: &Step, role: Role, claims: &[ClaimId], keep: bool) -> Result<Acted, TargetError> {
        let Performed { observation, reused_sni, requests } =
            self.session.perform(&self.state, &step.action, keep).await?;
        self.outcome.requests += requests;
        let (judgement, spent) = self.judge.judge(&self.state, &step.action, &observation, reused_sni.as_ref());
        for code in spent {
            self.state.spend(&code);
        }
        let dues = dues(self.world, &self.state, &step.action);
        self.state.apply(self.world, &step.action, &observation);
        self.note(step, role, claims, &observation, &judgement);
        let got = observation.exchanges.iter().map(got).chain(std::iter::repeat("nothing".to_owned()));
        let judged = Judged {
            role,
            step: step.clone(),
            requests: dues.into_iter().zip(got).map(|(due, got)| RequestOutcome { due, got }).collect(),
            reached: observation.reached.iter().copied().collect(),
            findings: judgement.findings.clone(),
            shortfalls: judgement.shortfalls.clone(),
            seen: digest(&observation),
        };
        if !judged.findings.is_empty() && self.outcome.requests_to_first_finding.is_none() {
            self.outcome.requests_to_first_finding = Some(self.outcome.requests);
        }
        self.outcome.steps.push(judged);
        Ok(Acted { judgement, control_refused: matches!(observation.control, Some(Err(_))) })
    }

    fn note(&mut self, step: &Step, role: Role, claims: &[ClaimId], observation: &Observation, judgement: &Judgement) {
        let evidence = &mut self.outcome.evidence;
        for finding in &judgement.findings {
            evidence.entry(finding.claim).or_default().violations += 1;
        }
        for claim in claims {
            let own = evidence.entry(*claim).or_default();
            for shortfall in &judgement.shortfalls {
                own.shortfall(shortfall);
            }
            if role == Role::Trace {
                own.attacks += 1;
            }
        }
        if role == Role::Trace
            && let Some((claim, own_move)) = step.of_move.as_deref().and_then(find_move)
        {
            let tries = evidence.entry(claim.id).or_default().moves.entry(own_move.id.to_owned()).or_default();
            tries.attempts += 1;
            // A key that is made by the control plane never comes to a worker, and a parser sets no mark.
            tries.reached += u64::from(observation.reached.contains(&own_move.guard));
        }
    }
}

/// What became of a step.
struct Acted {
    judgement: Judgement,
    /// Whether the control plane refused.
    control_refused: bool,
}

/// The claims that a step bears on: those of its move, or those that fall when its requests are served.
fn claims_of(world: &World, state: &State, tried: &Step) -> Vec<ClaimId> {
    if let Some((claim, _)) = tried.of_move.as_deref().and_then(find_move) {
        return vec![claim.id];
    }
    let mut claims: Vec<ClaimId> = match &tried.action {
        Action::KvKey { .. } => vec![ClaimId::Kv1],
        Action::Control(_) | Action::Advance { .. } => Vec::new(),
        Action::Request(_) | Action::Race { .. } | Action::Malformed { .. } => requests(&tried.action)
            .into_iter()
            .map(|request| expect::expect(world, state, request, None).reason.claim())
            .collect(),
        Action::Edge(_) | Action::Together(_) | Action::During { .. } | Action::EdgeControl(_) | Action::Vault(_) => {
            step::claims(world, state, &tried.action)
        }
    };
    claims.sort_unstable();
    claims.dedup();
    claims
}

fn dues(world: &World, state: &State, action: &Action) -> Vec<String> {
    if let Action::Malformed { defect, .. } = action
        && defect.class() != isolation_model::action::framing::DefectClass::Good
    {
        return vec![format!("framing: {defect:?}"), "what follows it".to_owned()];
    }
    requests(action)
        .into_iter()
        .map(|request| words(expect::expect(world, state, request, None).reason).to_owned())
        .chain(step::words(world, state, action))
        .collect()
}

fn got(exchange: &Exchange) -> String {
    match exchange {
        Exchange::Answer(answer) => answer.status.to_string(),
        Exchange::Nothing(nothing) => format!("{nothing:?}").to_lowercase(),
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
