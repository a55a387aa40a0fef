//! Each fault that is planted in the credentials worker or the hooks worker is wired: one probe behaves otherwise with it
//! than without it, and who does nothing wrong sees none of it.
#![cfg(feature = "faults")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::estate::{CREDENTIALS, Estate, EstateOptions, HOOKS, app_id, connection_id};
use common::{Client, deployment};
use reference_impl::standin::BrokerReply;
use reference_impl::store::database::ConnectionStatus;
use reference_impl::{Fault, FaultSet, Reply, Status};
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

fn faults() -> impl Iterator<Item = Fault> {
    Fault::ALL.iter().copied().filter(|fault| fault.id().starts_with("crd-") || fault.id().starts_with("hks-"))
}

async fn estate(faults: FaultSet) -> Estate {
    let estate = Estate::with(EstateOptions { faults, ..EstateOptions::default() }).await;
    estate.broker_gives("shared", "at-1", Some("2033-01-01T00:00:00Z"));
    estate
}

async fn vend(estate: &Estate, key: &str, target: &str, lines: &str) -> String {
    let answer = estate.vend(key, target, lines).await;
    format!("{} {}", answer.status, answer.text())
}

fn secret(of: &str) -> String {
    format!("x-webhook-secret: hook-of-{of}\r\n")
}

/// A webhook, and what reached which container of it.
async fn hook(estate: &Estate, target: &str, lines: &str) -> String {
    let status = estate.hook(target, lines, "{}").await.status;
    let mut seen = status.to_string();
    for (name, container) in &estate.containers {
        for received in container.drain() {
            let signature = received.header("vendo-signature").map(|value| value.escape_ascii().to_string());
            let provider = received.header("x-vendo-provider").map(|value| value.escape_ascii().to_string());
            let told = [signature.collect::<Vec<_>>(), provider.collect::<Vec<_>>()];
            seen.push_str(&format!(" {name} {told:?}"));
        }
    }
    seen
}

/// What a client can see of one fault.
#[expect(clippy::wildcard_enum_match_arm, reason = "faults of other workers are tried where those are")]
async fn probe(fault: Fault, estate: &Estate) -> String {
    let workspace = estate.workspace("acme");
    let named = |id: &str| format!("x-vendo-connection: {id}\r\n");
    match fault {
        Fault::CrdTokenCachedByProvider | Fault::CrdTokenCachedByAccount => {
            vend(estate, "g-key", "/github", "").await;
            estate.broker_gives("shared", "at-2", None);
            vend(estate, "a-key", "/github", "").await
        }
        Fault::CrdCacheSurvivesRevocation => {
            vend(estate, "a-github-key", "/github", "").await;
            workspace.revoke_connection(&connection_id("a-github")).await.unwrap();
            vend(estate, "a-github-key", "/github", "").await
        }
        Fault::CrdUserTokenWidens => {
            let lines = format!("{}{}", estate.user("g-ada", "T-globex"), named("g-slack"));
            vend(estate, "a-key", "/slack", &lines).await
        }
        Fault::CrdUserMetadataCounts => {
            let written =
                estate.token("a-ada", "T-globex", |claims| claims["user_metadata"] = json!({"tenant_id": "T-acme"}));
            vend(estate, "a-key", "/slack", &format!("x-vendo-user-jwt: {written}\r\n")).await
        }
        Fault::CrdConnectionKeyWalksBindings => vend(estate, "a-slack-key", "/openai", "").await,
        Fault::CrdBulkTellsForeign => {
            let target = "/_bulk?slugs=slack";
            vend(estate, "a-key", target, &named("g-slack")).await
                + &vend(estate, "a-key", target, &named("none")).await
        }
        Fault::CrdRefreshTokenVended => vend(estate, "a-key", "/slack", "").await,
        Fault::CrdBrokerErrorPassed => {
            estate.broker.set("shared", BrokerReply::Failure(500, "refresh token rt-1 is stale".to_owned()));
            vend(estate, "a-key", "/github", "").await
        }
        Fault::CrdTokenInLog => {
            estate.traces();
            vend(estate, "a-key", "/slack", "").await;
            estate.traces().1.join("\n").replace(&estate.keys["a-key"][..12], "")
        }
        Fault::CrdProfileNotChecked => vend(estate, "a-key", "/anthropic", "").await,
        Fault::HksSecretNotRequired => hook(estate, "/ext-a-hook", "").await,
        Fault::HksSecretPrefixCompared => hook(estate, "/ext-a-hook", &secret("a-hoo")).await,
        Fault::HksForeignSecretAccepted => hook(estate, "/ext-a-hook", &secret("g-hook")).await,
        Fault::HksOldSecretAccepted => {
            let new = Zeroizing::new("anew".to_owned());
            workspace.replace_webhook_secret(&connection_id("a-hook"), new).await.unwrap();
            hook(estate, "/ext-a-hook", &secret("a-hook")).await
        }
        Fault::HksForgedDestination => {
            let lines = format!("{}x-forwarded-host: globex-app.vendo.run\r\n", secret("a-hook"));
            let elsewhere = hook(estate, "/ext-a-hook", &lines).await;
            elsewhere + &hook(estate, "/ext-a-hook?deployment=a-site", &secret("a-hook")).await
        }
        Fault::HksUnboundDelivered => {
            hook(estate, "/ext-a-hook", &secret("a-hook")).await;
            workspace.unbind(&app_id("a-app"), &connection_id("a-hook")).await.unwrap();
            hook(estate, "/ext-a-hook", &secret("a-hook")).await
        }
        Fault::HksSignedWithFirstApp => {
            hook(estate, "/ext-g-hook", &secret("g-hook")).await;
            hook(estate, "/ext-a-hook", &secret("a-hook")).await
        }
        Fault::HksRedirectFollowed => {
            let location = format!("http://{}/", estate.container("g-app").endpoint()).into_bytes();
            let headers = vec![("location".to_owned(), location)];
            let reply = Reply::Response { status: 307, headers, chunks: vec![], chunked: false, trailers: vec![] };
            estate.container("a-app").script(reply);
            hook(estate, "/ext-a-hook", &secret("a-hook")).await
        }
        Fault::HksSenderHeadersPass => {
            hook(estate, "/ext-a-hook", &format!("{}x-vendo-provider: slack\r\n", secret("a-hook"))).await
        }
        Fault::HksSuspendedDelivered => {
            estate.platform.control().set_status(&deployment("a-app"), Status::Suspended).unwrap();
            hook(estate, "/ext-a-hook", &secret("a-hook")).await
        }
        Fault::HksUnknownIs404 => hook(estate, "/ext-none", &secret("a-hook")).await,
        Fault::HksRevokedDiffers => {
            workspace.revoke_connection(&connection_id("a-hook")).await.unwrap();
            hook(estate, "/ext-a-hook", &secret("a-hook")).await
        }
        Fault::HksBodyReadFirst => {
            let mut client = Client::new(estate.network.dial(&estate.platform.http_endpoint()).await.unwrap());
            client.send(format!("POST /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\ncontent-length: 10\r\n\r\n")).await;
            match timeout(Duration::from_millis(300), client.answer()).await {
                Ok(answer) => answer.status.to_string(),
                Err(_) => "waits for the body".to_owned(),
            }
        }
        Fault::HksMethodBeforeSecret => {
            estate.send(format!("GET /ext-a-hook HTTP/1.1\r\nhost: {HOOKS}\r\n\r\n")).await.status.to_string()
        }
        other => panic!("{} has no probe here", other.id()),
    }
}

#[tokio::test]
async fn every_fault_changes_what_its_probe_sees() {
    for fault in faults() {
        let sound = probe(fault, &estate(FaultSet::none()).await).await;
        assert_eq!(sound, probe(fault, &estate(FaultSet::none()).await).await, "{}: it changes by itself", fault.id());
        let faulty = probe(fault, &estate(FaultSet::none().with(fault)).await).await;
        assert_ne!(sound, faulty, "{} changes nothing that its probe sees", fault.id());
    }
}

#[tokio::test]
async fn a_fault_leaves_who_does_nothing_wrong_alone() {
    for fault in faults() {
        let estate = estate(FaultSet::none().with(fault)).await;
        for (key, token) in [("a-key", "token-of-a-slack"), ("g-slack-2-key", "token-of-g-slack-2")] {
            let answer = estate.vend(key, "/slack", "").await;
            assert!(answer.status == 200 && answer.text().contains(token), "{}: {}", fault.id(), answer.text());
        }
        assert!(vend(&estate, "a-key", "/github", "").await.contains("at-1"), "{}", fault.id());
        let unknown = estate.send(format!("GET /slack HTTP/1.1\r\nhost: {CREDENTIALS}\r\n\r\n")).await;
        assert_eq!(unknown.status, 401, "{}", fault.id());
        estate
            .workspace("acme")
            .set_connection_status(&connection_id("a-openai"), ConnectionStatus::Error)
            .await
            .unwrap();
        assert_eq!(estate.vend("a-key", "/openai", "").await.status, 502, "{}", fault.id());
        let delivered = hook(&estate, "/ext-a-hook", &secret("a-hook")).await;
        assert!(delivered.starts_with("200 a-app"), "{}: {delivered}", fault.id());
        assert_eq!(hook(&estate, "/ext-a-hook", "x-webhook-secret: wrong\r\n").await, "412", "{}", fault.id());
    }
}
