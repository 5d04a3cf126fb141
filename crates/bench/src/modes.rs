//! What can be measured, each by itself, and how its result is told.

pub(crate) mod cpu;
pub(crate) mod instructions;
pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod profile;

use crate::proxies::Proxy;
use crate::stage::Program;
use crate::stats::spread;

/// How far rounds may lie apart before their median is no good figure.
const NOISE: f64 = 0.10;

/// A warning, where the rounds of some are too far apart.
fn noisy(scenario: &str, rounds: &[(Proxy, &[f64])]) -> Option<String> {
    let apart: Vec<_> = rounds
        .iter()
        .map(|&(proxy, rounds)| (proxy, spread(rounds)))
        .filter(|&(_, spread)| spread > NOISE)
        .map(|(proxy, spread)| format!("{} {:.0} %", proxy.title(), spread * 100.0))
        .collect();
    (!apart.is_empty())
        .then(|| format!("warning: {scenario}: the rounds lie apart by {}", apart.join(", ")))
}

/// A table's header: what a row is about, then the proxies.
fn header(first: &str, programs: &[Program]) -> Vec<String> {
    let titles = programs.iter().map(|program| program.proxy.title().to_owned());
    std::iter::once(first.to_owned()).chain(titles).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_are_more_than_a_tenth_apart_are_told() {
        let calm = (Proxy::Nginx, &[100.0, 105.0, 109.0][..]);
        assert_eq!(noisy("post", &[calm]), None);
        let warning = noisy("post", &[calm, (Proxy::Bare, &[100.0, 105.0, 115.0])]);
        let wanted = "warning: post: the rounds lie apart by bare Pingora 14 %";
        assert_eq!(warning.as_deref(), Some(wanted));
    }
}
