//! Sign-in codes: where they are good, and that every presentation spends them.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::*;
use std::time::Duration;

#[tokio::test]
async fn a_code_makes_a_session_once_at_its_own_host() {
    let world = World::start();
    let control = world.platform.control();
    for host in [HOST, DOMAIN, "app.acme.vendo.run"] {
        let code = control.sign_in_code(&member("T-acme"), host).unwrap();
        let answer = world.get(host, &format!("/.vendo/session?code={code}&next=%2Fa%3Fb"), None, "").await;
        assert_eq!((answer.status, answer.header("location")), (302, Some("/a?b")));
        let set = answer.header("set-cookie").unwrap();
        let (token, attributes) = set.strip_prefix("vendoAuth=").unwrap().split_once(';').unwrap();
        assert_eq!(attributes, " Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(world.get(host, "/", Some(token), "").await.status, 200);
        world.clock.advance(Duration::from_millis(899_999));
        assert_eq!(world.get(host, "/", Some(token), "").await.status, 200);
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(world.get(host, "/", Some(token), "").await.status, 401, "expired on the second");
        let again = world.get(host, &format!("/.vendo/session?code={code}"), None, "").await;
        assert_eq!((again.status, again.header("set-cookie")), (401, None));
    }
    for (refused, host) in [("globex", OTHER_HOST), ("nowhere", "nobody.example"), ("bad", "a b")] {
        assert!(control.sign_in_code(&member("T-acme"), host).is_err(), "{refused}");
    }
}

#[tokio::test]
async fn a_code_in_the_wrong_place_is_spent_and_reaches_no_container() {
    let world = World::start();
    let control = world.platform.control();
    let member = member("T-acme");
    let good = |host: &str| control.sign_in_code(&member, host).unwrap();
    for (host, path) in [
        (DOMAIN, format!("/.vendo/session?code={}", good(HOST))),
        (OTHER_HOST, format!("/.vendo/session?code={}", good(HOST))),
        (HOST, format!("/.vendo/session?code={}&code={}", good(HOST), good(HOST))),
        (HOST, "/.vendo/session".to_owned()),
        (HOST, "/.vendo/session?code=".to_owned()),
    ] {
        assert_eq!(world.get(host, &path, None, "accept: text/html\r\n").await.status, 401, "{host}{path}");
        assert_eq!(world.get(HOST, &path, None, "").await.status, 401, "{path}: spent");
    }
    let late = good(HOST);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.get(HOST, &format!("/.vendo/session?code={late}"), None, "").await.status, 401);
    let code = good(HOST);
    for (method, path, host) in [
        ("POST", format!("/.vendo/session?code={code}"), HOST),
        ("HEAD", format!("/.vendo/session?code={code}"), HOST),
        ("GET", format!("/.vendo/session/?code={code}"), HOST),
        ("GET", format!("//.vendo/session?code={code}"), HOST),
        ("GET", format!("/.VENDO/session?code={code}"), HOST),
        ("GET", format!("/%2evendo/session?code={code}"), HOST),
        ("GET", format!("/a/../.vendo/session?code={code}"), HOST),
        ("GET", "/.vendo".to_owned(), HOST),
        ("GET", format!("/.vendo/session?code={code}"), PUBLIC_HOST),
    ] {
        let mut client = world.client().await;
        client.send(format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")).await;
        while client.fill().await {}
        assert!(client.buffer.starts_with(b"HTTP/1.1 404 "), "{method} {host}{path}");
    }
    let answer = world.get(HOST, &format!("/.vendo/session?next=//evil.example&code={code}"), None, "").await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("/")), "nothing of the above was a presentation");
    assert_eq!(world.reached(), (0, 0, 0));
}
