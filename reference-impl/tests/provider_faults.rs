//! Each planted fault of the provider proxies is wired: one probe behaves otherwise with it than without it.
//!
//! The probes are not checks: they know their fault. What a check that doesn't know it can see is measured elsewhere.
#![cfg(feature = "faults")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod common;

use common::provider::*;
use common::*;
use reference_impl::identity::key::Grant;
use reference_impl::store::database::ConnectionStatus;
use reference_impl::{Adapter, ConnectionId, Fault, FaultSet, Reply};
use std::time::Duration;

const USAGE: &str = r#"{"usage":{"prompt_tokens":3,"completion_tokens":5}}"#;

fn faults() -> impl Iterator<Item = &'static Fault> {
    Fault::ALL.iter().filter(|fault| fault.id().starts_with("prx-"))
}

/// Everything that reached a provider, heads and bodies.
fn sent(world: &Providers, adapter: Adapter) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    world.reached(adapter).iter().map(|seen| text(&seen.head_bytes) + &text(&seen.body)).collect()
}

/// An answer in short.
fn short(answer: &Answer) -> String {
    format!("{} {}", answer.status, answer.text())
}

async fn spent(world: &Providers) -> [u64; 2] {
    [world.spent("T-acme").await, world.spent("T-globex").await]
}

/// A request as acme, in short.
async fn ask(world: &Providers, adapter: Adapter, what: (&str, &str, &str), lines: &str) -> String {
    short(&world.call(adapter, world.acme(), what, lines).await)
}

/// The second of two requests on one connection: the first as acme, the second with lines of the caller's choice.
async fn second(world: &Providers, lines: &str) -> String {
    let mut client = world.client().await;
    let first = format!("authorization: Bearer {}\r\n", world.acme());
    let models = ("GET", "/v1/models", "");
    client.send(request(Adapter::Openai, &first, models)).await;
    client.answer().await;
    client.send(request(Adapter::Openai, lines, models)).await;
    short(&client.answer().await)
}

/// A stream that breaks off, and what it came to.
async fn died(world: &Providers) -> String {
    let word = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    world.script(Adapter::Openai, Reply::Raw(format!("{head}{:x}\r\n{word}\r\n", word.len()).into_bytes()));
    let mut client = world.client().await;
    let lines = format!("authorization: Bearer {}\r\n", world.acme());
    client.send(request(Adapter::Openai, &lines, metered(Adapter::Openai))).await;
    assert_eq!(client.try_answer().await, None);
    while world.log().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    format!("{:?}", world.ledger("T-acme").await)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "faults of other workers are tried where those are")]
async fn probe(fault: Fault, world: &Providers) -> String {
    let openai = Adapter::Openai;
    let post = metered(openai);
    let (own, foreign) = (connection("T-acme", "openai"), connection("T-globex", "openai"));
    let secret = credential("T-acme", openai);
    match fault {
        Fault::PrxTenantFromHeader => {
            world.script(openai, answer(USAGE));
            ask(world, openai, post, "x-vendo-tenant-id: T-globex\r\n").await;
            format!("{:?}", spent(world).await)
        }
        Fault::PrxTenantFromBody => {
            world.script(openai, answer(USAGE));
            ask(world, openai, ("POST", post.1, r#"{"model":"m","tenant_id":"T-globex"}"#), "").await;
            format!("{:?}", spent(world).await)
        }
        Fault::PrxFirstAuthorizationWins => {
            ask(world, openai, post, &format!("authorization: Bearer {}\r\n", world.globex())).await
        }
        Fault::PrxKeyCachedPerConnection => second(world, "").await,
        Fault::PrxRateMissPasses => ask(world, openai, ("POST", post.1, r#"{"model":"none"}"#), "").await,
        Fault::PrxModelCaseFolded => ask(world, openai, ("POST", post.1, r#"{"model":"M"}"#), "").await,
        Fault::PrxFreeRoutePrefix => ask(world, openai, ("POST", "/v1/models/m/files", "{}"), "").await,
        Fault::PrxDiedStreamFree | Fault::PrxRetrySettlesTwice => died(world).await,
        Fault::PrxHoldForRefused => {
            ask(world, openai, ("POST", post.1, r#"{"model":"none"}"#), "").await;
            format!("{:?}", world.ledger("T-acme").await)
        }
        Fault::PrxJobOfAnyTenant => {
            world.script(Adapter::Assemblyai, answer(r#"{"id":"t1"}"#));
            world.call(Adapter::Assemblyai, world.globex(), metered(Adapter::Assemblyai), "").await;
            ask(world, Adapter::Assemblyai, ("GET", "/v2/transcript/t1", ""), "").await
        }
        Fault::PrxResponseCached => {
            world.script(openai, answer(r#"{"for":"globex"}"#));
            world.call(openai, world.globex(), post, "").await;
            ask(world, openai, post, "").await
        }
        Fault::PrxRefusalCached => {
            let all = FUNDS / 1_000_000;
            for _ in 0..all {
                world.script(openai, answer(r#"{"usage":{"prompt_tokens":1000000,"completion_tokens":0}}"#));
                world.call(openai, world.globex(), post, "").await;
            }
            let refused = world.call(openai, world.globex(), post, "").await;
            assert_eq!(refused.status, 402);
            ask(world, openai, post, "").await
        }
        Fault::PrxCredentialCachedByProvider => {
            world.call(openai, world.globex(), post, "").await;
            world.reached_any();
            ask(world, openai, post, "").await;
            sent(world, openai)
        }
        Fault::PrxConnectionKeyAnyProvider => {
            let key = world.key("T-acme", "own", Grant::Connection(own)).await;
            let adapter = Adapter::Gemini;
            short(&world.call(adapter, &key, metered(adapter), "").await) + &sent(world, adapter)
        }
        Fault::PrxConnectionHeaderUnlimited => {
            let got = ask(world, openai, post, &format!("x-vendo-connection: {foreign}\r\n")).await;
            got + &sent(world, openai)
        }
        Fault::PrxStatusNotRechecked => {
            let workspace = world.workspace("T-acme");
            workspace.set_connection_status(&own, ConnectionStatus::NeedsReauth).await.unwrap();
            ask(world, openai, post, "").await
        }
        Fault::PrxForeignNameInError => ask(world, openai, post, &format!("x-vendo-connection: {foreign}\r\n")).await,
        Fault::PrxForeignConnection404 => ask(world, openai, post, "x-vendo-connection: c-none\r\n").await,
        Fault::PrxAccountFromClient => {
            let adapter = Adapter::Composio;
            ask(world, adapter, metered(adapter), "x-connected-account-id: acc-c-T-globex-gmail\r\n").await;
            sent(world, adapter)
        }
        Fault::PrxCredentialInError => {
            world.script(openai, Reply::Raw(b"nonsense\r\n\r\n".to_vec()));
            ask(world, openai, post, "").await
        }
        Fault::PrxCredentialInLog => {
            ask(world, openai, post, "").await;
            let mut log = world.log();
            while log.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
                log = world.log();
            }
            log.concat()
        }
        Fault::PrxCredentialInRedirect => {
            world.script(openai, respond(302, &[("location", &format!("/?k={secret}"))], &[""], false));
            format!("{:?}", world.spend(openai).await.header("location"))
        }
        Fault::PrxEchoNotRedacted => {
            world.script(openai, Reply::Echo);
            ask(world, openai, post, "").await
        }
        Fault::PrxRedactionPerChunk => {
            let (front, back) = secret.split_at(9);
            world.script(openai, respond(200, &[], &[front, back], true));
            ask(world, openai, post, "").await
        }
        Fault::PrxBearerForwarded => {
            ask(world, Adapter::Anthropic, metered(Adapter::Anthropic), "").await;
            sent(world, Adapter::Anthropic)
        }
        Fault::PrxOwnAuthorizationWins => {
            ask(world, Adapter::Gemini, metered(Adapter::Gemini), "x-goog-api-key: mine\r\n").await;
            sent(world, Adapter::Gemini)
        }
        Fault::PrxSetCookiePasses => {
            world.script(openai, respond(200, &[("set-cookie", "a=b")], &["{}"], false));
            format!("{:?}", world.spend(openai).await.header("set-cookie"))
        }
        Fault::PrxPathGuardAfterDecoding => {
            ask(world, openai, ("GET", "/v1/files/../models", ""), "").await + &sent(world, openai)
        }
        Fault::PrxPathGuardPlainOnly => {
            ask(world, openai, ("GET", "/v1/models/%2e%2e", ""), "").await + &sent(world, openai)
        }
        Fault::PrxRedirectFollowed => {
            let elsewhere = format!("http://{}/x", world.upstream(Adapter::Gemini).endpoint());
            world.script(openai, respond(302, &[("location", &elsewhere)], &[""], false));
            world.spend(openai).await;
            sent(world, Adapter::Gemini)
        }
        other => panic!("{} has no probe here", other.id()),
    }
}

async fn with(fault: Option<Fault>) -> Providers {
    let faults = fault.into_iter().fold(FaultSet::none(), FaultSet::with);
    Providers::with(Setup { faults, ..Setup::default() }).await
}

#[tokio::test]
async fn every_fault_changes_what_its_probe_sees() {
    for fault in faults() {
        let sound = probe(*fault, &with(None).await).await;
        assert_eq!(
            sound,
            probe(*fault, &with(None).await).await,
            "{}: the probe must not change by itself",
            fault.id()
        );
        let faulty = probe(*fault, &with(Some(*fault)).await).await;
        assert_ne!(sound, faulty, "{} changes nothing that its probe sees", fault.id());
    }
}

#[tokio::test]
async fn a_fault_leaves_an_honest_key_alone() {
    for fault in faults() {
        let world = with(Some(*fault)).await;
        for adapter in Adapter::ALL {
            world.script(adapter, answer(USAGE));
            assert_eq!(world.spend(adapter).await.status, 200, "{} {adapter}", fault.id());
        }
        let key = world.key("T-acme", "own", Grant::Connection(connection("T-acme", "gemini"))).await;
        let gemini = world.call(Adapter::Gemini, &key, metered(Adapter::Gemini), "").await;
        assert_eq!(gemini.status, 200, "{}", fault.id());
        let named = ConnectionId::parse("c-T-acme-openai").unwrap();
        let lines = format!("x-vendo-connection: {named}\r\n");
        let openai = world.call(Adapter::Openai, world.acme(), metered(Adapter::Openai), &lines).await;
        assert_eq!(openai.status, 200, "{}", fault.id());
        assert!(world.ledger("T-globex").await.is_empty(), "{}", fault.id());
    }
}
