//! Each planted fault is wired: one probe behaves otherwise with it than without it.
//!
//! The probes are not checks: they know their fault. What a check that doesn't know it can see is measured elsewhere.
#![cfg(feature = "faults")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

#[path = "faults/account.rs"]
mod account;
mod common;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use common::*;
use hmac::{Hmac, KeyInit, Mac};
use reference_impl::{Fault, FaultSet, KvActor, KvOp, Reply, Status};
use std::time::Duration;

const WEBSOCKET: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A token of the platform's own key (or any other header), with claims of the caller's choice.
fn token(header: &str, payload: &str) -> String {
    let body = format!("{}.{}", BASE64.encode(header), BASE64.encode(payload));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&[1; 32]).unwrap();
    mac.update(body.as_bytes());
    format!("{body}.{}", BASE64.encode(mac.finalize().into_bytes()))
}

fn claims(tenant: &str, exp: i64, aud: &str) -> String {
    format!(r#"{{"sub":"u","email":"e","name":"n",{tenant}"role":"owner","iat":1,"exp":{exp},"aud":"{aud}"}}"#)
}

const GOOD: &str = r#"{"alg":"HS256","kid":"k1"}"#;
const ACME: &str = r#""tenant_id":"T-acme","#;

/// A member of a tenant with another id than the two of the world.
fn of(world: &World, tenant_id: &str) -> String {
    world.platform.control().mint_cookie(&member(tenant_id), Duration::from_secs(60))
}

/// The answer in short: its status and its page.
async fn get(world: &World, host: &str, token: &str, lines: &str) -> String {
    let answer = world.get(host, "/", Some(token), lines).await;
    format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body).trim_end())
}

/// Everything that the container of `app` was sent.
fn sent(world: &World) -> String {
    world.acme.drain().iter().map(|received| String::from_utf8_lossy(&received.head_bytes).into_owned()).collect()
}

async fn cookies(world: &World, set: &str) -> String {
    let headers = vec![("set-cookie".to_owned(), set.as_bytes().to_vec())];
    world.acme.script(Reply::Response { status: 200, headers, chunks: vec![], chunked: false, trailers: vec![] });
    world.get(HOST, "/", Some(&world.cookie("T-acme")), "").await.all("set-cookie").join("|")
}

/// All faults but those that are tried where their worker is.
fn faults() -> impl Iterator<Item = &'static Fault> {
    let elsewhere = ["prx-", "crd-", "hks-"];
    Fault::ALL.iter().filter(move |fault| !elsewhere.iter().any(|prefix| fault.id().starts_with(prefix)))
}

/// What a client can see of one fault.
#[expect(clippy::wildcard_enum_match_arm, reason = "faults of other workers are tried where those are")]
async fn probe(fault: Fault, world: &World) -> String {
    let control = world.platform.control();
    let (own, foreign) = (world.cookie("T-acme"), world.cookie("T-globex"));
    let far = START_MS / 1000 + 60;
    match fault {
        Fault::ApxTenantCheckSkipped => get(world, HOST, &foreign, "").await,
        Fault::ApxTenantComparePrefix => get(world, HOST, &of(world, "T-acme2"), "").await,
        Fault::ApxTenantCompareCaseFolded => get(world, HOST, &of(world, "t-ACME"), "").await,
        Fault::ApxTenantFromHeader => get(world, HOST, &foreign, "x-vendo-tenant-id: T-acme\r\n").await,
        Fault::ApxFlagOffSkipsTenantCheck => get(world, PUBLIC_HOST, &foreign, "").await,
        Fault::ApxUpgradeSkipsTenantCheck => get(world, HOST, &foreign, WEBSOCKET).await,
        Fault::ApxStatusCheckedAfterForward => {
            control.set_status(&deployment("d-app"), Status::Suspended).unwrap();
            get(world, HOST, &own, "").await + &sent(world)
        }
        Fault::ApxSessionPerConnection => {
            let mut client = world.client().await;
            let ask = |cookie: &str| format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n{cookie}\r\n");
            client.send(ask(&format!("cookie: vendoAuth={own}\r\n"))).await;
            client.answer().await;
            client.send(ask("")).await;
            client.answer().await.status.to_string()
        }
        Fault::ApxSuspendedBeforeTenant => {
            control.set_status(&deployment("d-app"), Status::Suspended).unwrap();
            get(world, HOST, &foreign, "").await
        }
        Fault::ApxPreflightPasses => get(world, HOST, &foreign, "access-control-request-method: GET\r\n").await,
        Fault::ApxAssetPathPasses => world.get(HOST, "/site.css", None, "").await.status.to_string(),
        Fault::ApxCookieSignaturePrefix => {
            let (signed, signature) = own.rsplit_once('.').unwrap();
            let mut bytes = BASE64.decode(signature).unwrap();
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            get(world, HOST, &format!("{signed}.{}", BASE64.encode(bytes)), "").await
        }
        Fault::ApxCookieScanBounded => {
            let many: String = (0..20).map(|n| format!("; c{n}=1")).collect();
            get(world, HOST, &format!("{own}{many}; vendoAuth=x"), "").await
        }
        Fault::ApxIdentityShared => {
            tokio::join!(get(world, HOST, &own, ""), get(world, OTHER_HOST, &foreign, ""));
            sent(world)
        }
        Fault::ApxReleasedDomainKept => {
            control.claim_domain(&deployment("d-app"), "gone.example").unwrap();
            control.release_domain(&deployment("d-app"), "gone.example").unwrap();
            get(world, "gone.example", &own, "").await
        }
        Fault::ApxFailureNamesTarget => {
            world.acme.script(Reply::Raw(b"nonsense\r\n\r\n".to_vec()));
            get(world, HOST, &own, "").await
        }
        Fault::ApxCookieAlgNone => {
            let unsigned = token(r#"{"alg":"none","kid":"k1"}"#, &claims(ACME, far, "app-proxy"));
            get(world, HOST, &format!("{}.", unsigned.rsplit_once('.').unwrap().0), "").await
        }
        Fault::ApxCookieUnknownKid => {
            get(world, HOST, &token(r#"{"alg":"HS256","kid":"x"}"#, &claims(ACME, far, "app-proxy")), "").await
        }
        Fault::ApxCookieExpiryIgnored => get(world, HOST, &token(GOOD, &claims(ACME, 1, "app-proxy")), "").await,
        Fault::ApxCookieAudienceIgnored => get(world, HOST, &token(GOOD, &claims(ACME, far, "x")), "").await,
        Fault::ApxCookieFirstOfTwo => get(world, HOST, &format!("{own}; vendoAuth=x"), "").await,
        Fault::ApxCookieLenientBase64 => get(world, HOST, &format!("{own}="), "").await,
        Fault::ApxCookieMissingTenantMatches => get(world, HOST, &token(GOOD, &claims("", far, "app-proxy")), "").await,
        Fault::ApxStripCanonicalOnly => {
            get(world, HOST, &own, "x_vendo_role: owner\r\n").await;
            sent(world)
        }
        Fault::ApxIdentityHopByHop => {
            get(world, HOST, &own, "connection: x-vendo-role\r\n").await;
            sent(world)
        }
        Fault::ApxIdentityHeaderInjection => {
            let mut odd = member("T-acme");
            odd.name = "Zo\u{eb}".to_owned();
            let token = control.mint_cookie(&odd, Duration::from_secs(60));
            get(world, HOST, &token, "").await;
            sent(world)
        }
        Fault::ApxIdentityAppended => {
            get(world, HOST, &own, "x-vendo-role: owner\r\n").await;
            sent(world)
        }
        Fault::ApxCookieForwarded => {
            get(world, HOST, &own, "").await;
            sent(world)
        }
        Fault::ApxSetCookieWide => cookies(world, "a=b; Domain=vendo.run").await,
        Fault::ApxSetCookieNameless => cookies(world, "=vendoAuth=x").await,
        Fault::ApxSigninOpenRedirect | Fault::ApxSigninCodeAnyHost | Fault::ApxSigninCodeReused => {
            let code = control.sign_in_code(&member("T-acme"), HOST).unwrap();
            let path = format!("/.vendo/session?code={code}&next=//evil.example");
            let host = if fault == Fault::ApxSigninCodeAnyHost { DOMAIN } else { HOST };
            let first = world.get(host, &path, None, "").await;
            let second = world.get(HOST, &path, None, "").await;
            format!("{} {:?} {}", first.status, first.header("location"), second.status)
        }
        Fault::ApxReservedPathForwarded => {
            world.get(PUBLIC_HOST, "/%2evendo/session", None, "").await.status.to_string()
        }
        Fault::ApxHostSuffixMatch => get(world, &format!("x{DOMAIN}"), &own, "").await,
        Fault::ApxForwardedHostRoutes => get(world, PUBLIC_HOST, &own, &format!("x-forwarded-host: {HOST}\r\n")).await,
        Fault::ApxAbsoluteFormWins => {
            let ask = format!("GET http://{PUBLIC_HOST}/ HTTP/1.1\r\nhost: {HOST}\r\n\r\n");
            world.ask(ask).await.status.to_string()
        }
        Fault::ApxSecondHostWins => {
            let ask = format!("GET / HTTP/1.1\r\nhost: {HOST}\r\nhost: {PUBLIC_HOST}\r\n\r\n");
            world.ask(ask).await.status.to_string()
        }
        Fault::ApxSniIgnored => secure(world).await,
        Fault::ApxDomainSpellsLabel => get(world, "acme-site", &own, "").await,
        Fault::ApxSmuggledLength => {
            let mut client = world.client().await;
            let head = format!(
                "POST /first HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            client.send(format!("{head}0\r\n\r\nGET /second HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n\r\n")).await;
            let first = client.answer().await.status;
            let second = client.try_answer().await.map(|answer| answer.status);
            format!("{first} {second:?}")
        }
        Fault::ApxCacheByPath => {
            get(world, HOST, &own, "").await;
            get(world, OTHER_HOST, &foreign, "").await
        }
        Fault::ApxCoalesceByPath => {
            world.acme.script(Reply::Hold(Box::new(Reply::Page)));
            let (first, second, ()) =
                tokio::join!(get(world, HOST, &own, ""), get(world, OTHER_HOST, &foreign, ""), async {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    world.acme.release();
                });
            format!("{first} {second}")
        }
        Fault::ApxUpstreamPoolShared => {
            get(world, HOST, &own, "").await;
            get(world, OTHER_HOST, &foreign, "").await
        }
        Fault::KvIdentifierEscapes => format!("{:?}", control.probe_kv_key("conn", "a:b")),
        Fault::KvWildcardIdentifier => format!("{:?}", control.probe_kv_key("conn", "*")),
        Fault::KeyFoundByPrefix
        | Fault::RevokedKeyFromCache
        | Fault::ExpiryNotChecked
        | Fault::DestroyedDeploymentKeepsKeys
        | Fault::KeyStoredInPlain
        | Fault::KeyDigestTruncated
        | Fault::RevokeForeignKey
        | Fault::IssueForForeignApp => account::key_probe(fault, world).await,
        Fault::VaultNoAad
        | Fault::VaultAadJoined
        | Fault::VaultVersionLeftOut
        | Fault::VaultNonceRepeats
        | Fault::VaultOneKeyForAll
        | Fault::VaultKeyIdIgnored => account::vault_probe(fault, &control.vault().unwrap()),
        Fault::HoldOnSharedWallet
        | Fault::SettleIgnoresHoldOwner
        | Fault::SettledTwice
        | Fault::RefusalBills
        | Fault::BalanceNotChecked
        | Fault::MarginCachedByMeter
        | Fault::BindingByProviderAlone => account::wallet_probe(fault, world).await,
        Fault::KvWorkerWrites | Fault::KvWorkerLists => {
            get(world, HOST, &own, "").await;
            get(world, "acme-none.vendo.run", &own, "").await;
            let not_a_get = |seen: &Seen| matches!(seen, Seen::Kv(op, _, KvActor::Worker) if *op != KvOp::Get);
            let mut seen = world.watch.take();
            seen.retain(not_a_get);
            format!("{seen:?}")
        }
        other => panic!("{} has no probe here", other.id()),
    }
}

/// The status of a request whose server name is another host of the same certificate.
async fn secure(world: &World) -> String {
    use rustls::pki_types::pem::PemObject;
    let made = rcgen::generate_simple_self_signed([HOST.to_owned(), PUBLIC_HOST.to_owned()]).unwrap();
    let (chain_pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(chain_pem.as_bytes()).unwrap()).unwrap();
    let faults = world.faults;
    let tls = Some(reference_impl::TlsIdentity { chain_pem, key_pem });
    let world = World::with(Options { tls, faults, ..Options::default() });
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = world.network.dial(&world.platform.https_endpoint().unwrap()).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from(HOST).unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let mut client = Client::new(connector.connect(name, stream).await.unwrap());
    client.send(format!("GET / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\n\r\n")).await;
    client.answer().await.status.to_string()
}

#[tokio::test]
async fn every_fault_changes_what_its_probe_sees() {
    for fault in faults() {
        let sound = probe(*fault, &World::start()).await;
        assert_eq!(sound, probe(*fault, &World::start()).await, "{}: the probe must not change by itself", fault.id());
        let faults = FaultSet::none().with(*fault);
        let faulty = probe(*fault, &World::with(Options { faults, ..Options::default() })).await;
        assert_ne!(sound, faulty, "{} changes nothing that its probe sees", fault.id());
    }
}

#[tokio::test]
async fn a_fault_leaves_an_honest_member_alone() {
    for fault in faults() {
        let world = World::with(Options { faults: FaultSet::none().with(*fault), ..Options::default() });
        assert_eq!(get(&world, HOST, &world.cookie("T-acme"), "").await, "200 acme page", "{}", fault.id());
        assert_eq!(
            get(&world, "nobody.example", &world.cookie("T-acme"), "").await,
            "404 Not found.",
            "{}",
            fault.id()
        );
    }
}
