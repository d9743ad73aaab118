//! Acts: JSON-RPC 2.0, each sent once. What comes back has a shape of its own for each way of going
//! wrong, by status and code.

use mozci_core::ids::{BuildId, BuildRequestId, SchedulerName};
use serde_json::{Map, Value, json};

use super::master::Master;
use crate::act::ActError;
use crate::http::{ActAnswer, Problem};

/// A buildset that an act made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forced {
    /// Its id.
    pub set: u64,
    /// Its one build request.
    pub request: BuildRequestId,
}

impl Master {
    /// Forces a builder.
    ///
    /// # Errors
    /// [`ActError`], told apart by what may have happened.
    pub async fn force(
        &self,
        scheduler: &SchedulerName,
        parameters: &Map<String, Value>,
    ) -> Result<Forced, ActError> {
        let path = ["forceschedulers", scheduler.as_str()];
        made(&self.act(&path, "force", Value::Object(parameters.clone())).await?)
    }

    /// Repeats a build on the revision that it had.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn rebuild(&self, build: BuildId) -> Result<Forced, ActError> {
        made(&self.act(&["builds", &build.to_string()], "rebuild", json!({})).await?)
    }

    /// Stops a build. One that has ended already stays as it is, and nothing is said of it.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn stop(&self, build: BuildId, reason: &str) -> Result<(), ActError> {
        let told = json!({ "reason": reason });
        self.act(&["builds", &build.to_string()], "stop", told).await.map(drop)
    }

    /// Takes a request back that is not being built yet.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn cancel(&self, request: BuildRequestId, reason: &str) -> Result<(), ActError> {
        let told = json!({ "reason": reason });
        self.act(&["buildrequests", &request.to_string()], "cancel", told).await.map(drop)
    }

    async fn act(&self, path: &[&str], method: &str, params: Value) -> Result<Value, ActError> {
        let whole: Vec<&str> = ["api", "v2"].iter().chain(path).copied().collect();
        let url = self.url(&whole, &[]);
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer = self.http.act(&url, &body).await.map_err(|error| match error.problem {
            Problem::Connect(_) => ActError::NotSent(error.to_string()),
            _ => ActError::Uncertain(error.to_string()),
        })?;
        judge(&answer)
    }
}

/// What an answer means: its result, or what may have happened.
fn judge(answer: &ActAnswer) -> Result<Value, ActError> {
    let ActAnswer { status, body } = answer;
    let error = &body["error"];
    let text = told(&error["message"]).or_else(|| told(error)).unwrap_or_default();
    match (*status, error["code"].as_i64()) {
        (200..=299, None) => match body.get("result") {
            Some(result) => Ok(result.clone()),
            None => Err(ActError::Uncertain("the answer is not JSON-RPC of a master's".into())),
        },
        (401 | 403, _) => {
            let text = if text.is_empty() { format!("the master answers {status}") } else { text };
            Err(ActError::Forbidden(text))
        }
        // Its own insides broke: how far it got, only the newest buildsets tell.
        (_, Some(-32603)) => Err(ActError::Uncertain(format!("the master failed: {text}"))),
        (_, Some(_)) => Err(ActError::Refused(text)),
        (400..=499, None) => Err(ActError::Refused(format!("the master answers {status} {text}"))),
        _ => Err(ActError::Uncertain(format!("the master answers {status} {text}"))),
    }
}

/// A message as words; one of bad values is an object of fields.
fn told(message: &Value) -> Option<String> {
    match message {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => {
            let each = fields.iter().map(|(field, text)| match text.as_str() {
                // The master's texts may begin with the field themselves.
                Some(text) => format!("{field}: {}", text.trim_start_matches(&format!("{field}:"))),
                None => format!("{field}: {text}"),
            });
            Some(each.collect::<Vec<_>>().join("; "))
        }
        _ => None,
    }
}

/// The buildset that an answer names: its id, and its requests by builder.
fn made(result: &Value) -> Result<Forced, ActError> {
    let set = result[0].as_u64();
    let requests = result[1].as_object();
    let request = requests.and_then(|requests| requests.values().next()).and_then(Value::as_u64);
    match (set, request) {
        (Some(set), Some(request)) => Ok(Forced { set, request: BuildRequestId(request) }),
        // Something may have happened, though the answer does not say what.
        _ => Err(ActError::Uncertain(format!("the answer names no build request: {result}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_answer_is_told_apart() {
        let of = |status, body: Value| judge(&ActAnswer { status, body });
        let ok = of(200, json!({"id": 2, "jsonrpc": "2.0", "result": [35, {"3": 36}]})).unwrap();
        assert_eq!(made(&ok), Ok(Forced { set: 35, request: BuildRequestId(36) }));
        let fields = json!({"revision": "revision:'x' does not match", "repeat": "invalid"});
        let bad = of(400, json!({"error": {"code": -32602, "message": fields}})).unwrap_err();
        let text = "repeat: invalid; revision: 'x' does not match";
        assert_eq!(bad, ActError::Refused(text.into()));
        let role = json!({"error": {"code": -32600, "message": "need role admins"}});
        assert_eq!(of(403, role).unwrap_err(), ActError::Forbidden("need role admins".into()));
        let broken = json!({"error": {"code": -32603, "message": "TypeError"}});
        assert!(matches!(of(500, broken), Err(ActError::Uncertain(_))));
        assert!(matches!(of(502, Value::Null), Err(ActError::Uncertain(_))));
        assert!(matches!(of(404, json!({"error": "no"})), Err(ActError::Refused(_))));
        assert_eq!(of(200, json!({"result": null})), Ok(Value::Null));
        assert!(matches!(of(200, Value::Null), Err(ActError::Uncertain(_))));
        assert!(matches!(made(&Value::Null), Err(ActError::Uncertain(_))));
    }
}
