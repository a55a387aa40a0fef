//! The binding chain: from a key to the one connection that a request uses.
//!
//! An app key walks the bindings of its app, a connection key is locked to its connection. Both are checked again against
//! the connection's record on the way. Nothing in a request names a tenant: the key's scope does, and a row of another
//! tenant is as absent as one that never was.

use crate::edge::entry::Inspection;
#[cfg(feature = "faults")]
use crate::fault::Fault;
use crate::identity::key::{Caller, Grant};
use crate::ids::ConnectionId;
use crate::observe::Guard;
use crate::store::database::{BindingRow, ConnectionRow, ConnectionStatus, Database, DatabaseError, Db};
use crate::store::kv::{Conn, WorkerKv};
use http::HeaderMap;

/// What names a connection among an app's own.
const CONNECTION_HEADER: &str = "x-vendo-connection";

/// The connection that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// None.
    Nothing,
    /// One.
    One(ConnectionId),
    /// Something that is no connection's id, or more than one.
    Nonsense,
}

impl Named {
    /// Reads `X-Vendo-Connection`: one field, which is an id.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut fields = headers.get_all(CONNECTION_HEADER).iter();
        match (fields.next(), fields.next()) {
            (None, _) => Self::Nothing,
            (Some(field), None) => {
                let id = field.to_str().ok().and_then(|text| ConnectionId::parse(text).ok());
                id.map_or(Self::Nonsense, Self::One)
            }
            (Some(_), Some(_)) => Self::Nonsense,
        }
    }

    /// Whether the request may use a connection, as far as what it names is concerned.
    fn allows(&self, id: &ConnectionId) -> bool {
        match self {
            Self::Nothing => true,
            Self::One(named) => named == id,
            Self::Nonsense => false,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainRefusal {
    /// Nothing is bound, or what is named is not the key's: unknown, foreign, and of another provider alike.
    #[error("binding_missing")]
    BindingMissing,
    /// The grant is over.
    #[error("connection_needs_reauth")]
    NeedsReauth,
    /// The tenant ended it.
    #[error("connection_revoked")]
    Revoked,
    /// It is broken on the provider's side.
    #[error("upstream_error")]
    Broken,
    /// The database can't say.
    #[error("the database is out of reach")]
    Unavailable,
}

impl From<DatabaseError> for ChainRefusal {
    fn from(_: DatabaseError) -> Self {
        Self::Unavailable
    }
}

/// Where connections are looked up.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) kv: WorkerKv,
    pub(crate) database: Db,
}

impl Chain {
    /// The connection that a caller's request for a provider uses. `owner` leaves only those that this user owns.
    pub(crate) async fn connection(
        &self,
        caller: &Caller,
        provider: &str,
        named: &Named,
        owner: Option<&str>,
        inspection: &mut Inspection,
    ) -> Result<ConnectionRow, ChainRefusal> {
        inspection.reach(Guard::BindingChain);
        let row = match caller.grant() {
            Grant::App(app) => {
                let bindings = self.database.bindings(caller.scope(), app, provider).await?;
                self.bound(caller, &bindings, named, owner).await?
            }
            Grant::Connection(id) if named.allows(id) => self.database.connection(caller.scope(), id).await?,
            Grant::Connection(_) => None,
        };
        #[cfg(feature = "faults")]
        let row = if inspection.faults.has(Fault::CrdConnectionKeyWalksBindings) {
            self.of_its_app(caller, provider).await?.or(row)
        } else {
            row
        };
        let row = row.filter(|row| is_owned(row, owner)).ok_or(ChainRefusal::BindingMissing)?;
        inspection.reach(Guard::ConnectionMatch);
        self.examine(caller, provider, &row, inspection).await?;
        Ok(row)
    }

    /// The first connection of the bindings that the request may use.
    async fn bound(
        &self,
        caller: &Caller,
        bindings: &[BindingRow],
        named: &Named,
        owner: Option<&str>,
    ) -> Result<Option<ConnectionRow>, ChainRefusal> {
        for binding in bindings.iter().filter(|binding| named.allows(&binding.connection)) {
            let row = self.database.connection(caller.scope(), &binding.connection).await?;
            if let Some(row) = row.filter(|row| is_owned(row, owner)) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// What the app of a connection's key is bound to at another provider. Only a planted fault asks.
    #[cfg(feature = "faults")]
    async fn of_its_app(&self, caller: &Caller, provider: &str) -> Result<Option<ConnectionRow>, ChainRefusal> {
        let Grant::Connection(own) = caller.grant() else { return Ok(None) };
        let scope = caller.scope();
        let Some(binding) = self.database.bindings_of(scope, own).await?.into_iter().next() else { return Ok(None) };
        if binding.provider.as_str() == provider {
            return Ok(None);
        }
        let bindings = self.database.bindings(scope, &binding.app, provider).await?;
        self.bound(caller, &bindings, &Named::Nothing, None).await
    }

    /// Checks a connection once more, by its record in the namespace, or by its row where there is none.
    async fn examine(
        &self,
        caller: &Caller,
        provider: &str,
        row: &ConnectionRow,
        inspection: &mut Inspection,
    ) -> Result<(), ChainRefusal> {
        let tenant = caller.scope().tenant().as_str();
        let of_row = Record { tenant: row.tenant.as_str(), provider: row.provider.as_str(), status: row.status };
        admitted(&of_row.with_status(ConnectionStatus::Active), tenant, provider)?;
        inspection.reach(Guard::KvKey);
        if let Ok(key) = Conn::new(row.id.as_str()) {
            inspection.reach(Guard::KvGet);
            if let Some(entry) = self.kv.get(&key).await
                && let Some(status) = ConnectionStatus::from_name(&entry.status)
            {
                return admitted(
                    &Record { tenant: &entry.tenant_id, provider: &entry.provider, status },
                    tenant,
                    provider,
                );
            }
        }
        admitted(&of_row, tenant, provider)
    }
}

fn is_owned(row: &ConnectionRow, owner: Option<&str>) -> bool {
    owner.is_none_or(|owner| row.user_id.as_deref() == Some(owner))
}

/// What is looked at of a connection.
#[derive(Clone, Copy)]
struct Record<'a> {
    tenant: &'a str,
    provider: &'a str,
    status: ConnectionStatus,
}

impl Record<'_> {
    fn with_status(self, status: ConnectionStatus) -> Self {
        Self { status, ..self }
    }
}

/// Whether a connection is the key's tenant's and the provider's, and works. Pure.
fn admitted(record: &Record<'_>, tenant: &str, provider: &str) -> Result<(), ChainRefusal> {
    if record.tenant != tenant || record.provider != provider {
        return Err(ChainRefusal::BindingMissing);
    }
    usable(record.status)
}

/// Whether a connection of a status works.
pub(crate) fn usable(status: ConnectionStatus) -> Result<(), ChainRefusal> {
    match status {
        ConnectionStatus::Active => Ok(()),
        ConnectionStatus::NeedsReauth => Err(ChainRefusal::NeedsReauth),
        ConnectionStatus::Revoked => Err(ChainRefusal::Revoked),
        ConnectionStatus::Error => Err(ChainRefusal::Broken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectionStatus::{Active, Error, NeedsReauth, Revoked};

    #[test]
    fn a_connection_is_named_by_one_field_that_is_an_id() {
        let id = |text| Named::One(ConnectionId::parse(text).unwrap());
        for (fields, expected) in [
            (&[][..], Named::Nothing),
            (&["c-1"], id("c-1")),
            (&["C_1"], id("C_1")),
            (&["c-1", "c-1"], Named::Nonsense),
            (&["c-1", "c-2"], Named::Nonsense),
            (&["c-1,c-2"], Named::Nonsense),
            (&[""], Named::Nonsense),
            (&["c 1"], Named::Nonsense),
            (&["c:1"], Named::Nonsense),
            (&["../c-1"], Named::Nonsense),
            (&["c-1\u{e9}"], Named::Nonsense),
        ] {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(CONNECTION_HEADER, http::HeaderValue::from_bytes(field.as_bytes()).unwrap());
            }
            assert_eq!(Named::read(&headers), expected, "{fields:?}");
        }
        let underscores = HeaderMap::from_iter([("x_vendo_connection".parse().unwrap(), "c-1".parse().unwrap())]);
        assert_eq!(Named::read(&underscores), Named::Nothing);
    }

    #[test]
    fn a_record_is_compared_before_its_status() {
        for (tenant, provider, status, expected) in [
            ("T-a", "slack", Active, Ok(())),
            ("T-a", "slack", NeedsReauth, Err(ChainRefusal::NeedsReauth)),
            ("T-a", "slack", Revoked, Err(ChainRefusal::Revoked)),
            ("T-a", "slack", Error, Err(ChainRefusal::Broken)),
            ("T-a", "notion", Active, Err(ChainRefusal::BindingMissing)),
            ("T-a", "notion", Revoked, Err(ChainRefusal::BindingMissing)),
            ("T-b", "slack", Active, Err(ChainRefusal::BindingMissing)),
            ("T-b", "slack", NeedsReauth, Err(ChainRefusal::BindingMissing)),
            ("t-a", "slack", Active, Err(ChainRefusal::BindingMissing)),
            ("T-a2", "slack", Active, Err(ChainRefusal::BindingMissing)),
            ("", "slack", Active, Err(ChainRefusal::BindingMissing)),
        ] {
            assert_eq!(admitted(&Record { tenant, provider, status }, "T-a", "slack"), expected, "{tenant} {provider}");
        }
    }
}
