//! WebSockets: the one protocol that a request may change to.

use super::decide::{Head, Inspection};
use crate::observe::Guard;
use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::{Method, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

/// Whether a request asks for a WebSocket, in the one form that counts. Any other Upgrade field is stripped, and the
/// request is a plain one.
pub(crate) fn asks_for_websocket(head: &Head<'_>, inspection: &mut Inspection) -> bool {
    let mut protocols = head.headers.get_all(UPGRADE).iter();
    let Some(protocol) = protocols.next() else {
        return false;
    };
    inspection.guards.mark(Guard::Upgrade);
    *head.method == Method::GET
        && head.version == Version::HTTP_11
        && protocols.next().is_none()
        && protocol.as_bytes().eq_ignore_ascii_case(b"websocket")
        && connection_lists_upgrade(head.headers)
}

fn connection_lists_upgrade(headers: &HeaderMap) -> bool {
    headers.get_all(CONNECTION).iter().any(|field| {
        field.as_bytes().split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    })
}

/// Marks a 101 that goes back to the client.
pub(crate) fn mark_switched(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Both ends of a connection that changes its protocol.
pub(crate) struct Tunnel {
    pub(crate) client: OnUpgrade,
    pub(crate) container: OnUpgrade,
}

impl Tunnel {
    /// Carries bytes both ways until both ends have ended, or one breaks. Either way both are closed then.
    pub(crate) async fn run(self) {
        let (Ok(client), Ok(container)) = tokio::join!(self.client, self.container) else {
            return;
        };
        let (mut client, mut container) = (TokioIo::new(client), TokioIo::new(container));
        match tokio::io::copy_bidirectional(&mut client, &mut container).await {
            // An end that breaks ends the tunnel, as an end that ends: nobody is left to tell.
            Ok(_) | Err(_) => {}
        }
    }
}
