//! A request as the `curl` line that sends it to a live deployment. Secrets are left out: a name stands for each.

use isolation_model::action::cookie::{Alteration, Cookie};
use isolation_model::action::edge::{Door, EdgeCall};
use isolation_model::action::{Action, Method, Request};
use isolation_model::oracle::canaries::requests;
use isolation_model::oracle::edge::step::calls;
use isolation_model::render::{self, Wire, WireBody};
use isolation_model::state::State;
use isolation_model::world::World;

use super::redact::Redaction;

/// The longest body that is shown, in bytes.
const BODY_MAX: usize = 600;

/// The lines for what an action sends.
#[must_use]
pub fn lines(world: &World, state: &State, action: &Action) -> Vec<String> {
    let plain = requests(action).into_iter().filter_map(|request| line(world, state, request));
    let calls = calls(action).into_iter().enumerate();
    let edge = calls.filter_map(|(number, call)| edge_line(world, state, call, number));
    plain.chain(edge).collect()
}

/// The line of a call to a worker of the edge, or `None` for what curl can't send as it is meant. `$VENDO` is where the
/// platform listens, `$WORKER` where the worker does.
#[must_use]
pub fn edge_line(world: &World, state: &State, call: &EdgeCall, number: usize) -> Option<String> {
    let wire = render::edge::wire(world, state, call, number);
    let redaction = Redaction::new(world, state);
    let mut words = begin(&wire)?;
    let mut header = |name: &str, value: &str| words.extend(["-H".to_owned(), quoted(&format!("{name}: {value}"))]);
    if wire.transport.is_http2() {
        header("Host", std::str::from_utf8(&wire.authority).ok()?);
    }
    for (name, value) in &wire.headers {
        header(name, &redaction.apply(std::str::from_utf8(value).ok()?));
    }
    let body = wire.body.bytes();
    if wire.body != WireBody::None {
        let shown = std::str::from_utf8(&body).ok().filter(|text| text.len() <= BODY_MAX);
        let shown = shown.map_or_else(|| "<body>".to_owned(), |text| redaction.apply(text));
        words.extend(["--data-binary".to_owned(), quoted(&shown)]);
    }
    let at = match call.carrier().door {
        Door::Host => "$VENDO",
        Door::Listener => "$WORKER",
    };
    let target = redaction.apply(std::str::from_utf8(&wire.target).ok()?);
    words.push(quoted(&format!("http://{at}{target}")));
    Some(words.join(" "))
}

/// `curl` and how it sends, or `None` for a request that it can't send.
fn begin(wire: &Wire) -> Option<Vec<String>> {
    if wire.upgrade || wire.method == "CONNECT" || !wire.target.starts_with(b"/") {
        return None;
    }
    let mut words = vec!["curl".to_owned(), "-i".to_owned(), "--path-as-is".to_owned()];
    words.push(if wire.transport.is_http2() { "--http2-prior-knowledge" } else { "--http1.1" }.to_owned());
    if wire.method != Method::Get.as_str() {
        words.extend(["-X".to_owned(), wire.method.to_owned()]);
    }
    Some(words)
}

/// The line, or `None` for what curl can't send as it is meant.
#[must_use]
pub fn line(world: &World, state: &State, request: &Request) -> Option<String> {
    let wire = render::wire(world, state, request);
    let mut words = begin(&wire)?;
    let mut header = |name: &str, value: &str| words.extend(["-H".to_owned(), quoted(&format!("{name}: {value}"))]);
    for (name, value) in &wire.headers {
        if !name.eq_ignore_ascii_case("cookie") {
            header(name, std::str::from_utf8(value).ok()?);
        }
    }
    let cookies: Vec<String> = request.cookies.cookies.iter().map(|cookie| cookie_name(world, *cookie)).collect();
    if !cookies.is_empty() {
        header("Cookie", &cookies.join("; "));
    }
    if wire.body != WireBody::None {
        words.extend(["--data-binary".to_owned(), "'<body>'".to_owned()]);
    }
    let target = std::str::from_utf8(&wire.target).ok()?;
    words.push(quoted(&format!("http://$VENDO{target}")));
    Some(words.join(" "))
}

fn cookie_name(world: &World, cookie: Cookie) -> String {
    match cookie {
        Cookie::Session { token, .. } => {
            let member = world.member(token.member);
            let whose = format!("{} of {}", member.role.as_str(), world.tenant(member.tenant).slug);
            if token.alteration == Alteration::None {
                format!("vendoAuth=<session of {whose}>")
            } else {
                format!("vendoAuth=<session of {whose}, {:?}>", token.alteration)
            }
        }
        Cookie::App(n) => format!("theme{n}=dark{n}"),
        Cookie::Dashboard => "__Host-vendo_session=<dashboard session>".to_owned(),
        Cookie::BareName => "vendoAuth".to_owned(),
        Cookie::Many => render::many_cookies(),
    }
}

/// For a POSIX shell.
fn quoted(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if visible.contains('\'') || visible.contains("$VENDO") || visible.contains("$WORKER") {
        let mut escaped = String::new();
        for c in visible.chars() {
            if matches!(c, '\\' | '"' | '`' | '$') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        // Where the request goes to is the only thing that a shell may look up.
        for variable in ["$VENDO", "$WORKER"] {
            escaped = escaped.replacen(&format!("http://\\{variable}"), &format!("http://{variable}"), 1);
        }
        format!("\"{escaped}\"")
    } else {
        format!("'{visible}'")
    }
}
