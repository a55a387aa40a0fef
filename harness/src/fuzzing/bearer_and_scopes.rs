//! Bearers: which key some header fields present, against the rules; and whose scope a platform gives for it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use isolation_model::choose::{Choose, FromBytes};
use reference_impl::identity::bearer::presented;
use reference_impl::identity::key::Grant;
use reference_impl::store::database::Profile;
use reference_impl::store::vault::MasterKey;
use reference_impl::{
    Adapter, Clock, CookieKey, EdgeConfig, Endpoint, Entropy, Event, Limits, Network, NewApp, NewConnection, NewKey,
    Observer, Platform, PlatformConfig, Worker,
};
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use crate::wire::H1;

/// Fields in which a bearer could stand, by whether it is looked for there.
const NAMES: [(&str, bool); 8] = [
    ("authorization", true),
    ("x-api-key", true),
    ("x_api_key", false),
    ("api-key", false),
    ("proxy-authorization", false),
    ("x-authorization", false),
    ("cookie", false),
    ("x-vendo-api-key", false),
];
/// Keys of two tenants. One is the other's in another case, and two differ in their last character.
const KEYS: [(&str, &str); 4] = [
    ("A", "vendo_sk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ("B", "vendo_sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("A", "vendo_sk_0123456789abcdef_-ABCDEFGHIJKLM0"),
    ("B", "vendo_sk_0123456789abcdef_-ABCDEFGHIJKLM1"),
];
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bearer that some fields present.
type Subject = fn(&[(&'static str, HeaderValue)]) -> Option<Vec<u8>>;

/// The reference.
pub(super) fn reference(fields: &[(&'static str, HeaderValue)]) -> Option<Vec<u8>> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.clone());
    }
    let digest = presented(&headers).ok()?.digest();
    // Only its digest leaves a bearer: the text that has it is found among what was sent.
    let sent = fields.iter().flat_map(|(_, value)| windows(value.as_bytes()));
    sent.into_iter().find(|text| Sha256::digest(text).as_slice() == digest.as_bytes())
}

/// The parts of a value that are as long as a bearer.
fn windows(value: &[u8]) -> Vec<Vec<u8>> {
    value.windows(41).map(<[u8]>::to_vec).collect()
}

/// Holds a reader of bearers against the rules, and the platform's scopes against both, in the case of some bytes.
///
/// # Errors
/// What is wrong.
pub(super) fn check(read: Subject, bytes: &[u8]) -> Result<(), String> {
    let (kind, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let fields = if kind % 2 == 0 { raw(rest) } else { written(&mut FromBytes::new(rest)) };
    let shown: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii())).collect();
    let wanted = rules(&fields);
    let got = read(&fields);
    if got != wanted {
        let text = |bearer: &Option<Vec<u8>>| bearer.as_ref().map(|own| own.escape_ascii().to_string());
        return Err(format!("{shown:?} present {:?}, and {:?} was read", text(&wanted), text(&got)));
    }
    let owner =
        wanted.and_then(|bearer| KEYS.iter().find(|(_, key)| key.as_bytes() == bearer)).map(|(owner, _)| *owner);
    let scope = Bench::scope(&fields)?;
    if scope.as_deref() == owner {
        Ok(())
    } else {
        Err(format!("{shown:?} are of tenant {owner:?}, and the platform's scope is {scope:?}"))
    }
}

/// The bytes line by line: the first byte of each says the field's name.
fn raw(bytes: &[u8]) -> Vec<(&'static str, HeaderValue)> {
    let field = |line: &[u8]| {
        let (name, value) = line.split_first()?;
        let (name, _) = NAMES.get(usize::from(*name) % NAMES.len())?;
        // What stands around a value is no part of it.
        HeaderValue::from_bytes(value.trim_ascii()).ok().map(|value| (*name, value))
    };
    bytes.split(|byte| *byte == b'\n').take(8).filter_map(field).collect()
}

/// Fields that nearly, or really, present a key.
fn written(choose: &mut FromBytes<'_>) -> Vec<(&'static str, HeaderValue)> {
    const BEFORE: [&str; 12] = [
        "", "", "Bearer ", "Bearer ", "bearer ", "BEARER ", "Bearer  ", "Bearer\t", "Basic ", "Bearer", "Bearer: ",
        "x=",
    ];
    const BEHIND: [&str; 8] = ["", "", "", "", "x", " x", ", Bearer x", "="];
    let count = choose.below(4);
    (0..count)
        .filter_map(|_| {
            let (name, _) = choose.of(&NAMES);
            let (_, key) = choose.of(&KEYS);
            let mut key = key.to_owned();
            match choose.below(10) {
                0 => drop(key.pop()),
                1 => key.make_ascii_uppercase(),
                2 => key = key.replacen("sk", "pk", 1),
                3 => key = crate::engine::hex(&Sha256::digest(key.as_bytes())),
                4 => key = key.replacen('a', "+", 1),
                _ => {}
            }
            let value = format!("{}{key}{}", choose.of(&BEFORE), choose.of(&BEHIND));
            HeaderValue::from_str(value.trim_matches([' ', '\t'])).ok().map(|value| (name, value))
        })
        .collect()
}

/// The bearer that fields present, by the rules alone.
fn rules(fields: &[(&'static str, HeaderValue)]) -> Option<Vec<u8>> {
    let of = |wanted: &str| -> Vec<&[u8]> {
        let own = fields.iter().filter(|(name, _)| *name == wanted && is_read(name));
        own.map(|(_, value)| value.as_bytes()).collect()
    };
    let (authorization, api_key) = (of("authorization"), of("x-api-key"));
    let scheme = |value: &[u8]| -> Option<Vec<u8>> {
        let text = std::str::from_utf8(value).ok()?;
        let (scheme, key) = text.split_once(' ')?;
        (scheme.to_lowercase() == "bearer").then(|| key.as_bytes().to_vec())
    };
    let key = |bytes: Vec<u8>| {
        let random = bytes.strip_prefix(b"vendo_sk_")?;
        let good = random.len() == 32 && random.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b));
        good.then_some(bytes)
    };
    match (authorization.as_slice(), api_key.as_slice()) {
        ([one], []) => key(scheme(one)?),
        ([], [one]) => key(one.to_vec()),
        ([one], [other]) => key(scheme(one)?).filter(|own| own == other),
        _ => None,
    }
}

fn is_read(name: &str) -> bool {
    NAMES.iter().any(|(own, read)| *own == name && *read)
}

/// A platform with two tenants, whose scopes show in its log.
struct Bench {
    runtime: Runtime,
    network: Network,
    door: Endpoint,
    log: Arc<Log>,
    _platform: Platform,
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Log { line } = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((*line).to_owned());
        }
    }
}

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

impl Bench {
    /// The tenant whose scope the platform gives for a request with these fields; `None` where it says 401.
    fn scope(fields: &[(&'static str, HeaderValue)]) -> Result<Option<String>, String> {
        BENCH.with_borrow_mut(|bench| {
            let bench = match bench {
                Some(bench) => bench,
                None => bench.insert(Self::start()?),
            };
            bench.ask(fields)
        })
    }

    fn start() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("there is no runtime: {error}"))?;
        let log = Arc::new(Log::default());
        let network = Network::in_memory();
        let platform = runtime.block_on(Self::platform(&network, log.clone()))?;
        let door = platform.worker_endpoint(Worker::Provider(Adapter::Openai));
        let door = door.ok_or("the platform has no door for openai's proxy")?;
        Ok(Self { runtime, network, door, log, _platform: platform })
    }

    async fn platform(network: &Network, log: Arc<Log>) -> Result<Platform, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the platform can't be set up: {error}");
        let platform = Platform::start(PlatformConfig {
            clock: Clock::manual(1_790_000_000_000),
            entropy: Entropy::seeded(7),
            cookie_keys: vec![CookieKey { kid: "k1".to_owned(), secret: vec![7; 32] }],
            kv_staleness: Duration::ZERO,
            network: network.clone(),
            tls: None,
            observer: Some(log),
            #[cfg(feature = "faults")]
            faults: reference_impl::FaultSet::none(),
            limits: Limits::default(),
            edge: EdgeConfig { master_key: Some(MasterKey::new([7; 32])), ..EdgeConfig::default() },
        })
        .map_err(|error| failed(&error))?;
        let control = platform.control();
        let parsed = |text: &str| text.to_owned();
        for (slug, tenant) in [("acme", "A"), ("globex", "B")] {
            let id: reference_impl::TenantId = tenant.parse().map_err(|error| failed(&error))?;
            let slug = slug.parse().map_err(|error| failed(&error))?;
            control.create_tenant(id.clone(), slug).map_err(|error| failed(&error))?;
            let workspace = control.workspace(&id).map_err(|error| failed(&error))?;
            let app: reference_impl::AppId = format!("app-{tenant}").parse().map_err(|error| failed(&error))?;
            let new = NewApp {
                id: app.clone(),
                deployment: None,
                webhook_secret: None,
                daily_cap_micros: None,
                monthly_cap_micros: None,
            };
            workspace.create_app(new).await.map_err(|error| failed(&error))?;
            let connection: reference_impl::ConnectionId =
                format!("cn-{tenant}").parse().map_err(|error| failed(&error))?;
            let new = NewConnection {
                id: connection.clone(),
                external_id: format!("ex-{tenant}").parse().map_err(|error| failed(&error))?,
                provider: "openai".parse().map_err(|error| failed(&error))?,
                profile: Profile::ByokStatic,
                user_id: None,
                account: None,
                credential: Some(Zeroizing::new(parsed("credential"))),
                refresh_token: None,
                webhook_secret: None,
            };
            workspace.connect(new).await.map_err(|error| failed(&error))?;
            workspace.bind(&app, &connection, None).await.map_err(|error| failed(&error))?;
            for (number, (_, key)) in KEYS.iter().enumerate().filter(|(_, (owner, _))| *owner == tenant) {
                let new = NewKey {
                    id: format!("ky-{number}").parse().map_err(|error| failed(&error))?,
                    grant: Grant::App(app.clone()),
                    expires_at_s: None,
                    daily_cap_micros: None,
                    monthly_cap_micros: None,
                };
                let digest = reference_impl::identity::bearer::KeyDigest::from_bytes(Sha256::digest(key).into());
                let prefix = key.get(..12).unwrap_or(key);
                workspace.import_key(new, digest, prefix).await.map_err(|error| failed(&error))?;
            }
        }
        Ok(platform)
    }

    /// Asks for a free route. The upstream is out of reach: whoever gets as far as there has a scope, and 502.
    fn ask(&self, fields: &[(&'static str, HeaderValue)]) -> Result<Option<String>, String> {
        let mut request = b"GET /v1/models HTTP/1.1\r\nhost: openai-proxy.vendo.run\r\nconnection: close\r\n".to_vec();
        for (name, value) in fields {
            request.extend_from_slice(&[name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        request.extend_from_slice(b"\r\n");
        let answer = self.runtime.block_on(async {
            let stream = self.network.dial(&self.door).await.map_err(|error| format!("connecting: {error}"))?;
            let answer = H1::new(stream).exchange(&request, "GET", PATIENCE).await;
            // What is logged behind the answer is logged before the next request is.
            for _ in 0..32 {
                tokio::task::yield_now().await;
            }
            answer.map_err(|error| format!("there is no answer: {error}"))
        })?;
        let log = std::mem::take(&mut *self.log.0.lock().unwrap_or_else(PoisonError::into_inner));
        let words: BTreeMap<String, String> = log
            .last()
            .map(|line| line.split(' ').filter_map(|word| word.split_once('=')).map(owned).collect())
            .unwrap_or_default();
        let tenant = words.get("tenant").filter(|tenant| *tenant != "-").cloned();
        match (answer.status, &tenant) {
            (401, None) | (502, Some(_)) => Ok(tenant),
            (status, _) => Err(format!("the answer is {status}, and the log says {log:?}")),
        }
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use isolation_model::choose::Seeded;

    use super::*;

    fn inputs() -> impl Iterator<Item = Vec<u8>> {
        (0..1_500).map(|seed| {
            let mut random = Seeded::new(seed);
            let bytes = (0..24).map(|_| u8::try_from(random.below(256)).unwrap());
            std::iter::once(1).chain(bytes).collect()
        })
    }

    #[test]
    fn the_reference_keeps_the_rules() {
        for bytes in inputs() {
            check(reference, &bytes).unwrap();
        }
    }

    #[test]
    fn readers_that_take_more_or_less_are_found() {
        let sloppy: [Subject; 4] = [
            |fields| fields.iter().find_map(|(_, value)| windows(value.as_bytes()).pop()),
            |fields| fields.iter().rev().find_map(|field| rules(std::slice::from_ref(field))),
            |fields| rules(fields).map(|bearer| bearer.to_ascii_lowercase()),
            |_| None,
        ];
        for (number, subject) in sloppy.into_iter().enumerate() {
            assert!(inputs().any(|bytes| check(subject, &bytes).is_err()), "{number}");
        }
    }
}
