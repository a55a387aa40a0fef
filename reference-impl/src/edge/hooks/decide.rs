//! What a webhook has to show, in which order, and where it goes. Pure.

use super::answers::Refusal;
use crate::fault::{Fault, FaultSet};
use crate::ids::{DeploymentId, ExternalId};
use crate::network::Endpoint;
use crate::provider::Adapter;
use crate::store::database::{ConnectionRow, ConnectionStatus, DeploymentRow};
use crate::store::kv::Status;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method};

/// The longest body, in bytes.
pub const BODY_MAX: usize = 1024 * 1024;

/// The connection that a path names: it is all of the path.
#[must_use]
pub fn external_id(path: &str) -> Option<ExternalId> {
    ExternalId::parse(path.strip_prefix('/')?).ok()
}

/// Those connections that take webhooks: one that was revoked is as one that never was.
pub(super) fn alive(mut rows: Vec<ConnectionRow>) -> Vec<ConnectionRow> {
    rows.retain(|row| row.status != ConnectionStatus::Revoked);
    rows
}

/// The secret that a request presents, in the header where its provider puts it. Twice is not at all. Where no
/// connection is known there is a provider's header all the same.
#[must_use]
pub fn presented<'a>(headers: &'a HeaderMap, provider: Option<&str>) -> Option<&'a [u8]> {
    let name =
        if provider == Some(Adapter::Telegram.slug()) { "x-telegram-bot-api-secret-token" } else { "x-webhook-secret" };
    let mut fields = headers.get_all(name).iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => Some(field.as_bytes()),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

/// What is checked of a request whose secret is right, before its body is read.
///
/// # Errors
/// 405, then 413.
pub fn acceptable(method: &Method, headers: &HeaderMap) -> Result<(), Refusal> {
    if *method != Method::POST {
        return Err(Refusal::MethodNotAllowed);
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > BODY_MAX as u64) { Err(Refusal::TooLarge) } else { Ok(()) }
}

/// Where a webhook goes: the container of the deployment that the binding's app is of, if that is running.
///
/// # Errors
/// 404 for a deployment that is gone or not the tenant's, 503 for one that isn't running.
pub fn destination(
    wanted: Option<&DeploymentId>,
    found: Option<&DeploymentRow>,
    faults: FaultSet,
) -> Result<Endpoint, Refusal> {
    let (Some(wanted), Some(found)) = (wanted, found) else {
        return Err(Refusal::NotBound);
    };
    if found.id != *wanted {
        return Err(Refusal::NotBound);
    }
    match found.status {
        _ if faults.has(Fault::HksSuspendedDelivered) => Ok(found.target),
        Status::Running => Ok(found.target),
        Status::Suspending | Status::Suspended | Status::Resuming | Status::SuspendFailed | Status::ResumeFailed => {
            Err(Refusal::Unavailable)
        }
        Status::Destroyed => Err(Refusal::NotBound),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TenantId;

    #[test]
    fn a_path_is_an_external_id_or_nothing() {
        for (path, expected) in [
            ("/ext_1", Some("ext_1")),
            ("/A-b", Some("A-b")),
            ("/", None),
            ("", None),
            ("ext_1", None),
            ("/ext_1/", None),
            ("//ext_1", None),
            ("/ext_1/x", None),
            ("/ext%5F1", None),
            ("/../ext_1", None),
            ("/ext:1", None),
        ] {
            assert_eq!(external_id(path).as_ref().map(ExternalId::as_str), expected, "{path}");
        }
    }

    #[test]
    fn a_secret_is_in_its_providers_header_once() {
        let of = |fields: &[(&'static str, &'static str)], provider| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(*name, http::HeaderValue::from_static(value));
            }
            presented(&headers, provider).map(<[u8]>::to_vec)
        };
        let (own, telegram) = ("x-webhook-secret", "x-telegram-bot-api-secret-token");
        assert_eq!(of(&[(own, "s")], Some("slack")).unwrap(), b"s");
        assert_eq!(of(&[(own, "s")], None).unwrap(), b"s");
        assert_eq!(of(&[(telegram, "s")], Some("telegram")).unwrap(), b"s");
        assert_eq!(of(&[(telegram, "s")], Some("slack")), None);
        assert_eq!(of(&[(own, "s")], Some("telegram")), None);
        assert_eq!(of(&[(own, "s"), (own, "s")], Some("slack")), None);
        assert_eq!(of(&[("x_webhook_secret", "s")], Some("slack")), None);
        assert_eq!(of(&[], Some("slack")), None);
    }

    #[test]
    fn the_method_comes_before_the_length() {
        let long = HeaderMap::from_iter([(CONTENT_LENGTH, http::HeaderValue::from(BODY_MAX + 1))]);
        let fits = HeaderMap::from_iter([(CONTENT_LENGTH, http::HeaderValue::from(BODY_MAX))]);
        assert_eq!(acceptable(&Method::GET, &long), Err(Refusal::MethodNotAllowed));
        assert_eq!(acceptable(&Method::POST, &long), Err(Refusal::TooLarge));
        assert_eq!(acceptable(&Method::POST, &fits), Ok(()));
        assert_eq!(acceptable(&Method::POST, &HeaderMap::new()), Ok(()));
    }

    #[test]
    fn only_a_running_deployment_of_the_binding_is_a_destination() {
        let id = |text| DeploymentId::parse(text).unwrap();
        let row = |name, status| DeploymentRow {
            id: id(name),
            tenant: TenantId::parse("T-a").unwrap(),
            target: "127.0.0.1:4000".parse().unwrap(),
            status,
        };
        let target = "127.0.0.1:4000".parse().unwrap();
        for status in Status::ALL {
            let expected = match status {
                Status::Running => Ok(target),
                Status::Destroyed => Err(Refusal::NotBound),
                Status::Suspending
                | Status::Suspended
                | Status::Resuming
                | Status::SuspendFailed
                | Status::ResumeFailed => Err(Refusal::Unavailable),
            };
            assert_eq!(destination(Some(&id("d")), Some(&row("d", status)), FaultSet::none()), expected, "{status:?}");
        }
        assert_eq!(
            destination(Some(&id("d")), Some(&row("e", Status::Running)), FaultSet::none()),
            Err(Refusal::NotBound)
        );
        assert_eq!(destination(None, Some(&row("d", Status::Running)), FaultSet::none()), Err(Refusal::NotBound));
        assert_eq!(destination(Some(&id("d")), None, FaultSet::none()), Err(Refusal::NotBound));
    }
}
