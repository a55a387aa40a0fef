//! What a container is sent of a webhook: the body as it came, and who it is from, signed with the app's secret. Of the
//! sender's headers it gets the content type alone.

use crate::fault::{Fault, FaultSet};
use crate::network::Endpoint;
use crate::store::database::ConnectionRow;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::Full;
use sha2::Sha256;
use std::fmt::Write as _;

/// The signature of a body at a time in Unix seconds: lower-case hex of the HMAC-SHA256 of `{timestamp}.{body}`.
pub(super) fn signature(secret: &[u8], timestamp: i64, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut hex = String::with_capacity(64);
    for byte in mac.finalize().into_bytes() {
        // A String takes whatever is written to it.
        let (Ok(()) | Err(_)) = write!(hex, "{byte:02x}");
    }
    Some(hex)
}

/// The request to a container.
pub(super) fn request(
    row: &ConnectionRow,
    target: &Endpoint,
    sent: &HeaderMap,
    body: Bytes,
    timestamp: i64,
    secret: &[u8],
    faults: FaultSet,
) -> Option<Request<Full<Bytes>>> {
    let signature = signature(secret, timestamp, &body)?;
    let mut request = Request::post(format!("/vendo/webhooks/{}", row.provider)).body(Full::new(body)).ok()?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(&target.to_string()).ok()?);
    for value in sent.get_all(CONTENT_TYPE) {
        headers.append(CONTENT_TYPE, value.clone());
    }
    if faults.has(Fault::HksSenderHeadersPass) {
        let platforms = |name: &str| name.starts_with("vendo-") || name.starts_with("x-vendo-");
        for (name, value) in sent.iter().filter(|(name, _)| platforms(name.as_str())) {
            headers.append(name.clone(), value.clone());
        }
        append(headers, row, timestamp, &signature)?;
        return Some(request);
    }
    headers.insert("vendo-timestamp", HeaderValue::from(timestamp));
    headers.insert("vendo-signature", HeaderValue::from_str(&signature).ok()?);
    headers.insert("x-vendo-connection-id", HeaderValue::from_str(row.id.as_str()).ok()?);
    headers.insert("x-vendo-provider", HeaderValue::from_str(row.provider.as_str()).ok()?);
    Some(request)
}

/// The envelope beside what is there already, as only a planted fault writes it.
fn append(headers: &mut HeaderMap, row: &ConnectionRow, timestamp: i64, signature: &str) -> Option<()> {
    headers.append("vendo-timestamp", HeaderValue::from(timestamp));
    headers.append("vendo-signature", HeaderValue::from_str(signature).ok()?);
    headers.append("x-vendo-connection-id", HeaderValue::from_str(row.id.as_str()).ok()?);
    headers.append("x-vendo-provider", HeaderValue::from_str(row.provider.as_str()).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_time_and_body() {
        // The same from: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec
        let known = "8ad37ba156048ae0e0a5533c75cdf26fee88b07f93cb57ee4c80adb053012032";
        assert_eq!(signature(b"whsec", 1_700_000_000, br#"{"a":1}"#).unwrap(), known);
        assert_ne!(signature(b"whsec", 1_700_000_001, br#"{"a":1}"#).unwrap(), known);
        assert_ne!(signature(b"whsec2", 1_700_000_000, br#"{"a":1}"#).unwrap(), known);
        // The separator is part of it: digits can't move from one side to the other.
        assert_ne!(signature(b"s", 1, b"1.x").unwrap(), signature(b"s", 11, b".x").unwrap());
    }
}
