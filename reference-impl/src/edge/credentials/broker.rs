//! What the broker of managed connections is asked, and what is taken of its answer: the access token and its end.

use super::answers::Token;
use super::instant;
use crate::edge::one_shot::{self, AnswerBody};
use crate::network::{Endpoint, Network};
use crate::platform::{Limits, PoolCredential};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use zeroize::Zeroizing;

/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
/// The longest token that is passed on, in bytes.
const TOKEN_MAX: usize = 16 * 1024;

/// The broker gave no token. Why is between it and the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the broker gave no token")]
pub(super) struct NoToken {
    /// What it said instead, which only a planted fault passes on.
    #[cfg(feature = "faults")]
    pub(super) said: Option<String>,
}

impl NoToken {
    pub(super) fn silent() -> Self {
        Self {
            #[cfg(feature = "faults")]
            said: None,
        }
    }
}

/// A token with its end in Unix seconds.
pub(super) struct Brokered {
    pub(super) token: Token,
    pub(super) expires_at_s: Option<i64>,
}

/// The broker, as the worker reaches it.
pub(super) struct Broker<'a> {
    pub(super) network: &'a Network,
    pub(super) limits: &'a Limits,
    pub(super) endpoint: Endpoint,
    pub(super) key: &'a PoolCredential,
}

impl Broker<'_> {
    /// Asks for the token of an account.
    pub(super) async fn token(&self, account: &str) -> Result<Brokered, NoToken> {
        let request = self.request(account).ok_or_else(NoToken::silent)?;
        let answered =
            one_shot::run(self.network, self.limits, &self.endpoint, request, AnswerBody::Read(ANSWER_MAX)).await;
        let answer = answered.map_err(|_| NoToken::silent())?;
        let brokered = if answer.status() == StatusCode::OK { read(answer.body()) } else { None };
        match brokered {
            Some(brokered) => Ok(brokered),
            None => Err(NoToken {
                #[cfg(feature = "faults")]
                said: Some(String::from_utf8_lossy(answer.body()).into_owned()),
            }),
        }
    }

    fn request(&self, account: &str) -> Option<Request<Full<Bytes>>> {
        let mut key = HeaderValue::from_str(self.key.expose()).ok()?;
        key.set_sensitive(true);
        let body = serde_json::json!({ "connected_account_id": account }).to_string();
        Request::post("/v1/tokens")
            .header(HOST, self.endpoint.to_string())
            .header("x-api-key", key)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(Full::new(body.into()))
            .ok()
    }
}

/// What is read of an answer. The refresh token is not.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    expires_at: Option<String>,
}

fn read(body: &[u8]) -> Option<Brokered> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let expires_at_s = match &answer.expires_at {
        None => None,
        Some(text) => Some(instant::unix_seconds(text)?),
    };
    let visible = |token: &str| token.bytes().all(|byte| byte.is_ascii_graphic());
    if answer.access_token.is_empty() || answer.access_token.len() > TOKEN_MAX || !visible(&answer.access_token) {
        return None;
    }
    let token = Token {
        access: Zeroizing::new(answer.access_token),
        expires_at: answer.expires_at,
        #[cfg(feature = "faults")]
        refresh: None,
    };
    Some(Brokered { token, expires_at_s })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_or_nothing_is() {
        let good =
            read(br#"{"access_token":"at","refresh_token":"rt","expires_at":"2023-11-14T22:13:20Z","x":1}"#).unwrap();
        assert_eq!((good.token.access.as_str(), good.expires_at_s), ("at", Some(1_700_000_000)));
        assert_eq!(read(br#"{"access_token":"at","expires_at":null}"#).unwrap().expires_at_s, None);
        assert_eq!(read(br#"{"access_token":"at"}"#).unwrap().expires_at_s, None);
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"access_token":null}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\n"}"#,
            r#"{"access_token":"at","expires_at":"soon"}"#,
            r#"{"access_token":"at","expires_at":1700000000}"#,
            r#"{"access_token":"at","access_token":"at"}"#,
            r#"{"access_token":"at"} trailing"#,
        ] {
            assert!(read(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(read(format!(r#"{{"access_token":"{}"}}"#, "x".repeat(TOKEN_MAX + 1)).as_bytes()).is_none());
    }
}
