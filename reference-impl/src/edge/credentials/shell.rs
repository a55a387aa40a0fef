//! The lookups behind the credentials worker's decisions, and its answers.

use super::answers::{self, Entry, Refusal, Token};
use super::broker::Broker;
use super::cache::Cache;
use super::chain::{Chain, Named, usable};
use super::decide::{self, Wanted};
#[cfg(feature = "faults")]
use super::planted::Planted;
use crate::clock::Clock;
use crate::edge::entry::Inspection;
use crate::edge::log_line::LogLine;
use crate::edge::upstream::ResponseBody;
use crate::edge::worker::Worker;
#[cfg(feature = "faults")]
use crate::fault::Fault;
use crate::fault::FaultSet;
use crate::identity::bearer;
use crate::identity::key::{Caller, KeyLookup, KeyRefusal};
use crate::identity::user_token::{self, IdentityKeys};
use crate::ids::ConnectionId;
use crate::network::{Endpoint, Network};
use crate::observe::{Guard, Observer};
use crate::platform::{Limits, PoolCredential};
use crate::store::database::{ConnectionRow, Database, Db, Profile};
use crate::store::kv::WorkerKv;
use crate::store::vault::{Field, Vault};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

/// What names a user inside the key's own tenant.
const USER_HEADER: &str = "x-vendo-user-jwt";

/// The credentials worker of a platform.
pub(crate) struct Credentials {
    keys: KeyLookup,
    chain: Chain,
    stores: Stores,
    cache: Cache,
    #[cfg(feature = "faults")]
    planted: Planted,
}

/// What the credentials worker is made of.
pub(crate) struct Stores {
    pub(crate) kv: WorkerKv,
    pub(crate) database: Db,
    pub(crate) vault: Option<Vault>,
    pub(crate) identity_keys: IdentityKeys,
    pub(crate) clock: Clock,
    pub(crate) network: Network,
    pub(crate) limits: Limits,
    pub(crate) broker: Option<Endpoint>,
    pub(crate) broker_key: Option<PoolCredential>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) keys: KeyLookup,
    pub(crate) faults: FaultSet,
    /// What a planted fault gives out.
    #[cfg(feature = "faults")]
    pub(crate) pool_credentials: std::collections::BTreeMap<crate::provider::Adapter, PoolCredential>,
}

/// Who may be vended to, inside the key's tenant.
enum Narrowing {
    /// Whoever holds the key.
    None,
    /// One user, for what is his.
    To(String),
    /// Nobody: what was presented is no user of the tenant.
    Refused,
    /// One user, whatever his tenant. Only a planted fault asks for that.
    #[cfg(feature = "faults")]
    Widened(user_token::UserClaims),
}

impl Narrowing {
    fn owner(&self) -> Result<Option<&str>, Refusal> {
        match self {
            Self::None => Ok(None),
            Self::To(user) => Ok(Some(user)),
            Self::Refused => Err(Refusal::BindingMissing),
            #[cfg(feature = "faults")]
            Self::Widened(claims) => Ok(Some(claims.sub())),
        }
    }
}

/// What one request has brought together.
struct Asked<'a> {
    headers: &'a HeaderMap,
    caller: Caller,
    named: Named,
    narrowing: Narrowing,
    /// When the last token has to be there.
    deadline: Instant,
    /// The broker was waited for since caller, user and connections were looked up.
    waited: bool,
    inspection: &'a mut Inspection,
    line: &'a mut LogLine,
    /// What the broker said, which only a planted fault passes on.
    #[cfg(feature = "faults")]
    said: Option<String>,
}

/// A token that was obtained, and the very row that it is of.
struct Obtained {
    token: Token,
    connection: ConnectionId,
    version: u64,
}

impl Obtained {
    fn is_of(&self, row: &ConnectionRow) -> bool {
        self.connection == row.id && self.version == row.version
    }
}

/// How often a token is sought again because its connection was written, or another took its place, meanwhile.
const TRIES: usize = 3;

impl Credentials {
    pub(crate) fn new(stores: Stores) -> Self {
        let chain = Chain { kv: stores.kv.clone(), database: stores.database.clone() };
        Self {
            keys: stores.keys.clone(),
            chain,
            cache: Cache::new(stores.faults),
            stores,
            #[cfg(feature = "faults")]
            planted: Planted::default(),
        }
    }

    /// Forgets what is kept of a connection.
    pub(crate) fn purge(&self, id: &ConnectionId) {
        self.cache.purge(id);
    }

    /// Answers one request that was let in. Its body is not read.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        mut inspection: Inspection,
    ) -> Response<ResponseBody> {
        let (parts, _body) = request.into_parts();
        let mut line = LogLine::default();
        let response = match self.examine(&parts, &mut inspection, &mut line).await {
            Ok(response) => response,
            Err(refusal) => {
                line.code(refusal.code());
                refusal.response(&parts.method)
            }
        };
        let observer = self.stores.observer.as_deref();
        line.report(observer, Worker::Credentials, inspection.guards, response.status().as_u16());
        response.map(ResponseBody::Whole)
    }

    async fn examine(
        &self,
        parts: &Parts,
        inspection: &mut Inspection,
        line: &mut LogLine,
    ) -> Result<Response<Bytes>, Refusal> {
        decide::admit(&parts.method, &parts.uri, parts.version, inspection)?;
        let caller = self.caller(&parts.headers, inspection).await?;
        line.caller(&caller);
        let wanted = decide::wanted(&parts.uri, inspection)?;
        let narrowing = self.narrowing(&caller, &parts.headers).await?;
        let deadline = Instant::now() + self.stores.limits.response_head_timeout;
        let named = Named::read(&parts.headers);
        let mut asked = Asked {
            headers: &parts.headers,
            caller,
            named,
            narrowing,
            deadline,
            waited: false,
            inspection,
            line,
            #[cfg(feature = "faults")]
            said: None,
        };
        match wanted {
            Wanted::One(provider) => {
                asked.line.provider(provider);
                let token = self.one(provider, &mut asked).await;
                #[cfg(feature = "faults")]
                if asked.inspection.faults.has(Fault::CrdBrokerErrorPassed)
                    && let Some(said) = asked.said
                {
                    return Ok(answers::telling(&said));
                }
                token.map(|token| token.response())
            }
            Wanted::Several(slugs) => {
                let mut found = Vec::with_capacity(slugs.len());
                for slug in slugs {
                    let entry = self.entry(&slug, &mut asked).await;
                    found.push((slug, entry));
                }
                let entries = self.still_good(found, &mut asked).await?;
                Ok(answers::several(&entries))
            }
        }
    }

    /// The token of one provider. Whoever was waited for, what the token rests on is looked up again before it is given
    /// out: the key, the user, the binding, the connection.
    async fn one(&self, provider: &'static str, asked: &mut Asked<'_>) -> Result<Token, Refusal> {
        for _ in 0..TRIES {
            let obtained = self.token(provider, asked).await?;
            if !asked.waited {
                return Ok(obtained.token);
            }
            let again = match self.renew(asked).await {
                Ok(()) => self.found(provider, asked).await,
                Err(refusal) => Err(refusal),
            };
            match again {
                Ok(row) if obtained.is_of(&row) => return Ok(obtained.token),
                Ok(_) => self.cache.purge(&obtained.connection),
                Err(refusal) => {
                    self.cache.purge(&obtained.connection);
                    return Err(refusal);
                }
            }
        }
        Err(Refusal::Upstream)
    }

    /// The same for several: of those whose connection is not what it was there is none.
    async fn still_good(
        &self,
        found: Vec<(String, Result<Obtained, Entry>)>,
        asked: &mut Asked<'_>,
    ) -> Result<Vec<(String, Entry)>, Refusal> {
        let waited = asked.waited;
        if waited && let Err(refusal) = self.renew(asked).await {
            for (_, entry) in &found {
                if let Ok(obtained) = entry {
                    self.cache.purge(&obtained.connection);
                }
            }
            return Err(refusal);
        }
        let mut entries = Vec::with_capacity(found.len());
        for (slug, entry) in found {
            let entry = match entry {
                Err(entry) => entry,
                Ok(obtained) if !waited => Entry::Token(obtained.token),
                Ok(obtained) => {
                    let row = self.found(&slug, asked).await;
                    if row.is_ok_and(|row| obtained.is_of(&row)) {
                        Entry::Token(obtained.token)
                    } else {
                        self.cache.purge(&obtained.connection);
                        Entry::Null
                    }
                }
            };
            entries.push((slug, entry));
        }
        Ok(entries)
    }

    /// Looks up again who calls, and for whom: the key may have ended meanwhile, and the user's token or membership.
    async fn renew(&self, asked: &mut Asked<'_>) -> Result<(), Refusal> {
        asked.caller = self.caller(asked.headers, asked.inspection).await?;
        asked.narrowing = self.narrowing(&asked.caller, asked.headers).await?;
        asked.waited = false;
        Ok(())
    }

    /// Who calls.
    async fn caller(&self, headers: &HeaderMap, inspection: &mut Inspection) -> Result<Caller, Refusal> {
        inspection.reach(Guard::KeyLookup);
        let bearer = bearer::presented(headers).map_err(|_| Refusal::Key(KeyRefusal::Unknown))?;
        inspection.reach(Guard::KvGet);
        let caller = self.keys.caller(bearer, self.stores.clock.now_s()).await.map_err(|_| Refusal::Unavailable)?;
        let caller = caller.map_err(Refusal::Key)?;
        inspection.reach(Guard::Scope);
        Ok(caller)
    }

    /// The user that the request is for: a member of the key's own tenant, or nobody.
    async fn narrowing(&self, caller: &Caller, headers: &HeaderMap) -> Result<Narrowing, Refusal> {
        let mut fields = headers.get_all(USER_HEADER).iter();
        let token = match (fields.next(), fields.next()) {
            (None, _) => return Ok(Narrowing::None),
            (Some(field), None) => field.as_bytes(),
            (Some(_), Some(_)) => return Ok(Narrowing::Refused),
        };
        let (keys, now_s, faults) = (&self.stores.identity_keys, self.stores.clock.now_s(), self.stores.faults);
        let Ok(claims) = user_token::verify_with(token, keys, now_s, faults) else {
            return Ok(Narrowing::Refused);
        };
        #[cfg(feature = "faults")]
        if self.stores.faults.has(Fault::CrdUserTokenWidens) {
            return Ok(Narrowing::Widened(claims));
        }
        if claims.tenant_id() != caller.scope().tenant() {
            return Ok(Narrowing::Refused);
        }
        let member = self.stores.database.is_member(caller.scope(), claims.sub()).await;
        match member.map_err(|_| Refusal::Unavailable)? {
            true => Ok(Narrowing::To(claims.sub().to_owned())),
            false => Ok(Narrowing::Refused),
        }
    }

    /// A member of a bulk answer: whatever stands in the way of a token, it is not told.
    async fn entry(&self, slug: &str, asked: &mut Asked<'_>) -> Result<Obtained, Entry> {
        #[cfg(feature = "faults")]
        if asked.inspection.faults.has(Fault::CrdBulkTellsForeign) && self.is_named_and_foreign(asked).await {
            return Err(Entry::Absent);
        }
        match decide::known(slug) {
            Some(provider) => self.token(provider, asked).await.map_err(|_| Entry::Null),
            None => Err(Entry::Null),
        }
    }

    /// The connection that the key opens at a provider, as it is now.
    async fn found(&self, provider: &str, asked: &mut Asked<'_>) -> Result<ConnectionRow, Refusal> {
        let owner = asked.narrowing.owner()?;
        let row = self.chain.connection(&asked.caller, provider, &asked.named, owner, asked.inspection).await;
        #[cfg(feature = "faults")]
        let row = match self.widened(provider, asked).await {
            Some(row) => Ok(row),
            None => row,
        };
        Ok(row?)
    }

    /// The token of the connection that the key opens at a provider.
    async fn token(&self, provider: &str, asked: &mut Asked<'_>) -> Result<Obtained, Refusal> {
        #[cfg(feature = "faults")]
        let place = Planted::place(&asked.caller, provider, &asked.named, asked.narrowing.owner()?);
        #[cfg(feature = "faults")]
        if asked.inspection.faults.has(Fault::CrdCacheSurvivesRevocation)
            && let Some((token, connection)) = self.planted.given(&place)
        {
            return Ok(Obtained { token, connection, version: 0 });
        }
        let row = self.found(provider, asked).await?;
        asked.line.connection(&row);
        let _faults = asked.inspection.reach(Guard::Vend);
        let token = match row.profile {
            Profile::OauthAppInstall | Profile::ByokStatic => self.stored(&row, asked.inspection),
            Profile::ComposioManaged => self.brokered(&row, asked).await,
            #[cfg(feature = "faults")]
            Profile::VendoManagedPool if _faults.has(Fault::CrdProfileNotChecked) => self.pooled(provider),
            Profile::VendoManagedPool | Profile::WebhookInbound | Profile::UserOauth => {
                Err(Refusal::ProfileUnsupported)
            }
        };
        #[cfg(feature = "faults")]
        if _faults.has(Fault::CrdTokenInLog)
            && let Ok(token) = &token
        {
            asked.line.remark(&format!("token={}", *token.access));
        }
        #[cfg(feature = "faults")]
        if let Ok(token) = &token {
            self.planted.keep(place, token, &row.id);
        }
        Ok(Obtained { token: token?, connection: row.id, version: row.version })
    }

    /// The connection that is named, in the tenant of the user's token. Only a planted fault asks.
    #[cfg(feature = "faults")]
    async fn widened(&self, provider: &str, asked: &Asked<'_>) -> Option<ConnectionRow> {
        let (Narrowing::Widened(claims), Named::One(id)) = (&asked.narrowing, &asked.named) else { return None };
        let scope = super::planted::scope_of(claims);
        let row = self.stores.database.connection(&scope, id).await.ok()??;
        (row.provider.as_str() == provider).then_some(row)
    }

    /// Whether the connection that is named is known to be another tenant's. Only a planted fault asks.
    #[cfg(feature = "faults")]
    async fn is_named_and_foreign(&self, asked: &Asked<'_>) -> bool {
        let Named::One(id) = &asked.named else { return false };
        let Ok(key) = crate::store::kv::Conn::new(id.as_str()) else { return false };
        let entry = self.stores.kv.get(&key).await;
        entry.is_some_and(|entry| entry.tenant_id != asked.caller.scope().tenant().as_str())
    }

    /// The platform's own credential. Only a planted fault gives it out.
    #[cfg(feature = "faults")]
    fn pooled(&self, provider: &str) -> Result<Token, Refusal> {
        let adapter = crate::provider::Adapter::from_slug(provider).ok_or(Refusal::Upstream)?;
        let pooled = self.stores.pool_credentials.get(&adapter).ok_or(Refusal::Upstream)?;
        Ok(Token { access: Zeroizing::new(pooled.expose().to_owned()), expires_at: None, refresh: None })
    }

    /// What is stored for a connection: opened at each call, and only what is to be given out.
    fn stored(&self, row: &ConnectionRow, inspection: &mut Inspection) -> Result<Token, Refusal> {
        let Some(sealed) = &row.credential else {
            // Its record is younger than its row: what the row says is why there is nothing.
            usable(row.status)?;
            return Err(Refusal::Upstream);
        };
        inspection.reach(Guard::Aad);
        let vault = self.stores.vault.as_ref().ok_or(Refusal::Unavailable)?;
        let opened = vault.open(&Field::of_connection(row, "credential"), sealed).map_err(|_| Refusal::Upstream)?;
        let access = std::str::from_utf8(&opened).map_err(|_| Refusal::Upstream)?;
        #[cfg(feature = "faults")]
        let refresh = {
            let sealed = row.refresh.as_ref().filter(|_| inspection.faults.has(Fault::CrdRefreshTokenVended));
            let opened = sealed.and_then(|sealed| vault.open(&Field::of_connection(row, "refresh"), sealed).ok());
            opened.map(|opened| Zeroizing::new(String::from_utf8_lossy(&opened).into_owned()))
        };
        Ok(Token {
            access: Zeroizing::new(access.to_owned()),
            expires_at: None,
            #[cfg(feature = "faults")]
            refresh,
        })
    }

    /// What the broker gives, or gave a while ago.
    async fn brokered(&self, row: &ConnectionRow, asked: &mut Asked<'_>) -> Result<Token, Refusal> {
        if let Some(token) = self.cache.get(row, self.stores.clock.now_s()) {
            return Ok(token);
        }
        let (Some(account), Some(endpoint), Some(key)) = (&row.account, self.stores.broker, &self.stores.broker_key)
        else {
            return Err(Refusal::Upstream);
        };
        let broker = Broker { network: &self.stores.network, limits: &self.stores.limits, endpoint, key };
        asked.waited = true;
        let answered = timeout_at(asked.deadline, broker.token(account)).await.map_err(|_| Refusal::Upstream)?;
        #[cfg(feature = "faults")]
        if let Err(failure) = &answered {
            asked.said.clone_from(&failure.said);
        }
        let brokered = answered.map_err(|_| Refusal::Upstream)?;
        // Kept before the connection is looked up again: a revocation behind that look finds it here, and drops it.
        self.cache.keep(row, &brokered, self.stores.clock.now_s());
        Ok(brokered.token)
    }
}
