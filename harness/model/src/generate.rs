//! Random actions: everything the vocabulary can say, weighted so that most requests come close to being served.
//!
//! Each case switches some features off (swarm testing): a feature that is always on hides what only shows without it.

pub mod edge;

use crate::action::cookie::{Alteration, Cookie, CookieJar, Token, Writing};
use crate::action::framing::Defect;
use crate::action::header::{
    ClientField, EdgeField, ForwardingField, Header, HintField, HopField, NameSpelling, Nominee, Spoof, VendoField,
};
use crate::action::host::{HostLayout, HostOf, HostSpec, IpForm, PlatformHost, Sni, Spelling};
use crate::action::path::{Code, Next, OddPath, Path, ReservedSpelling};
use crate::action::reply::{DomainAttribute, Reply, ReplyHeader, ReplyKind, SetCookieName};
use crate::action::{Action, Body, Control, Domain, Identifier, KvKind, Method, RENAMES, Request, Status, Transport};
use crate::choose::Choose;
use crate::world::World;
use edge::EdgeSwarm;

/// Which features a case uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swarm {
    spellings: bool,
    layouts: bool,
    alterations: bool,
    jars: bool,
    headers: bool,
    replies: bool,
    paths: bool,
    codes: bool,
    malformed: bool,
    races: bool,
    control: bool,
    upgrades: bool,
    http2: bool,
    tls: bool,
    keys: bool,
    edge: EdgeSwarm,
}

impl Swarm {
    /// Everything.
    pub const ALL: Self = Self {
        spellings: true,
        layouts: true,
        alterations: true,
        jars: true,
        headers: true,
        replies: true,
        paths: true,
        codes: true,
        malformed: true,
        races: true,
        control: true,
        upgrades: true,
        http2: true,
        tls: true,
        keys: true,
        edge: EdgeSwarm::ALL,
    };

    /// Everything but the edge: the app-proxy alone.
    pub const APP_PROXY: Self = Self { edge: EdgeSwarm::NONE, ..Self::ALL };

    /// Each feature with a chance of two in three.
    pub fn generate<C: Choose>(choose: &mut C) -> Self {
        let mut on = || choose.below(3) != 0;
        Self {
            spellings: on(),
            layouts: on(),
            alterations: on(),
            jars: on(),
            headers: on(),
            replies: on(),
            paths: on(),
            codes: on(),
            malformed: on(),
            races: on(),
            control: on(),
            upgrades: on(),
            http2: on(),
            tls: on(),
            keys: on(),
            edge: EdgeSwarm::generate(choose),
        }
    }
}

/// Draws an action.
pub fn action<C: Choose>(choose: &mut C, world: &World, swarm: Swarm) -> Action {
    if swarm.edge.is_next(choose) {
        return edge::action(choose, world, swarm.edge);
    }
    match choose.below(24) {
        0 | 1 if swarm.malformed => {
            let transport = if swarm.tls && choose.one_in(4) { Transport::Http1Tls } else { Transport::Http1 };
            let mut request = Request { transport, ..request(choose, world, Swarm { upgrades: false, ..swarm }) };
            if request.body == Body::None {
                request.method = choose.of(&[Method::Post, Method::Put, Method::Get]);
                request.body = choose.of(&[Body::Short, Body::Chunked]);
            }
            let follow_up = Request { transport, reuse: false, ..plain(choose, world) };
            let defect = choose.among(Defect::ALL).copied().unwrap_or(Defect::None);
            malformed(request, defect, follow_up)
        }
        2 if swarm.races => {
            let first = Request { reply: Reply::page(), ..request(choose, world, Swarm { upgrades: false, ..swarm }) };
            let second = Request { path: first.path, ..request(choose, world, Swarm { upgrades: false, ..swarm }) };
            race(first, second)
        }
        3 | 4 if swarm.control => Action::Control(control(choose, world)),
        5 if swarm.codes => {
            let deployment = choose.index(world.deployments.len());
            let host = host_of(choose, world, deployment);
            let member = member(choose, world, deployment, 4);
            Action::Control(Control::SignInCode { member, host: HostSpec { of: host, spelling: Spelling::Exact } })
        }
        6 if swarm.codes && choose.one_in(3) => Action::Advance { seconds: choose.of(&[1, 59, 60, 61, 300]) },
        7 if swarm.keys => Action::KvKey { kind: choose.of(&KvKind::ALL), identifier: choose.of(&Identifier::ALL) },
        _ => Action::Request(request(choose, world, swarm)),
    }
}

/// A malformed request whose parts fit one another: HTTP/1 on one connection, and a body where the defect needs one.
#[must_use]
pub fn malformed(request: Request, defect: Defect, follow_up: Request) -> Action {
    let transport = request.transport.as_http1();
    let fit = |request: Request| {
        let mut request = Request { transport, reuse: false, ..request }.canonical();
        // A length of HTTP/1.0 and a connection that ends by itself would blur what the defect does.
        request.layout = request.layout.in_version11();
        request.headers.retain(|header| !matches!(header, Header::Nominate(Nominee::Several) | Header::Expect));
        request.reply = if request.reply.kind.keeps_connection() { request.reply } else { Reply::page() };
        request.canonical()
    };
    Action::Malformed { request: fit(request), defect, follow_up: fit(follow_up) }
}

/// Two requests at once, neither of which waits for the other in any other way than being answered later.
#[must_use]
pub fn race(first: Request, second: Request) -> Action {
    let fit = |request: Request| {
        Request {
            reuse: false,
            reply: if request.reply.kind.keeps_connection() { request.reply } else { Reply::page() },
            upgrade: false,
            ..request
        }
        .canonical()
    };
    Action::Race { first: fit(first), second: fit(second) }
}

/// Draws a request.
pub fn request<C: Choose>(choose: &mut C, world: &World, swarm: Swarm) -> Request {
    let deployment = choose.index(world.deployments.len());
    let member_of_it = member(choose, world, deployment, 2);
    let mut request = Request::as_member(deployment, member_of_it);
    if choose.one_in(12) {
        request.sender = choose.index(world.members.len());
    }
    request.transport = match choose.below(8) {
        0 | 1 if swarm.http2 => Transport::Http2,
        2 if swarm.tls => Transport::Http1Tls,
        3 if swarm.tls && swarm.http2 => Transport::Http2Tls,
        _ => Transport::Http1,
    };
    request.reuse = choose.below(3) == 0;
    request.method = if choose.one_in(3) { choose.of(&Method::ORDINARY) } else { Method::Get };
    if choose.one_in(40) {
        request.method = choose.of(&[Method::Connect, Method::Trace]);
    }
    request.host = host(choose, world, deployment, swarm);
    if swarm.layouts && choose.one_in(5) {
        request.layout = layout(choose, world, swarm);
    }
    if request.transport.is_tls() && choose.one_in(4) {
        request.sni = if choose.one_in(3) { Sni::Missing } else { Sni::Of(choose.index(world.deployments.len())) };
    }
    request.path = path(choose, world, swarm);
    request.cookies = jar(choose, world, member_of_it, swarm);
    if swarm.headers {
        request.headers = (0..choose.below(4)).map(|_| header(choose, world)).collect();
    }
    if choose.one_in(4) {
        request.body =
            choose.of(&[Body::Short, Body::Chunked, Body::ChunkedWithTrailers, Body::Long, Body::NamesVictim]);
        if request.method == Method::Get {
            request.method = Method::Post;
        }
    }
    request.upgrade = swarm.upgrades && choose.one_in(12);
    request.accept_html = choose.one_in(3);
    if swarm.replies && choose.one_in(2) {
        request.reply = reply(choose, world);
    }
    request.canonical()
}

fn plain<C: Choose>(choose: &mut C, world: &World) -> Request {
    let deployment = choose.index(world.deployments.len());
    let member = member(choose, world, deployment, 3);
    Request { path: Path::Shared(choose.index(3)), ..Request::as_member(deployment, member) }
}

/// A member of the deployment's tenant, or once in `foreign` times of another.
fn member<C: Choose>(choose: &mut C, world: &World, deployment: u8, foreign: u32) -> u8 {
    if choose.one_in(foreign) { world.foreign_member(choose, deployment) } else { world.own_member(choose, deployment) }
}

fn host_of<C: Choose>(choose: &mut C, world: &World, deployment: u8) -> HostOf {
    match choose.below(6) {
        0 if world.deployment(deployment).legacy => HostOf::Legacy(deployment),
        1 if world.deployment(deployment).domain.is_some() => HostOf::Custom(deployment),
        _ => HostOf::Single(deployment),
    }
}

fn host<C: Choose>(choose: &mut C, world: &World, deployment: u8, swarm: Swarm) -> HostSpec {
    let other = choose.index(world.deployments.len());
    let of = if swarm.spellings && choose.one_in(5) {
        match choose.below(21) {
            0 => HostOf::Unknown,
            1 => HostOf::UnknownDomain,
            2 => HostOf::BareLabel(deployment),
            3 => HostOf::Deeper(deployment),
            4 => HostOf::DeeperLegacy(deployment),
            5 => HostOf::BadSlug,
            6 => HostOf::SwappedLegacy(deployment),
            7 => HostOf::WithSuffix(deployment),
            8 => HostOf::WithGlue(deployment),
            9 => HostOf::WithPrefix(deployment),
            10 => HostOf::UnderCustom(deployment),
            11 => HostOf::WholeKey(deployment),
            12 => HostOf::Wildcard,
            13 => HostOf::Platform(choose.of(&PlatformHost::ALL)),
            14 => HostOf::Ip(choose.of(&IpForm::ALL)),
            15 => HostOf::CommaList(deployment, other),
            16 => HostOf::LongLabel,
            17 => HostOf::LongName,
            18 => HostOf::Legacy(deployment),
            19 => HostOf::Custom(deployment),
            _ => HostOf::Renamed(deployment, choose.index(RENAMES.len())),
        }
    } else if swarm.control && choose.one_in(10) {
        choose.of(&[
            HostOf::Portal(0),
            HostOf::Portal(1),
            HostOf::Renamed(deployment, 3),
            HostOf::Renamed(deployment, 4),
        ])
    } else {
        host_of(choose, world, deployment)
    };
    let spelling = if swarm.spellings && choose.one_in(3) {
        if choose.one_in(2) { choose.of(&Spelling::VALID) } else { choose.of(&Spelling::INVALID) }
    } else {
        Spelling::Exact
    };
    HostSpec { of, spelling }
}

fn layout<C: Choose>(choose: &mut C, world: &World, swarm: Swarm) -> HostLayout {
    let deployment = choose.index(world.deployments.len());
    let other = host(choose, world, deployment, swarm);
    match choose.below(14) {
        0 => HostLayout::Absolute,
        1 | 2 => HostLayout::AbsoluteOther(other),
        3 => HostLayout::AbsoluteUserInfo,
        4 => HostLayout::AbsoluteScheme,
        5 => HostLayout::AbsoluteAlone,
        6 => HostLayout::Twice,
        7 => HostLayout::ThenOther(other),
        8 => HostLayout::Missing,
        9 => HostLayout::Empty,
        10 => HostLayout::Version10,
        11 => HostLayout::Version10Missing,
        12 => HostLayout::Version10Twice,
        _ => HostLayout::AuthorityAndOther(other),
    }
}

fn path<C: Choose>(choose: &mut C, world: &World, swarm: Swarm) -> Path {
    let code = |choose: &mut C| match choose.below(8) {
        0 => Code::Guessed,
        1 => Code::Missing,
        2 => Code::Empty,
        3 => {
            let n = choose.index(3);
            choose.of(&[Code::Altered(n), Code::OtherCase(n), Code::Cut(n), Code::Extended(n)])
        }
        _ => Code::Issued(choose.index(3)),
    };
    match choose.below(12) {
        0 if swarm.paths => Path::Odd(choose.of(&OddPath::ALL)),
        1 if swarm.paths => Path::Reserved(choose.of(&ReservedSpelling::ALL)),
        2 if swarm.paths => Path::NamesTenantOf(choose.index(world.deployments.len())),
        3 if swarm.paths && choose.one_in(2) => Path::SessionInQuery(choose.index(world.members.len())),
        4 if swarm.paths && choose.one_in(4) => Path::Asterisk,
        5 | 6 if swarm.codes => Path::Session { code: code(choose), next: choose.of(&Next::ALL) },
        7..=9 => Path::Shared(choose.index(3)),
        _ => Path::Root,
    }
}

fn jar<C: Choose>(choose: &mut C, world: &World, member: u8, swarm: Swarm) -> CookieJar {
    let mut session = Cookie::session(Token::valid(member));
    if swarm.alterations && choose.one_in(3) {
        let alteration = choose.among(Alteration::ALL).copied().unwrap_or(Alteration::None);
        session = Cookie::session(Token { member, alteration });
    }
    if !swarm.jars || choose.one_in(2) {
        return if choose.one_in(8) { CookieJar::empty() } else { CookieJar::one(session) };
    }
    if choose.one_in(3)
        && let Cookie::Session { token, .. } = session
    {
        session = Cookie::Session { token, writing: choose.of(&Writing::ALL) };
    }
    let mut cookies = vec![session];
    for _ in 0..choose.below(3) {
        let at = usize::from(choose.index(cookies.len() + 1));
        let extra = match choose.below(6) {
            0 => Cookie::session(Token::valid(choose.index(world.members.len()))),
            1 if choose.one_in(3) => Cookie::Many,
            1 => Cookie::Dashboard,
            2 => Cookie::BareName,
            n => Cookie::App(u8::try_from(n).unwrap_or(0)),
        };
        cookies.insert(at.min(cookies.len()), extra);
    }
    CookieJar { cookies, split: choose.one_in(3), tight: choose.one_in(4) }
}

fn header<C: Choose>(choose: &mut C, world: &World) -> Header {
    let deployment = choose.index(world.deployments.len());
    let spelling = choose.of(&NameSpelling::ALL);
    match choose.below(14) {
        0..=3 => Header::Vendo {
            field: choose.of(&VendoField::ALL),
            spelling,
            value: match choose.below(4) {
                0 => Spoof::Owner,
                1 => Spoof::Empty,
                2 => Spoof::UserOf(choose.index(world.members.len())),
                _ => Spoof::TenantOf(deployment),
            },
        },
        4 => Header::Edge { field: choose.of(&EdgeField::ALL), spelling },
        5 => Header::Forwarding { field: choose.of(&ForwardingField::ALL), spelling, host: HostSpec::of(deployment) },
        6 => Header::Hint { field: choose.of(&HintField::ALL), host: HostSpec::of(deployment) },
        7 => Header::Hop(choose.of(&HopField::ALL)),
        8 => Header::Nominate(match choose.below(6) {
            0 => Nominee::Cookie,
            1 => Nominee::App0,
            2 => Nominee::Authorization,
            3 => Nominee::Host,
            4 => Nominee::Several,
            _ => Nominee::Vendo(choose.of(&VendoField::ALL)),
        }),
        9 if choose.one_in(3) => Header::Authorization,
        9 => Header::Client(choose.of(&ClientField::ALL)),
        10 => choose.of(&[Header::IfNoneMatch, Header::IfModifiedSince, Header::Range]),
        11 => Header::SessionAsBearer(choose.index(world.members.len())),
        _ => Header::App(choose.index(3)),
    }
}

fn reply<C: Choose>(choose: &mut C, world: &World) -> Reply {
    let kind = if choose.one_in(2) { ReplyKind::Page } else { choose.of(&ReplyKind::ALL) };
    let headers = (0..choose.below(3))
        .map(|_| match choose.below(10) {
            0..=4 => ReplyHeader::SetCookie {
                name: if choose.one_in(2) { SetCookieName::App } else { choose.of(&SetCookieName::ALL) },
                domain: if choose.one_in(5) {
                    DomainAttribute::Sibling(choose.index(world.deployments.len()))
                } else {
                    choose.of(&DomainAttribute::FIXED)
                },
            },
            5 => ReplyHeader::Vendo { field: choose.of(&VendoField::ALL), spelling: choose.of(&NameSpelling::ALL) },
            6 => choose.of(&[ReplyHeader::SetCookie2, ReplyHeader::SetCookieUpper]),
            7 => ReplyHeader::KeepAlive,
            8 => ReplyHeader::Nominated,
            _ => ReplyHeader::App(choose.index(3)),
        })
        .collect();
    Reply { kind, headers: if kind.has_headers() { headers } else { Vec::new() } }
}

fn control<C: Choose>(choose: &mut C, world: &World) -> Control {
    let deployment = choose.index(world.deployments.len());
    let domain = match choose.below(12) {
        0 => {
            let of = choose.index(world.deployments.len());
            choose.of(&[
                Domain::PlatformHost(of),
                Domain::LegacyHost(of),
                Domain::DeepHost(of),
                Domain::SpelledHost(of),
            ])
        }
        1 => Domain::Label(choose.index(world.deployments.len())),
        2 => Domain::DomainOf(choose.index(world.deployments.len())),
        3 => Domain::IpLiteral,
        4 => Domain::WholeKey(deployment),
        5 => choose.of(&[Domain::Wildcard, Domain::Space, Domain::Slash, Domain::Empty, Domain::Platform]),
        _ => Domain::Fresh(choose.index(2)),
    };
    match choose.below(12) {
        0..=2 => Control::SetStatus { deployment, status: choose.of(&Status::ALL) },
        3 | 4 => Control::SetStatus { deployment, status: Status::Running },
        5 | 6 => Control::SetVendoAuth { deployment, on: choose.one_in(2) },
        7 => Control::Rename { deployment, slug: choose.index(RENAMES.len()) },
        8 if choose.one_in(3) => Control::Teardown { deployment },
        9 => Control::ReleaseDomain { deployment, domain },
        _ => Control::ClaimDomain { deployment, domain },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::{FromBytes, Seeded};
    use crate::oracle::canaries::requests;
    use crate::world::Profile;

    #[test]
    fn every_request_is_canonical_and_survives_a_file() {
        let mut choose = Seeded::new(11);
        let world = World::generate(&mut choose, Profile::default());
        for _ in 0..5_000 {
            let action = action(&mut choose, &world, Swarm::ALL);
            for request in requests(&action) {
                assert_eq!(request.clone().canonical(), *request);
            }
            let text = serde_json::to_string(&action).unwrap();
            assert_eq!(serde_json::from_str::<Action>(&text).unwrap(), action);
        }
    }

    #[test]
    fn any_bytes_are_a_case() {
        for seed in 0..200u64 {
            let mut random = Seeded::new(seed);
            let bytes: Vec<u8> = (0..200).map(|_| u8::try_from(random.below(256)).unwrap()).collect();
            let mut choose = FromBytes::new(&bytes);
            let world = World::generate(&mut choose, Profile::default());
            let _ = action(&mut choose, &world, Swarm::ALL);
        }
    }
}
