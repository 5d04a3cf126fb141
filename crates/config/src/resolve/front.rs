//! What stands in front: `behind`, and the keys whose defaults follow from it.

use std::time::Duration;

use switchback_core::plan::{Behind, DrainPlan, Idle};

use crate::decode::{Field, Given, OrTable};
use crate::diagnostic::{Problem, Reporter};
use crate::schema::{self, Gateway};
use crate::value::{address, duration, number};

/// Beyond this, whoever stops the process rather kills it.
const LONG_DELAY: Duration = Duration::from_secs(60);
/// Pingora counts the time of idle clients in whole seconds.
const SHORTEST: Duration = Duration::from_secs(1);

/// What the main file says of what stands in front.
pub(super) struct Front {
    pub(super) behind: Behind,
    pub(super) client_keepalive: Duration,
    pub(super) trusted_proxies: Vec<ipnet::IpNet>,
    pub(super) drain: DrainPlan,
    /// Whether it is certain that nobody is believed: what cannot be read may name somebody.
    pub(super) trusts_nobody: bool,
}

/// All of it; what is wrong is reported.
pub(super) fn front(file: &Gateway, reporter: &Reporter<'_>) -> Front {
    let given = file.behind.parse(reporter, |text| number::choice("behind", text, Behind::ALL));
    let behind = given.clone().or(Behind::default());
    let trusted_proxies = match file.trusted_proxies.is_missing() {
        true => behind.networks(),
        false => proxies(file, reporter),
    };
    if let Some(given) = given.given().filter(|_| file.trusted_proxies.is_missing()) {
        warn_of_distrust(given, reporter);
    }
    if let Some(given) = given.given().filter(|given| given.value == Behind::AwsNlb) {
        warn_of_one_client(given, file, reporter);
    }
    let trusts_nobody = match &file.trusted_proxies {
        Field::Missing => !matches!(given, Field::Bad) && trusted_proxies.is_empty(),
        Field::Bad => false,
        Field::Given(list) => list.value.is_empty(),
    };
    Front {
        trusts_nobody,
        behind,
        client_keepalive: client_keepalive(&file.client_keepalive, behind, reporter),
        trusted_proxies,
        drain: drain(&file.drain, behind, reporter),
    }
}

/// Warns of a balancer that is taken for the client.
fn warn_of_distrust(behind: &Given<Behind>, reporter: &Reporter<'_>) {
    let label = "so the balancer's own address is taken for the client's";
    let problem = match behind.value {
        Behind::None | Behind::AwsNlb | Behind::Cloudflare => return,
        Behind::AwsAlb | Behind::Azure => Problem::new("`trusted_proxies` is empty", label).help(
            "write the networks of the balancer's subnets: `trusted_proxies: [ 10.0.0.0/16 ]`",
        ),
        Behind::Gcp => {
            let message = "`trusted_proxies` does not have the balancer's address";
            let label = "Google writes it behind the client's, so it is taken for the client's";
            Problem::new(message, label).help(
                "write `trusted_proxies: [ 35.191.0.0/16, 130.211.0.0/22, ADDRESS ]` with that of the forwarding rule",
            )
        }
    };
    reporter.warn(behind.span, problem);
}

/// Warns of a balancer that hides its clients unless it is told not to, where a listener does not say which.
fn warn_of_one_client(behind: &Given<Behind>, file: &Gateway, reporter: &Reporter<'_>) {
    let entries = file.listeners.value().map(Vec::as_slice).unwrap_or_default();
    let is_silent = |entry: &&Given<OrTable<schema::Listener>>| match &entry.value {
        OrTable::Text(_) => true,
        OrTable::Table(table) => table.proxy_protocol.is_missing(),
    };
    let Some(silent) = entries.iter().filter_map(Field::given).find(is_silent) else {
        return;
    };
    let message = "clients may all have the balancer's address";
    let label = "an NLB whose target group does not preserve clients' addresses shows its own";
    let help = "turn on Proxy Protocol v2 there, and write `proxy_protocol: true` at the listener; where addresses are preserved, write `proxy_protocol: false`";
    let problem = Problem::new(message, label)
        .related(silent.span, "this listener does not say which it is")
        .help(help);
    reporter.warn(behind.span, problem);
}

fn client_keepalive(field: &Field<String>, behind: Behind, reporter: &Reporter<'_>) -> Duration {
    let keepalive = field.parse(reporter, |text| {
        let help = "leave the key away for the default; `1s` is the shortest";
        let keepalive = duration::parse_or("client_keepalive", text, help)?;
        match keepalive < SHORTEST {
            true => Err(Problem::new("`client_keepalive` is shorter than a second", "")
                .help("write at least `1s`")),
            false => Ok(keepalive),
        }
    });
    let default = behind.client_keepalive();
    let Some(Given { value: ours, span }) = keepalive.given() else {
        return default;
    };
    let word = behind.as_str();
    let help = format!("write `{}`, or leave the key away", duration::display(default));
    match behind.idle() {
        Some(Idle::Keeps(theirs)) if *ours <= theirs => {
            let message =
                format!("`client_keepalive` is not longer than the idle time of `{word}`");
            let label = format!(
                "the balancer keeps connections for {}, and answers 502 to what it sends as we close",
                duration::display(theirs)
            );
            reporter.warn(*span, Problem::new(message, label).help(help));
        }
        Some(Idle::Forgets(theirs)) if *ours >= theirs => {
            let message =
                format!("`client_keepalive` is not shorter than the idle time of `{word}`");
            let label = format!(
                "after {} the balancer forgets a connection, and resets what a client sends then",
                duration::display(theirs)
            );
            reporter.warn(*span, Problem::new(message, label).help(help));
        }
        _ => {}
    }
    *ours
}

fn proxies(file: &Gateway, reporter: &Reporter<'_>) -> Vec<ipnet::IpNet> {
    let entries = file.trusted_proxies.value().map(Vec::as_slice).unwrap_or_default();
    let networks = entries.iter().map(|entry| {
        let parsed = entry.parse(reporter, |text| address::network(text));
        parsed.given().map(|Given { value: network, span }| {
            if network.addr() != network.network() {
                let message = format!("`{network}` is an address inside of a network");
                let label = format!("read as the network `{}`", network.trunc());
                let help = format!(
                    "write `{}`, or `{}` for the one address",
                    network.trunc(),
                    network.addr()
                );
                reporter.warn(*span, Problem::new(message, label).help(help));
            }
            network.trunc()
        })
    });
    networks.flatten().collect()
}

fn drain(field: &Field<schema::Drain>, behind: Behind, reporter: &Reporter<'_>) -> DrainPlan {
    let default = DrainPlan { delay: behind.drain_delay(), ..DrainPlan::default() };
    let Some(drain) = field.value() else {
        return default;
    };
    let delay = drain.delay.parse(reporter, |text| duration::parse_or_zero("delay", text));
    let long = LONG_DELAY.max(default.delay);
    if let Some(given) = delay.given().filter(|given| given.value > long) {
        let label = format!(
            "for {}, a stopping gateway goes on as if nothing had happened",
            duration::display(given.value)
        );
        let help = "5s covers two failed probes of a load balancer in front; most supervisors kill after 30s to 90s";
        reporter
            .warn(given.span, Problem::new("`delay` is longer than a minute", label).help(help));
    }
    DrainPlan {
        delay: delay.or(default.delay),
        timeout: drain
            .timeout
            .parse(reporter, |text| {
                let at_once = "to cut off at once what is in flight, write `1ms`";
                duration::parse_or("timeout", text, at_once)
            })
            .or(default.timeout),
    }
}
