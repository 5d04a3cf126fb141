//! Secrets of an effective configuration, and what may be shown in their place.
//!
//! The admin API shows the configuration in force, and `switchback diff` compares it with files on
//! another machine. Neither needs a secret, only whether it is the same one. So each is replaced by
//! a fingerprint: the first [`BYTES`] of an HMAC-SHA-256 under a fixed key, as `sha256:3f9a`.
//!
//! **Why two bytes.** Whoever may read the admin listener can try a dictionary against what it
//! shows. A long digest confirms the right guess for sure, and slow hashing only makes that dearer,
//! for the attacker per guess and for the gateway per request. 16 bits confirm nothing: of a billion
//! guesses 15,000 remain, and nothing here tells which is right; of a secret made at random they take 16
//! bits of more than 90. What it costs: of a changed secret nothing is told once in 65,536 times. A reload
//! takes it on all the same.
//!
//! **Why no salt.** A fingerprint depends on nothing but the secret, so 16 bits are all that ever get out:
//! not 16 more from each gateway, each pool with the same secret and each restart. A salt of the
//! process could not be compared with a file, either.
//!
//! A fingerprint is no secret: it is shorter than the least that `sticky.secret` and `admin.token` take,
//! and refused as the value of a header field, so a configuration with it in place is refused when somebody
//! loads what the admin API showed.
//!
//! **What is a secret** is told by its key's name, so that a key which a later version adds is hidden by
//! whoever does not know it yet; what is below it is, too. So are the values of all `headers`: which of them
//! authorizes, their names do not say. Paths of key files are none, and neither is what clients see anyway
//! (`redirect.to`) or what goes over the wire in clear (`health.http.path`).

use std::fmt::Write as _;

use ring::hmac;
use serde_yaml::Value;

/// So much of the digest is shown.
const BYTES: usize = 2;
/// How a fingerprint begins.
const MARK: &str = "sha256:";
/// The last word of a key that holds a secret.
const WORDS: &[&str] = &[
    "secret",
    "secrets",
    "password",
    "passwords",
    "passphrase",
    "token",
    "tokens",
    "credential",
    "credentials",
];

/// Whether what stands at this key must not be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let last = key.rsplit(['_', '-']).next().unwrap_or_default();
    WORDS.contains(&last) || key.ends_with("private_key") || key == "headers"
}

/// The same, of what somebody wrote who may have meant the key of a secret, and made one slip.
pub(crate) fn is_meant_secret(key: &str) -> bool {
    const LONGEST: usize = 64;
    let lower = key.to_ascii_lowercase();
    let last = lower.rsplit(['_', '-']).next().unwrap_or_default();
    let is_near = |word: &&str| strsim::damerau_levenshtein(last, word) <= 1;
    is_secret(key) || last.len() <= LONGEST && WORDS.iter().any(is_near)
}

/// Replaces every secret of a tree by its fingerprint.
pub(super) fn redact(tree: &mut Value) {
    match tree {
        Value::Mapping(entries) => {
            for (key, value) in entries.iter_mut() {
                match key.as_str().is_some_and(is_secret) {
                    true => hide(value),
                    false => redact(value),
                }
            }
        }
        Value::Sequence(items) => items.iter_mut().for_each(redact),
        Value::Tagged(tagged) => redact(&mut tagged.value),
        _ => {}
    }
}

/// Replaces every text of a secret by its fingerprint.
fn hide(secret: &mut Value) {
    match secret {
        Value::Mapping(entries) => entries.values_mut().for_each(hide),
        Value::Sequence(items) => items.iter_mut().for_each(hide),
        Value::Tagged(tagged) => hide(&mut tagged.value),
        Value::Null => {}
        Value::String(text) => *secret = Value::String(fingerprint(text)),
        Value::Number(number) => *secret = Value::String(fingerprint(&number.to_string())),
        Value::Bool(is) => *secret = Value::String(fingerprint(&is.to_string())),
    }
}

/// Whether two secrets are the same, as far as that can be told where one is a fingerprint.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => match (is_fingerprint(a), is_fingerprint(b)) {
            (true, false) => *a == fingerprint(b),
            (false, true) => fingerprint(a) == *b,
            _ => a == b,
        },
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Mapping(a), Value::Mapping(b)) => {
            let alike = |(key, a): (&Value, &Value)| b.get(key).is_some_and(|b| same(a, b));
            a.len() == b.len() && a.iter().all(alike)
        }
        _ => a == b,
    }
}

fn fingerprint(secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"switchback: fingerprint of a secret");
    let mut text = MARK.to_owned();
    for byte in hmac::sign(&key, secret.as_bytes()).as_ref().iter().take(BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether this stands in the place of a secret.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix(MARK).is_some_and(|digest| {
        digest.len() == 2 * BYTES && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::token;

    #[test]
    fn a_fingerprint_is_short_the_same_everywhere_and_no_secret() {
        assert_eq!(fingerprint("0123456789abcdef"), fingerprint("0123456789abcdef"));
        assert_ne!(fingerprint("0123456789abcdef"), fingerprint("0123456789abcdeg"));
        let fingerprint = fingerprint("0123456789abcdef");
        assert!(is_fingerprint(&fingerprint), "{fingerprint}");
        assert!(token::secret(&fingerprint).is_err(), "{fingerprint}");
    }

    #[test]
    fn secrets_are_told_by_the_last_word_of_their_key() {
        for key in ["secret", "api_token", "Password", "client-secret", "private_key", "headers"] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "header_fields",
            "key",
            "secret_file",
            "token_bucket",
            "trust_idempotency_key",
            "cookie",
        ] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn a_secret_is_compared_with_the_fingerprint_of_it() {
        let text = |text: &str| Value::String(text.to_owned());
        let (one, other) = ("0123456789abcdef", "fedcba9876543210");
        assert!(same(&text(one), &text(&fingerprint(one))));
        assert!(same(&text(&fingerprint(one)), &text(one)));
        assert!(!same(&text(one), &text(&fingerprint(other))));
        assert!(!same(&text(one), &text(other)));
    }

    #[test]
    fn whatever_stands_below_the_key_of_a_secret_is_hidden() {
        let mut tree: Value =
            serde_yaml::from_str("a: { tokens: [ one, { two: 3 } ], b: [ { secret: four } ] }\nheaders: { x-team: five }")
                .unwrap();
        redact(&mut tree);
        let text = serde_yaml::to_string(&tree).unwrap();
        for secret in ["one", "3\n", "four", "five"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(text.matches(MARK).count(), 4, "{text}");
    }
}
