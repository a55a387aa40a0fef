//! The answers of the provider proxies' own. They are constants for a status, a code and an adapter: a refusal says
//! nothing of what is behind it, and what is another tenant's is refused in the same bytes as what never was.

use super::terms::TermError;
use crate::edge::budget::Full;
use crate::identity::key::KeyRefusal;
use crate::provider::Adapter;
use crate::store::wallet::HoldRefusal;
use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use http::{Method, Response, StatusCode};

/// The header that names a refusal to clients.
pub(crate) const ERROR_CODE: HeaderName = HeaderName::from_static("vendo-error-code");
const CONNECT_URL: &str = "https://vendo.run/connections";

/// A request that is not served, or whose answer is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 400: the path or the request is malformed.
    BadRequest,
    /// 400 `validation_failed`: what decides the price can't be read from the body.
    Validation,
    /// 400 `validation_failed`: a member of the body asks for what has no rate, or for what tenants would share.
    NotServed(&'static str),
    /// 401 `app_unknown`, `app_revoked`, `app_expired`.
    Key(KeyRefusal),
    /// 401 `connection_needs_reauth`.
    NeedsReauth,
    /// 402: no rate for the model.
    RateMissing,
    /// 402 `balance_exhausted`.
    BalanceExhausted,
    /// 403 `binding_missing`.
    BindingMissing,
    /// 403 `binding_missing`, as Composio's clients read it.
    ToolkitMissing(String),
    /// 403 `connection_revoked`.
    Revoked,
    /// 403: the route is none that is sent on.
    RouteBlocked,
    /// 404: no such adapter, or no such job of the caller's tenant.
    NotFound,
    /// 413.
    PayloadTooLarge,
    /// 429 `spend_cap_daily`, with the seconds until it ends.
    CapDaily(u64),
    /// 429 `spend_cap_monthly`, with the seconds until it ends.
    CapMonthly(u64),
    /// 429: so many of the tenant's bodies are on their way that there is no room for another.
    TooManyBodies,
    /// 502 `upstream_error`.
    Upstream,
    /// 503: the wallet is out of reach.
    WalletUnavailable,
    /// 503: all tenants' bodies together leave no room for another.
    Overloaded,
    /// 504 `upstream_error`.
    UpstreamTimeout,
}

impl From<TermError> for Refusal {
    fn from(error: TermError) -> Self {
        match error {
            TermError::Respelled => Self::Validation,
            TermError::NotServed(member) => Self::NotServed(member),
        }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Tenant => Self::TooManyBodies,
            Full::All => Self::Overloaded,
        }
    }
}

impl From<HoldRefusal> for Refusal {
    fn from(refusal: HoldRefusal) -> Self {
        match refusal {
            HoldRefusal::BalanceExhausted => Self::BalanceExhausted,
            HoldRefusal::SpendCapDaily { retry_after_s } => Self::CapDaily(retry_after_s),
            HoldRefusal::SpendCapMonthly { retry_after_s } => Self::CapMonthly(retry_after_s),
            HoldRefusal::Unavailable => Self::WalletUnavailable,
        }
    }
}

impl Refusal {
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest | Self::Validation | Self::NotServed(_) => StatusCode::BAD_REQUEST,
            Self::Key(_) | Self::NeedsReauth => StatusCode::UNAUTHORIZED,
            Self::RateMissing | Self::BalanceExhausted => StatusCode::PAYMENT_REQUIRED,
            Self::BindingMissing | Self::ToolkitMissing(_) | Self::Revoked | Self::RouteBlocked => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::CapDaily(_) | Self::CapMonthly(_) | Self::TooManyBodies => StatusCode::TOO_MANY_REQUESTS,
            Self::Upstream => StatusCode::BAD_GATEWAY,
            Self::WalletUnavailable | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The word in the body, and whether it also stands in `Vendo-Error-Code`.
    const fn word(&self) -> (&'static str, bool) {
        match self {
            Self::BadRequest => ("bad_request", false),
            Self::Validation | Self::NotServed(_) => ("validation_failed", true),
            Self::Key(refusal) => (refusal.code(), true),
            Self::NeedsReauth => ("connection_needs_reauth", true),
            Self::RateMissing => ("rate_missing", false),
            Self::BalanceExhausted => ("balance_exhausted", true),
            Self::BindingMissing | Self::ToolkitMissing(_) => ("binding_missing", true),
            Self::Revoked => ("connection_revoked", true),
            Self::RouteBlocked => ("route_blocked", false),
            Self::NotFound => ("not_found", false),
            Self::PayloadTooLarge => ("payload_too_large", false),
            Self::CapDaily(_) => ("spend_cap_daily", true),
            Self::CapMonthly(_) => ("spend_cap_monthly", true),
            Self::Upstream | Self::UpstreamTimeout => ("upstream_error", true),
            Self::WalletUnavailable => ("wallet_unavailable", false),
            Self::TooManyBodies => ("too_many_requests", false),
            Self::Overloaded => ("overloaded", false),
        }
    }

    /// The code or word of the refusal, for logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.word().0
    }

    const fn message(&self) -> &'static str {
        match self {
            Self::BadRequest => "The request can't be read.",
            Self::Validation => "The body can't be read for what it asks.",
            Self::NotServed(_) => "What this member asks for is not served here.",
            Self::Key(KeyRefusal::Unknown) => "There is no such key.",
            Self::Key(KeyRefusal::Revoked) => "The key was revoked.",
            Self::Key(KeyRefusal::Expired) => "The key has expired.",
            Self::NeedsReauth => "The connection needs to be authorised again.",
            Self::RateMissing => "There is no rate for this model.",
            Self::BalanceExhausted => "The balance doesn't cover the request.",
            Self::BindingMissing | Self::ToolkitMissing(_) => "No connection of this provider is bound.",
            Self::Revoked => "The connection was revoked.",
            Self::RouteBlocked => "This route is not available.",
            Self::NotFound => "Not found.",
            Self::PayloadTooLarge => "The body is larger than 8 MiB.",
            Self::CapDaily(_) => "The daily spend cap is reached.",
            Self::CapMonthly(_) => "The monthly spend cap is reached.",
            Self::Upstream => "The provider gave no answer that can be passed on.",
            Self::WalletUnavailable => "The wallet can't be reached.",
            Self::TooManyBodies => "Too many bodies are on their way.",
            Self::Overloaded => "Try again in a moment.",
            Self::UpstreamTimeout => "The provider gave no answer in time.",
        }
    }

    const fn retry_after(&self) -> Option<u64> {
        match self {
            Self::CapDaily(seconds) | Self::CapMonthly(seconds) => Some(*seconds),
            Self::TooManyBodies | Self::Overloaded => Some(1),
            Self::BadRequest
            | Self::Validation
            | Self::NotServed(_)
            | Self::Key(_)
            | Self::NeedsReauth
            | Self::RateMissing
            | Self::BalanceExhausted
            | Self::BindingMissing
            | Self::ToolkitMissing(_)
            | Self::Revoked
            | Self::RouteBlocked
            | Self::NotFound
            | Self::PayloadTooLarge
            | Self::Upstream
            | Self::WalletUnavailable
            | Self::UpstreamTimeout => None,
        }
    }

    /// Every part of it is a constant but the seconds, and a toolkit, which is `[a-z0-9]+`: nothing needs escaping.
    fn body(&self, adapter: Option<Adapter>) -> String {
        let (code, message) = (self.code(), self.message());
        if let Self::ToolkitMissing(toolkit) = self {
            return format!(r#"{{"error":"{code}","toolkit":"{toolkit}"}}"#);
        }
        let mut body = format!(r#"{{"error":{{"code":"{code}","message":"{message}""#);
        if matches!(self, Self::BindingMissing | Self::NeedsReauth | Self::Revoked)
            && let Some(adapter) = adapter
        {
            body.push_str(&format!(r#","slug":"{adapter}""#));
        }
        if let Self::NotServed(member) = self {
            body.push_str(&format!(r#","member":"{member}""#));
        }
        if *self == Self::NeedsReauth {
            body.push_str(&format!(r#","connect_url":"{CONNECT_URL}""#));
        }
        if let Some(seconds) = self.retry_after() {
            body.push_str(&format!(r#","retry_after":{seconds}"#));
        }
        body.push_str("}}");
        body
    }

    /// The refusal as a response, of an adapter if there is one.
    #[must_use]
    pub fn response(&self, adapter: Option<Adapter>, method: &Method) -> Response<Bytes> {
        let body = Bytes::from(self.body(adapter));
        let length = HeaderValue::from(body.len());
        let mut response = Response::new(if *method == Method::HEAD { Bytes::new() } else { body });
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_LENGTH, length);
        if let (code, true) = self.word() {
            headers.insert(ERROR_CODE, HeaderValue::from_static(code));
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        allow_any_origin(headers);
        response
    }
}

/// Lets scripts of any page read an answer. They carry a key of their own: no cookie of a browser stands for one.
pub(crate) fn allow_any_origin(headers: &mut http::HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}

/// The answer to a preflight.
#[must_use]
pub fn preflight() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    allow_any_origin(headers);
    let methods = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*, Authorization"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(Refusal, u16, Option<&'static str>, &'static str)> {
        use Refusal::*;
        vec![
            (BadRequest, 400, None, "bad_request"),
            (Validation, 400, Some("validation_failed"), "validation_failed"),
            (Key(KeyRefusal::Unknown), 401, Some("app_unknown"), "app_unknown"),
            (Key(KeyRefusal::Revoked), 401, Some("app_revoked"), "app_revoked"),
            (Key(KeyRefusal::Expired), 401, Some("app_expired"), "app_expired"),
            (NeedsReauth, 401, Some("connection_needs_reauth"), "connection_needs_reauth"),
            (RateMissing, 402, None, "rate_missing"),
            (BalanceExhausted, 402, Some("balance_exhausted"), "balance_exhausted"),
            (BindingMissing, 403, Some("binding_missing"), "binding_missing"),
            (Revoked, 403, Some("connection_revoked"), "connection_revoked"),
            (RouteBlocked, 403, None, "route_blocked"),
            (NotFound, 404, None, "not_found"),
            (PayloadTooLarge, 413, None, "payload_too_large"),
            (CapDaily(1), 429, Some("spend_cap_daily"), "spend_cap_daily"),
            (CapMonthly(9), 429, Some("spend_cap_monthly"), "spend_cap_monthly"),
            (Upstream, 502, Some("upstream_error"), "upstream_error"),
            (WalletUnavailable, 503, None, "wallet_unavailable"),
            (UpstreamTimeout, 504, Some("upstream_error"), "upstream_error"),
        ]
    }

    #[test]
    fn status_header_and_body_agree() {
        for (refusal, status, code, word) in all() {
            let response = refusal.response(Some(Adapter::Openai), &Method::POST);
            let (head, body) = response.into_parts();
            assert_eq!(head.status.as_u16(), status, "{refusal:?}");
            assert_eq!(head.headers.get("vendo-error-code").map(|value| value.to_str().unwrap()), code);
            assert_eq!(head.headers.get("content-type").unwrap(), "application/json");
            assert_eq!(head.headers.get("cache-control").unwrap(), "no-store");
            assert_eq!(head.headers.get("access-control-allow-origin").unwrap(), "*");
            assert_eq!(head.headers.get("content-length").unwrap(), &body.len().to_string());
            let seconds = head.headers.get("retry-after").map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
            let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(json["error"]["code"], word);
            assert_eq!(json["error"]["retry_after"].as_u64(), seconds);
            assert_eq!(
                json["error"].get("slug").is_some(),
                ["binding_missing", "connection_needs_reauth", "connection_revoked"].contains(&word)
            );
            assert_eq!(json["error"].get("connect_url").is_some(), word == "connection_needs_reauth");
        }
    }

    #[test]
    fn a_head_request_gets_the_length_and_no_body() {
        let response = Refusal::RouteBlocked.response(Some(Adapter::Openai), &Method::HEAD);
        assert!(response.body().is_empty());
        assert_ne!(response.headers().get("content-length").unwrap(), "0");
    }

    #[test]
    fn a_missing_toolkit_is_named_as_composios_clients_read_it() {
        let response = Refusal::ToolkitMissing("gmail".to_owned()).response(Some(Adapter::Composio), &Method::POST);
        assert_eq!(&response.body()[..], br#"{"error":"binding_missing","toolkit":"gmail"}"#);
        assert_eq!(response.headers().get("vendo-error-code").unwrap(), "binding_missing");
    }

    #[test]
    fn a_preflight_names_no_credentials() {
        let response = preflight();
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers().len(), 4);
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
    }
}
