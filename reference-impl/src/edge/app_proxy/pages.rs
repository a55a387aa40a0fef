//! The answers of the proxy's own. They are constants: two refusals with one status are the same bytes, whoever asked
//! and whatever is behind the host.

use crate::observe::OutcomeKind;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, SET_COOKIE};
use http::{Method, Response, StatusCode, Version};

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const STATUS_PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Unavailable</title></head>\n\
     <body><h1>This app is not running</h1><p>Try again in a moment.</p></body>\n</html>\n";

/// A request that is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// 400, and the connection is closed.
    BadRequest,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 405.
    MethodNotAllowed,
    /// 421.
    Misdirected,
    /// 431, and the connection is closed.
    HeadTooLarge,
    /// 502.
    BadGateway,
    /// 503.
    Unavailable,
    /// 504.
    GatewayTimeout,
}

impl Refusal {
    /// The status code.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    const fn body(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad request.\n",
            Self::Unauthorized => "Sign in first.\n",
            Self::Forbidden => "Forbidden.\n",
            Self::NotFound => "Not found.\n",
            Self::MethodNotAllowed => "Method not allowed.\n",
            Self::Misdirected => "Misdirected request.\n",
            Self::HeadTooLarge => "Request header fields too large.\n",
            Self::BadGateway => "Bad gateway.\n",
            Self::Unavailable => STATUS_PAGE,
            Self::GatewayTimeout => "Gateway timeout.\n",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Unavailable => HTML,
            Self::BadRequest
            | Self::Unauthorized
            | Self::Forbidden
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::Misdirected
            | Self::HeadTooLarge
            | Self::BadGateway
            | Self::GatewayTimeout => TEXT,
        }
    }

    /// Whether the connection ends with the answer.
    #[must_use]
    pub(crate) const fn closes(self) -> bool {
        matches!(self, Self::BadRequest | Self::HeadTooLarge)
    }

    /// What an observer is told. A gateway's refusal comes after the decision to forward.
    pub(crate) const fn outcome(self) -> OutcomeKind {
        match self {
            Self::BadRequest => OutcomeKind::BadRequest,
            Self::Unauthorized => OutcomeKind::Unauthorized,
            Self::Forbidden => OutcomeKind::Forbidden,
            Self::NotFound => OutcomeKind::NotFound,
            Self::MethodNotAllowed => OutcomeKind::MethodNotAllowed,
            Self::Misdirected => OutcomeKind::Misdirected,
            Self::HeadTooLarge => OutcomeKind::HeadTooLarge,
            Self::Unavailable => OutcomeKind::Unavailable,
            Self::BadGateway | Self::GatewayTimeout => OutcomeKind::Forwarded,
        }
    }
}

/// A refusal as a response.
pub(crate) fn refusal(refusal: Refusal, method: &Method, version: Version) -> Response<Bytes> {
    let mut response = page(refusal.status(), refusal.content_type(), refusal.body(), method);
    if refusal == Refusal::MethodNotAllowed {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(ALLOWED));
    }
    if refusal.closes() && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A redirect, with the session that was made.
pub(crate) fn redirect(location: HeaderValue, cookie: Option<HeaderValue>, method: &Method) -> Response<Bytes> {
    let mut response = page(StatusCode::FOUND, TEXT, "Found.\n", method);
    response.headers_mut().insert(LOCATION, location);
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

fn page(status: StatusCode, content_type: &'static str, body: &'static str, method: &Method) -> Response<Bytes> {
    let sent = if *method == Method::HEAD { "" } else { body };
    let mut response = Response::new(Bytes::from_static(sent.as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    response
}

/// A refusal as the last bytes of an HTTP/1 connection, in the same spelling as [`refusal`] has on the wire.
pub(crate) fn last_words(refused: Refusal) -> Vec<u8> {
    let response = refusal(refused, &Method::GET, Version::HTTP_11);
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(b"HTTP/1.1 ");
    bytes.extend_from_slice(response.status().as_str().as_bytes());
    bytes.extend_from_slice(b" ");
    bytes.extend_from_slice(response.status().canonical_reason().unwrap_or_default().as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !refused.closes() {
        bytes.extend_from_slice(b"connection: close\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(response.body());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Refusal; 10] = [
        Refusal::BadRequest,
        Refusal::Unauthorized,
        Refusal::Forbidden,
        Refusal::NotFound,
        Refusal::MethodNotAllowed,
        Refusal::Misdirected,
        Refusal::HeadTooLarge,
        Refusal::BadGateway,
        Refusal::Unavailable,
        Refusal::GatewayTimeout,
    ];

    #[test]
    fn no_page_is_stored_or_names_a_server() {
        for refused in ALL {
            let response = refusal(refused, &Method::GET, Version::HTTP_11);
            assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store", "{refused:?}");
            assert_eq!(response.headers().get(CONTENT_LENGTH).unwrap(), &response.body().len().to_string());
            assert!(response.headers().contains_key(CONTENT_TYPE));
            assert!(!response.headers().contains_key("server") && !response.headers().contains_key("date"));
            assert_eq!(response.headers().contains_key(CONNECTION), refused.closes());
        }
    }

    #[test]
    fn a_page_for_head_keeps_its_length_and_drops_its_body() {
        let response = refusal(Refusal::NotFound, &Method::HEAD, Version::HTTP_11);
        assert!(response.body().is_empty());
        assert_eq!(response.headers().get(CONTENT_LENGTH).unwrap(), "11");
    }

    #[test]
    fn last_words() {
        assert_eq!(
            String::from_utf8(super::last_words(Refusal::BadRequest)).unwrap(),
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\n\
             content-length: 13\r\nconnection: close\r\n\r\nBad request.\n"
        );
    }
}
