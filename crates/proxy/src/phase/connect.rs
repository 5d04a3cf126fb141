//! A connection to the endpoint stands.

use std::time::Duration;

use pingora_core::protocols::Digest;

use crate::ctx::Ctx;

/// Notes whether it was reused, and how long it took to stand.
pub(crate) fn established(ctx: &mut Ctx, reused: bool, digest: Option<&Digest>) {
    let Some(attempt) = ctx.attempt.as_mut() else {
        return;
    };
    let took = || {
        let layers = digest?.timing_digest.iter().flatten();
        Some(layers.filter_map(|layer| layer.establishment_duration).sum())
    };
    attempt.facts.reused = reused;
    attempt.facts.connect = if reused { Some(Duration::ZERO) } else { took() };
}
