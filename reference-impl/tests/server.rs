//! The binary: what it serves, how it stops, and what it says about a configuration that it can't use.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::process::{Command, Output, Stdio};

fn server(folder: &std::path::Path, config: &str) -> Command {
    let file = folder.join("config.json");
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_reference-server"));
    command.arg("--config").arg(file).env("TEST_COOKIE_SECRET", "ab".repeat(32));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn failure(config: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stderr, .. } = server(folder.path(), config).output().unwrap();
    assert_eq!(status.code(), Some(2), "{config}");
    String::from_utf8(stderr).unwrap()
}

#[cfg(feature = "faults")]
#[test]
fn a_build_with_faults_refuses_to_serve() {
    assert!(failure("{}").contains("build without it"));
}

#[cfg(not(feature = "faults"))]
mod without_faults {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    const KEYS: &str = r#""cookie_keys": [{ "kid": "k", "secret_env": "TEST_COOKIE_SECRET" }]"#;

    #[test]
    fn an_unusable_configuration_is_explained() {
        for (config, expected) in [
            ("{", "malformed"),
            (r#"{ "http": "127.0.0.1:0", "cookie_keys": [], "extra": 1 }"#, "unknown field `extra`"),
            (r#"{ "http": "127.0.0.1:0", "cookie_keys": [] }"#, "no cookie key"),
            (r#"{ "http": "127.0.0.1:0", "cookie_keys": [{ "kid": "k" }] }"#, "secret_env or secret_file"),
            (
                r#"{ "http": "127.0.0.1:0", "cookie_keys": [{ "kid": "k", "secret_env": "NO_SUCH_VARIABLE" }] }"#,
                "NO_SUCH_VARIABLE",
            ),
            (r#"{ "http": "127.0.0.1:0", "cookie_keys": [{ "kid": "k", "secret_file": "none.hex" }] }"#, "none.hex"),
        ] {
            let said = failure(config);
            assert!(
                said.contains(expected) && said.contains("where:") && said.contains("to mend it:"),
                "{config}: {said}"
            );
        }
        for (rest, expected) in [
            (r#""tenants": [{ "id": "t", "slug": "api" }]"#, "tenants[0]"),
            (
                r#""deployments": [{ "id": "d", "tenant": "t", "slug": "a", "target": "127.0.0.1:1", "vendo_auth": true }]"#,
                "no tenant t",
            ),
            (r#""https": { "listen": "127.0.0.1:0", "chain": "none.pem", "key": "none.pem" }"#, "https.chain"),
        ] {
            let said = failure(&format!(r#"{{ "http": "127.0.0.1:0", {KEYS}, {rest} }}"#));
            assert!(said.contains(expected), "{rest}: {said}");
        }
    }

    #[test]
    fn it_serves_and_stops_when_it_is_told_to() {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            r#"{{ "http": "127.0.0.1:0", {KEYS}, "tenants": [{{ "id": "t", "slug": "acme" }}], "shutdown_seconds": 5,
                 "deployments": [{{ "id": "d", "tenant": "t", "slug": "app", "target": "127.0.0.1:1", "vendo_auth": true, "domains": ["crm.example"] }}] }}"#
        );
        let mut child = server(folder.path(), &config).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| line.unwrap());
        let http = lines.next().unwrap();
        let address = http.rsplit(' ').next().unwrap().to_owned();
        let hosts: Vec<_> = (&mut lines).take(2).collect();
        assert!(
            hosts.first().is_some_and(|line| line.contains("acme-app.vendo.run -> 127.0.0.1:1 (members only)")),
            "{hosts:?}"
        );
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: crm.example\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        let stopped = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
        assert!(stopped.success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
