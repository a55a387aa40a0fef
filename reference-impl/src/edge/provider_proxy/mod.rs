//! The provider proxies: a key's request to one provider's API, checked, priced, given the connection's credential, and
//! sent on to the adapter's fixed upstream.
//!
//! Read [`decide`] first, then `shell`, which goes through its steps and those of [`route`], [`payload`], [`terms`] and
//! [`billing`].
//! What may be sent is an errand; `errand` holds its price, sends it, and settles. [`request_headers`] and [`response`]
//! say what each side is shown of the other, [`redaction`] keeps the credential from coming back, and [`usage`] reads what
//! an answer says of its use.

pub mod billing;
pub mod decide;
pub(crate) mod errand;
pub mod errors;
mod needle;
pub mod path_guard;
pub mod payload;
#[cfg(feature = "faults")]
pub(crate) mod planted;
pub mod redaction;
pub mod request_headers;
pub mod response;
pub mod route;
pub(crate) mod shell;
pub mod terms;
pub(crate) mod trace;
pub mod usage;
