//! Stand-ins for what lies behind the platform: the providers, and the broker of OAuth tokens.
//!
//! Each is an HTTP server of its own on a [`crate::Network`], and answers in its provider's true form: bodies, usage, errors,
//! event streams. What an answer does is chosen by the name of the model (or by the header `x-standin`), so that a
//! person with `curl` can see it: see [`MODES`]. A stand-in belongs to the provider: nothing in it is trusted by the platform, and it shares no code with
//! the workers.
//!
//! Start with [`Upstream`]; `answer` is the order in which an answer is put together; each provider's form is a file.

mod answer;
mod anthropic;
mod ask;
mod body;
pub mod broker;
mod gemini;
mod gzip;
mod log;
mod media;
mod mode;
mod openai;
mod reply;
mod responses;
mod tools;
mod trailing;
mod upstream;

pub use broker::{Broker, BrokerReply};
pub use log::Arrived;
pub use mode::{MODE_HEADER, MODES};
pub use upstream::Upstream;
