//! APX-6: an answer of one host that wanders to the client of another.
//!
//! Every move but the concurrent ones asks once to prepare, and then once more: what counts is that the second request
//! gets its own answer.

use super::draft::{CLEAR, Draft, HTTP1, answered, row, with_headers};
use crate::action::cookie::CookieJar;
use crate::action::framing::Defect;
use crate::action::header::Header;
use crate::action::reply::{DomainAttribute, Reply, ReplyHeader, ReplyKind, SetCookieName};
use crate::action::{Body, Method, Request, Status, Transport};
use crate::choose::Choose;

/// Answers after which the next request must get its own.
const HOSTILE: &[(&str, &[ReplyKind])] = &[
    ("upstream-two-responses", &[ReplyKind::TwoAnswers]),
    ("upstream-extra-bytes", &[ReplyKind::ExtraBytes]),
    ("upstream-short-body", &[ReplyKind::Dies]),
    ("upstream-head-with-body", &[ReplyKind::BodyAfterHead]),
    ("upstream-no-content-with-body", &[ReplyKind::BodyAfterNoContent]),
    ("upstream-interim-continue", &[ReplyKind::Continue]),
    ("upstream-interim-hints", &[ReplyKind::Interim]),
    ("upstream-cl-te", &[ReplyKind::ConflictingLengths]),
    ("upstream-cl-differing", &[ReplyKind::DifferingLengths]),
    ("upstream-101-unasked", &[ReplyKind::Unasked101]),
    ("upstream-bad-head", &[ReplyKind::Garbage]),
    ("upstream-closes-at-once", &[ReplyKind::ClosesAtOnce]),
    ("upstream-bad-chunk", &[ReplyKind::BadChunk, ReplyKind::DiesChunked]),
    ("upstream-dies-idle", &[ReplyKind::ClosesAfter]),
];

/// Answers that invite a cache to keep them, and then the same path at another host.
const CACHEABLE: &[(&str, ReplyKind)] = &[
    ("cacheable-other-host", ReplyKind::Cacheable),
    ("cacheable-redirect", ReplyKind::Redirect),
    ("cacheable-not-found", ReplyKind::NotFound),
];

const CONDITIONS: &[(&str, Header)] =
    &[("if-none-match", Header::IfNoneMatch), ("if-modified-since", Header::IfModifiedSince), ("range", Header::Range)];

const WARMED_BY: &[(&str, Method)] = &[("head-then-get", Method::Head), ("post-then-get", Method::Post)];

pub(super) fn realise<C: Choose>(draft: &mut Draft<'_, C>, name: &str) -> Option<()> {
    let at = draft.deployment();
    let member = draft.own(at);
    let other = draft.elsewhere(at)?;
    let stranger = draft.own(other);
    let colleague = draft.colleague(member)?;
    let warm = draft.page(at, member);
    let there = Request { path: warm.path, ..draft.page(other, stranger) };
    let here = Request { path: warm.path, host: warm.host, ..draft.page(at, colleague) };
    if let Some(kinds) = row(HOSTILE, name) {
        let kind = draft.among(kinds)?;
        let method = if kind == ReplyKind::BodyAfterHead { Method::Head } else { Method::Get };
        draft.send(answered(Request { method, ..warm.clone() }, Reply::of(kind)));
        // The next one at the same container, or at another.
        let second = if draft.one_in(4) { there } else { here };
        let same_connection = draft.one_in(2) && (second.host == warm.host || !warm.transport.is_tls());
        draft.send(if same_connection { again(second, warm.transport) } else { second });
        return Some(());
    }
    if let Some(kind) = row(CACHEABLE, name) {
        draft.send(answered(warm, Reply::of(kind)));
        draft.send(there);
        return Some(());
    }
    let cacheable = answered(warm, Reply::of(ReplyKind::Cacheable));
    if let Some(condition) = row(CONDITIONS, name) {
        draft.send(cacheable);
        let kind = draft.of(&[ReplyKind::Page, ReplyKind::Cacheable, ReplyKind::NotModified]);
        let kind = if condition == Header::Range { ReplyKind::Page } else { kind };
        draft.send(answered(with_headers(there, [condition]), Reply::of(kind)));
        return Some(());
    }
    if let Some(method) = row(WARMED_BY, name) {
        let warm = draft.method(cacheable, method);
        draft.send(warm);
        draft.send(there);
        return Some(());
    }
    match name {
        "cacheable-other-member" | "two-members-one-host" => {
            let kind = if name == "two-members-one-host" {
                draft.of(&[ReplyKind::Page, ReplyKind::Echo])
            } else {
                ReplyKind::Cacheable
            };
            draft.send(answered(cacheable, Reply::of(kind)));
            draft.send(here);
        }
        "cacheable-set-cookie" => {
            let reply = Reply {
                kind: ReplyKind::Cacheable,
                headers: vec![ReplyHeader::SetCookie { name: SetCookieName::App, domain: DomainAttribute::None }],
            };
            draft.send(answered(cacheable, reply));
            let second = draft.of(&[true, false]);
            draft.send(if second { here } else { there });
        }
        "concurrent-same-path" => draft.race(cacheable, there),
        "concurrent-same-host" => draft.race(cacheable, here),
        "http2-interleaved-hosts" => {
            let transport = Transport::Http2;
            draft.race(Request { transport, ..cacheable }, Request { transport, ..there });
        }
        "member-then-anonymous" => {
            draft.flag(at, true);
            let cookies = CookieJar::empty();
            draft.send(cacheable);
            draft.send(Request { cookies, ..here });
        }
        "refusal-then-owner" => {
            draft.flag(at, true);
            let intruder = draft.foreign(at);
            let status = draft.of(&[None, None, Some(Status::Suspended), Some(Status::Resuming)]);
            let cookies = draft.of(&[None, Some(intruder)]).map_or(CookieJar::empty(), CookieJar::valid);
            if let Some(status) = status {
                draft.status(at, status);
            }
            draft.send(Request { cookies, ..cacheable });
            if status.is_some() {
                draft.status(at, Status::Running);
            }
            draft.send(here);
        }
        "client-abort-upload" => {
            let transport = draft.of(&HTTP1);
            let upload =
                Request { transport, method: Method::Post, body: Body::Short, reply: Reply::page(), ..cacheable };
            let follow_up = Request { transport, ..here.clone() };
            draft.malformed(upload, Defect::LengthTooLong, follow_up);
            let second = draft.of(&[true, false]);
            draft.send(if second { here } else { there });
        }
        "keep-alive-across-hosts" => {
            let transport = draft.of(&CLEAR);
            draft.send(Request { transport, ..cacheable });
            draft.send(again(there, transport));
        }
        "error-then-other-host" => {
            let transport = draft.of(&CLEAR);
            let kind =
                draft.of(&[ReplyKind::Garbage, ReplyKind::ClosesAtOnce, ReplyKind::Unasked101, ReplyKind::Error]);
            draft.send(answered(Request { transport, ..cacheable }, Reply::of(kind)));
            draft.send(again(there, transport));
        }
        "failures-alike" => {
            let kinds = [ReplyKind::Garbage, ReplyKind::ClosesAtOnce, ReplyKind::Unasked101];
            let (first, second) = (draft.of(&kinds), draft.of(&kinds));
            draft.send(answered(cacheable, Reply::of(first)));
            draft.send(answered(there, Reply::of(second)));
        }
        "tunnel-then-request" => {
            let tunnel = draft.handshake(answered(cacheable, Reply::page()));
            draft.send(tunnel);
            let second = draft.of(&[true, false]);
            draft.send(if second { here } else { there });
        }
        _ => return None,
    }
    Some(())
}

/// On the connection that is open over this transport.
fn again(request: Request, transport: Transport) -> Request {
    Request { transport, reuse: true, ..request }
}
