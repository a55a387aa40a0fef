//! Reports. Each is drawn from a run's results alone, and none judges.

pub mod curl;
pub mod json;
pub mod redact;
pub mod terminal;
pub mod words;
