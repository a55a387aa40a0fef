//! Renames, teardowns, staleness, shutdown, and runtimes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::*;
use reference_impl::platform::Shutdown;
use reference_impl::{Container, ControlError, KvActor, KvOp, NewDeployment, Reply};
use std::time::Duration;

fn ask(host: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n")
}

#[tokio::test]
async fn a_change_holds_at_the_next_request() {
    let world = World::start();
    let control = world.platform.control();
    control.rename(&deployment("d-site"), slug("shop")).unwrap();
    assert_eq!(world.ask(ask("acme-shop.vendo.run")).await.text(), "site page");
    assert_eq!(world.ask(ask(PUBLIC_HOST)).await.status, 404);
    control.set_vendo_auth(&deployment("d-site"), true).unwrap();
    assert_eq!(world.ask(ask("acme-shop.vendo.run")).await.status, 401);
    control.teardown(&deployment("d-site")).unwrap();
    assert_eq!(world.ask(ask("acme-shop.vendo.run")).await.status, 404);
    let snapshot = control.kv_snapshot();
    assert_eq!(
        snapshot.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "deploy:acme-app",
            "deploy:app.acme.vendo.run",
            "deploy:app.globex.vendo.run",
            "deploy:crm.acme.example",
            "deploy:globex-app",
        ]
    );
    let globex = world.globex.endpoint();
    assert_eq!(
        snapshot["deploy:globex-app"],
        format!(
            "{{\"target\":\"{globex}\",\"vendo_auth\":true,\"tenant_id\":\"T-globex\",\"deployment_id\":\"d-globex\",\"status\":\"running\"}}"
        )
    );
}

#[tokio::test]
async fn a_stale_reader_serves_the_last_owner_and_never_the_next() {
    let stale = Duration::from_secs(60);
    let world = World::with(Options { staleness: stale, ..Options::default() });
    let control = world.platform.control();
    world.clock.advance(stale);
    assert_eq!(world.get(DOMAIN, "/", Some(&world.cookie("T-acme")), "").await.text(), "acme page");
    control.release_domain(&deployment("d-app"), DOMAIN).unwrap();
    let early = control.claim_domain(&deployment("d-globex"), DOMAIN);
    assert!(matches!(early, Err(ControlError::Quarantined { .. })), "{early:?}");
    world.clock.advance(stale - Duration::from_millis(1));
    assert!(control.claim_domain(&deployment("d-globex"), DOMAIN).is_err());
    assert_eq!(world.get(DOMAIN, "/", Some(&world.cookie("T-acme")), "").await.text(), "acme page");
    assert_eq!(world.get(DOMAIN, "/", Some(&world.cookie("T-globex")), "").await.status, 403);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.get(DOMAIN, "/", Some(&world.cookie("T-acme")), "").await.status, 404);
    control.claim_domain(&deployment("d-globex"), DOMAIN).unwrap();
    assert_eq!(world.get(DOMAIN, "/", Some(&world.cookie("T-globex")), "").await.status, 404);
    world.clock.advance(stale);
    assert_eq!(world.get(DOMAIN, "/", Some(&world.cookie("T-globex")), "").await.text(), "globex page");
    assert_eq!(world.get(DOMAIN, "/", Some(&world.cookie("T-acme")), "").await.status, 403);
}

#[tokio::test]
async fn the_last_owner_may_take_a_name_back_at_once() {
    let world = World::with(Options { staleness: Duration::from_secs(60), ..Options::default() });
    let control = world.platform.control();
    control.release_domain(&deployment("d-app"), DOMAIN).unwrap();
    control.claim_domain(&deployment("d-site"), DOMAIN).unwrap();
}

#[tokio::test]
async fn names_have_one_owner() {
    let world = World::start();
    let control = world.platform.control();
    let again = NewDeployment {
        id: deployment("d-2"),
        tenant: tenant("T-acme"),
        slug: slug("app"),
        vendo_auth: false,
        legacy: false,
        target: world.endpoint(),
    };
    assert!(matches!(control.deploy(again.clone()), Err(ControlError::NameTaken(_))));
    assert!(matches!(
        control.deploy(NewDeployment { slug: slug("proxy"), ..again.clone() }),
        Err(ControlError::ReservedLabel(_))
    ));
    assert!(matches!(
        control.deploy(NewDeployment { tenant: tenant("T-none"), ..again }),
        Err(ControlError::UnknownTenant(_))
    ));
    assert!(control.claim_domain(&deployment("d-globex"), "CRM.acme.example.").is_err());
    for bad in [
        "vendo.run",
        "x.vendo.run",
        "globex-app.VENDO.run.",
        "localhost",
        "127.0.0.1",
        "a_b.c",
        "a.b:80",
        "",
        "*.a.com",
    ] {
        let refused = control.claim_domain(&deployment("d-app"), bad);
        assert!(matches!(refused, Err(ControlError::BadDomain { .. })), "{bad}: {refused:?}");
    }
    control.claim_domain(&deployment("d-app"), "xvendo.run").unwrap();
}

#[tokio::test]
async fn a_worker_only_gets() {
    let world = World::start();
    for host in [HOST, DOMAIN, "nobody.example"] {
        world.get(host, "/", Some(&world.cookie("T-acme")), "").await;
    }
    for seen in world.watch.take() {
        if let Seen::Kv(op, key, actor) = seen {
            assert_eq!((op, actor), (KvOp::Get, KvActor::Worker), "{key}");
        }
    }
}

#[tokio::test]
async fn shutting_down_finishes_what_is_under_way_and_accepts_nothing_new() {
    let world = World::start();
    world.site.script(Reply::Hold(Box::new(Reply::Page)));
    let mut busy = world.client().await;
    busy.send(ask(PUBLIC_HOST)).await;
    let mut idle = world.client().await;
    idle.send(ask(PUBLIC_HOST)).await;
    while world.site.drain().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let World { platform, network, site, .. } = world;
    let endpoint = platform.http_endpoint();
    let shutdown = tokio::spawn(platform.shutdown(PATIENCE));
    assert_eq!(idle.answer().await.status, 200);
    assert!(idle.ends().await);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(network.dial(&endpoint).await.is_err());
    assert!(!shutdown.is_finished());
    site.release();
    assert_eq!(busy.answer().await.text(), "site page");
    assert_eq!(shutdown.await.unwrap(), Shutdown::Finished);
}

#[tokio::test]
async fn a_deadline_cuts_off_what_does_not_end() {
    let world = World::start();
    world.site.script(Reply::Hold(Box::new(Reply::Page)));
    let mut busy = world.client().await;
    busy.send(ask(PUBLIC_HOST)).await;
    while world.site.drain().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let World { platform, site: _site, .. } = world;
    assert_eq!(platform.shutdown(Duration::from_millis(50)).await, Shutdown::CutOff);
    assert!(busy.ends().await);
}

#[tokio::test]
async fn dropping_a_platform_ends_its_connections() {
    let world = World::start();
    let mut client = world.client().await;
    client.send(ask(PUBLIC_HOST)).await;
    client.answer().await;
    drop(world);
    assert!(client.ends().await);
}

#[test]
fn the_platform_runs_on_many_threads_too() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let world = std::sync::Arc::new(World::start());
        let cookie = world.cookie("T-acme");
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (world, cookie) = (world.clone(), cookie.clone());
                tokio::spawn(async move {
                    for _ in 0..20 {
                        assert_eq!(world.get(HOST, "/", Some(&cookie), "").await.text(), "acme page");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(world.reached(), (160, 0, 0));
    });
}

#[tokio::test]
async fn a_container_that_moved_is_found_at_its_new_target() {
    let world = World::start();
    let control = world.platform.control();
    let moved = Container::start(&world.network, b"moved".to_vec(), vec![]).unwrap();
    control.teardown(&deployment("d-site")).unwrap();
    let hosts = control
        .deploy(NewDeployment {
            id: deployment("d-site"),
            tenant: tenant("T-acme"),
            slug: slug("site"),
            vendo_auth: false,
            legacy: false,
            target: moved.endpoint(),
        })
        .unwrap();
    assert_eq!((hosts.single_level.as_str(), hosts.legacy), (PUBLIC_HOST, None));
    assert_eq!(world.ask(ask(PUBLIC_HOST)).await.text(), "moved");
}
