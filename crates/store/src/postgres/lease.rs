//! Leases in the database. They expire by its clock, and at once when their holder says that it leaves.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::error::StoreError;
use crate::investigation::{Held, Lease};
use crate::postgres::connect::Postgres;
use crate::traits::Leases;

type Result<T> = std::result::Result<T, StoreError>;

/// That somebody holds an investigation: the lease has not expired, and its holder is alive.
const IS_HELD: &str = "held_until > clock_timestamp()
     AND EXISTS (SELECT FROM owners WHERE name = holder AND until > clock_timestamp())";

/// Whether an investigation is held under this lease, and open. Until the transaction ends nobody else can claim it.
pub(super) async fn holds(
    connection: &mut PgConnection,
    lease: &Lease,
) -> std::result::Result<bool, sqlx::Error> {
    let select = "SELECT fence FROM investigations WHERE id = $1 AND state = 'open' FOR SHARE";
    let query = sqlx::query_scalar(select).bind(&lease.id);
    let fence: Option<i64> = query.fetch_optional(connection).await?;
    Ok(fence == Some(lease.fence))
}

#[async_trait]
impl Leases for Postgres {
    async fn claim(&self, ids: &[&str]) -> Result<Vec<std::result::Result<Lease, Held>>> {
        let failed = self.failed();
        let me = self.owner().await?.name.clone();
        let mut transaction = self.pool.begin().await.map_err(&failed)?;
        // Whoever claims several locks them in one order.
        let lock = "SELECT id FROM investigations WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
        sqlx::query(lock).bind(ids).fetch_all(&mut *transaction).await.map_err(&failed)?;
        let mut claimed = Vec::with_capacity(ids.len());
        for id in ids {
            let select = format!("SELECT holder, {IS_HELD} FROM investigations WHERE id = $1");
            let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(*id);
            let row = query.fetch_one(&mut *transaction).await.map_err(&failed)?;
            if row.try_get(1).map_err(&failed)? {
                let holder: String = row.try_get(0).map_err(&failed)?;
                claimed.push(Err(Held::by(id, &holder)));
                continue;
            }
            let update = "UPDATE investigations SET holder = $2, fence = fence + 1,
                    held_until = clock_timestamp() + make_interval(secs => $3)
                 WHERE id = $1 RETURNING fence";
            let query = sqlx::query_scalar(update).bind(*id).bind(&me).bind(self.lease_seconds());
            let fence = query.fetch_one(&mut *transaction).await.map_err(&failed)?;
            claimed.push(Ok(Lease { id: (*id).to_owned(), fence }));
        }
        transaction.commit().await.map_err(&failed)?;
        Ok(claimed)
    }

    async fn claim_open(&self, ci: &str, repo: &str, most: u32) -> Result<Vec<Lease>> {
        let failed = self.failed();
        let me = self.owner().await?.name.clone();
        let update = format!(
            "UPDATE investigations SET holder = $1, fence = fence + 1,
                held_until = clock_timestamp() + make_interval(secs => $2)
             WHERE id IN (SELECT id FROM investigations
                WHERE state = 'open' AND ci = $3 AND repo = $4 AND NOT ({IS_HELD})
                ORDER BY created, id LIMIT $5 FOR UPDATE SKIP LOCKED)
             RETURNING id, fence"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(update))
            .bind(&me)
            .bind(self.lease_seconds())
            .bind(ci)
            .bind(repo)
            .bind(i64::from(most))
            .fetch_all(&self.pool)
            .await
            .map_err(&failed)?;
        let read =
            |row: &sqlx::postgres::PgRow| Ok(Lease { id: row.try_get(0)?, fence: row.try_get(1)? });
        rows.iter().map(read).collect::<std::result::Result<_, sqlx::Error>>().map_err(&failed)
    }

    async fn held(&self, id: &str) -> Result<Option<Held>> {
        let select = format!(
            "SELECT holder FROM investigations WHERE id = $1 AND state = 'open' AND {IS_HELD}"
        );
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(select)).bind(id);
        let holder: Option<String> =
            query.fetch_optional(&self.pool).await.map_err(self.failed())?;
        Ok(holder.map(|holder| Held::by(id, &holder)))
    }

    async fn renew(&self, leases: &[Lease]) -> Result<()> {
        let ids: Vec<&str> = leases.iter().map(|lease| lease.id.as_str()).collect();
        let fences: Vec<i64> = leases.iter().map(|lease| lease.fence).collect();
        let update =
            "UPDATE investigations SET held_until = clock_timestamp() + make_interval(secs => $3)
             FROM unnest($1::text[], $2::bigint[]) AS mine (id, fence)
             WHERE investigations.id = mine.id AND investigations.fence = mine.fence";
        let query = sqlx::query(update).bind(ids).bind(fences).bind(self.lease_seconds());
        query.execute(&self.pool).await.map(drop).map_err(self.failed())
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        let update = "UPDATE investigations SET held_until = 'epoch' WHERE id = $1 AND fence = $2";
        let query = sqlx::query(update).bind(&lease.id).bind(lease.fence);
        query.execute(&self.pool).await.map(drop).map_err(self.failed())
    }
}
