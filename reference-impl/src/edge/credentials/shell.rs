//! The lookups behind the credentials worker's decisions, and its answers.

use super::answers::{self, Entry, Refusal, Token};
use super::broker::Broker;
use super::cache::Cache;
use super::chain::{Chain, Named, usable};
use super::decide::{self, Wanted};
use crate::clock::Clock;
use crate::edge::entry::Inspection;
use crate::edge::log_line::LogLine;
use crate::edge::upstream::ResponseBody;
use crate::edge::worker::Worker;
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
}

/// Who may be vended to, inside the key's tenant.
enum Narrowing {
    /// Whoever holds the key.
    None,
    /// One user, for what is his.
    To(String),
    /// Nobody: what was presented is no user of the tenant.
    Refused,
}

impl Narrowing {
    fn owner(&self) -> Result<Option<&str>, Refusal> {
        match self {
            Self::None => Ok(None),
            Self::To(user) => Ok(Some(user)),
            Self::Refused => Err(Refusal::BindingMissing),
        }
    }
}

/// What one request has brought together.
struct Asked<'a> {
    caller: Caller,
    named: Named,
    narrowing: Narrowing,
    /// When the last token has to be there.
    deadline: Instant,
    inspection: &'a mut Inspection,
    line: &'a mut LogLine,
}

impl Credentials {
    pub(crate) fn new(stores: Stores) -> Self {
        let chain = Chain { kv: stores.kv.clone(), database: stores.database.clone() };
        Self { keys: stores.keys.clone(), chain, stores, cache: Cache::default() }
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
        decide::admit(&parts.method, &parts.uri, inspection)?;
        let caller = self.caller(&parts.headers, inspection).await?;
        line.caller(&caller);
        let wanted = decide::wanted(&parts.uri, inspection)?;
        let narrowing = self.narrowing(&caller, &parts.headers).await?;
        let deadline = Instant::now() + self.stores.limits.response_head_timeout;
        let named = Named::read(&parts.headers);
        let mut asked = Asked { caller, named, narrowing, deadline, inspection, line };
        match wanted {
            Wanted::One(provider) => {
                asked.line.provider(provider);
                self.token(provider, &mut asked).await.map(|token| token.response())
            }
            Wanted::Several(slugs) => {
                let mut entries = Vec::with_capacity(slugs.len());
                for slug in slugs {
                    let entry = self.entry(&slug, &mut asked).await;
                    entries.push((slug, entry));
                }
                Ok(answers::several(&entries))
            }
        }
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
        let Ok(claims) = user_token::verify(token, &self.stores.identity_keys, self.stores.clock.now_s()) else {
            return Ok(Narrowing::Refused);
        };
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
    async fn entry(&self, slug: &str, asked: &mut Asked<'_>) -> Entry {
        match decide::known(slug) {
            Some(provider) => self.token(provider, asked).await.map_or(Entry::Null, Entry::Token),
            None => Entry::Null,
        }
    }

    /// The token of the connection that the key opens at a provider.
    async fn token(&self, provider: &str, asked: &mut Asked<'_>) -> Result<Token, Refusal> {
        let owner = asked.narrowing.owner()?;
        let row = self.chain.connection(&asked.caller, provider, &asked.named, owner, asked.inspection).await?;
        asked.line.connection(&row);
        asked.inspection.reach(Guard::Vend);
        match row.profile {
            Profile::OauthAppInstall | Profile::ByokStatic => self.stored(&row, asked.inspection),
            Profile::ComposioManaged => self.brokered(&row, asked.deadline).await,
            Profile::VendoManagedPool | Profile::WebhookInbound | Profile::UserOauth => {
                Err(Refusal::ProfileUnsupported)
            }
        }
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
        Ok(Token {
            access: Zeroizing::new(access.to_owned()),
            expires_at: None,
            #[cfg(feature = "faults")]
            refresh: None,
        })
    }

    /// What the broker gives, or gave a while ago.
    async fn brokered(&self, row: &ConnectionRow, deadline: Instant) -> Result<Token, Refusal> {
        if let Some(token) = self.cache.get(row, self.stores.clock.now_s()) {
            return Ok(token);
        }
        let (Some(account), Some(endpoint), Some(key)) = (&row.account, self.stores.broker, &self.stores.broker_key)
        else {
            return Err(Refusal::Upstream);
        };
        let broker = Broker { network: &self.stores.network, limits: &self.stores.limits, endpoint, key };
        let asked = timeout_at(deadline, broker.token(account)).await.map_err(|_| Refusal::Upstream)?;
        let brokered = asked.map_err(|_| Refusal::Upstream)?;
        self.cache.keep(row, &brokered, self.stores.clock.now_s());
        Ok(brokered.token)
    }
}
