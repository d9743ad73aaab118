//! A new database on the server that `scripts/test` started. Tests of other crates take this file, too.

use mozci_store::TriggerId;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Makes a database; gives its URL. None, which is said, where `MOZCI_TEST_POSTGRES` names no server.
pub(crate) async fn new_database() -> Option<String> {
    let Ok(server) = std::env::var("MOZCI_TEST_POSTGRES") else {
        eprintln!("skipped: MOZCI_TEST_POSTGRES names no server");
        return None;
    };
    let name = format!("test_{}", TriggerId::new().as_str().replace('-', "x")).to_lowercase();
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(create).execute(&mut connection).await.unwrap();
    Some(format!("{}/{name}", &server[..server.rfind('/').unwrap()]))
}
