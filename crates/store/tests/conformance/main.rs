//! One suite over every store. Against PostgreSQL it runs where `MOZCI_TEST_POSTGRES` names a server
//! (`scripts/test` starts one), each test in a database of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod database;
mod investigations;
mod limits;
mod requests;
mod together;
mod world;

/// Runs each test on every store.
macro_rules! on_every_store {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&crate::world::World::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(world) = crate::world::World::postgres().await {
                    super::$name(&world).await;
                }
            })*
        }
    };
}
pub(crate) use on_every_store;
