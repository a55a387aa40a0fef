//! The provider proxies: a key's request to one provider's API, checked, priced, given the connection's credential, and
//! sent on to the adapter's fixed upstream.

pub mod path_guard;
pub mod payload;
pub mod redaction;
pub mod route;
pub mod usage;
