//! What a request is billed by: the model it asks for, and how much of each meter its answer used. Pure.
//!
//! What an answer reports is billed. Where it reports nothing, what went over the wire is: a request that is cut off
//! must not be cheaper than one that is read to its end.

use super::payload::{BadPayload, Payload, toolkit};
use super::request_headers::ACCOUNT_NAMES;
use super::route::{Metered, is_segment};
use super::usage::tokens::{Dialect, estimated};
use super::usage::{Interest, Reported};
use crate::provider::Adapter;
use crate::store::money::{CostError, Decimal, Micros, Quantity, cost_micros};
use crate::store::rates::ModelRates;
use std::borrow::Cow;
use std::sync::Arc;

/// The model of a transcript that names none.
pub const DEFAULT_SPEECH_MODEL: &str = "best";
/// The model of a text to be spoken that names none.
const DEFAULT_VOICE_MODEL: &str = "eleven_multilingual_v2";

/// A stream that reports no usage has one token out for so many bytes of its events at the least, whatever they say.
const STREAM_BYTES_OF_TOKEN: u64 = 1024;
/// A transcript that is too long to be read has a second for so many bytes: with every word and its time, speech is a
/// few hundred.
const TRANSCRIPT_BYTES_OF_SECOND: u64 = 2048;

/// What is known of a metered request before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    kind: Kind,
    /// The answer names a job, which is the tenant's from then on.
    orders_job: bool,
    /// The length of the body as the client sent it, in bytes.
    request_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tokens(Dialect),
    /// Tokens in alone.
    Embeddings(Dialect),
    Characters(u64),
    Transcript,
    Call,
    /// A job is asked for, which was billed when it was ordered.
    Nothing,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending<'r> {
    /// An answer of 2xx came, whole or not.
    Answered(&'r Reported),
    /// It was sent, and its client left before anything of the answer came.
    Abandoned,
}

/// The model that a request is for, and what is known of it. `None` for a model: nothing has to have a rate.
///
/// # Errors
/// [`BadPayload`] where the body doesn't say clearly what it asks for.
pub fn order<'r>(
    adapter: Adapter,
    route: Metered<'r>,
    payload: Option<&Payload<'r>>,
    request_bytes: u64,
) -> Result<(Option<Cow<'r, str>>, Order), BadPayload> {
    let named = |member: &str| payload.map_or(Ok(None), |payload| payload.text(member));
    let (model, kind) = match route {
        Metered::Tokens => (Some(named("model")?.ok_or(BadPayload)?), Kind::Tokens(dialect(adapter))),
        Metered::Embeddings => (Some(named("model")?.ok_or(BadPayload)?), Kind::Embeddings(dialect(adapter))),
        Metered::Generate { model } => (Some(Cow::Borrowed(model)), Kind::Tokens(Dialect::Gemini)),
        Metered::EmbedContent { model } => (Some(Cow::Borrowed(model)), Kind::Embeddings(Dialect::Gemini)),
        Metered::Speech => {
            let model = named("model_id")?.unwrap_or(Cow::Borrowed(DEFAULT_VOICE_MODEL));
            // What can't be counted is not spoken: another reader may find a text where this one found none.
            let text = named("text")?.ok_or(BadPayload)?;
            (Some(model), Kind::Characters(text.chars().count() as u64))
        }
        Metered::Transcript => {
            let model = named("speech_model")?.unwrap_or(Cow::Borrowed(DEFAULT_SPEECH_MODEL));
            (Some(model), Kind::Transcript)
        }
        Metered::TranscriptResult { .. } => (Some(Cow::Borrowed(DEFAULT_SPEECH_MODEL)), Kind::Transcript),
        Metered::Prediction { model } => (Some(Cow::Borrowed(model)), Kind::Call),
        Metered::PredictionResult { .. } => (None, Kind::Nothing),
        Metered::Action => {
            let action = named("action_id")?.ok_or(BadPayload)?;
            if payload.is_some_and(|payload| ACCOUNT_NAMES.iter().any(|name| payload.has(name))) {
                // With the platform's own key, another tenant's account would be open to whoever names it.
                return Err(BadPayload);
            }
            (Some(Cow::Owned(toolkit(&action).ok_or(BadPayload)?)), Kind::Call)
        }
    };
    let orders_job = matches!(route, Metered::Transcript | Metered::Prediction { .. });
    Ok((model, Order { kind, orders_job, request_bytes }))
}

fn dialect(adapter: Adapter) -> Dialect {
    match adapter {
        Adapter::Anthropic => Dialect::Anthropic,
        Adapter::Gemini => Dialect::Gemini,
        Adapter::Openai
        | Adapter::Openrouter
        | Adapter::Elevenlabs
        | Adapter::Assemblyai
        | Adapter::Muapi
        | Adapter::Telegram
        | Adapter::Composio => Dialect::Openai,
    }
}

impl Order {
    /// What is to be looked for in the answer.
    #[must_use]
    pub const fn interest(self) -> Interest {
        match self.kind {
            Kind::Tokens(dialect) | Kind::Embeddings(dialect) => Interest::Tokens(dialect),
            Kind::Transcript => Interest::Job,
            Kind::Call if self.orders_job => Interest::Job,
            Kind::Characters(_) | Kind::Call | Kind::Nothing => Interest::None,
        }
    }

    /// How much of each meter was used.
    #[must_use]
    pub fn quantities(self, ending: Ending<'_>) -> [Option<(&'static str, u64)>; 2] {
        let reported = match ending {
            Ending::Answered(reported) => Some(reported),
            Ending::Abandoned => None,
        };
        let input = || {
            let told = reported.and_then(|reported| reported.tokens.input);
            ("input_tokens", told.unwrap_or(estimated(self.request_bytes)))
        };
        match self.kind {
            Kind::Tokens(_) => {
                let output = reported.map_or(0, |reported| {
                    let seen = if reported.streamed {
                        reported.tokens.deltas.max(reported.event_bytes.div_ceil(STREAM_BYTES_OF_TOKEN))
                    } else {
                        estimated(reported.bytes)
                    };
                    reported.tokens.output.unwrap_or(seen)
                });
                [Some(input()), Some(("output_tokens", output))]
            }
            Kind::Embeddings(_) => [Some(input()), None],
            Kind::Characters(characters) => [Some(("characters", characters)), None],
            Kind::Transcript => {
                let seconds = reported.and_then(|reported| {
                    let estimate = reported.unread.then(|| reported.bytes.div_ceil(TRANSCRIPT_BYTES_OF_SECOND));
                    reported.job.seconds.or(estimate)
                });
                [seconds.map(|seconds| ("seconds", seconds)), None]
            }
            Kind::Call => [Some(("calls", 1)), None],
            Kind::Nothing => [None, None],
        }
    }

    /// The job that was ordered, if the answer names it by what can be asked for.
    #[must_use]
    pub fn ordered_job(self, reported: &Reported) -> Option<String> {
        let job = &reported.job;
        let named = match self.kind {
            _ if !self.orders_job => None,
            Kind::Call => job.request_id.as_ref().or(job.id.as_ref()),
            Kind::Transcript | Kind::Tokens(_) | Kind::Embeddings(_) | Kind::Characters(_) | Kind::Nothing => {
                job.id.as_ref()
            }
        };
        // What no path can name is never asked for, and is not kept.
        named.filter(|id| is_segment(id)).cloned()
    }

    /// Whether the cost is of a job, and charged once for it however often it is asked for.
    #[must_use]
    pub fn is_charged_once(self) -> bool {
        self.kind == Kind::Transcript
    }
}

/// What a request costs for a unit of each of its meters.
#[derive(Debug, Clone)]
pub struct Tariff {
    /// The rates of the model.
    pub rates: Arc<ModelRates>,
    /// The tenant's margin on each meter.
    pub margins: Vec<(&'static str, Arc<Decimal>)>,
}

impl Tariff {
    /// The cost of what was used: each meter's rounded by itself.
    ///
    /// # Errors
    /// [`CostError`] where a meter has no rate, or the sum leaves the range of a wallet.
    pub fn cost(&self, quantities: [Option<(&'static str, u64)>; 2]) -> Result<Micros, CostError> {
        quantities.into_iter().flatten().try_fold(Micros::ZERO, |sum, (meter, quantity)| {
            let unit_cost = self.rates.unit_cost(meter).ok_or(CostError)?;
            let margin = self.margins.iter().find(|(known, _)| *known == meter).ok_or(CostError)?;
            let cost = cost_micros(Quantity::counted(quantity), unit_cost, &margin.1)?;
            sum.plus(cost).ok_or(CostError)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::usage::Job;
    use super::super::usage::tokens::Tokens;
    use super::*;

    fn ordered(adapter: Adapter, route: Metered<'_>, body: &str) -> Result<(Option<String>, Order), BadPayload> {
        let payload = if body.is_empty() { None } else { Some(Payload::read(body.as_bytes())?) };
        let (model, order) = order(adapter, route, payload.as_ref(), body.len() as u64)?;
        Ok((model.map(Cow::into_owned), order))
    }

    #[test]
    fn models() {
        use Metered::*;
        for (adapter, route, body, model) in [
            (Adapter::Openai, Tokens, r#"{"model":"gpt-4o"}"#, Ok(Some("gpt-4o"))),
            (Adapter::Openai, Tokens, r#"{"model":""}"#, Ok(Some(""))),
            (Adapter::Openai, Embeddings, r#"{"model":"e"}"#, Ok(Some("e"))),
            (Adapter::Openai, Tokens, "{}", Err(BadPayload)),
            (Adapter::Openai, Tokens, r#"{"model":1}"#, Err(BadPayload)),
            (Adapter::Anthropic, Tokens, r#"{"model":null}"#, Err(BadPayload)),
            (Adapter::Gemini, Generate { model: "g" }, r#"{"model":"other"}"#, Ok(Some("g"))),
            (Adapter::Elevenlabs, Speech, r#"{"text":"x"}"#, Ok(Some(DEFAULT_VOICE_MODEL))),
            (Adapter::Elevenlabs, Speech, r#"{"model_id":"m","text":""}"#, Ok(Some("m"))),
            (Adapter::Elevenlabs, Speech, r#"{"model_id":"m"}"#, Err(BadPayload)),
            (Adapter::Elevenlabs, Speech, r#"{"text":7}"#, Err(BadPayload)),
            (Adapter::Elevenlabs, Speech, r#"{"text":"\ud800 and all that follows"}"#, Err(BadPayload)),
            (Adapter::Elevenlabs, Speech, r#"{"model_id":7,"text":""}"#, Err(BadPayload)),
            (Adapter::Assemblyai, Transcript, "{}", Ok(Some("best"))),
            (Adapter::Assemblyai, Transcript, r#"{"speech_model":"nano"}"#, Ok(Some("nano"))),
            (Adapter::Assemblyai, Transcript, r#"{"speech_model":null}"#, Err(BadPayload)),
            (Adapter::Assemblyai, TranscriptResult { id: "t" }, "", Ok(Some("best"))),
            (Adapter::Muapi, Prediction { model: "flux" }, "{}", Ok(Some("flux"))),
            (Adapter::Muapi, PredictionResult { id: "p" }, "", Ok(None)),
            (Adapter::Composio, Action, r#"{"action_id":"GMAIL_SEND"}"#, Ok(Some("gmail"))),
            (Adapter::Composio, Action, r#"{"action_id":"gmail_send"}"#, Err(BadPayload)),
            (Adapter::Composio, Action, "{}", Err(BadPayload)),
            (Adapter::Composio, Action, r#"{"action_id":"GMAIL_SEND","args":{"user_id":"me"}}"#, Ok(Some("gmail"))),
            (Adapter::Composio, Action, r#"{"action_id":"GMAIL_SEND","connectedAccountId":"x"}"#, Err(BadPayload)),
            (Adapter::Composio, Action, r#"{"action_id":"GMAIL_SEND","user\u005fid":"x"}"#, Err(BadPayload)),
        ] {
            let found = ordered(adapter, route, body).map(|(model, _)| model);
            assert_eq!(found, model.map(|model| model.map(str::to_owned)), "{adapter} {body}");
        }
    }

    #[test]
    fn what_is_reported_is_billed_and_else_what_was_seen() {
        let (_, order) = ordered(Adapter::Openai, Metered::Tokens, r#"{"model":"m"}"#).unwrap();
        let told = |input, output| Tokens { input, output, deltas: 4 };
        let answer = |tokens, streamed| Reported { tokens, streamed, bytes: 9, ..Reported::default() };
        for (reported, input, output) in [
            (answer(told(Some(7), Some(5)), true), 7, 5),
            (answer(told(Some(7), None), true), 7, 4),
            (answer(told(None, Some(5)), false), 4, 5),
            (answer(told(None, None), false), 4, 3),
            (answer(told(None, None), true), 4, 4),
            // A stream whose events say nothing that is known is not free.
            (Reported { event_bytes: 10_000, ..answer(told(None, None), true) }, 4, 10),
            (Reported { event_bytes: 1, ..answer(Tokens::default(), true) }, 4, 1),
            // What only keeps it alive is.
            (Reported { bytes: 10_000, ..answer(Tokens::default(), true) }, 4, 0),
        ] {
            let expected = [Some(("input_tokens", input)), Some(("output_tokens", output))];
            assert_eq!(order.quantities(Ending::Answered(&reported)), expected, "{reported:?}");
        }
        let abandoned = [Some(("input_tokens", 4)), Some(("output_tokens", 0))];
        assert_eq!(order.quantities(Ending::Abandoned), abandoned);
        let (_, order) = ordered(Adapter::Openai, Metered::Embeddings, r#"{"model":"m"}"#).unwrap();
        let reported = answer(told(Some(7), Some(5)), false);
        assert_eq!(order.quantities(Ending::Answered(&reported)), [Some(("input_tokens", 7)), None]);
    }

    #[test]
    fn characters_seconds_and_calls() {
        let none = Reported::default();
        let (_, speech) = ordered(Adapter::Elevenlabs, Metered::Speech, r#"{"text":"h\u00e9\ud83d\ude00"}"#).unwrap();
        assert_eq!(speech.quantities(Ending::Answered(&none)), [Some(("characters", 3)), None]);
        assert_eq!(speech.quantities(Ending::Abandoned), [Some(("characters", 3)), None]);
        let (_, call) = ordered(Adapter::Muapi, Metered::Prediction { model: "m" }, "{}").unwrap();
        assert_eq!(call.quantities(Ending::Answered(&none)), [Some(("calls", 1)), None]);
        assert_eq!(call.quantities(Ending::Abandoned), [Some(("calls", 1)), None]);
        let (_, poll) = ordered(Adapter::Muapi, Metered::PredictionResult { id: "p" }, "").unwrap();
        assert_eq!(poll.quantities(Ending::Answered(&none)), [None, None]);
        let (_, transcript) = ordered(Adapter::Assemblyai, Metered::TranscriptResult { id: "t" }, "").unwrap();
        assert_eq!(transcript.quantities(Ending::Answered(&none)), [None, None]);
        let done = Reported { job: Job { seconds: Some(61), ..Job::default() }, ..Reported::default() };
        assert_eq!(transcript.quantities(Ending::Answered(&done)), [Some(("seconds", 61)), None]);
        let long = Reported { unread: true, bytes: 10_000_000, ..Reported::default() };
        assert_eq!(transcript.quantities(Ending::Answered(&long)), [Some(("seconds", 4883)), None]);
        assert!(transcript.is_charged_once() && !call.is_charged_once());
    }

    #[test]
    fn a_job_is_known_by_the_id_that_it_can_be_asked_for() {
        let (_, transcript) = ordered(Adapter::Assemblyai, Metered::Transcript, "{}").unwrap();
        let (_, prediction) = ordered(Adapter::Muapi, Metered::Prediction { model: "m" }, "{}").unwrap();
        let (_, action) = ordered(Adapter::Composio, Metered::Action, r#"{"action_id":"A_B"}"#).unwrap();
        let answer = |id: &str, request_id: Option<&str>| {
            let job = Job { id: Some(id.to_owned()), request_id: request_id.map(str::to_owned), ..Job::default() };
            Reported { job, ..Reported::default() }
        };
        assert_eq!(transcript.ordered_job(&answer("t", Some("r"))).as_deref(), Some("t"));
        assert_eq!(prediction.ordered_job(&answer("t", Some("r"))).as_deref(), Some("r"));
        assert_eq!(prediction.ordered_job(&answer("t", None)).as_deref(), Some("t"));
        assert_eq!(action.ordered_job(&answer("t", None)), None);
        for id in ["", "a/b", "..%2f", &"x".repeat(129)] {
            assert_eq!(transcript.ordered_job(&answer(id, None)), None, "{id}");
        }
    }

    #[test]
    fn each_meter_is_rounded_by_itself() {
        let rates = |pairs: &[(&str, &str)]| {
            let rates: Vec<_> = pairs
                .iter()
                .map(|(meter, unit_cost)| crate::store::rates::Rate {
                    provider: "openai".into(),
                    model: "m".into(),
                    meter: (*meter).into(),
                    unit_cost: (*unit_cost).into(),
                })
                .collect();
            crate::store::rates::Rates::new(&rates, &[]).unwrap().of("openai", "m").unwrap()
        };
        let margin = Arc::new(Decimal::whole(0));
        let tariff = Tariff {
            rates: rates(&[("input_tokens", "0.0000005"), ("output_tokens", "0.0000015")]),
            margins: vec![("input_tokens", margin.clone()), ("output_tokens", margin)],
        };
        // 0.5 rounds to 0, 1.5 to 2: together 2, where the sum of 2.0 would be the same and 0.5 + 0.5 would not.
        let cost = |input, output| {
            tariff.cost([Some(("input_tokens", input)), Some(("output_tokens", output))]).unwrap().get()
        };
        assert_eq!((cost(1, 1), cost(1, 0), cost(3, 0), cost(1, 3)), (2, 0, 2, 4));
        assert_eq!(tariff.cost([Some(("calls", 1)), None]), Err(CostError));
        assert_eq!(tariff.cost([None, None]).unwrap(), Micros::ZERO);
    }
}
