//! The decisions as tables, without a network.

use super::*;
use crate::edge::entry::ServerName;
use crate::identity::key::Grant;
use crate::ids::{AppId, ProviderSlug};
use http::{HeaderName, HeaderValue, Uri};

fn headers(fields: &[(&str, &str)]) -> HeaderMap {
    let parsed = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in fields.iter().map(parsed) {
        headers.append(name, value);
    }
    headers
}

fn screened(
    adapter: Option<Adapter>,
    (method, uri): (&str, &str),
    version: Version,
    fields: &[(&str, &str)],
) -> (Result<Option<Adapter>, Refusal>, Vec<Guard>) {
    let (method, uri, headers) = (method.parse().unwrap(), uri.parse::<Uri>().unwrap(), headers(fields));
    let server_name = ServerName::Cleartext;
    let head = Head { method: &method, uri: &uri, version, headers: &headers, server_name };
    let mut inspection = Inspection::default();
    let screened = screen(adapter, &head, &mut inspection).map(|screened| match screened {
        Screened::Preflight => None,
        Screened::Request(adapter, path) => {
            assert_eq!(path, uri.path());
            Some(adapter)
        }
    });
    (screened, inspection.guards.iter().collect())
}

#[test]
fn the_path_comes_before_the_adapter_and_that_before_a_preflight() {
    let asks = [("origin", "https://x"), ("access-control-request-method", "POST")];
    let openai = Some(Adapter::Openai);
    for (adapter, what, fields, expected) in [
        (openai, ("GET", "/v1/models"), &[][..], Ok(Some(Adapter::Openai))),
        (openai, ("OPTIONS", "/v1/models"), &asks[..], Ok(None)),
        (openai, ("OPTIONS", "/v1/models"), &asks[..1], Ok(Some(Adapter::Openai))),
        (openai, ("OPTIONS", "/v1/models"), &asks[1..], Ok(Some(Adapter::Openai))),
        (openai, ("GET", "/v1/models"), &asks[..], Ok(Some(Adapter::Openai))),
        (openai, ("OPTIONS", "/v1/.."), &asks[..], Err(Refusal::BadRequest)),
        (None, ("OPTIONS", "/v1/models"), &asks[..], Err(Refusal::NotFound)),
        (None, ("GET", "/v1/.."), &[][..], Err(Refusal::BadRequest)),
        (openai, ("GET", "http://openai-proxy.vendo.run/v1/models"), &[][..], Err(Refusal::BadRequest)),
    ] {
        let (found, guards) = screened(adapter, what, Version::HTTP_11, fields);
        let reached_adapter = found != Err(Refusal::BadRequest);
        assert_eq!(found, expected, "{adapter:?} {what:?}");
        assert_eq!(guards.contains(&Guard::Adapter), reached_adapter);
        assert!(guards.contains(&Guard::PathGuard));
    }
    let authority = ("GET", "http://openai-proxy.vendo.run/v1/models");
    let (found, _) = screened(openai, authority, Version::HTTP_2, &[]);
    assert_eq!(found, Ok(Some(Adapter::Openai)));
}

fn binding(connection: &str) -> BindingRow {
    BindingRow {
        app: AppId::parse("a").unwrap(),
        connection: ConnectionId::parse(connection).unwrap(),
        tenant: TenantId::parse("t").unwrap(),
        provider: ProviderSlug::parse("openai").unwrap(),
        created: 1,
    }
}

#[test]
fn a_connection_is_chosen_among_those_that_are_open_to_the_key() {
    let app = Grant::App(AppId::parse("a").unwrap());
    let own = Grant::Connection(ConnectionId::parse("c1").unwrap());
    let two = [binding("c1"), binding("c2")];
    let named = "x-vendo-connection";
    for (grant, bindings, fields, expected) in [
        (&app, &two[..], &[][..], Ok("c1")),
        (&app, &two, &[(named, "c2")], Ok("c2")),
        (&app, &two, &[(named, "c3")], Err(Refusal::BindingMissing)),
        (&app, &two, &[(named, "C2")], Err(Refusal::BindingMissing)),
        (&app, &two, &[(named, "c2 ")], Err(Refusal::BindingMissing)),
        (&app, &two, &[(named, "")], Err(Refusal::BindingMissing)),
        (&app, &two, &[(named, "caf\u{e9}")], Err(Refusal::BindingMissing)),
        (&app, &two, &[(named, "c1"), (named, "c1")], Err(Refusal::BindingMissing)),
        (&app, &two, &[("x_vendo_connection", "c2")], Ok("c1")),
        (&app, &[], &[], Err(Refusal::BindingMissing)),
        (&app, &[], &[(named, "c1")], Err(Refusal::BindingMissing)),
        (&own, &[], &[], Ok("c1")),
        (&own, &[], &[(named, "c1")], Ok("c1")),
        (&own, &two, &[(named, "c2")], Err(Refusal::BindingMissing)),
        (&own, &[], &[(named, "c1"), (named, "c1")], Err(Refusal::BindingMissing)),
    ] {
        let chosen = choose(grant, bindings, &headers(fields), &mut Inspection::default());
        assert_eq!(chosen.as_ref().map(|id| id.as_str()), expected.as_ref().copied(), "{grant:?} {fields:?}");
    }
}

#[test]
fn a_connection_is_compared_again_before_its_use() {
    let tenant = TenantId::parse("T-acme").unwrap();
    let caller = (&tenant, &Grant::App(AppId::parse("a").unwrap()));
    let good = Facts {
        tenant: "T-acme",
        provider: "openai",
        profile: Some(Profile::ByokStatic),
        status: Some(ConnectionStatus::Active),
    };
    let openai = |facts| check(facts, caller, Adapter::Openai, "openai", &mut Inspection::default());
    assert_eq!(openai(good), Ok(Profile::ByokStatic));
    for (facts, refusal) in [
        (Facts { tenant: "T-globex", ..good }, Refusal::BindingMissing),
        (Facts { tenant: "t-acme", ..good }, Refusal::BindingMissing),
        (Facts { tenant: "T-acme2", ..good }, Refusal::BindingMissing),
        (Facts { tenant: "", ..good }, Refusal::BindingMissing),
        (Facts { provider: "openrouter", ..good }, Refusal::BindingMissing),
        (Facts { provider: "Openai", ..good }, Refusal::BindingMissing),
        (Facts { tenant: "x", status: Some(ConnectionStatus::Revoked), ..good }, Refusal::BindingMissing),
        (Facts { status: Some(ConnectionStatus::NeedsReauth), ..good }, Refusal::NeedsReauth),
        (Facts { status: Some(ConnectionStatus::Revoked), ..good }, Refusal::Revoked),
        (Facts { status: Some(ConnectionStatus::Error), ..good }, Refusal::Upstream),
        (Facts { status: None, ..good }, Refusal::Upstream),
        (Facts { profile: None, ..good }, Refusal::BindingMissing),
        (Facts { profile: None, status: Some(ConnectionStatus::Revoked), ..good }, Refusal::Revoked),
    ] {
        assert_eq!(openai(facts), Err(refusal), "{facts:?}");
    }
    for profile in Profile::ALL {
        let facts = Facts { profile: Some(*profile), ..good };
        let direct = matches!(profile, Profile::ByokStatic | Profile::OauthAppInstall | Profile::VendoManagedPool);
        assert_eq!(openai(facts).is_ok(), direct, "{profile:?}");
        let gmail = Facts { provider: "gmail", ..facts };
        let managed = check(gmail, caller, Adapter::Composio, "gmail", &mut Inspection::default());
        assert_eq!(managed.is_ok(), *profile == Profile::ComposioManaged, "{profile:?}");
    }
}

#[test]
fn a_body_that_is_encoded_or_too_long_is_not_read() {
    for (fields, expected) in [
        (&[][..], Ok(())),
        (&[("content-length", "10")], Ok(())),
        (&[("content-length", "11")], Err(Refusal::PayloadTooLarge)),
        (&[("content-encoding", "identity")], Err(Refusal::Validation)),
        (&[("content_encoding", "gzip")], Err(Refusal::Validation)),
        (&[("content-encoding", "gzip"), ("content-length", "11")], Err(Refusal::Validation)),
    ] {
        assert_eq!(readable(&headers(fields), 10), expected, "{fields:?}");
    }
}
