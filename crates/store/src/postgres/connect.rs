//! The connections to the database.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;

use crate::database_url::DatabaseUrl;
use crate::error::StoreError;
use crate::postgres::owner::Owner;
use crate::postgres::schema::{MIGRATIONS, SCHEMA};
use crate::traits::Store;

/// How a store in a database behaves.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long a lease and a process count as alive without a sign of life.
    pub lease: Duration,
    /// The most connections of this process.
    pub connections: u32,
}

impl Default for Options {
    /// Leases of a minute, 8 connections.
    fn default() -> Self {
        Self { lease: Duration::from_secs(60), connections: 8 }
    }
}

/// How long to wait for a connection.
const CONNECTING: Duration = Duration::from_secs(10);

/// A store in a PostgreSQL database. Leases expire by the database's clock.
#[derive(Debug, Clone)]
pub struct Postgres {
    pub(super) pool: PgPool,
    pub(super) name: Arc<str>,
    pub(super) options: Options,
    pub(super) owner: Arc<OnceCell<Owner>>,
    connect: PgConnectOptions,
}

impl Postgres {
    /// Connects, and brings the tables up to date. They are in the schema `mozci`.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`], [`StoreError::Newer`], [`StoreError::Database`] if this user may not make them.
    pub async fn open(url: &DatabaseUrl, options: Options) -> Result<Self, StoreError> {
        let name: Arc<str> = url.to_string().into();
        let failed = StoreError::postgres(&name);
        let connect = PgConnectOptions::from_str(url.secret())
            .map_err(&failed)?
            .application_name("mozci")
            .options([
                ("search_path", SCHEMA),
                ("statement_timeout", "30s"),
                ("lock_timeout", "10s"),
                ("idle_in_transaction_session_timeout", "60s"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections.max(2))
            .acquire_timeout(CONNECTING)
            .connect_with(connect.clone())
            .await
            .map_err(&failed)?;
        let store = Self { pool, name, options, owner: Arc::default(), connect };
        store.migrate().await?;
        Ok(store)
    }

    /// Brings the tables up to date. Processes that come at once take turns.
    async fn migrate(&self) -> Result<(), StoreError> {
        let failed = self.failed();
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        let alone = "SELECT pg_advisory_xact_lock(hashtext('mozci'), hashtext('tables'))";
        sqlx::query(alone).execute(&mut *transaction).await.map_err(&failed)?;
        let table = "SELECT to_regclass('mozci.version') IS NOT NULL";
        let is_there: bool =
            sqlx::query_scalar(table).fetch_one(&mut *transaction).await.map_err(&failed)?;
        if !is_there {
            let make = "CREATE SCHEMA IF NOT EXISTS mozci;
                CREATE TABLE version (version bigint NOT NULL);
                INSERT INTO version VALUES (0)";
            sqlx::raw_sql(make).execute(&mut *transaction).await.map_err(&failed)?;
        }
        let found: i64 = sqlx::query_scalar("SELECT version FROM version")
            .fetch_one(&mut *transaction)
            .await
            .map_err(&failed)?;
        if found > known {
            return Err(StoreError::Newer { path: self.name.as_ref().into(), found, known });
        }
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            sqlx::raw_sql(*migration).execute(&mut *transaction).await.map_err(&failed)?;
        }
        if found < known {
            let set = sqlx::query("UPDATE version SET version = $1").bind(known);
            set.execute(&mut *transaction).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    /// Does something in a task of its own. Whoever calls may stop polling for a while, as futures in a buffer do: the
    /// task gives its connection and its locks back all the same.
    pub(super) async fn apart<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let done = tokio::spawn(work(self.clone())).await;
        done.unwrap_or_else(|error| Err(StoreError::broken(&error.to_string())))
    }

    /// Reads errors of this database.
    pub(super) fn failed(&self) -> impl Fn(sqlx::Error) -> StoreError + use<> {
        StoreError::postgres(&self.name)
    }

    /// A connection that is no other task's.
    pub(super) async fn own_connection(&self) -> Result<PgConnection, StoreError> {
        let connecting = PgConnection::connect_with(&self.connect);
        match tokio::time::timeout(CONNECTING, connecting).await {
            Ok(connected) => connected.map_err(self.failed()),
            Err(_) => Err(self.failed()(sqlx::Error::PoolTimedOut)),
        }
    }

    /// How long a lease holds, in seconds.
    pub(super) fn lease_seconds(&self) -> f64 {
        self.options.lease.as_secs_f64()
    }
}

#[async_trait]
impl Store for Postgres {
    fn location(&self) -> String {
        self.name.as_ref().to_owned()
    }

    async fn process(&self) -> Result<String, StoreError> {
        Ok(self.owner().await?.name.clone())
    }

    async fn leave(&self) {
        if let Some(owner) = self.owner.get() {
            owner.leave(&self.pool).await;
        }
    }
}
