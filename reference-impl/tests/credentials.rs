//! The credentials worker: whose token answers whose key, and what never leaves.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod common;

use common::estate::{BROKER_KEY, CREDENTIALS, Estate, EstateOptions, NOW_S, POOLED, app_id, connection_id, secret_of};
use common::{Answer, deployment, tenant};
use reference_impl::identity::key::Grant;
use reference_impl::standin::BrokerReply;
use reference_impl::store::database::{ConnectionStatus, Profile};
use reference_impl::{ExternalId, Guard, KeyId, Limits, NewConnection, ProviderSlug, Worker};
use serde_json::{Value, json};
use std::time::Duration;
use zeroize::Zeroizing;

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
}

/// Status and code, as they stand in the status line, the header and the body.
fn code(answer: &Answer) -> (u16, String) {
    let body = json_of(answer)["error"].as_str().unwrap_or_default().to_owned();
    if let Some(header) = answer.header("vendo-error-code") {
        assert_eq!(header, body);
    }
    (answer.status, body)
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, expected: &str) {
    assert_eq!(code(answer), (status, expected.to_owned()), "{}", answer.text());
    assert_eq!(answer.header("vendo-error-code"), Some(expected));
    assert_eq!(json_of(answer).as_object().unwrap().keys().collect::<Vec<_>>(), ["detail", "error"]);
}

fn named(id: &str) -> String {
    format!("x-vendo-connection: {id}\r\n")
}

#[tokio::test]
async fn a_key_gets_the_token_of_its_own_connection() {
    let estate = Estate::start().await;
    for (key, target, token) in [
        ("a-key", "/slack", "token-of-a-slack"),
        ("g-key", "/slack", "token-of-g-slack"),
        ("a-site-key", "/slack", "token-of-a-slack-site"),
        ("a-slack-2-key", "/slack", "token-of-a-slack-2"),
        ("a-slack-loose-key", "/slack", "token-of-a-slack-loose"),
        ("a-key", "/openai", "token-of-a-openai"),
        ("a-key", "/v1/OPENAI_API_KEY", "token-of-a-openai"),
        ("a-key", "/v1/SLACK_TOKEN?tenant=T-globex", "token-of-a-slack"),
    ] {
        let answer = estate.vend(key, target, "").await;
        let expected = json!({"access_token": token, "expires_at": null, "token_type": "Bearer"});
        assert_eq!((answer.status, json_of(&answer)), (200, expected), "{key} {target}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(
            (answer.header("date"), answer.header("server"), answer.header("vendo-error-code")),
            (None, None, None)
        );
    }
    let x_api_key = format!("x-api-key: {}\r\n", estate.keys["a-key"]);
    let answer = estate.send(format!("GET /slack HTTP/1.1\r\nhost: {CREDENTIALS}\r\n{x_api_key}\r\n")).await;
    assert_eq!(json_of(&answer)["access_token"], "token-of-a-slack");
}

#[tokio::test]
async fn what_is_checked_comes_in_its_order() {
    let mut estate = Estate::start().await;
    let workspace = estate.workspace("acme");
    estate.issue(&workspace, "short", Grant::App(app_id("a-app")), Some(NOW_S + 60)).await;
    estate.issue(&workspace, "ended", Grant::App(app_id("a-app")), None).await;
    workspace.revoke_key(&KeyId::parse("ended").unwrap()).await.unwrap();
    estate.clock.advance(Duration::from_secs(60));
    let ask = async |method: &str, target: &str, lines: &str| {
        estate
            .send(format!("{method} {target} HTTP/1.1\r\nhost: {CREDENTIALS}\r\n{lines}content-length: 0\r\n\r\n"))
            .await
    };
    let good = estate.bearer("a-key");
    for (target, expected) in [("/..%2fslack", 400), ("/a//b", 400), ("/slack%00", 400), ("/slack\u{e9}", 400)] {
        // The path comes before method and key.
        let answer = ask("POST", target, "").await;
        assert_eq!(answer.status, expected, "{target}");
    }
    assert_refused(&ask("GET", "/%2e%2e/slack", "").await, 400, "validation_failed");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = ask(method, "/nobody", "").await;
        assert_eq!(code(&answer), (405, "method_not_allowed".to_owned()));
        assert_eq!((answer.header("allow"), answer.header("vendo-error-code")), (Some("GET"), None));
    }
    for lines in [
        String::new(),
        "authorization: Bearer vendo_sk_short\r\n".to_owned(),
        format!("authorization: Bearer vendo_sk_{}\r\n", "x".repeat(32)),
        format!("{good}{good}"),
        format!("{good}x-api-key: {}\r\n", estate.keys["g-key"]),
        format!("authorization: Basic x\r\nx-api-key: {}\r\n", estate.keys["a-key"]),
        format!("cookie: key={}\r\n", estate.keys["a-key"]),
    ] {
        // The key comes before the path.
        assert_refused(&ask("GET", "/nobody", &lines).await, 401, "app_unknown");
    }
    assert_refused(&ask("GET", "/nobody", &estate.bearer("ended")).await, 401, "app_revoked");
    assert_refused(&ask("GET", "/nobody", &estate.bearer("short")).await, 401, "app_expired");
    for target in ["/nobody", "/Slack", "/slack/", "/", "/slack/x", "/v1/SLACK_TOKEN/x", "/v1/NOBODY_TOKEN", "/_bulk/"]
    {
        assert_refused(&ask("GET", target, &good).await, 404, "provider_unknown");
    }
    for target in ["/v1/slack_token", "/v1/", "/v1/9X"] {
        assert_refused(&ask("GET", target, &good).await, 400, "validation_failed");
    }
    // The path comes before what the user's token is like.
    assert_refused(&ask("GET", "/nobody", &format!("{good}x-vendo-user-jwt: x\r\n")).await, 404, "provider_unknown");
}

#[tokio::test]
async fn what_is_hidden_is_as_what_is_not_there() {
    let estate = Estate::start().await;
    let absent = estate.vend("a-key", "/slack", &named("never-was")).await;
    assert_refused(&absent, 403, "binding_missing");
    for (key, target, lines) in [
        // Another tenant's, a sibling app's, one that is bound to nothing, another provider's.
        ("a-key", "/slack", named("g-slack")),
        ("a-key", "/slack", named("a-slack-site")),
        ("a-key", "/slack", named("a-slack-loose")),
        ("a-key", "/slack", named("a-openai")),
        ("a-key", "/slack", named("A-SLACK")),
        ("a-key", "/slack", named("")),
        ("a-key", "/slack", named("a-slack,a-slack")),
        ("a-key", "/slack", named("*")),
        ("a-key", "/slack", named("ext-a-slack")),
        ("a-key", "/slack", format!("{}{}", named("a-slack"), named("a-slack"))),
        ("a-site-key", "/openai", String::new()),
        // A connection's key at another provider, and one that names another connection.
        ("a-slack-key", "/openai", String::new()),
        ("a-slack-key", "/slack", named("a-slack-2")),
        ("a-slack-key", "/slack", named("g-slack")),
        ("a-slack-key", "/github", String::new()),
    ] {
        let answer = estate.vend(key, target, &lines).await;
        assert_eq!(answer.raw, absent.raw, "{key} {target} {lines}");
    }
    // Its positive twins.
    assert_eq!(
        json_of(&estate.vend("a-key", "/slack", &named("a-slack-2")).await)["access_token"],
        "token-of-a-slack-2"
    );
    assert_eq!(
        json_of(&estate.vend("a-slack-key", "/slack", &named("a-slack")).await)["access_token"],
        "token-of-a-slack"
    );
    // An underscore names nothing.
    let underscore = estate.vend("a-key", "/slack", "x_vendo_connection: a-slack-2\r\n").await;
    assert_eq!(json_of(&underscore)["access_token"], "token-of-a-slack");
}

#[tokio::test]
async fn a_user_narrows_inside_the_keys_tenant_and_never_widens() {
    let estate = Estate::start().await;
    let token = async |key: &str, lines: &str| {
        let answer = estate.vend(key, "/slack", lines).await;
        (answer.status, json_of(&answer)["access_token"].as_str().unwrap_or_default().to_owned())
    };
    let of = |connection: &str| (200, secret_of("token", connection));
    assert_eq!(token("a-key", &estate.user("a-ada", "T-acme")).await, of("a-slack"));
    assert_eq!(token("a-key", &estate.user("a-bob", "T-acme")).await, of("a-slack-2"));
    let own = format!("{}{}", estate.user("a-bob", "T-acme"), named("a-slack-2"));
    assert_eq!(token("a-key", &own).await, of("a-slack-2"));
    assert_eq!(token("a-slack-key", &estate.user("a-ada", "T-acme")).await, of("a-slack"));

    let absent = estate.vend("a-key", "/slack", &named("never-was")).await;
    let line = |token: String| format!("x-vendo-user-jwt: {token}\r\n");
    let removed = {
        let control = estate.platform.control();
        let line = estate.user("a-cyd", "T-acme");
        control.remove_member(&tenant("T-acme"), "a-cyd").unwrap();
        line
    };
    for (key, lines) in [
        // Nothing of his, or nothing that is bound to this app.
        ("a-key", estate.user("both", "T-acme")),
        ("a-site-key", estate.user("a-bob", "T-acme")),
        ("a-key", format!("{}{}", estate.user("a-bob", "T-acme"), named("a-slack"))),
        ("a-key", format!("{}{}", estate.user("a-ada", "T-acme"), named("a-slack-loose"))),
        ("a-slack-key", estate.user("a-bob", "T-acme")),
        // Of another tenant, whoever he is a member of.
        ("a-key", estate.user("g-ada", "T-globex")),
        ("a-key", estate.user("both", "T-globex")),
        ("a-key", format!("{}{}", estate.user("g-ada", "T-globex"), named("g-slack"))),
        ("a-key", estate.user("a-ada", "T-globex")),
        ("g-key", estate.user("a-ada", "T-acme")),
        // No member, not any more, not at all.
        ("a-key", removed),
        ("a-key", estate.user("nobody", "T-acme")),
        ("a-key", estate.user("g-ada", "T-acme")),
        // No token of ours.
        ("a-key", line(estate.forged("a-ada", "T-acme"))),
        ("a-key", line(String::new())),
        ("a-key", line("x.y.z".to_owned())),
        ("a-key", line(estate.token("a-ada", "T-acme", |claims| claims["exp"] = json!(NOW_S)))),
        ("a-key", line(estate.token("a-ada", "T-acme", |claims| claims["aud"] = json!("app-proxy")))),
        (
            "a-key",
            line(estate.token("a-ada", "T-globex", |claims| claims["user_metadata"] = json!({"tenant_id": "T-acme"}))),
        ),
        (
            "a-key",
            line(estate.token("a-ada", "T-acme", |claims| {
                claims["user_metadata"] = claims["app_metadata"].take();
                claims.as_object_mut().unwrap().remove("app_metadata");
            })),
        ),
        ("a-key", format!("{0}{0}", estate.user("a-ada", "T-acme"))),
    ] {
        let answer = estate.vend(key, "/slack", &lines).await;
        assert_eq!(answer.raw, absent.raw, "{key} {lines}");
    }
    assert_eq!(token("a-key", "x_vendo_user_jwt: x\r\n").await, of("a-slack"));
}

#[tokio::test]
async fn a_status_is_told_at_the_next_request() {
    let estate = Estate::start().await;
    let workspace = estate.workspace("acme");
    for (status, key, expected) in [
        (ConnectionStatus::NeedsReauth, "a-key", (401, "connection_needs_reauth")),
        (ConnectionStatus::NeedsReauth, "a-slack-key", (401, "connection_needs_reauth")),
        (ConnectionStatus::Error, "a-key", (502, "upstream_error")),
        (ConnectionStatus::Active, "a-key", (200, "")),
    ] {
        workspace.set_connection_status(&connection_id("a-slack"), status).await.unwrap();
        assert_eq!(
            code(&estate.vend(key, "/slack", "").await),
            (expected.0, expected.1.to_owned()),
            "{status:?} {key}"
        );
    }
    // Another provider is asked: the status is not told.
    workspace.set_connection_status(&connection_id("a-slack"), ConnectionStatus::NeedsReauth).await.unwrap();
    assert_refused(&estate.vend("a-slack-key", "/openai", "").await, 403, "binding_missing");
    // The oldest is bound and doesn't work: the next one isn't taken in its place.
    assert_refused(&estate.vend("a-key", "/slack", "").await, 401, "connection_needs_reauth");

    workspace.revoke_connection(&connection_id("a-slack")).await.unwrap();
    assert_refused(&estate.vend("a-slack-key", "/slack", "").await, 403, "connection_revoked");
    let second = estate.vend("a-key", "/slack", "").await;
    assert_eq!(json_of(&second)["access_token"], "token-of-a-slack-2", "its binding is gone");
    assert_refused(&estate.vend("a-key", "/slack", &named("a-slack")).await, 403, "binding_missing");
    assert_refused(&estate.vend("a-slack-key", "/openai", "").await, 403, "binding_missing");
    assert!(!estate.platform.control().dump().contains("token-of-a-slack"));
}

#[tokio::test]
async fn a_changed_credential_is_given_out_at_once() {
    let estate = Estate::start().await;
    let workspace = estate.workspace("acme");
    let new = Zeroizing::new("token-anew".to_owned());
    workspace.replace_credential(&connection_id("a-slack"), new, None).await.unwrap();
    assert_eq!(json_of(&estate.vend("a-key", "/slack", "").await)["access_token"], "token-anew");
    workspace.unbind(&app_id("a-app"), &connection_id("a-slack")).await.unwrap();
    assert_eq!(json_of(&estate.vend("a-key", "/slack", "").await)["access_token"], "token-of-a-slack-2");
    workspace.unbind(&app_id("a-app"), &connection_id("a-slack-2")).await.unwrap();
    assert_refused(&estate.vend("a-key", "/slack", "").await, 403, "binding_missing");
    workspace.bind(&app_id("a-app"), &connection_id("a-slack-loose"), None).await.unwrap();
    assert_eq!(json_of(&estate.vend("a-key", "/slack", "").await)["access_token"], "token-of-a-slack-loose");
    estate.platform.control().teardown(&deployment("a-app")).unwrap();
    assert_refused(&estate.vend("a-key", "/slack", "").await, 401, "app_revoked");
}

#[tokio::test]
async fn a_stale_record_serves_its_own_tenant_or_nobody() {
    let estate = Estate::start().await;
    let control = estate.platform.control();
    control.stale_connection(&connection_id("a-slack"), ConnectionStatus::NeedsReauth).await.unwrap();
    // The record says that it works, and is good for a minute.
    assert_eq!(json_of(&estate.vend("a-key", "/slack", "").await)["access_token"], "token-of-a-slack");
    estate.clock.advance(Duration::from_secs(60));
    assert_refused(&estate.vend("a-key", "/slack", "").await, 401, "connection_needs_reauth");

    let estate = Estate::with(EstateOptions { staleness: Duration::from_secs(60), ..EstateOptions::default() }).await;
    estate.clock.advance(Duration::from_secs(120));
    estate.workspace("acme").set_connection_status(&connection_id("a-slack"), ConnectionStatus::Active).await.unwrap();
    estate.clock.advance(Duration::from_secs(60));
    estate.workspace("acme").revoke_connection(&connection_id("a-slack")).await.unwrap();
    // The worker still sees the record of a minute ago, and there is nothing left to give.
    assert_refused(&estate.vend("a-slack-key", "/slack", "").await, 403, "connection_revoked");
}

#[tokio::test]
async fn what_is_not_vended() {
    let estate = Estate::start().await;
    for provider in ["/anthropic", "/discord", "/telegram", "/notion"] {
        let answer = estate.vend("a-key", provider, "").await;
        assert_refused(&answer, 500, "profile_unsupported");
        assert!(!answer.text().contains(POOLED));
    }
    estate
        .workspace("acme")
        .set_connection_status(&connection_id("a-pool"), ConnectionStatus::NeedsReauth)
        .await
        .unwrap();
    assert_refused(&estate.vend("a-key", "/anthropic", "").await, 401, "connection_needs_reauth");
}

#[tokio::test]
async fn the_brokers_token_is_kept_under_its_connection_alone() {
    let estate = Estate::start().await;
    let workspace = estate.workspace("acme");
    estate.broker_gives("shared", "at-1", Some("2023-11-14T23:13:20Z"));
    let first = estate.vend("a-key", "/github", "").await;
    let expected = json!({"access_token": "at-1", "expires_at": "2023-11-14T23:13:20Z", "token_type": "Bearer"});
    assert_eq!(json_of(&first), expected);
    let asked = estate.broker.drain();
    assert_eq!((asked.len(), asked[0].target.as_str()), (1, "/v1/tokens"));
    assert_eq!(asked[0].body, br#"{"connected_account_id":"shared"}"#);
    assert_eq!(asked[0].header("x-api-key").collect::<Vec<_>>(), [BROKER_KEY.as_bytes()]);
    let names: Vec<&str> = asked[0].headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["host", "x-api-key", "content-type", "accept", "content-length"]);

    estate.broker_gives("shared", "at-2", Some("2023-11-14T23:13:20Z"));
    assert_eq!(estate.vend("a-key", "/github", "").await.raw, first.raw, "it is kept");
    assert_eq!(estate.vend("a-github-key", "/github", "").await.raw, first.raw);
    assert_eq!(estate.broker.drain().len(), 0);
    // Another tenant with the same account of the same provider has a token of its own.
    assert_eq!(json_of(&estate.vend("g-key", "/github", "").await)["access_token"], "at-2");
    assert_eq!(estate.broker.drain().len(), 1);
    // A minute before its end it is over.
    estate.clock.advance(Duration::from_secs(3600 - 61));
    assert_eq!(estate.vend("a-key", "/github", "").await.raw, first.raw);
    estate.clock.advance(Duration::from_secs(1));
    assert_eq!(json_of(&estate.vend("a-key", "/github", "").await)["access_token"], "at-2");

    // A change of the connection ends what is kept.
    for (access, change) in [("at-3", ConnectionStatus::NeedsReauth), ("at-4", ConnectionStatus::Error)] {
        estate.broker_gives("shared", access, Some("2033-01-01T00:00:00Z"));
        workspace.set_connection_status(&connection_id("a-github"), change).await.unwrap();
        assert_ne!(estate.vend("a-key", "/github", "").await.status, 200);
        workspace.set_connection_status(&connection_id("a-github"), ConnectionStatus::Active).await.unwrap();
        assert_eq!(json_of(&estate.vend("a-key", "/github", "").await)["access_token"], access);
    }
    workspace.revoke_connection(&connection_id("a-github")).await.unwrap();
    assert_refused(&estate.vend("a-key", "/github", "").await, 403, "binding_missing");
    assert_refused(&estate.vend("a-github-key", "/github", "").await, 403, "connection_revoked");
}

#[tokio::test]
async fn a_token_without_an_end_is_kept_for_fifty_minutes() {
    let estate = Estate::start().await;
    estate.broker_gives("account-of-a-google", "at-1", None);
    assert_eq!(json_of(&estate.vend("a-key", "/google", "").await)["expires_at"], Value::Null);
    estate.broker_gives("account-of-a-google", "at-2", None);
    estate.clock.advance(Duration::from_secs(50 * 60 - 1));
    assert_eq!(json_of(&estate.vend("a-key", "/google", "").await)["access_token"], "at-1");
    estate.clock.advance(Duration::from_secs(1));
    assert_eq!(json_of(&estate.vend("a-key", "/google", "").await)["access_token"], "at-2");
    // One that is as good as over is given out, and not kept.
    estate.clock.advance(Duration::from_secs(3600));
    estate.broker_gives("account-of-a-google", "at-3", Some("2023-11-14T22:13:20Z"));
    assert_eq!(json_of(&estate.vend("a-key", "/google", "").await)["access_token"], "at-3");
    estate.broker_gives("account-of-a-google", "at-4", None);
    assert_eq!(json_of(&estate.vend("a-key", "/google", "").await)["access_token"], "at-4");
}

#[tokio::test]
async fn nothing_of_a_brokers_failure_passes() {
    let limits = Limits { response_head_timeout: Duration::from_millis(300), ..Limits::default() };
    let estate = Estate::with(EstateOptions { limits, ..EstateOptions::default() }).await;
    let unknown = estate.vend("a-key", "/google", "").await;
    assert_refused(&unknown, 502, "upstream_error");
    let rest = "refresh-in-the-broker secret-in-the-broker";
    for reply in [
        BrokerReply::Failure(401, rest.to_owned()),
        BrokerReply::Failure(500, format!(r#"{{"access_token":"at","detail":"{rest}"}}"#)),
        BrokerReply::Failure(201, r#"{"access_token":"at"}"#.to_owned()),
        BrokerReply::Failure(204, String::new()),
        BrokerReply::Json(rest.to_owned()),
        BrokerReply::Json(format!(r#"{{"refresh_token":"{rest}"}}"#)),
        BrokerReply::Json(r#"{"access_token":"at","expires_at":"soon"}"#.to_owned()),
        BrokerReply::Json(format!(r#"{{"access_token":"{}"}}"#, "x".repeat(70_000))),
        BrokerReply::Redirect("http://mem-1/v1/tokens".to_owned()),
        BrokerReply::HangsUp,
        BrokerReply::Silent,
    ] {
        estate.broker.set("account-of-a-google", reply.clone());
        let answer = estate.vend("a-key", "/google", "").await;
        assert_eq!(answer.raw, unknown.raw, "{reply:?}");
    }
    let (events, lines) = estate.traces();
    assert!(events.iter().all(|(worker, _, status)| (*worker, *status) == (Worker::Credentials, 502)));
    assert!(lines.iter().all(|line| !line.contains("in-the-broker")), "{lines:?}");
}

#[tokio::test]
async fn a_bulk_answer_tells_a_token_or_nothing() {
    let estate = Estate::start().await;
    estate.broker_gives("shared", "at-1", Some("2033-01-01T00:00:00Z"));
    let answer = estate.vend("a-key", "/_bulk?slugs=slack,github,anthropic,google,nobody,slack,Slack", "").await;
    let expected = r#"{"tokens":{"slack":{"access_token":"token-of-a-slack","expires_at":null},"github":{"access_token":"at-1","expires_at":"2033-01-01T00:00:00Z"},"anthropic":null,"google":null,"nobody":null,"Slack":null}}"#;
    assert_eq!((answer.status, answer.text()), (200, expected));
    assert_eq!((answer.header("cache-control"), answer.header("vendo-error-code")), (Some("no-store"), None));
    // What is unknown, foreign, not bound and broken is all the same.
    let nothing = r#"{"tokens":{"slack":null}}"#;
    for lines in [
        named("never-was"),
        named("g-slack"),
        named("a-slack-site"),
        named(""),
        "x-vendo-user-jwt: x\r\n".to_owned(),
        estate.user("g-ada", "T-globex"),
    ] {
        assert_eq!(estate.vend("a-key", "/_bulk?slugs=slack", &lines).await.text(), nothing, "{lines}");
    }
    let only = estate.vend("a-slack-2-key", "/_bulk?slugs=openai%2Cslack", "").await;
    assert_eq!(
        only.text(),
        r#"{"tokens":{"openai":null,"slack":{"access_token":"token-of-a-slack-2","expires_at":null}}}"#
    );
    let fifty = vec!["slack"; 50].join(",");
    assert_eq!(estate.vend("a-key", &format!("/_bulk?slugs={fifty}"), "").await.status, 200);
    for query in ["", "?slugs=", "?slugs=a&slugs=b", "?slugs=a,,b", &format!("?slugs={fifty},slack")] {
        assert_refused(&estate.vend("a-key", &format!("/_bulk{query}"), "").await, 400, "validation_failed");
    }
    let answer = estate.send(format!("GET /_bulk?slugs=slack HTTP/1.1\r\nhost: {CREDENTIALS}\r\n\r\n")).await;
    assert_refused(&answer, 401, "app_unknown");
}

#[tokio::test]
async fn no_refresh_token_no_key_and_no_bearer_ever_leaves() {
    let estate = Estate::start().await;
    estate.broker_gives("shared", "at-1", None);
    let mut left = Vec::new();
    for key in ["a-key", "a-slack-key", "a-github-key", "g-key", "a-pool-key"] {
        for target in ["/slack", "/github", "/anthropic", "/openai", "/google", "/_bulk?slugs=slack,github,anthropic"] {
            left.push(String::from_utf8(estate.vend(key, target, "").await.raw).unwrap());
        }
    }
    let (events, lines) = estate.traces();
    assert_eq!((events.len(), lines.len()), (left.len(), left.len()), "one event and one line each");
    for text in left.iter().chain(&lines) {
        for secret in ["refresh-of-", "refresh-beside-", "hook-of-", "whsec-of-", POOLED, BROKER_KEY] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    for line in &lines {
        assert!(!line.contains("token-of-") && !line.contains("at-1") && !line.contains('?'), "{line}");
        assert!(estate.keys.values().all(|key| !line.contains(key.as_str())), "{line}");
    }
}

#[tokio::test]
async fn a_request_leaves_its_guards_and_one_line() {
    let estate = Estate::start().await;
    estate.vend("a-key", "/slack", "").await;
    let (events, lines) = estate.traces();
    let [(Worker::Credentials, guards, 200)] = events.as_slice() else { panic!("{events:?}") };
    for guard in [
        Guard::PathGuard,
        Guard::KeyLookup,
        Guard::Scope,
        Guard::Adapter,
        Guard::BindingChain,
        Guard::ConnectionMatch,
        Guard::Vend,
        Guard::Aad,
    ] {
        assert!(guards.contains(guard), "{guard:?} in {guards:?}");
    }
    let prefix = &estate.keys["a-key"][..12];
    let expected = format!(
        "worker=credentials status=200 code=- tenant=T-acme key={prefix} connection=a-slack provider=slack micros=-"
    );
    assert_eq!(lines, [expected]);
    estate.vend("a-key", "/slack", &named("g-slack")).await;
    let expected = format!(
        "worker=credentials status=403 code=binding_missing tenant=T-acme key={prefix} connection=- provider=slack micros=-"
    );
    assert_eq!(estate.traces().1, [expected]);
}

/// What is done to acme while the broker is asked for the token of `a-github`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    ConnectionRevoked,
    Unbound,
    KeyRevoked,
    KeyExpires,
    NeedsReauth,
    /// Needs to be authorised again, and was: what the broker answered is of before.
    Reauthorised,
    MemberRemoved,
}

impl Meanwhile {
    async fn happen(self, estate: &Estate) {
        let (workspace, github) = (estate.workspace("acme"), connection_id("a-github"));
        match self {
            Self::Nothing => {}
            Self::ConnectionRevoked => workspace.revoke_connection(&github).await.unwrap(),
            Self::Unbound => workspace.unbind(&app_id("a-app"), &github).await.unwrap(),
            Self::KeyRevoked => workspace.revoke_key(&KeyId::parse("short").unwrap()).await.unwrap(),
            Self::KeyExpires => {
                estate.clock.advance(Duration::from_secs(60));
            }
            Self::NeedsReauth => {
                workspace.set_connection_status(&github, ConnectionStatus::NeedsReauth).await.unwrap();
            }
            Self::Reauthorised => {
                workspace.set_connection_status(&github, ConnectionStatus::NeedsReauth).await.unwrap();
                workspace.set_connection_status(&github, ConnectionStatus::Active).await.unwrap();
                estate.broker_gives("shared", "new-token", None);
            }
            Self::MemberRemoved => {
                estate.platform.control().remove_member(&tenant("T-acme"), "a-ada").unwrap();
            }
        }
    }
}

/// Asks while the broker holds its answer back, lets something happen, and lets the answer go.
async fn ask_meanwhile(target: &str, meanwhile: Meanwhile) -> (Estate, Answer) {
    let mut estate = Estate::start().await;
    let workspace = estate.workspace("acme");
    estate.issue(&workspace, "short", Grant::App(app_id("a-app")), Some(NOW_S + 60)).await;
    let token = BrokerReply::Token {
        access_token: "old-token".to_owned(),
        refresh_token: "refresh".to_owned(),
        expires_at: None,
    };
    estate.broker.set("shared", BrokerReply::Held(Box::new(token)));
    let happen = async {
        while estate.broker.requests().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        meanwhile.happen(&estate).await;
        estate.broker.release();
    };
    let both = async { tokio::join!(estate.vend("short", target, ""), happen) };
    let (answer, ()) = tokio::time::timeout(common::PATIENCE, both).await.expect("the broker was never asked");
    (estate, answer)
}

#[tokio::test]
async fn what_ends_while_the_broker_is_asked_is_not_vended() {
    for (meanwhile, status, expected) in [
        (Meanwhile::ConnectionRevoked, 403, "binding_missing"),
        (Meanwhile::Unbound, 403, "binding_missing"),
        (Meanwhile::KeyRevoked, 401, "app_revoked"),
        (Meanwhile::KeyExpires, 401, "app_expired"),
        (Meanwhile::NeedsReauth, 401, "connection_needs_reauth"),
    ] {
        let (estate, answer) = ask_meanwhile("/github", meanwhile).await;
        assert_refused(&answer, status, expected);
        // Nor is it kept: whoever may ask later makes the broker answer anew.
        let workspace = estate.workspace("acme");
        match meanwhile {
            Meanwhile::Unbound => workspace.bind(&app_id("a-app"), &connection_id("a-github"), None).await.unwrap(),
            Meanwhile::NeedsReauth => {
                let active = ConnectionStatus::Active;
                workspace.set_connection_status(&connection_id("a-github"), active).await.unwrap();
            }
            Meanwhile::Nothing
            | Meanwhile::ConnectionRevoked
            | Meanwhile::KeyRevoked
            | Meanwhile::KeyExpires
            | Meanwhile::Reauthorised
            | Meanwhile::MemberRemoved => {}
        }
        estate.broker_gives("shared", "new-token", None);
        let later = estate.vend("a-key", "/github", "").await;
        if meanwhile == Meanwhile::ConnectionRevoked {
            assert_refused(&later, 403, "binding_missing");
        } else {
            assert_eq!(json_of(&later)["access_token"], "new-token", "{meanwhile:?}");
        }
    }
    let (estate, answer) = ask_meanwhile("/github", Meanwhile::Reauthorised).await;
    assert_eq!(json_of(&answer)["access_token"], "new-token", "an old token is not given out for a new grant");
    assert_eq!(estate.broker.requests().len(), 2);
    // The positive twin.
    let (estate, answer) = ask_meanwhile("/github", Meanwhile::Nothing).await;
    assert_eq!(json_of(&answer)["access_token"], "old-token");
    assert_eq!(json_of(&estate.vend("a-key", "/github", "").await)["access_token"], "old-token");
    assert_eq!(estate.broker.requests().len(), 1);
}

#[tokio::test]
async fn of_several_none_is_given_that_ended_while_another_was_waited_for() {
    // The stored token is found first, and ends while the broker is asked for the other one.
    let (_, whole) = ask_meanwhile("/_bulk?slugs=slack,github", Meanwhile::Nothing).await;
    assert_eq!(json_of(&whole)["tokens"]["slack"]["access_token"], "token-of-a-slack");
    assert_eq!(json_of(&whole)["tokens"]["github"]["access_token"], "old-token");
    let (_, narrowed) = ask_meanwhile("/_bulk?slugs=slack,github", Meanwhile::Unbound).await;
    assert_eq!(json_of(&narrowed)["tokens"]["slack"]["access_token"], "token-of-a-slack");
    assert_eq!(json_of(&narrowed)["tokens"]["github"], Value::Null);
    for (meanwhile, expected) in [(Meanwhile::KeyRevoked, "app_revoked"), (Meanwhile::KeyExpires, "app_expired")] {
        let (_, refused) = ask_meanwhile("/_bulk?slugs=slack,github", meanwhile).await;
        assert_refused(&refused, 401, expected);
    }
}

#[tokio::test]
async fn a_member_who_is_removed_meanwhile_gets_nothing() {
    let ask = async |remove: bool| {
        let mut estate = Estate::start().await;
        let workspace = estate.workspace("acme");
        let new = NewConnection {
            id: connection_id("a-adas"),
            external_id: ExternalId::parse("ext-a-adas").unwrap(),
            provider: ProviderSlug::parse("github").unwrap(),
            profile: Profile::ComposioManaged,
            user_id: Some("a-ada".to_owned()),
            account: Some("of-ada".to_owned()),
            credential: None,
            refresh_token: None,
            webhook_secret: None,
        };
        workspace.connect(new).await.unwrap();
        workspace.bind(&app_id("a-app"), &connection_id("a-adas"), None).await.unwrap();
        estate.issue(&workspace, "short", Grant::App(app_id("a-app")), None).await;
        let reply = BrokerReply::Json(r#"{"access_token":"adas-token"}"#.to_owned());
        estate.broker.set("of-ada", BrokerReply::Held(Box::new(reply)));
        let user = estate.user("a-ada", "T-acme");
        let happen = async {
            while estate.broker.requests().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if remove {
                Meanwhile::MemberRemoved.happen(&estate).await;
            }
            estate.broker.release();
        };
        let both = async { tokio::join!(estate.vend("short", "/github", &user), happen) };
        tokio::time::timeout(common::PATIENCE, both).await.expect("the broker was never asked").0
    };
    assert_eq!(json_of(&ask(false).await)["access_token"], "adas-token");
    assert_refused(&ask(true).await, 403, "binding_missing");
}
