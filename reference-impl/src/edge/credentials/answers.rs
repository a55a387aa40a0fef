//! The answers of the credentials worker. A refusal is a constant: the same bytes whoever asks, and whatever is behind.

use super::chain::ChainRefusal;
use crate::identity::key::KeyRefusal;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Response, StatusCode};
use serde::Serialize;
use zeroize::Zeroizing;

/// A request that is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 400.
    Validation,
    /// 405.
    MethodNotAllowed,
    /// 401.
    Key(KeyRefusal),
    /// 404.
    ProviderUnknown,
    /// 403: nothing is bound.
    BindingMissing,
    /// 401: the grant is over.
    NeedsReauth,
    /// 403: the tenant ended the connection.
    Revoked,
    /// 500: there is nothing to vend.
    ProfileUnsupported,
    /// 502.
    Upstream,
    /// 503: a store is out of reach.
    Unavailable,
}

impl From<ChainRefusal> for Refusal {
    fn from(refusal: ChainRefusal) -> Self {
        match refusal {
            ChainRefusal::BindingMissing => Self::BindingMissing,
            ChainRefusal::NeedsReauth => Self::NeedsReauth,
            ChainRefusal::Revoked => Self::Revoked,
            ChainRefusal::Broken => Self::Upstream,
            ChainRefusal::Unavailable => Self::Unavailable,
        }
    }
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Self::Validation => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Key(_) | Self::NeedsReauth => StatusCode::UNAUTHORIZED,
            Self::ProviderUnknown => StatusCode::NOT_FOUND,
            Self::BindingMissing | Self::Revoked => StatusCode::FORBIDDEN,
            Self::ProfileUnsupported => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Upstream => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The code of the body.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Validation => "validation_failed",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Key(refusal) => refusal.code(),
            Self::ProviderUnknown => "provider_unknown",
            Self::BindingMissing => "binding_missing",
            Self::NeedsReauth => "connection_needs_reauth",
            Self::Revoked => "connection_revoked",
            Self::ProfileUnsupported => "profile_unsupported",
            Self::Upstream => "upstream_error",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether the code is one of the platform's error codes, which stand in a header too.
    const fn has_header(self) -> bool {
        match self {
            Self::MethodNotAllowed | Self::Unavailable => false,
            Self::Validation
            | Self::Key(_)
            | Self::ProviderUnknown
            | Self::BindingMissing
            | Self::NeedsReauth
            | Self::Revoked
            | Self::ProfileUnsupported
            | Self::Upstream => true,
        }
    }

    const fn detail(self) -> &'static str {
        match self {
            Self::Validation => "The request can't be read.",
            Self::MethodNotAllowed => "Only GET is served here.",
            Self::Key(KeyRefusal::Unknown) => "The key is missing or unknown.",
            Self::Key(KeyRefusal::Revoked) => "The key was revoked.",
            Self::Key(KeyRefusal::Expired) => "The key has expired.",
            Self::ProviderUnknown => "There is no such provider.",
            Self::BindingMissing => "No connection to this provider is bound.",
            Self::NeedsReauth => "The connection has to be authorised again.",
            Self::Revoked => "The connection was revoked.",
            Self::ProfileUnsupported => "Tokens of this connection are not given out.",
            Self::Upstream => "The token could not be obtained.",
            Self::Unavailable => "Try again in a moment.",
        }
    }

    /// The refusal as a response.
    pub(super) fn response(self, method: &Method) -> Response<Bytes> {
        let body = format!(r#"{{"error":"{}","detail":"{}"}}"#, self.code(), self.detail());
        let mut response = document(self.status(), body.into(), method);
        if self.has_header() {
            response.headers_mut().insert("vendo-error-code", HeaderValue::from_static(self.code()));
        }
        if self == Self::MethodNotAllowed {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }
}

/// A token to be given out. It is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) access: Zeroizing<String>,
    /// When it ends, as RFC 3339.
    pub(super) expires_at: Option<String>,
    /// What a planted fault adds.
    #[cfg(feature = "faults")]
    pub(super) refresh: Option<Zeroizing<String>>,
}

#[derive(Serialize)]
struct One<'a> {
    access_token: &'a str,
    expires_at: Option<&'a str>,
    #[cfg(feature = "faults")]
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
}

impl Token {
    fn rendered(&self, token_type: Option<&'static str>) -> String {
        let one = One {
            access_token: &self.access,
            expires_at: self.expires_at.as_deref(),
            #[cfg(feature = "faults")]
            refresh_token: self.refresh.as_deref().map(String::as_str),
            token_type,
        };
        // Strings and options of them always have a JSON form.
        serde_json::to_string(&one).unwrap_or_default()
    }

    /// The token as a response.
    pub(super) fn response(&self) -> Response<Bytes> {
        document(StatusCode::OK, self.rendered(Some("Bearer")).into(), &Method::GET)
    }
}

/// A failure that says what the broker said. Only a planted fault gives it.
#[cfg(feature = "faults")]
pub(super) fn telling(said: &str) -> Response<Bytes> {
    let body = serde_json::json!({"error": Refusal::Upstream.code(), "detail": said}).to_string();
    let mut response = document(StatusCode::BAD_GATEWAY, body.into(), &Method::GET);
    response.headers_mut().insert("vendo-error-code", HeaderValue::from_static(Refusal::Upstream.code()));
    response
}

/// A member of a bulk answer.
pub(super) enum Entry {
    Token(Token),
    Null,
    /// Only a planted fault leaves one out.
    #[cfg(feature = "faults")]
    Absent,
}

/// The answer for several providers, in the order given.
pub(super) fn several(entries: &[(String, Entry)]) -> Response<Bytes> {
    let mut members = Vec::new();
    for (slug, entry) in entries {
        let value = match entry {
            Entry::Token(token) => token.rendered(None),
            Entry::Null => "null".to_owned(),
            #[cfg(feature = "faults")]
            Entry::Absent => continue,
        };
        members.push(format!("{}:{value}", serde_json::Value::from(slug.as_str())));
    }
    document(StatusCode::OK, format!(r#"{{"tokens":{{{}}}}}"#, members.join(",")).into(), &Method::GET)
}

fn document(status: StatusCode, body: Bytes, method: &Method) -> Response<Bytes> {
    let length = body.len();
    let mut response = Response::new(if *method == Method::HEAD { Bytes::new() } else { body });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_their_code_where_the_contract_has_one() {
        let revoked = Refusal::Revoked.response(&Method::GET);
        assert_eq!(
            (revoked.status(), revoked.headers().get("vendo-error-code").unwrap()),
            (StatusCode::FORBIDDEN, &HeaderValue::from_static("connection_revoked"))
        );
        let json: serde_json::Value = serde_json::from_slice(revoked.body()).unwrap();
        assert_eq!((&json["error"], json.as_object().unwrap().len()), (&"connection_revoked".into(), 2));
        let method = Refusal::MethodNotAllowed.response(&Method::HEAD);
        assert_eq!(
            (method.headers().get("vendo-error-code"), method.headers().get("allow").unwrap()),
            (None, &HeaderValue::from_static("GET"))
        );
        assert!(method.body().is_empty());
    }

    #[test]
    fn tokens_are_escaped_and_keep_their_order() {
        let token = Token {
            access: Zeroizing::new("a\"b".to_owned()),
            expires_at: None,
            #[cfg(feature = "faults")]
            refresh: None,
        };
        let one = token.response();
        assert_eq!(one.body(), r#"{"access_token":"a\"b","expires_at":null,"token_type":"Bearer"}"#);
        let entries = [("z".to_owned(), Entry::Token(token)), ("a\"".to_owned(), Entry::Null)];
        let body = several(&entries).into_body();
        assert_eq!(body, r#"{"tokens":{"z":{"access_token":"a\"b","expires_at":null},"a\"":null}}"#);
    }
}
