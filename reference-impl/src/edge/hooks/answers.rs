//! The answers of the hooks worker. Those of its own are constants, one for each status.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Response, StatusCode};

/// A webhook that is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 412: the path, the secret or the connection is wrong. Which one is not said.
    Unproven,
    /// 405.
    MethodNotAllowed,
    /// 413.
    TooLarge,
    /// 400: the body broke off.
    BadRequest,
    /// 404: nothing is bound, or there is no deployment behind the binding.
    NotBound,
    /// 503: the deployment is not running, or a store is out of reach.
    Unavailable,
    /// 503: there is no room for the body now.
    Overloaded,
    /// 502: the container can't be reached.
    Unreachable,
}

impl Refusal {
    const fn status(self) -> StatusCode {
        match self {
            Self::Unproven => StatusCode::PRECONDITION_FAILED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotBound => StatusCode::NOT_FOUND,
            Self::Unavailable | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreachable => StatusCode::BAD_GATEWAY,
        }
    }

    /// The code of the body.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Unproven => "precondition_failed",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "payload_too_large",
            Self::BadRequest => "bad_request",
            Self::NotBound => "not_found",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::Unreachable => "upstream_error",
        }
    }

    /// The refusal as a response.
    pub(super) fn response(self, method: &Method) -> Response<Bytes> {
        let body = format!(r#"{{"error":"{}"}}"#, self.code());
        let length = body.len();
        let mut response = Response::new(if *method == Method::HEAD { Bytes::new() } else { body.into() });
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        if self == Self::MethodNotAllowed {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if self == Self::Overloaded {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A container's status as the sender's answer, and nothing else of the container.
pub(super) fn delivered(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_constant() {
        let unproven = Refusal::Unproven.response(&Method::POST);
        assert_eq!(
            (unproven.status().as_u16(), unproven.body().as_ref()),
            (412, br#"{"error":"precondition_failed"}"#.as_slice())
        );
        assert_eq!(Refusal::Unproven.response(&Method::HEAD).headers(), unproven.headers());
        assert_eq!(Refusal::MethodNotAllowed.response(&Method::GET).headers().get(ALLOW).unwrap(), "POST");
    }
}
