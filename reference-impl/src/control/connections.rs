//! A tenant's connections: how they are made, changed and ended.
//!
//! Each write of a row raises its version, and everything sealed in it is sealed anew for that version. So what was in
//! the row before doesn't open there any more.

use super::account::{AccountError, NewConnection};
use super::workspace::{Workspace, url_safe, visible};
use crate::ids::ConnectionId;
use crate::observe::Guard;
use crate::store::database::{ConnectionRow, ConnectionStatus, Database, DatabaseError, Profile};
use crate::store::vault::{Envelope, Field};
use zeroize::Zeroizing;

/// How often a write is tried again that another one came before.
const TRIES: usize = 16;

/// The secrets of a connection, opened.
pub(super) struct Secrets {
    credential: Option<Zeroizing<Vec<u8>>>,
    refresh: Option<Zeroizing<Vec<u8>>>,
    webhook_secret: Option<Zeroizing<Vec<u8>>>,
}

impl Workspace {
    /// Adds a connection, which works from now on. Gives the webhook secret that was drawn for it, if one was: the
    /// provider has to be told.
    ///
    /// # Errors
    /// [`AccountError::Taken`] for an id in use, or an external id that the tenant itself uses: whether another one does
    /// is not told. [`AccountError::BadSecret`],
    /// [`AccountError::NoMasterKey`].
    pub async fn connect(&self, new: NewConnection) -> Result<Option<Zeroizing<String>>, AccountError> {
        let credential = new.credential.map(|secret| url_safe("credential", secret)).transpose()?;
        let refresh = new.refresh_token.map(|secret| visible("refresh token", secret)).transpose()?;
        let given = new.webhook_secret.map(|secret| visible("webhook secret", secret)).transpose()?;
        let account = new.account.map(|account| visible("account", Zeroizing::new(account))).transpose()?;
        let drawn = match (&given, new.profile) {
            (None, Profile::WebhookInbound) => Some(self.draw_secret("connection-webhook-secret")?),
            (Some(_) | None, _) => None,
        };
        let mut row = ConnectionRow {
            id: new.id,
            tenant: self.scope.tenant().clone(),
            external_id: new.external_id,
            provider: new.provider,
            profile: new.profile,
            status: ConnectionStatus::Active,
            user_id: new.user_id,
            account: account.map(|account| account.to_string()),
            credential: None,
            refresh: None,
            webhook_secret: None,
            version: 1,
            created: 0,
        };
        let bytes =
            |secret: Option<&Zeroizing<String>>| secret.map(|secret| Zeroizing::new(secret.as_bytes().to_vec()));
        let secrets = Secrets {
            credential: bytes(credential.as_ref()),
            refresh: bytes(refresh.as_ref()),
            webhook_secret: bytes(given.as_ref().or(drawn.as_ref())),
        };
        self.seal(&mut row, &secrets)?;
        self.database().insert_connection(&self.scope, row.clone()).await?;
        self.follow(&row)?;
        Ok(drawn)
    }

    /// Sets a connection's status. Revoked is for good; [`Workspace::revoke_connection`] also ends what hangs on it.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::Revoked`].
    pub async fn set_connection_status(&self, id: &ConnectionId, status: ConnectionStatus) -> Result<(), AccountError> {
        let row = self.rewrite(id, |row, _| row.status = status).await?;
        self.follow(&row)
    }

    /// Replaces a connection's credential, and its refresh token where one is given. What was there doesn't open again.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::Revoked`], [`AccountError::BadSecret`].
    pub async fn replace_credential(
        &self,
        id: &ConnectionId,
        credential: Zeroizing<String>,
        refresh_token: Option<Zeroizing<String>>,
    ) -> Result<(), AccountError> {
        let credential = url_safe("credential", credential)?;
        let refresh = refresh_token.map(|secret| visible("refresh token", secret)).transpose()?;
        let row = self.rewrite(id, |_, secrets| {
            secrets.credential = Some(Zeroizing::new(credential.as_bytes().to_vec()));
            if let Some(refresh) = &refresh {
                secrets.refresh = Some(Zeroizing::new(refresh.as_bytes().to_vec()));
            }
        });
        let row = row.await?;
        self.follow(&row)
    }

    /// Replaces what the provider presents with a webhook. Only the newest is good.
    ///
    /// # Errors
    /// [`AccountError::NotFound`], [`AccountError::Revoked`], [`AccountError::BadSecret`].
    pub async fn replace_webhook_secret(
        &self,
        id: &ConnectionId,
        secret: Zeroizing<String>,
    ) -> Result<(), AccountError> {
        let secret = visible("webhook secret", secret)?;
        let row = self.rewrite(id, |_, secrets| {
            secrets.webhook_secret = Some(Zeroizing::new(secret.as_bytes().to_vec()));
        });
        let row = row.await?;
        self.follow(&row)
    }

    /// Ends a connection: its bindings go, its row says revoked, what was sealed in it is cleared, and no cache keeps
    /// anything of it. Once more changes nothing.
    ///
    /// # Errors
    /// [`AccountError::NotFound`].
    pub async fn revoke_connection(&self, id: &ConnectionId) -> Result<(), AccountError> {
        self.reach([Guard::RouteScope]);
        let row = self.database().revoke_connection(&self.scope, id).await?;
        self.follow(&row)
    }

    /// The namespace and the workers' caches follow a row.
    fn follow(&self, row: &ConnectionRow) -> Result<(), AccountError> {
        self.control.0.publications.connection(&self.control.0.kv, row)?;
        self.control.purge(&row.id);
        Ok(())
    }

    /// Writes a connection's row anew: its version rises, and its secrets are sealed for it.
    pub(super) async fn rewrite(
        &self,
        id: &ConnectionId,
        change: impl Fn(&mut ConnectionRow, &mut Secrets),
    ) -> Result<ConnectionRow, AccountError> {
        for _ in 0..TRIES {
            let mut row = self.database().connection(&self.scope, id).await?.ok_or(AccountError::NotFound)?;
            if row.status == ConnectionStatus::Revoked {
                return Err(AccountError::Revoked);
            }
            let mut secrets = self.open(&row)?;
            row.version += 1;
            change(&mut row, &mut secrets);
            self.seal(&mut row, &secrets)?;
            match self.database().update_connection(&self.scope, row.clone()).await {
                Ok(()) => return Ok(row),
                Err(DatabaseError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DatabaseError::Conflict.into())
    }

    fn open(&self, row: &ConnectionRow) -> Result<Secrets, AccountError> {
        type Opened = Result<Option<Zeroizing<Vec<u8>>>, AccountError>;
        let open = |column: &str, sealed: &Option<Envelope>| -> Opened {
            let Some(sealed) = sealed else { return Ok(None) };
            Ok(Some(self.vault()?.open(&Field::of_connection(row, column), sealed)?))
        };
        Ok(Secrets {
            credential: open("credential", &row.credential)?,
            refresh: open("refresh", &row.refresh)?,
            webhook_secret: open("webhook_secret", &row.webhook_secret)?,
        })
    }

    fn seal(&self, row: &mut ConnectionRow, secrets: &Secrets) -> Result<(), AccountError> {
        let seal = |column: &str, secret: &Option<Zeroizing<Vec<u8>>>| -> Result<Option<Envelope>, AccountError> {
            let Some(secret) = secret else { return Ok(None) };
            Ok(Some(self.vault()?.seal(&Field::of_connection(row, column), secret)?))
        };
        let credential = seal("credential", &secrets.credential)?;
        let refresh = seal("refresh", &secrets.refresh)?;
        let webhook_secret = seal("webhook_secret", &secrets.webhook_secret)?;
        #[cfg(feature = "faults")]
        if let Some(secret) = &secrets.webhook_secret {
            self.control.0.secrets.note(row, secret);
        }
        (row.credential, row.refresh, row.webhook_secret) = (credential, refresh, webhook_secret);
        Ok(())
    }
}
