//! What stands in front of the gateway, and what follows from it.
//!
//! The figures are the providers' documented defaults. Whoever has changed them there says so here, by
//! the keys that these are the defaults of.
//!
//! Two kinds of balancers want opposite things of an idle connection. One that speaks HTTP keeps
//! connections to us and sends requests over them: if we close first, a request may be on its way, and
//! the balancer answers it with a 502. So we must be *slower*. One that passes packets on, as an NLB
//! does, has no connections of its own; after a while it forgets an idle one without a word, and what a
//! client sends then is reset. If we close before, the client hears of it. So we must be *quicker*.

use std::time::Duration;

use super::DrainPlan;

/// What stands in front of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Behind {
    /// Nothing, or nothing that is known.
    #[default]
    None,
    /// AWS Application Load Balancer.
    AwsAlb,
    /// AWS Network Load Balancer.
    AwsNlb,
    /// Google Cloud Application Load Balancer, the external one.
    Gcp,
    /// Azure Application Gateway or Front Door.
    Azure,
    /// Cloudflare's proxy.
    Cloudflare,
}

/// What a balancer does with an idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Keeps it for so long, and may send a request until then.
    Keeps(Duration),
    /// Forgets it after so long, and tells nobody.
    Forgets(Duration),
}

impl Behind {
    /// Each with the word for it.
    pub const ALL: &[(&str, Self)] = &[
        ("none", Self::None),
        ("aws-alb", Self::AwsAlb),
        ("aws-nlb", Self::AwsNlb),
        ("gcp", Self::Gcp),
        ("azure", Self::Azure),
        ("cloudflare", Self::Cloudflare),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word)
    }

    /// What it does with an idle connection; `None`: nobody knows.
    ///
    /// ALB: idle timeout 60 s. NLB: TCP idle timeout 350 s. Google: 600 s, which cannot be changed.
    /// Azure: TCP idle timeout 4 min; Front Door's 90 s is shorter. Cloudflare: proxy idle timeout 900 s.
    pub fn idle(self) -> Option<Idle> {
        let seconds = Duration::from_secs;
        Some(match self {
            Self::None => return None,
            Self::AwsAlb => Idle::Keeps(seconds(60)),
            Self::AwsNlb => Idle::Forgets(seconds(350)),
            Self::Gcp => Idle::Keeps(seconds(600)),
            Self::Azure => Idle::Keeps(seconds(240)),
            Self::Cloudflare => Idle::Keeps(seconds(900)),
        })
    }

    /// How long an idle client is kept. 75 s is nginx's, and longer than the minute after which most
    /// proxies close; behind one that keeps connections for longer, 20 s more than that (Google's own
    /// advice is 620 s).
    pub fn client_keepalive(self) -> Duration {
        const LEAST: Duration = Duration::from_secs(75);
        const MARGIN: Duration = Duration::from_secs(20);
        match self.idle() {
            Some(Idle::Keeps(idle)) if idle >= LEAST => idle + MARGIN,
            _ => LEAST,
        }
    }

    /// How long it goes on sending after its probes have begun to fail: their interval times the
    /// failures that it takes. ALB and NLB: 30 s × 2. Google: 5 s × 2. Azure Application Gateway:
    /// 30 s × 3. Cloudflare's proxy does not probe, and of others nothing is known: [`DrainPlan`]'s.
    pub fn drain_delay(self) -> Duration {
        Duration::from_secs(match self {
            Self::None | Self::Cloudflare => return DrainPlan::default().delay,
            Self::AwsAlb | Self::AwsNlb => 60,
            Self::Gcp => 10,
            Self::Azure => 90,
        })
    }

    /// Where it connects from, if that is fixed and published: Google's front ends, and
    /// <https://www.cloudflare.com/ips/> as of February 2026.
    pub fn networks(self) -> Vec<ipnet::IpNet> {
        let texts: &[&str] = match self {
            Self::Gcp => &["35.191.0.0/16", "130.211.0.0/22"],
            Self::Cloudflare => &[
                "173.245.48.0/20",
                "103.21.244.0/22",
                "103.22.200.0/22",
                "103.31.4.0/22",
                "141.101.64.0/18",
                "108.162.192.0/18",
                "190.93.240.0/20",
                "188.114.96.0/20",
                "197.234.240.0/22",
                "198.41.128.0/17",
                "162.158.0.0/15",
                "104.16.0.0/13",
                "104.24.0.0/14",
                "172.64.0.0/13",
                "131.0.72.0/22",
                "2400:cb00::/32",
                "2606:4700::/32",
                "2803:f800::/32",
                "2405:b500::/32",
                "2405:8100::/32",
                "2a06:98c0::/29",
                "2c0f:f248::/32",
            ],
            Self::None | Self::AwsAlb | Self::AwsNlb | Self::Azure => &[],
        };
        texts.iter().filter_map(|text| text.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_are_slower_than_who_keeps_connections_and_quicker_than_who_forgets_them() {
        for (word, behind) in Behind::ALL {
            let ours = behind.client_keepalive();
            match behind.idle() {
                Some(Idle::Keeps(theirs)) => assert!(ours > theirs, "{word}"),
                Some(Idle::Forgets(theirs)) => assert!(ours < theirs, "{word}"),
                None => assert_eq!(ours, Duration::from_secs(75)),
            }
            assert_eq!(behind.as_str(), *word);
        }
        assert_eq!(Behind::Gcp.client_keepalive(), Duration::from_secs(620));
    }

    #[test]
    fn every_network_can_be_read() {
        assert_eq!((Behind::Gcp.networks().len(), Behind::Cloudflare.networks().len()), (2, 22));
        assert!(Behind::AwsNlb.networks().is_empty());
    }
}
