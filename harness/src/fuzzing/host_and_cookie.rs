//! Hosts and Cookie fields: what the reference makes of them, against the rules, written down a second time.

use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue, Method, Uri, Version};
use isolation_model::choose::{Choose, FromBytes};
use reference_impl::FaultSet;
use reference_impl::edge::app_proxy::{Head, Inspection, Refusal, ServerName, request_headers, route};
use reference_impl::host;
use reference_impl::identity::cookie::{SessionCookie, session_value};

/// What the Cookie fields of a request say of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SessionText {
    Absent,
    One(Vec<u8>),
    Invalid,
}

/// Where a request of a Host field leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Leads {
    /// To the routing entry of a key.
    To(String),
    /// Nowhere, whatever the namespace holds: 404.
    Nowhere,
    /// It is no host: 400.
    NoHost,
}

type Normal = fn(&[u8]) -> Option<String>;
type Route = fn(&HeaderValue) -> Result<Leads, String>;
type Session = fn(&[HeaderValue]) -> SessionText;
type Forwarded = fn(&[HeaderValue]) -> Vec<HeaderValue>;

/// The functions that are held against the rules.
pub(super) struct Subject {
    /// The normal form of a host.
    normal: Normal,
    /// Where a request leads.
    leads: Route,
    /// The session among Cookie fields.
    session: Session,
    /// The Cookie fields that a container gets.
    forwarded: Forwarded,
}

impl Subject {
    /// The reference.
    pub(super) const REFERENCE: Self = Self {
        normal: |bytes| host::normalise(bytes).ok().map(|host| host.as_str().to_owned()),
        leads: reference_leads,
        session: |fields| match session_value(fields.iter().map(HeaderValue::as_bytes)) {
            SessionCookie::Absent => SessionText::Absent,
            SessionCookie::One(value) => SessionText::One(value.to_vec()),
            SessionCookie::Invalid => SessionText::Invalid,
        },
        forwarded: |fields| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(COOKIE, field.clone());
            }
            let target = HeaderValue::from_static("container:1");
            request_headers::forwarded(&mut headers, None, &target, false, FaultSet::none());
            headers.get_all(COOKIE).iter().cloned().collect()
        },
    };
}

fn reference_leads(field: &HeaderValue) -> Result<Leads, String> {
    let (uri, mut headers) = (Uri::from_static("/"), HeaderMap::new());
    headers.insert(HOST, field.clone());
    let head = Head {
        method: &Method::GET,
        uri: &uri,
        version: Version::HTTP_11,
        headers: &headers,
        server_name: ServerName::Cleartext,
    };
    match route(&head, &mut Inspection::new(FaultSet::none())) {
        Ok(route) => Ok(Leads::To(route.key.rendered().to_owned())),
        Err(Refusal::NotFound) => Ok(Leads::Nowhere),
        Err(Refusal::BadRequest) => Ok(Leads::NoHost),
        Err(other) => Err(format!("a Host field was refused with {other:?}")),
    }
}

/// Holds a subject against the rules in the case of some bytes.
///
/// # Errors
/// What is wrong.
pub(super) fn check(subject: &Subject, bytes: &[u8]) -> Result<(), String> {
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let mut choose = FromBytes::new(rest);
    match kind % 4 {
        0 => check_host(subject, rest),
        1 => check_host(subject, &written_host(&mut choose)),
        2 => check_cookies(subject, &rest.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()),
        _ => check_cookies(subject, &written_cookies(&mut choose)),
    }
}

fn check_host(subject: &Subject, bytes: &[u8]) -> Result<(), String> {
    let shown = bytes.escape_ascii();
    let wanted = normal(bytes);
    let got = (subject.normal)(bytes);
    if got != wanted {
        return Err(format!("the host `{shown}` is {wanted:?}, and was read as {got:?}"));
    }
    // What no field can hold comes to no one.
    if let Ok(field) = HeaderValue::from_bytes(bytes) {
        let wanted = leads(wanted.as_deref());
        let got = (subject.leads)(&field)?;
        if !wanted.contains(&got) {
            return Err(format!("the host `{shown}` leads {wanted:?}, and was led {got:?}"));
        }
    }
    let Some(host) = got else { return Ok(()) };
    if !host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')) {
        return Err(format!("the normal form of `{shown}` is `{host}`"));
    }
    let mixed: String =
        host.chars().enumerate().map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c }).collect();
    for variant in
        [host.clone(), host.to_ascii_uppercase(), mixed, format!("{host}."), format!("{host}:"), format!("{host}.:443")]
    {
        if (subject.normal)(variant.as_bytes()).as_ref() != Some(&host) {
            return Err(format!("`{variant}` is another spelling of `{host}`, and was not read as one"));
        }
    }
    for other in [format!("{host}.."), format!(".{host}"), format!(" {host}"), format!("{host} "), format!("x@{host}")]
    {
        if let Some(got) = (subject.normal)(other.as_bytes()) {
            return Err(format!("`{other}` is no host, and was read as `{got}`"));
        }
    }
    Ok(())
}

fn check_cookies(subject: &Subject, fields: &[Vec<u8>]) -> Result<(), String> {
    let Ok(fields) = fields.iter().map(|field| HeaderValue::from_bytes(field)).collect::<Result<Vec<_>, _>>() else {
        // No field can hold these bytes.
        return Ok(());
    };
    let shown = || {
        let shown: Vec<String> = fields.iter().map(|field| format!("`{}`", field.as_bytes().escape_ascii())).collect();
        shown.join(" and ")
    };
    let (wanted_session, wanted_kept) = cookies(&fields);
    let session = (subject.session)(&fields);
    if session != wanted_session {
        return Err(format!("the session of {} is {wanted_session:?}, and was read as {session:?}", shown()));
    }
    let forwarded = (subject.forwarded)(&fields);
    let kept: Vec<&[u8]> = forwarded.iter().map(HeaderValue::as_bytes).collect();
    if kept != wanted_kept.iter().map(Vec::as_slice).collect::<Vec<_>>() {
        let text = |kept: &[&[u8]]| kept.iter().map(|field| field.escape_ascii().to_string()).collect::<Vec<_>>();
        let wanted: Vec<&[u8]> = wanted_kept.iter().map(Vec::as_slice).collect();
        return Err(format!("of {} goes on {:?}, and went on {:?}", shown(), text(&wanted), text(&kept)));
    }
    if (subject.session)(&forwarded) != SessionText::Absent {
        return Err(format!("of {} a session went on", shown()));
    }
    if (subject.forwarded)(&forwarded) != forwarded {
        return Err(format!("what goes on of {} does not go on a second time", shown()));
    }
    Ok(())
}

/// The rules for a host.
fn normal(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.is_ascii())?;
    let name = match text.rsplit_once(':') {
        Some((name, port)) => {
            let is_port = port.is_empty()
                || (port.len() <= 5
                    && port.chars().all(|c| c.is_ascii_digit())
                    && port.parse::<u64>().is_ok_and(|port| port <= 65_535));
            if !is_port {
                return None;
            }
            name
        }
        None => text,
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_lowercase();
    let labels: Vec<&str> = name.split('.').collect();
    let is_label = |label: &&str| {
        let edges = [label.chars().next(), label.chars().last()];
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !edges.contains(&Some('-'))
    };
    let is_number = |label: &str| match label.strip_prefix("0x") {
        Some(digits) => digits.chars().all(|c| c.is_ascii_hexdigit()),
        None => label.chars().all(|c| c.is_ascii_digit()),
    };
    let is_host =
        name.len() <= 253 && labels.iter().all(is_label) && !labels.last().is_some_and(|last| is_number(last));
    is_host.then_some(name)
}

/// The rules for where a host leads: more than one place where they leave it open.
fn leads(host: Option<&str>) -> Vec<Leads> {
    let Some(host) = host else { return vec![Leads::NoHost] };
    let to = |identifier: &str| vec![Leads::To(format!("deploy:{identifier}"))];
    let nowhere = vec![Leads::Nowhere];
    let labels: Vec<&str> = host.split('.').collect();
    match labels.as_slice() {
        [_] | ["vendo", "run"] => nowhere,
        [label, "vendo", "run"] => match label.rsplit_once('-') {
            Some((tenant, slug)) if is_tenant(tenant) && is_slug(slug) && !is_reserved(label) => to(label),
            Some(_) | None => nowhere,
        },
        // Whoever has these slugs would have a label that is too long, so nobody has: it may be looked up or not.
        [slug, tenant, "vendo", "run"] if is_tenant(tenant) && is_slug(slug) && tenant.len() + 1 + slug.len() > 63 => {
            [to(host), nowhere].concat()
        }
        [slug, tenant, "vendo", "run"] if is_tenant(tenant) && is_slug(slug) => to(host),
        [.., "vendo", "run"] => nowhere,
        _ => to(host),
    }
}

fn is_tenant(slug: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (2..=20).contains(&slug.len()) && slug.chars().all(is_inner) && slug.trim_matches('-') == slug
}

fn is_slug(slug: &str) -> bool {
    !slug.is_empty() && slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

fn is_reserved(label: &str) -> bool {
    let names = ["api", "proxy", "vendo", "www", "credentials", "hooks", "auth", "cdn", "downloads"];
    label.ends_with("-proxy") || names.contains(&label)
}

/// The rules for Cookie fields: the session, and what a container gets.
fn cookies(fields: &[HeaderValue]) -> (SessionText, Option<Vec<u8>>) {
    // One byte is one character here, so that nothing is lost of what isn't UTF-8.
    let all: String = fields
        .iter()
        .map(|field| field.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>())
        .collect::<Vec<_>>()
        .join(";");
    let bytes = |text: &str| -> Vec<u8> { text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect() };
    let blank = [' ', '\t'];
    let pairs: Vec<&str> =
        all.split(';').map(|pair| pair.trim_matches(blank)).filter(|pair| !pair.is_empty()).collect();
    let name = |pair: &str| pair.split('=').next().unwrap_or("").trim_matches(blank).to_owned();
    let sessions: Vec<&&str> = pairs.iter().filter(|pair| name(pair) == "vendoAuth").collect();
    let session = match sessions.as_slice() {
        [] => SessionText::Absent,
        [one] => match one.split_once('=') {
            Some((_, value)) => SessionText::One(bytes(value.trim_matches(blank))),
            None => SessionText::Invalid,
        },
        _ => SessionText::Invalid,
    };
    let is_platforms =
        |pair: &&&str| ["vendoauth", "__host-vendo_session"].contains(&&*name(pair).to_ascii_lowercase());
    let kept: Vec<&str> = pairs.iter().filter(|pair| !is_platforms(pair)).copied().collect();
    (session, (!kept.is_empty()).then(|| bytes(&kept.join("; "))))
}

/// A host, or nearly one.
fn written_host(choose: &mut FromBytes<'_>) -> Vec<u8> {
    const GOOD: [&str; 12] = [
        "acme-crm",
        "acme",
        "crm",
        "vendo",
        "run",
        "www",
        "openai-proxy",
        "a-b-c",
        "acme--crm",
        "API",
        "proxy",
        "0x7f",
    ];
    const ODD: [&str; 12] =
        ["-a", "a-", "", "0x", "127", "xn--bcher-kva", "a_b", "*", "deploy:acme-crm", "x", "acme-x2", "\u{212a}"];
    const ODD_DOTS: [&str; 4] = ["", "..", "\u{3002}", "%2e"];
    let mut text = Vec::new();
    for at in 0..choose.below(5) {
        if at > 0 {
            let dot = if choose.below(16) == 15 { choose.of(&ODD_DOTS) } else { "." };
            text.extend_from_slice(dot.as_bytes());
        }
        match choose.below(12) {
            9 => text.extend(std::iter::repeat_n(b'a', choose.of(&[1, 20, 21, 60, 61, 62, 63, 64]))),
            10 => text.extend((0..choose.below(5)).map(|_| u8::try_from(choose.below(256)).unwrap_or(0))),
            11 => text.extend_from_slice(choose.of(&ODD).as_bytes()),
            _ => text.extend_from_slice(choose.of(&GOOD).as_bytes()),
        }
    }
    if choose.one_in(2) {
        text.extend_from_slice(b".vendo.run");
    }
    if choose.below(3) == 2 {
        for byte in &mut text {
            if choose.below(2) == 1 {
                *byte = byte.to_ascii_uppercase();
            }
        }
    }
    const ENDS: [&str; 16] = [
        "", "", ".", "..", ":", ":80", ":65535", ":65536", ":00080", ":000080", ".:80", ":80.", ":80:80", ":+80",
        ":8 0", " ",
    ];
    if choose.one_in(2) {
        text.extend_from_slice(choose.of(&ENDS).as_bytes());
    }
    text
}

/// Cookie fields, likely with a session.
fn written_cookies(choose: &mut FromBytes<'_>) -> Vec<Vec<u8>> {
    const PIECES: [&[u8]; 20] = [
        b"vendoAuth",
        b"vendoAuth=",
        b"=",
        b";",
        b"; ",
        b" ",
        b"\t",
        b"__Host-vendo_session=s",
        b"VENDOAUTH=t",
        b"a=b",
        b"vendoauth",
        b"\"",
        b",",
        b"vendoAuth=t",
        b"\xa0",
        b"vendo",
        b"Auth",
        b"__host-VENDO_session",
        b"\\",
        b"%3D",
    ];
    (0..=choose.below(3)).map(|_| (0..choose.below(10)).flat_map(|_| choose.of(&PIECES)).copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use isolation_model::choose::Seeded;

    fn inputs(kinds: std::ops::Range<u8>) -> impl Iterator<Item = Vec<u8>> {
        (0..8_000).flat_map(move |seed| {
            kinds.clone().map(move |kind| {
                let mut random = Seeded::new(seed);
                std::iter::once(kind).chain((0..40).map(|_| u8::try_from(random.below(256)).unwrap())).collect()
            })
        })
    }

    fn caught(subject: &Subject) -> Option<String> {
        inputs(0..4).find_map(|bytes| check(subject, &bytes).err())
    }

    #[test]
    fn the_reference_agrees_with_the_rules() {
        assert_eq!(caught(&Subject::REFERENCE), None);
    }

    #[test]
    fn a_host_parser_with_a_mistake_is_caught() {
        let mistakes: [(&str, Normal); 5] = [
            ("keeps the case", |bytes| {
                let host = normal(bytes)?;
                let text = String::from_utf8_lossy(bytes);
                Some(text.get(..host.len())?.to_owned())
            }),
            ("drops all trailing dots", |bytes| {
                let text = std::str::from_utf8(bytes).ok()?;
                normal(text.trim_end_matches('.').as_bytes())
            }),
            ("trims white space", |bytes| normal(bytes.trim_ascii())),
            ("takes addresses", |bytes| {
                normal(bytes)
                    .or_else(|| std::str::from_utf8(bytes).ok().filter(|text| *text == "127").map(str::to_owned))
            }),
            ("reads userinfo", |bytes| normal(bytes.rsplit(|byte| *byte == b'@').next().unwrap_or(bytes))),
        ];
        for (mistake, normal) in mistakes {
            assert!(caught(&Subject { normal, ..Subject::REFERENCE }).is_some(), "{mistake}");
        }
    }

    #[test]
    fn a_router_with_a_mistake_is_caught() {
        let mistakes: [(&str, Route); 3] = [
            ("looks reserved labels up", |field| {
                let host = normal(field.as_bytes());
                if host.as_deref() == Some("openai-proxy.vendo.run") {
                    return Ok(Leads::To("deploy:openai-proxy".to_owned()));
                }
                reference_leads(field)
            }),
            ("splits at the first hyphen", |field| {
                let host = normal(field.as_bytes());
                let split = host.as_deref().and_then(|host| host.strip_suffix(".vendo.run")?.split_once('-'));
                match split {
                    Some((tenant, slug)) if !is_tenant(tenant) || !is_slug(slug) => Ok(Leads::Nowhere),
                    Some(_) | None => reference_leads(field),
                }
            }),
            ("takes a refused host for an unknown one", |field| {
                Ok(match reference_leads(field)? {
                    Leads::NoHost => Leads::Nowhere,
                    leads @ (Leads::To(_) | Leads::Nowhere) => leads,
                })
            }),
        ];
        for (mistake, leads) in mistakes {
            assert!(caught(&Subject { leads, ..Subject::REFERENCE }).is_some(), "{mistake}");
        }
    }

    #[test]
    fn a_cookie_parser_with_a_mistake_is_caught() {
        let mistakes: [(&str, Session); 3] = [
            ("takes the first of two", |fields| {
                let first = fields.iter().map(|field| cookies(std::slice::from_ref(field)).0);
                first.into_iter().find(|session| *session != SessionText::Absent).unwrap_or(SessionText::Absent)
            }),
            ("does not mind the case", |fields| {
                let lower: Vec<HeaderValue> = fields
                    .iter()
                    .map(|field| {
                        let text: Vec<u8> = field.as_bytes().to_vec();
                        let text = String::from_utf8_lossy(&text).replace("vendoauth", "vendoAuth");
                        HeaderValue::from_str(&text).unwrap_or_else(|_| field.clone())
                    })
                    .collect();
                cookies(&lower).0
            }),
            ("takes the quotes off", |fields| match cookies(fields).0 {
                SessionText::One(value) => SessionText::One(value.into_iter().filter(|byte| *byte != b'"').collect()),
                other @ (SessionText::Absent | SessionText::Invalid) => other,
            }),
        ];
        for (mistake, session) in mistakes {
            assert!(caught(&Subject { session, ..Subject::REFERENCE }).is_some(), "{mistake}");
        }
        let forwarded: [(&str, Forwarded); 2] = [
            ("forwards all", <[HeaderValue]>::to_vec),
            ("forwards what is spelled otherwise", |fields| {
                let all = fields.iter().map(|field| String::from_utf8_lossy(field.as_bytes()).into_owned());
                let kept: Vec<String> = all
                    .flat_map(|field| field.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>())
                    .filter(|pair| !pair.is_empty() && !pair.starts_with("vendoAuth") && !pair.starts_with("__Host-"))
                    .collect();
                HeaderValue::from_str(&kept.join("; ")).ok().filter(|kept| !kept.is_empty()).into_iter().collect()
            }),
        ];
        for (mistake, forwarded) in forwarded {
            assert!(caught(&Subject { forwarded, ..Subject::REFERENCE }).is_some(), "{mistake}");
        }
    }

    #[test]
    fn written_inputs_are_neither_all_good_nor_all_bad() {
        let (mut hosts, mut to, mut sessions) = (0, 0, 0);
        for bytes in inputs(0..1) {
            let host = normal(&written_host(&mut FromBytes::new(&bytes[1..])));
            hosts += u32::from(host.is_some());
            to += u32::from(matches!(leads(host.as_deref()).as_slice(), [Leads::To(_)]));
            let fields: Result<Vec<_>, _> = written_cookies(&mut FromBytes::new(&bytes[1..]))
                .iter()
                .map(|field| HeaderValue::from_bytes(field))
                .collect();
            sessions += u32::from(matches!(cookies(&fields.unwrap()).0, SessionText::One(_)));
        }
        for (what, count) in [("hosts", hosts), ("routes", to), ("sessions", sessions)] {
            assert!((400..7_600).contains(&count), "{what}: {count} of 8000");
        }
    }
}
