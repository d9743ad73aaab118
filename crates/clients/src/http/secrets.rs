//! Secrets in texts that servers and libraries hand us.
//!
//! Errors of a store name the signed URL that was requested, and some servers repeat the headers of
//! a request. Neither may reach an error, a log or a file.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What is taken out of texts, with what stands in its place.
static SECRETS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        // The query of any URL, its fragment, and a user in it.
        (r#"(?i)\b((?:https?|wss?|amqps?)://)[^\s/@"'<>]+@"#, "${1}"),
        (r#"(?i)\b((?:https?|wss?|amqps?)://[^\s?#"'<>]*)[?#][^\s"'<>)]*"#, "${1}?…"),
        // Header values: Hawk's attributes stand between commas, others end with the line.
        (r#"(?i)\bHawk\s+(?:\w+=\\?"[^"]*"\s*,?\s*)+"#, "Hawk … "),
        (r"(?i)\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}", "${1} …"),
        // A parameter or a field that is named as a secret is.
        (
            r#"(?i)\b([\w-]*(?:signature|stringtosign|canonicalrequest|access[_-]?key[_-]?id|credential|security-token|access[_-]?token|bewit|password|secret)[\w-]*)(\\?["']?\s*[=:>]\s*\\?["']?)[^\s&"'<>,;\\]+"#,
            "${1}${2}…",
        ),
    ];
    let compiled = rules.into_iter().map(|(rule, by)| Regex::new(rule).map(|rule| (rule, by)));
    compiled.collect::<Result<_, _>>().unwrap_or_default()
});

/// A text without signed queries, passwords in URLs, and what headers carry.
pub(crate) fn without_secrets(text: &str) -> String {
    let mut clean = text.to_owned();
    for (rule, by) in SECRETS.iter() {
        if rule.is_match(&clean) {
            clean = rule
                .replace_all(&clean, |found: &Captures<'_>| {
                    let mut by_now = String::new();
                    found.expand(by, &mut by_now);
                    by_now
                })
                .into_owned();
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_left_and_the_rest_is() {
        assert!(!SECRETS.is_empty());
        for (text, kept, gone) in [
            (
                "error decoding body for url (https://b.s3.example/live.log?X-Amz-Signature=deadbeef&X-Amz-Expires=1)",
                "https://b.s3.example/live.log?…",
                "deadbeef",
            ),
            ("see HTTP://host/a#token=deadbeef.", "HTTP://host/a?…", "deadbeef"),
            ("http://me:deadbeef@host/x is down", "http://host/x is down", "deadbeef"),
            (
                r#"Authorization: Hawk id="me", ts="1", nonce="n", mac="deadbeef=", was refused"#,
                "was refused",
                "deadbeef",
            ),
            (r#"{"header": "Hawk id=\"me\", mac=\"deadbeef\""}"#, "header", "deadbeef"),
            ("Bearer deadbeefdeadbeef expired", "expired", "deadbeef"),
            ("<AWSAccessKeyId>DEADBEEF</AWSAccessKeyId><Code>x", "<Code>x", "DEADBEEF"),
            ("<SignatureProvided>deadbeef=</SignatureProvided>", "SignatureProvided", "deadbeef"),
            ("X-Amz-Credential=deadbeef/2026&x=1", "x=1", "deadbeef"),
            ("accessToken: 'deadbeef' is wrong", "is wrong", "deadbeef"),
        ] {
            let clean = without_secrets(text);
            assert!(clean.contains(kept) && !clean.contains(gone), "{text} became {clean}");
        }
        let plain =
            "client ID me does not have sufficient scopes: hooks:trigger-hook:a/b; see http://h/p";
        assert_eq!(without_secrets(plain), plain);
    }
}
