//! Webhooks: whether one is delivered, and what its envelope says, against the rules.

use std::cell::RefCell;
use std::time::Duration;

use isolation_model::choose::{Choose, FromBytes};
use isolation_model::render::edge::hmac_sha256;
use reference_impl::store::database::Profile;
use reference_impl::store::vault::MasterKey;
use reference_impl::{
    AppId, Clock, ConnectionId, Container, CookieKey, DeploymentId, EdgeConfig, Endpoint, Entropy, Network, NewApp,
    NewConnection, NewDeployment, Platform, PlatformConfig, Received, TenantId, Worker,
};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use crate::engine::hex;
use crate::wire::H1;

/// When every webhook comes, in seconds since the epoch.
const NOW_S: i64 = 1_790_000_000;
/// The connections: their ids, external ids, providers, and the app whose container they lead to. External ids are each
/// other's beginning, or differ in case alone.
const HOOKS: [(&str, &str, &str, usize); 4] = [
    ("cn-1", "hook", "telegram", 0),
    ("cn-2", "Hook", "github", 1),
    ("cn-3", "hook1", "slack", 0),
    ("cn-4", "hook-1", "telegram", 1),
];
/// What each of them proves itself with.
const SECRETS: [&str; 4] = ["secret-of-the-first", "secret-of-the-First", "secret-of-the-first1", "secret"];
/// What the apps sign with.
const APP_SECRETS: [&str; 2] = ["whsec-first", "whsec-second"];
/// The headers of a delivery that the platform writes itself.
const ENVELOPE: [&str; 4] = ["vendo-timestamp", "vendo-signature", "x-vendo-connection-id", "x-vendo-provider"];
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A webhook as it is sent.
struct Sent {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// Sends the webhook of some bytes.
///
/// # Errors
/// What is wrong.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let sent = written(&mut FromBytes::new(bytes));
    let due = rules(&sent);
    let (status, deliveries) = Bench::send(&sent)?;
    let shown = || format!("`{}` with {:?}", sent.path, sent.headers);
    let wanted = if due.is_some() { 200 } else { 412 };
    if status != wanted {
        return Err(format!("{} is answered {status} instead of {wanted}", shown()));
    }
    match (due, deliveries.as_slice()) {
        (None, []) => Ok(()),
        (Some(hook), [(container, delivery)]) => {
            let (_, _, _, app) = HOOKS.get(hook).copied().unwrap_or_default();
            if *container != app {
                return Err(format!("{} came to container {container} instead of {app}", shown()));
            }
            envelope(&sent, hook, delivery).map_err(|wrong| format!("{} was delivered, and {wrong}", shown()))
        }
        (_, deliveries) => Err(format!("{} was delivered {} times", shown(), deliveries.len())),
    }
}

/// Whose webhook it is, by the rules: exactly one secret, in the provider's own header, and a path that is the external
/// id. A query is no part of it.
fn rules(sent: &Sent) -> Option<usize> {
    let path = sent.path.split('?').next().unwrap_or_default();
    let hook = HOOKS.iter().position(|(_, external, ..)| path == format!("/{external}"))?;
    let (_, _, provider, _) = HOOKS.get(hook)?;
    let name = if *provider == "telegram" { "x-telegram-bot-api-secret-token" } else { "x-webhook-secret" };
    let values: Vec<&String> =
        sent.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
    let [value] = values.as_slice() else { return None };
    // White space around a value is no part of it.
    (SECRETS.get(hook).copied() == Some(value.trim_matches([' ', '\t']))).then_some(hook)
}

/// What was delivered is what was sent, under the platform's own signature and no other.
fn envelope(sent: &Sent, hook: usize, delivery: &Received) -> Result<(), String> {
    let (id, _, provider, app) = HOOKS.get(hook).copied().unwrap_or_default();
    if delivery.body != sent.body
        || delivery.method != "POST"
        || delivery.target != format!("/vendo/webhooks/{provider}")
    {
        return Err(format!("it is `{} {}` with another body", delivery.method, delivery.target));
    }
    let secret = APP_SECRETS.get(app).copied().unwrap_or_default();
    let signed = [NOW_S.to_string().as_bytes(), b".", &delivery.body].concat();
    let signature = hex(&hmac_sha256(secret.as_bytes(), &signed));
    let due = [NOW_S.to_string(), signature, id.to_owned(), provider.to_owned()];
    for (name, due) in ENVELOPE.into_iter().zip(due) {
        let values: Vec<&[u8]> = delivery.header(name).collect();
        if values != [due.as_bytes()] {
            return Err(format!("its {name} isn't `{due}` alone"));
        }
    }
    let passes = ["host", "content-type", "content-length", "transfer-encoding"];
    let other = delivery.headers.iter().find(|(name, _)| {
        let name = name.to_ascii_lowercase();
        !passes.contains(&name.as_str()) && !ENVELOPE.contains(&name.as_str())
    });
    match other {
        None => Ok(()),
        Some((name, _)) => Err(format!("the sender's {name} came with it")),
    }
}

fn written(choose: &mut FromBytes<'_>) -> Sent {
    const BEHIND: [&str; 10] = ["", "", "", "", "", "/", "/x", "1", "%00", "?"];
    const NAMES: [&str; 8] = [
        "X-Telegram-Bot-Api-Secret-Token",
        "X-Telegram-Bot-Api-Secret-Token",
        "X-Webhook-Secret",
        "x-webhook-secret",
        "X_Webhook_Secret",
        "Authorization",
        "Vendo-Signature",
        "X-Vendo-Connection-Id",
    ];
    let hook = choose.of(&[0, 1, 2, 3]);
    let (_, external, provider, _) = HOOKS.get(hook).copied().unwrap_or_default();
    let secret = SECRETS.get(hook).copied().unwrap_or_default();
    let path = format!("/{external}{}", choose.of(&BEHIND));
    let mut headers = Vec::new();
    for _ in 0..=choose.below(3).saturating_sub(choose.below(2)) {
        let mut value = if choose.one_in(2) { secret } else { choose.of(&SECRETS) }.to_owned();
        match choose.below(8) {
            0 => drop(value.pop()),
            1 => value.push('1'),
            2 => value.make_ascii_uppercase(),
            3 => value = format!("{value}, {value}"),
            4 => value = format!(" {value} "),
            _ => {}
        }
        let own = if provider == "telegram" { "X-Telegram-Bot-Api-Secret-Token" } else { "X-Webhook-Secret" };
        headers.push((if choose.one_in(2) { own } else { choose.of(&NAMES) }, value));
    }
    let length = choose.below(40);
    let body = (0..length).map(|_| u8::try_from(choose.below(256)).unwrap_or(0)).collect();
    Sent { path, headers, body }
}

/// A platform with two tenants' webhooks.
struct Bench {
    runtime: Runtime,
    network: Network,
    door: Endpoint,
    containers: Vec<Container>,
    _platform: Platform,
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

impl Bench {
    /// The status of the answer, and what came to which container.
    fn send(sent: &Sent) -> Result<(u16, Vec<(usize, Received)>), String> {
        BENCH.with_borrow_mut(|bench| {
            let bench = match bench {
                Some(bench) => bench,
                None => bench.insert(Self::start()?),
            };
            bench.deliver(sent)
        })
    }

    fn start() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("there is no runtime: {error}"))?;
        let network = Network::in_memory();
        let (platform, containers) = runtime.block_on(platform(&network))?;
        let door = platform.worker_endpoint(Worker::Hooks).ok_or("the platform has no door for webhooks")?;
        Ok(Self { runtime, network, door, containers, _platform: platform })
    }

    fn deliver(&self, sent: &Sent) -> Result<(u16, Vec<(usize, Received)>), String> {
        let mut request = format!("POST {} HTTP/1.1\r\nhost: hooks.vendo.run\r\n", sent.path).into_bytes();
        for (name, value) in &sent.headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let end = format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", sent.body.len());
        request.extend_from_slice(end.as_bytes());
        request.extend_from_slice(&sent.body);
        let answer = self.runtime.block_on(async {
            let stream = self.network.dial(&self.door).await.map_err(|error| format!("connecting: {error}"))?;
            let answer = H1::new(stream).exchange(&request, "POST", PATIENCE).await;
            answer.map_err(|error| format!("there is no answer: {error}"))
        })?;
        let came = self.containers.iter().enumerate();
        let came = came.flat_map(|(index, own)| own.drain().into_iter().map(move |received| (index, received)));
        Ok((answer.status, came.collect()))
    }
}

async fn platform(network: &Network) -> Result<(Platform, Vec<Container>), String> {
    let failed = |error: &dyn std::fmt::Display| format!("the platform can't be set up: {error}");
    let keys = vec![CookieKey { kid: "k1".to_owned(), secret: vec![7; 32] }];
    let config = PlatformConfig::new(Clock::manual(NOW_S * 1000), Entropy::seeded(7), keys, network.clone());
    let edge = EdgeConfig { master_key: Some(MasterKey::new([7; 32])), ..EdgeConfig::default() };
    let platform = Platform::start(PlatformConfig { edge, ..config }).map_err(|error| failed(&error))?;
    let control = platform.control();
    let mut containers = Vec::new();
    for (index, (slug, secret)) in ["acme", "globex"].into_iter().zip(APP_SECRETS).enumerate() {
        let tenant: TenantId = format!("T{index}").parse().map_err(|error| failed(&error))?;
        let named = slug.parse().map_err(|error| failed(&error))?;
        control.create_tenant(tenant.clone(), named).map_err(|error| failed(&error))?;
        let container = Container::start(network, Vec::new(), Vec::new()).map_err(|error| failed(&error))?;
        let deployment: DeploymentId = format!("dp-{index}").parse().map_err(|error| failed(&error))?;
        let new = NewDeployment {
            id: deployment.clone(),
            tenant: tenant.clone(),
            slug: "crm".parse().map_err(|error| failed(&error))?,
            vendo_auth: true,
            legacy: false,
            target: container.endpoint(),
        };
        control.deploy(new).map_err(|error| failed(&error))?;
        let workspace = control.workspace(&tenant).map_err(|error| failed(&error))?;
        let app: AppId = format!("ap-{index}").parse().map_err(|error| failed(&error))?;
        let new = NewApp {
            id: app.clone(),
            deployment: Some(deployment),
            webhook_secret: Some(Zeroizing::new(secret.to_owned())),
            daily_cap_micros: None,
            monthly_cap_micros: None,
        };
        workspace.create_app(new).await.map_err(|error| failed(&error))?;
        for ((id, external, provider, owner), secret) in HOOKS.into_iter().zip(SECRETS) {
            if owner != index {
                continue;
            }
            let connection: ConnectionId = id.parse().map_err(|error| failed(&error))?;
            let new = NewConnection {
                id: connection.clone(),
                external_id: external.parse().map_err(|error| failed(&error))?,
                provider: provider.parse().map_err(|error| failed(&error))?,
                profile: Profile::WebhookInbound,
                user_id: None,
                account: None,
                credential: None,
                refresh_token: None,
                webhook_secret: Some(Zeroizing::new(secret.to_owned())),
            };
            workspace.connect(new).await.map_err(|error| failed(&error))?;
            workspace.bind(&app, &connection, None).await.map_err(|error| failed(&error))?;
        }
        containers.push(container);
    }
    Ok((platform, containers))
}

#[cfg(test)]
mod tests {
    use isolation_model::choose::Seeded;

    use super::*;

    fn inputs() -> impl Iterator<Item = Vec<u8>> {
        (0..1_500).map(|seed| {
            let mut random = Seeded::new(seed);
            (0..60).map(|_| u8::try_from(random.below(256)).unwrap()).collect()
        })
    }

    #[test]
    fn the_reference_keeps_the_rules() {
        let mut delivered = 0;
        for bytes in inputs() {
            delivered += u32::from(rules(&written(&mut FromBytes::new(&bytes))).is_some());
            check(&bytes).unwrap();
        }
        assert!(delivered > 100, "{delivered} of them are webhooks");
    }

    #[test]
    fn an_envelope_that_says_something_else_is_found() {
        let sent = Sent { path: "/hook".to_owned(), headers: Vec::new(), body: b"{}".to_vec() };
        let signed = format!("{NOW_S}.{{}}");
        let signature = hex(&hmac_sha256(APP_SECRETS[0].as_bytes(), signed.as_bytes()));
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let good = Received {
            method: "POST".to_owned(),
            target: "/vendo/webhooks/telegram".to_owned(),
            headers: vec![
                header("vendo-timestamp", &NOW_S.to_string()),
                header("vendo-signature", &signature),
                header("x-vendo-connection-id", "cn-1"),
                header("x-vendo-provider", "telegram"),
            ],
            body: b"{}".to_vec(),
            ..Received::default()
        };
        envelope(&sent, 0, &good).unwrap();
        let changes: [fn(&mut Received); 6] = [
            |own| own.body.push(b' '),
            |own| own.target.push('x'),
            |own| own.headers[1].1 = b"00".to_vec(),
            |own| own.headers.push(("vendo-signature".to_owned(), b"00".to_vec())),
            |own| own.headers.push(("x-webhook-secret".to_owned(), b"s".to_vec())),
            |own| own.headers[2].1 = b"cn-2".to_vec(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut altered = good.clone();
            change(&mut altered);
            assert!(envelope(&sent, 0, &altered).is_err(), "{number}");
        }
    }
}
