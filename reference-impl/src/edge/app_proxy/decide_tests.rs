//! The decision as a table, without a network.

use super::*;
use crate::identity::{CookieKey, Member, Role};
use crate::ids::TenantId;
use http::HeaderValue;
use http::header::HOST;
use http::{Uri, Version};

const NOW: i64 = 1_700_000_000;

fn keys() -> CookieKeys {
    CookieKeys::new(&[CookieKey { kid: "k".into(), secret: vec![1; 32] }]).unwrap()
}

fn cookie(tenant: &str) -> String {
    let member = Member {
        user_id: "u".into(),
        email: "e".into(),
        name: "n".into(),
        tenant: TenantId::parse(tenant).unwrap(),
        role: Role::Viewer,
    };
    format!("vendoAuth={}", identity::mint(&keys(), &member, NOW, 60))
}

fn entry(vendo_auth: bool, status: Status) -> DeployEntry {
    DeployEntry { target: "mem-1".into(), vendo_auth, tenant_id: "Acme".into(), deployment_id: "d".into(), status }
}

fn name(decision: &Decision<'_>) -> String {
    match decision {
        Decision::Refuse(refusal) => refusal.status().as_str().to_owned(),
        Decision::SignIn(_) => "sign-in".to_owned(),
        Decision::Redeem(_) => "redeem".to_owned(),
        Decision::Forward(forward) => {
            if forward.session.is_some() { "forward with identity" } else { "forward" }.to_owned()
        }
    }
}

fn outcome(cookie: Option<&str>, path: &str, entry: Option<&DeployEntry>) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("acme-app.vendo.run"));
    if let Some(cookie) = cookie {
        headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
    }
    let uri: Uri = path.parse().unwrap();
    let head = Head {
        method: &Method::GET,
        uri: &uri,
        version: Version::HTTP_11,
        headers: &headers,
        server_name: ServerName::Cleartext,
    };
    let mut inspection = Inspection::default();
    let route = route(&head, &mut inspection).unwrap();
    assert_eq!(route.key.rendered(), "deploy:acme-app");
    name(&decide(&head, &route, entry, &keys(), NOW, &mut inspection))
}

#[test]
fn the_order_of_checks() {
    let (own, foreign) = (cookie("Acme"), cookie("Globex"));
    let (own, foreign) = (Some(own.as_str()), Some(foreign.as_str()));
    let junk = Some("vendoAuth=junk");
    for (status, unavailable) in
        [(Status::Running, None), (Status::Suspended, Some("503")), (Status::Destroyed, Some("404"))]
    {
        for flag in [true, false] {
            let entry = entry(flag, status);
            let case = |cookie, path| outcome(cookie, path, Some(&entry));
            let or = |otherwise: &str| unavailable.unwrap_or(otherwise).to_owned();
            assert_eq!(case(foreign, "/"), "403");
            assert_eq!(case(foreign, "/.vendo/session?code=x"), "403");
            assert_eq!(case(own, "/"), or(if flag { "forward with identity" } else { "forward" }));
            assert_eq!(case(None, "/"), or(if flag { "401" } else { "forward" }));
            assert_eq!(case(junk, "/"), or(if flag { "401" } else { "forward" }));
            assert_eq!(case(None, "/.vendo/session?code=x"), or(if flag { "redeem" } else { "404" }));
            assert_eq!(case(own, "/%2evendo/session?code=x"), or("404"));
        }
    }
    assert_eq!(outcome(foreign, "/", None), "404");
}

#[test]
fn a_tenant_is_compared_byte_for_byte() {
    let entry = entry(true, Status::Running);
    for tenant in ["acme", "ACME", "Acm", "Acme2", "Acme_", "A"] {
        assert_eq!(outcome(Some(&cookie(tenant)), "/", Some(&entry)), "403", "{tenant}");
    }
}
