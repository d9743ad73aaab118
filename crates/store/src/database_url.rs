//! The URL of a database, which may hold a password.

use std::fmt;

use url::Url;

/// The URL of a PostgreSQL database. It shows itself without user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Url);

/// A text that is not a URL of a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; a database is named as postgres://user@host:5432/database")]
pub struct NoDatabaseUrl(String);

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`NoDatabaseUrl`], which does not repeat the text: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, NoDatabaseUrl> {
        let url = Url::parse(text).map_err(|error| NoDatabaseUrl(error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(NoDatabaseUrl("only PostgreSQL is known".to_owned()));
        }
        if url.path().len() < 2 {
            return Err(NoDatabaseUrl("it names no database".to_owned()));
        }
        Ok(Self(url))
    }

    /// The whole URL, for whoever connects.
    pub(crate) fn secret(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}", self.0.host_str().unwrap_or("localhost"))?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let url = DatabaseUrl::parse("postgres://me:hunter2@db.example:5433/mozci?sslmode=require")
            .unwrap();
        assert_eq!(url.to_string(), "postgres://db.example:5433/mozci");
        assert!(!format!("{url:?}").contains("hunter2"));
        assert!(url.secret().contains("hunter2"));
    }

    #[test]
    fn what_is_no_database_is_refused_and_not_repeated() {
        for text in [
            "me:hunter2",
            "mysql://a:hunter2@b/c",
            "postgres://a:hunter2@b",
            "postgres://a:hunter2@b/",
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.contains("postgres://user@"), "{error}");
        }
    }
}
