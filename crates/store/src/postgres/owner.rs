//! Which processes are alive: each has a row, and gives a sign of life now and then.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::error::StoreError;
use crate::postgres::connect::Postgres;
use crate::request::TriggerId;

/// Rows of processes that ended long ago are removed.
const STALE: &str = "DELETE FROM owners WHERE until < clock_timestamp() - interval '1 day'";

/// This process in the database.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) name: String,
    stop: CancellationToken,
}

impl Postgres {
    /// This process. It counts as alive from the first call on, as long as this store is there.
    pub(super) async fn owner(&self) -> Result<&Owner, StoreError> {
        self.owner.get_or_try_init(|| self.register()).await
    }

    async fn register(&self) -> Result<Owner, StoreError> {
        let failed = self.failed();
        let unique = TriggerId::new().as_str().to_owned();
        // The server knows the machine by a name that is the same for all who look.
        let machine: String =
            sqlx::query_scalar("SELECT coalesce(host(inet_client_addr()), 'local')")
                .fetch_one(&self.pool)
                .await
                .map_err(&failed)?;
        let name = format!("{}@{machine} {unique}", std::process::id());
        sign_of_life(&self.pool, &name, self.lease_seconds()).await.map_err(&failed)?;
        sqlx::query(STALE).execute(&self.pool).await.map_err(&failed)?;
        let stop = CancellationToken::new();
        let (pool, stopped, mine) = (self.pool.clone(), stop.clone(), name.clone());
        let (lease, every) = (self.lease_seconds(), self.options.lease / 4);
        tokio::spawn(async move {
            let pause = || tokio::time::sleep(every.max(Duration::from_millis(100)));
            while stopped.run_until_cancelled(pause()).await.is_some() {
                // What fails is tried again; if it goes on failing the process counts as gone.
                let _ = sign_of_life(&pool, &mine, lease).await;
            }
        });
        Ok(Owner { name, stop })
    }
}

async fn sign_of_life(pool: &PgPool, name: &str, lease: f64) -> Result<(), sqlx::Error> {
    let upsert = "INSERT INTO owners VALUES ($1, clock_timestamp() + make_interval(secs => $2))
         ON CONFLICT (name) DO UPDATE SET until = excluded.until";
    sqlx::query(upsert).bind(name).bind(lease).execute(pool).await.map(drop)
}

impl Owner {
    /// Counts as gone from here on.
    pub(super) async fn leave(&self, pool: &PgPool) {
        self.stop.cancel();
        let left = "UPDATE owners SET until = 'epoch' WHERE name = $1";
        // A row that cannot be written expires.
        let _ = sqlx::query(left).bind(&self.name).execute(pool).await;
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
