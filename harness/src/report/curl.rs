//! A request as the `curl` line that sends it to a live deployment. Secrets are left out: a name stands for each.

use isolation_model::action::cookie::{Alteration, Cookie};
use isolation_model::action::{Method, Request};
use isolation_model::render;
use isolation_model::state::State;
use isolation_model::world::World;

/// The line, or `None` for what curl can't send as it is meant.
#[must_use]
pub fn line(world: &World, state: &State, request: &Request) -> Option<String> {
    let wire = render::wire(world, state, request);
    if request.upgrade || matches!(request.method, Method::Connect) || !wire.target.starts_with(b"/") {
        return None;
    }
    let mut words = vec!["curl".to_owned(), "-i".to_owned(), "--path-as-is".to_owned()];
    words.push(if request.transport.is_http2() { "--http2-prior-knowledge" } else { "--http1.1" }.to_owned());
    if request.method != Method::Get {
        words.extend(["-X".to_owned(), wire.method.to_owned()]);
    }
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
    if wire.body != render::WireBody::None {
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
    if visible.contains('\'') || visible.contains("$VENDO") {
        format!("\"{}\"", visible.replace('\\', "\\\\").replace('"', "\\\"").replace('`', "\\`"))
    } else {
        format!("'{visible}'")
    }
}
