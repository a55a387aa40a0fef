//! The app-proxy over raw bytes: hosts, sessions, what a container is shown, and what a client is.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::*;
use reference_impl::{Guard, OutcomeKind, Reply, Status};
use std::time::Duration;

fn response(headers: &[(&str, &str)]) -> Reply {
    Reply::Response {
        status: 200,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect(),
        chunks: vec![b"ok".to_vec()],
        chunked: false,
        trailers: vec![],
    }
}

#[tokio::test]
async fn a_member_reaches_the_own_deployment_under_every_name_and_spelling_of_it() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    for host in [
        HOST,
        "ACME-APP.Vendo.Run",
        "acme-app.vendo.run.",
        "acme-app.vendo.run:443",
        "acme-app.vendo.run.:8080",
        "acme-app.vendo.run:",
        "app.acme.vendo.run",
        DOMAIN,
        "CRM.acme.EXAMPLE.:1",
    ] {
        let answer = world.get(host, "/", Some(&cookie), "").await;
        assert_eq!((answer.status, answer.text()), (200, "acme page"), "{host}");
    }
    assert_eq!(world.reached(), (9, 0, 0));
}

#[tokio::test]
async fn a_bad_host_is_refused_with_the_same_400_and_reaches_nobody() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    let mut first = None;
    for lines in [
        "",
        "host:\r\n",
        "host: acme-app.vendo.run\r\nhost: acme-app.vendo.run\r\n",
        "host: acme-app.vendo.run\r\nHost: x.com\r\n",
        "host: 127.0.0.1\r\n",
        "host: 0x7f\r\n",
        "host: a.0x\r\n",
        "host: [::1]\r\n",
        "host: user@acme-app.vendo.run\r\n",
        "host: acme%2dapp.vendo.run\r\n",
        "host: acme_app.vendo.run\r\n",
        "host: acme-app..vendo.run\r\n",
        "host: acme-app.vendo.run..\r\n",
        "host: acme-app.vendo.run, x.com\r\n",
        "host: acme-app.vendo.run:99999\r\n",
        "host: acme-app.vendo.run:123456\r\n",
        "host: \u{e9}.vendo.run\r\n",
        "host: acme-app.vendo.run x\r\n",
        "host: -a.com\r\n",
    ] {
        for version in ["1.1", "1.0"] {
            let mut client = world.client().await;
            client.send(format!("GET / HTTP/{version}\r\n{lines}cookie: vendoAuth={cookie}\r\n\r\n")).await;
            let answer = client.answer().await;
            assert_eq!(answer.status, 400, "{lines:?}");
            assert_eq!(answer.header("connection"), Some("close"));
            assert!(client.ends().await, "{lines:?}");
            if version == "1.1" {
                assert_eq!(*first.get_or_insert(answer.raw.clone()), answer.raw, "{lines:?}");
            }
        }
    }
    assert_eq!(world.reached(), (0, 0, 0));
}

#[tokio::test]
async fn a_target_and_its_host_must_agree() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    for (target, host, status) in [
        ("http://acme-app.vendo.run/x", HOST, 200),
        ("HTTPS://ACME-app.vendo.run.:443/x", HOST, 200),
        ("http://acme-app.vendo.run", HOST, 200),
        ("http://globex-app.vendo.run/x", HOST, 400),
        ("http://acme-app.vendo.run/x", OTHER_HOST, 400),
        ("ftp://acme-app.vendo.run/x", HOST, 400),
        ("http://u@acme-app.vendo.run/x", HOST, 400),
        ("http://u:p@acme-app.vendo.run/x", HOST, 400),
        ("http://127.0.0.1/x", HOST, 400),
        ("acme-app.vendo.run", HOST, 400),
        ("acme-app.vendo.run:80", HOST, 400),
        ("*", HOST, 400),
        ("/x#y", HOST, 400),
    ] {
        let answer = world.get_target(target, host, &cookie).await;
        assert_eq!(answer.status, status, "{target} {host}");
    }
    assert_eq!(world.reached(), (3, 0, 0));
    let answer = world.ask(format!("OPTIONS * HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
    assert_eq!(answer.status, 400);
    let missing = world.ask("GET http://acme-app.vendo.run/x HTTP/1.1\r\n\r\n").await;
    assert_eq!(missing.status, 400, "an absolute form replaces no Host");
}

impl World {
    async fn get_target(&self, target: &str, host: &str, cookie: &str) -> Answer {
        self.ask(format!("GET {target} HTTP/1.1\r\nhost: {host}\r\ncookie: vendoAuth={cookie}\r\n\r\n")).await
    }
}

#[tokio::test]
async fn connect_and_trace_come_first() {
    let world = World::start();
    for request in [
        "CONNECT acme-app.vendo.run:443 HTTP/1.1\r\nhost: acme-app.vendo.run\r\n\r\n",
        "CONNECT / HTTP/1.1\r\n\r\n",
        "TRACE / HTTP/1.1\r\nhost: acme-app.vendo.run\r\n\r\n",
        "TRACE / HTTP/1.1\r\n\r\n",
        "TRACE / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let answer = world.ask(request).await;
        assert_eq!((answer.status, answer.text()), (405, "Method not allowed.\n"), "{request:?}");
    }
    assert_eq!(world.reached(), (0, 0, 0));
}

#[tokio::test]
async fn hosts_that_lead_nowhere_are_one_404_and_most_are_never_looked_up() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    let mut first = None;
    for (host, looked_up) in [
        ("vendo.run", false),
        ("www.vendo.run", false),
        ("proxy.vendo.run", false),
        ("acme.vendo.run", false),
        ("a-app.vendo.run", false),
        ("x.app.acme.vendo.run", false),
        ("app.a.vendo.run", false),
        ("acme-app", false),
        ("localhost", false),
        ("acme-none.vendo.run", true),
        ("none.acme.vendo.run", true),
        ("nobody.example", true),
        ("acme-app.vendo.run.evil.example", true),
        ("xacme-app.vendo.run", true),
        ("x.crm.acme.example", true),
    ] {
        let answer = world
            .get(
                host,
                "/",
                Some(&cookie),
                "x-forwarded-host: acme-app.vendo.run\r\nforwarded: host=acme-app.vendo.run\r\n",
            )
            .await;
        assert_eq!(answer.status, 404, "{host}");
        assert_eq!(*first.get_or_insert(answer.raw.clone()), answer.raw, "{host}");
        let seen = world.watch.take();
        let gets = seen.iter().filter(|seen| matches!(seen, Seen::Kv(..))).count();
        assert_eq!(gets, usize::from(looked_up), "{host}: {seen:?}");
    }
    assert_eq!(world.reached(), (0, 0, 0));
}

#[tokio::test]
async fn a_foreign_session_is_403_whatever_the_deployment_is_like() {
    let world = World::start();
    let (own, foreign) = (world.cookie("T-acme"), world.cookie("T-globex"));
    let control = world.platform.control();
    let mut first = None;
    for status in Status::ALL {
        control.set_status(&deployment("d-app"), status).unwrap();
        control.set_status(&deployment("d-site"), status).unwrap();
        for (host, path, lines) in [
            (HOST, "/", ""),
            (PUBLIC_HOST, "/", ""),
            (HOST, "/.vendo/session?code=x", ""),
            (DOMAIN, "/", ""),
            ("app.acme.vendo.run", "/", ""),
            (HOST, "/", "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            (HOST, "/", "x-vendo-tenant-id: T-acme\r\n"),
        ] {
            let answer = world.get(host, path, Some(&foreign), lines).await;
            assert_eq!(answer.status, 403, "{host} {path} {status:?}");
            assert_eq!(*first.get_or_insert(answer.raw.clone()), answer.raw);
        }
        assert_eq!(world.reached(), (0, 0, 0), "{status:?}");
        let expected = match status {
            Status::Running => 200,
            Status::Destroyed => 404,
            Status::Suspending
            | Status::Suspended
            | Status::Resuming
            | Status::SuspendFailed
            | Status::ResumeFailed => 503,
        };
        assert_eq!(world.get(HOST, "/", Some(&own), "").await.status, expected);
        assert_eq!(world.get(PUBLIC_HOST, "/", None, "").await.status, expected);
        let reached = usize::from(expected == 200);
        assert_eq!(world.reached(), (reached, reached, 0));
    }
}

#[tokio::test]
async fn a_session_is_compared_on_every_request_of_a_connection() {
    let world = World::start();
    let (own, foreign) = (world.cookie("T-acme"), world.cookie("T-globex"));
    let mut client = world.client().await;
    for (token, status) in [(&own, 200), (&foreign, 403), (&own, 200), (&foreign, 403)] {
        client.send(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\ncookie: vendoAuth={token}\r\n\r\n")).await;
        assert_eq!(client.answer().await.status, status);
    }
    client.send(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await;
    assert_eq!(client.answer().await.status, 401);
    client.send(format!("GET / HTTP/1.1\r\nhost: {OTHER_HOST}\r\ncookie: vendoAuth={foreign}\r\n\r\n")).await;
    assert_eq!(client.answer().await.text(), "globex page");
    assert_eq!(world.reached(), (2, 0, 1));
}

#[tokio::test]
async fn without_a_session_a_browser_signs_in_and_others_are_401() {
    let world = World::start();
    let expired = world.platform.control().mint_cookie(&member("T-acme"), Duration::ZERO);
    let html = "accept: text/html\r\n";
    for lines in [
        html,
        "accept: application/json, TEXT/HTML ;q=0.1\r\n",
        "accept: a/b\r\naccept: text/html\r\n",
        &format!("{html}cookie: vendoAuth={expired}\r\n"),
        &format!("{html}cookie: vendoAuth=x; vendoAuth=y\r\n"),
        &format!("{html}cookie: vendoauth=x\r\n"),
    ] {
        let answer = world.get("Acme-app.vendo.run:443", "/a?b=c&d", None, lines).await;
        assert_eq!(answer.status, 302, "{lines:?}");
        let address = "https://vendo.run/auth/proxy-session?host=acme-app.vendo.run&next=%2Fa%3Fb%3Dc%26d";
        assert_eq!(answer.header("location"), Some(address));
        assert_eq!((answer.header("cache-control"), answer.header("set-cookie")), (Some("no-store"), None));
    }
    let mut first = None;
    for (method, lines) in [
        ("GET", ""),
        ("GET", "accept: */*\r\n"),
        ("GET", "accept: text/*\r\n"),
        ("GET", "accept: text/html2\r\n"),
        ("POST", html),
        ("GET", "accept: text/html\r\nconnection: upgrade\r\nupgrade: websocket\r\n"),
        ("get", html),
        ("OPTIONS", html),
    ] {
        let answer = world.ask(format!("{method} / HTTP/1.1\r\nhost: {HOST}\r\n{lines}\r\n")).await;
        assert_eq!(answer.status, 401, "{method} {lines:?}");
        assert_eq!(*first.get_or_insert(answer.raw.clone()), answer.raw);
    }
    assert_eq!(world.reached(), (0, 0, 0));
    let plain = world.get(HOST, "/", None, "accept: text/html\r\nconnection: upgrade\r\nupgrade: h2c\r\n").await;
    assert_eq!(plain.status, 302, "any other upgrade is a plain request");
}

#[tokio::test]
async fn a_public_host_ignores_and_strips_what_is_no_session() {
    let world = World::start();
    for (lines, cookie) in [
        ("cookie: a=b; vendoAuth=junk; c=d\r\n", Some("a=b; c=d")),
        ("cookie: vendoAuth=x; vendoAuth=y\r\n", None),
        ("", None),
        ("cookie: VENDOAUTH=x\r\ncookie: q=1; __host-vendo_session=y\r\n", Some("q=1")),
    ] {
        assert_eq!(world.get(PUBLIC_HOST, "/", None, lines).await.status, 200);
        let received = world.site.drain().remove(0);
        assert_eq!(received.header("cookie").next(), cookie.map(str::as_bytes), "{lines:?}");
        assert!(received.headers.iter().all(|(name, _)| !name.starts_with("x-vendo")));
    }
    assert_eq!(world.get(PUBLIC_HOST, "/", Some(&world.cookie("T-acme")), "").await.status, 200);
    let received = world.site.drain().remove(0);
    assert!(received.header("cookie").next().is_none() && received.header("x-vendo-role").next().is_none());
}

#[tokio::test]
async fn a_container_sees_the_verified_identity_and_nothing_that_is_not_for_it() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    let lines = "X-Vendo-User-Id: mallory\r\nx_vendo_role: owner\r\nX_Vendo-Tenant_Id: T-globex\r\nx-vendo-extra: 1\r\nCF-Connecting-IP: 1\r\n\
        cf_ray: 1\r\nCF-IPCountry: 1\r\ncf-visitor: 1\r\nConnection: keep-alive, x-vendo-role, X-Secret, x_other\r\nx-secret: 1\r\nx-other: 1\r\n\
        keep-alive: 1\r\nproxy-connection: x\r\nProxy-Authorization: x\r\nproxy-authenticate: x\r\nte: trailers\r\ntrailer: x\r\nupgrade: h2c\r\n\
        forwarded: for=1\r\nX-Forwarded-For: 1\r\nx_forwarded_proto: 1\r\nexpect: 100-continue\r\nx-kept: yes\r\nx-kept: twice\r\nxx-vendo-role: kept\r\n";
    let answer = world.get(HOST, "/p%2f?q=%20&r", Some(&cookie), lines).await;
    assert_eq!(answer.status, 200);
    let received = world.acme.drain().remove(0);
    assert_eq!((received.method.as_str(), received.target.as_str()), ("GET", "/p%2f?q=%20&r"));
    let mut headers: Vec<_> =
        received.headers.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value).unwrap())).collect();
    headers.sort_unstable();
    let endpoint = world.acme.endpoint().to_string();
    assert_eq!(
        headers,
        [
            ("host", endpoint.as_str()),
            ("x-kept", "twice"),
            ("x-kept", "yes"),
            ("x-vendo-role", "member"),
            ("x-vendo-tenant-id", "T-acme"),
            ("x-vendo-user-email", "user@T-acme.example"),
            ("x-vendo-user-id", "user-of-T-acme"),
            ("x-vendo-user-name", "Ada Lovelace"),
            ("xx-vendo-role", "kept"),
        ]
    );
}

#[tokio::test]
async fn bodies_travel_both_ways_whole_and_without_trailers() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    let head = format!("POST /up HTTP/1.1\r\nhost: {HOST}\r\ncookie: vendoAuth={cookie}\r\n");
    let mut client = world.client().await;
    client.send(format!("{head}content-length: 5\r\n\r\nhello")).await;
    assert_eq!(client.answer().await.status, 200);
    client
        .send(format!(
            "{head}transfer-encoding: Chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nx-vendo-role: owner\r\n\r\n"
        ))
        .await;
    assert_eq!(client.answer().await.status, 200);
    client.send(format!("{head}\r\n")).await;
    assert_eq!(client.answer().await.status, 200);
    client.send(format!("{head}expect: 100-continue\r\ncontent-length: 5\r\n\r\nhello")).await;
    assert_eq!(client.answer().await.status, 100, "the proxy's own: the container never hears of it");
    assert_eq!(client.answer().await.status, 200);
    let received = world.acme.drain();
    assert_eq!(
        received.iter().map(|one| one.body.as_slice()).collect::<Vec<_>>(),
        [&b"hello"[..], b"hello", b"", b"hello"]
    );
    assert!(received[2].header("content-length").next().is_none(), "nothing is added: {:?}", received[2]);
    assert!(received.iter().all(|one| one.complete && !one.head_bytes.windows(5).any(|window| window == b"owner")));

    world.acme.script(Reply::Response {
        status: 200,
        headers: vec![],
        chunks: vec![b"one ".to_vec(), b"two".to_vec()],
        chunked: true,
        trailers: vec![("x-vendo-role".into(), b"owner".to_vec())],
    });
    let answer = world.get(HOST, "/", Some(&cookie), "").await;
    assert_eq!(answer.text(), "one two");
    let big = vec![b'x'; 3_000_000];
    world.acme.script(Reply::Response {
        status: 200,
        headers: vec![],
        chunks: vec![big.clone()],
        chunked: false,
        trailers: vec![],
    });
    assert_eq!(world.get(HOST, "/", Some(&cookie), "").await.body, big);
}

#[tokio::test]
async fn a_response_speaks_for_its_own_host_alone() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    world.acme.script(response(&[
        ("X-Vendo-Role", "owner"),
        ("x_vendo_role", "owner"),
        ("Set-Cookie2", "a=b"),
        ("Connection", "x-mine"),
        ("x-mine", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Set-Cookie", "good=1; Path=/"),
        ("set-cookie", "own=1; Domain=acme-app.vendo.run"),
        ("set-cookie", "vendoAuth=x"),
        ("set-cookie", "VENDOAUTH =x"),
        ("set-cookie", "__Host-vendo_session=x"),
        ("set-cookie", "nameless"),
        ("set-cookie", "=vendoAuth=x"),
        ("set-cookie", "wide=1; domain=.vendo.run"),
        ("set-cookie", "wide=2; Domain = VENDO.run."),
        ("set-cookie", "two=1; Domain=acme-app.vendo.run; Domain=vendo.run"),
        ("set-cookie", "none=1; Domain="),
        ("date", "x"),
        ("server", "s"),
    ]));
    let answer = world.get(HOST, "/", Some(&cookie), "").await;
    assert_eq!(answer.all("set-cookie"), ["good=1; Path=/", "own=1; Domain=acme-app.vendo.run", "none=1; Domain="]);
    for gone in ["x-vendo-role", "x_vendo_role", "set-cookie2", "x-mine", "keep-alive", "connection"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    assert_eq!((answer.header("date"), answer.header("server")), (Some("x"), Some("s")));
    assert_eq!(world.get(HOST, "/", Some(&cookie), "").await.header("date"), None, "no date of the proxy's own");
}

#[tokio::test]
async fn what_a_container_must_not_say_becomes_a_502_or_nothing() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    for raw in [
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nraw bytes",
        "nonsense\r\n\r\n",
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
    ] {
        world.acme.script(Reply::Raw(raw.into()));
        let answer = world.get(HOST, "/", Some(&cookie), "").await;
        assert_eq!((answer.status, answer.text()), (502, "Bad gateway.\n"), "{raw:?}");
    }
    world.acme.script(Reply::Raw(
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec(),
    ));
    let answer = world.get(HOST, "/", Some(&cookie), "").await;
    assert_eq!((answer.status, answer.text(), answer.header("link")), (200, "ok", None));
    world.acme.script(Reply::DieAfter { declared: 10, sent: b"half".to_vec() });
    let mut client = world.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\ncookie: vendoAuth={cookie}\r\n\r\n")).await;
    assert!(client.try_answer().await.is_none(), "never a clean end");
    world.acme.script(Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe".to_vec()));
    let mut client = world.client().await;
    client.send(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\ncookie: vendoAuth={cookie}\r\n\r\n")).await;
    assert!(client.try_answer().await.is_none(), "never a clean end");
}

#[tokio::test]
async fn an_old_client_gets_an_answer_that_ends_with_the_connection() {
    let world = World::start();
    for (fields, kept) in [("", false), ("connection: keep-alive\r\n", true)] {
        let mut client = world.client().await;
        client.send(format!("GET / HTTP/1.0\r\nhost: {PUBLIC_HOST}\r\n{fields}\r\n")).await;
        assert_eq!(client.answer().await.text(), "site page");
        if kept {
            client.send(format!("GET / HTTP/1.0\r\nhost: {PUBLIC_HOST}\r\n\r\n")).await;
            assert_eq!(client.answer().await.text(), "site page");
        }
        assert!(client.ends().await, "{fields:?}");
    }
    world.site.script(Reply::Response {
        status: 200,
        headers: vec![],
        chunks: vec![b"one ".to_vec(), b"two".to_vec()],
        chunked: true,
        trailers: vec![],
    });
    let answer = world.ask(format!("GET / HTTP/1.0\r\nhost: {PUBLIC_HOST}\r\n\r\n")).await;
    assert_eq!((answer.text(), answer.header("transfer-encoding")), ("one two", None));
    assert_eq!(world.reached(), (0, 4, 0));
}

#[tokio::test]
async fn bytes_that_nobody_asked_for_are_nobodys_answer() {
    let world = World::start();
    let cookie = world.cookie("T-acme");
    let planted =
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nplanted".to_vec();
    world.acme.script(Reply::RawKeep(planted));
    assert_eq!(world.get(HOST, "/1", Some(&cookie), "").await.text(), "ok");
    assert_eq!(world.get(HOST, "/2", Some(&cookie), "").await.text(), "acme page");
    assert_eq!(world.reached().0, 2);
}

#[tokio::test]
async fn an_idle_connection_serves_its_own_target_again_and_no_other() {
    let world = World::start();
    let (own, other) = (world.cookie("T-acme"), world.cookie("T-globex"));
    for _ in 0..3 {
        assert_eq!(world.get(HOST, "/", Some(&own), "").await.text(), "acme page");
        assert_eq!(world.get(OTHER_HOST, "/", Some(&other), "").await.text(), "globex page");
    }
    let connections: Vec<_> = world.acme.drain().iter().map(|received| received.connection).collect();
    assert_eq!(connections, [1, 1, 1]);
    assert_eq!(world.globex.drain().len(), 3);
}

#[tokio::test]
async fn an_answer_of_the_proxys_own_says_nothing_of_what_is_behind() {
    let world = World::start();
    let control = world.platform.control();
    control.set_status(&deployment("d-site"), Status::Suspended).unwrap();
    control.set_status(&deployment("d-globex"), Status::ResumeFailed).unwrap();
    let (a, b) = (world.get(PUBLIC_HOST, "/", None, "").await, world.get(OTHER_HOST, "/", None, "").await);
    assert_eq!(a.raw, b.raw);
    assert_eq!(a.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(!a.text().contains("acme") && !a.text().contains("vendo"));
    assert_eq!(a.headers.len(), 3, "{a:?}");
    let head = world.client().await;
    let mut head = head;
    head.send(format!("HEAD / HTTP/1.1\r\nhost: {PUBLIC_HOST}\r\nconnection: close\r\n\r\n")).await;
    while head.fill().await {}
    assert!(head.buffer.ends_with(b"\r\n\r\n"), "no body for HEAD");
}

#[tokio::test]
async fn an_observer_sees_each_request_once_with_the_guards_it_reached() {
    let world = World::start();
    world.get(HOST, "/", Some(&world.cookie("T-acme")), "").await;
    let seen = world.watch.take();
    let [Seen::Kv(_, key, _), Seen::Request(guards, outcome, deployment), Seen::Response(after)] = &seen[..] else {
        panic!("{seen:?}")
    };
    assert_eq!(key, "deploy:acme-app");
    assert_eq!((*outcome, deployment.as_deref()), (OutcomeKind::Forwarded, Some("d-app")));
    let names: Vec<_> = guards.iter().map(Guard::name).collect();
    assert_eq!(
        names,
        [
            "host-syntax",
            "host-agreement",
            "host-class",
            "route-lookup",
            "cookie-parse",
            "cookie-verify",
            "tenant-match",
            "status",
            "reserved-path",
            "sign-in",
            "request-strip",
            "identity-inject",
            "framing",
            "kv-key",
            "kv-get",
        ]
    );
    assert_eq!(after.iter().collect::<Vec<_>>(), [Guard::ResponseFilter]);

    world.get(HOST, "/", Some(&world.cookie("T-globex")), "").await;
    let seen = world.watch.take();
    assert!(matches!(&seen[..], [Seen::Kv(..), Seen::Request(_, OutcomeKind::Forbidden, Some(_))]), "{seen:?}");
    world.ask("GET / HTTP/1.1\r\ncontent-length: x\r\n\r\n").await;
    let seen = world.watch.take();
    assert!(
        matches!(&seen[..], [Seen::Request(guards, OutcomeKind::BadRequest, None)] if guards.contains(Guard::Framing))
    );
    assert!(world.platform.control().probe_kv_key("conn", "a:b").is_err());
    assert!(matches!(&world.watch.take()[..], [Seen::Probe(guards)] if guards.contains(Guard::KvKey)));
}
