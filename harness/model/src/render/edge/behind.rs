//! How the broker and the containers are told to answer.

use super::time::rfc3339;
use super::upstream::{STRAY, ScriptEnd, UpstreamScript};
use crate::action::edge::hook::HookReply;
use crate::action::edge::vend::BrokerReply;
use crate::action::host::HostSpec;
use crate::observation::Place;
use crate::render::{Script, base_headers, head, page};
use crate::world::World;

/// How the broker answers for an account, `serial` being the number of its answer in the case.
#[must_use]
pub fn broker_script(
    world: &World,
    reply: BrokerReply,
    account: usize,
    serial: u32,
    now_s: i64,
    due: bool,
) -> UpstreamScript {
    let access = world.edge.broker_token(account, serial);
    let refresh = world.edge.broker_refresh(account, serial);
    let both = |expires: &str| {
        format!("{{\"access_token\":\"{access}\",\"refresh_token\":\"{refresh}\",\"expires_at\":{expires}}}")
    };
    let json = [("Content-Type".to_owned(), b"application/json".to_vec())];
    let whole = |status: u16, headers: &[(String, Vec<u8>)], body: String| {
        let length = body.len().to_string();
        (vec![head(status, headers, &[("Content-Length", &length)]), body.into_bytes()], ScriptEnd::Keep)
    };
    let (pieces, end) = match reply {
        BrokerReply::Token { expires_in_s } => {
            let expires = expires_in_s.map(|seconds| format!("\"{}\"", rfc3339(now_s + i64::from(seconds))));
            whole(200, &json, both(expires.as_deref().unwrap_or("null")))
        }
        BrokerReply::WithHeaders => {
            let mut headers = json.to_vec();
            headers.push(("Set-Cookie".to_owned(), format!("refresh={refresh}").into_bytes()));
            headers.push(("X-Refresh-Token".to_owned(), refresh.clone().into_bytes()));
            whole(200, &headers, both("null"))
        }
        BrokerReply::Error(status) => whole(status.code(), &json, both("null")),
        BrokerReply::NotJson => whole(200, &json, format!("access_token={access}&refresh_token={refresh}")),
        BrokerReply::NoAccessToken => {
            whole(200, &json, format!("{{\"refresh_token\":\"{refresh}\",\"expires_at\":null}}"))
        }
        BrokerReply::NumberToken => {
            whole(200, &json, format!("{{\"access_token\":7,\"refresh_token\":\"{refresh}\",\"expires_at\":null}}"))
        }
        BrokerReply::EmptyToken => {
            whole(200, &json, format!("{{\"access_token\":\"\",\"refresh_token\":\"{refresh}\",\"expires_at\":null}}"))
        }
        BrokerReply::Redirect => {
            let mut headers = json.to_vec();
            headers.push(("Location".to_owned(), format!("http://{STRAY}/v1/tokens").into_bytes()));
            whole(307, &headers, both("null"))
        }
        BrokerReply::Dies => {
            let body = both("null");
            let length = (body.len() + 50).to_string();
            (vec![head(200, &json, &[("Content-Length", &length)]), body.into_bytes()], ScriptEnd::Close)
        }
        BrokerReply::ClosesAtOnce => (Vec::new(), ScriptEnd::Close),
    };
    let answers = world.edge.accounts.get(account).map(|own| own.id.clone()).unwrap_or_default();
    UpstreamScript { place: Place::Broker, answers, due, pieces, end }
}

/// How a deployment's container is told to answer a webhook.
#[must_use]
pub fn container_script(world: &World, deployment: usize, reply: HookReply) -> Script {
    let Some(own) = world.deployments.get(deployment) else { return Script::Echo };
    let page = page(&own.page_canary.text);
    let base = base_headers(&own.header_canary.text);
    let response = |status, more: &[(&str, String)], body: Vec<u8>| {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes()));
        Script::Response {
            status,
            headers: base.iter().cloned().chain(more).collect(),
            chunks: vec![body],
            chunked: false,
            trailers: Vec::new(),
        }
    };
    match reply {
        HookReply::Ok => response(200, &[], page),
        HookReply::Accepted => response(202, &[], Vec::new()),
        HookReply::NotFound => response(404, &[], page),
        HookReply::Error => response(500, &[], page),
        HookReply::Redirect(other) => {
            let host = HostSpec::of(other).of.text(world);
            response(302, &[("Location", format!("https://{host}/vendo/webhooks/telegram"))], page)
        }
        HookReply::RedirectStray => response(307, &[("Location", format!("http://{STRAY}/"))], page),
        HookReply::WithHeaders => response(
            200,
            &[
                ("Set-Cookie", "vendoAuth=planted; Domain=vendo.run".to_owned()),
                ("X-Vendo-Role", "owner".to_owned()),
                ("Vendo-Error-Code", "app_revoked".to_owned()),
            ],
            page,
        ),
        HookReply::Garbage => {
            Script::Raw { bytes: b"\x16\x03\x01\x02\x00 not http at all\r\n\r\n".to_vec(), close: true }
        }
        HookReply::ClosesAtOnce => Script::Raw { bytes: Vec::new(), close: true },
    }
}
