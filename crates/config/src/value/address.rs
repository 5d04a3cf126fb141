//! Addresses: an IP and a port. Names are refused with the reason, by who asks.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::diagnostic::{Problem, quote};

/// Whose address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A listener or the admin listener: bound.
    Listener,
    /// An endpoint: connected to.
    Endpoint,
}

/// An IP address with a port that is not zero.
pub(crate) fn parse(owner: Owner, text: &str) -> Result<SocketAddr, Problem> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 => {
            let label = match owner {
                Owner::Listener => "clients could not know which port it is",
                Owner::Endpoint => "nothing can be connected to on port 0",
            };
            Err(Problem::new("port 0 is no port to use", label).help("ports are 1 to 65535"))
        }
        Ok(address) if owner == Owner::Endpoint && address.ip().is_unspecified() => {
            let message = format!("{} is no address to connect to", quote(text));
            let help = format!("for this machine, write `127.0.0.1:{}`", address.port());
            Err(Problem::new(message, "it means every address of a machine").help(help))
        }
        Ok(address) => Ok(address),
        Err(_) => Err(refused(owner, text)),
    }
}

/// A network, or an address for the network of one.
pub(crate) fn network(text: &str) -> Result<IpNet, Problem> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    text.parse().map_err(|_| {
        let message = format!("{} is no IP address or network", quote(text));
        let label = match text.split_once('/') {
            Some((address, _)) if address.parse::<Ipv6Addr>().is_ok() => "the prefix is 0 to 128",
            Some((address, _)) if address.parse::<IpAddr>().is_ok() => "the prefix is 0 to 32",
            _ => "neither an address nor a network",
        };
        Problem::new(message, label)
            .help("write an address, `192.0.2.1`, or a network, `10.0.0.0/8`")
    })
}

/// Why a text is no address: the first reason that fits.
fn refused(owner: Owner, text: &str) -> Problem {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let problem = |label: &str| Problem::new(format!("{} is no address", quote(text)), label);
    let in_brackets = |host: &str, port: &str| {
        problem("an IPv6 address needs brackets in front of a port")
            .help(format!("write {}", quote(&format!("[{host}]:{port}"))))
    };
    let example = match owner {
        Owner::Listener => "0.0.0.0:8080",
        Owner::Endpoint => "10.0.1.11:8080",
    };
    if text.contains("://") || text.contains('/') {
        return problem("an address has no scheme and no path")
            .help(format!("write IP:PORT, for example `{example}`; TLS is set by `tls`"));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        if let Some((host, port)) =
            text.rsplit_once(':').filter(|(host, _)| host.parse::<Ipv6Addr>().is_ok())
            && is_digits(port)
        {
            return in_brackets(host, port);
        }
        return problem("the port is missing")
            .help(format!("write {}", quote(&SocketAddr::new(ip, 8080).to_string())));
    }
    if is_digits(text) {
        let help = match owner {
            Owner::Listener => {
                format!("to listen on every interface, write {}", quote(&format!("0.0.0.0:{text}")))
            }
            Owner::Endpoint => format!("write IP:PORT, for example `{example}`"),
        };
        return problem("a number alone").help(help);
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return name(owner, text, &problem);
    };
    if !is_digits(port) || port.parse::<u16>().is_err() {
        let problem = Problem::new(format!("{} is no port", quote(port)), "ports are 1 to 65535");
        return problem.help(format!("write IP:PORT, for example `{example}`"));
    }
    if host.is_empty() {
        return problem("the IP address is missing").help(match owner {
            Owner::Listener => {
                format!("for every interface, write {}", quote(&format!("0.0.0.0:{port}")))
            }
            Owner::Endpoint => {
                format!("for this machine, write {}", quote(&format!("127.0.0.1:{port}")))
            }
        });
    }
    if host.parse::<Ipv6Addr>().is_ok() {
        return in_brackets(host, port);
    }
    if host.starts_with('[') || host.contains(':') {
        return problem("no valid IPv6 address").help("write for example `[2001:db8::11]:8080`");
    }
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return problem("no valid IPv4 address")
            .help("an IPv4 address is four numbers from 0 to 255, without leading zeros");
    }
    name(owner, text, &problem)
}

fn name(owner: Owner, text: &str, problem: &dyn Fn(&str) -> Problem) -> Problem {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if text.is_empty() || !text.chars().all(is_name) {
        return problem("not of the form IP:PORT").help(
            "write an IP address and a port, for example `10.0.1.11:8080` or `[2001:db8::11]:8080`",
        );
    }
    match owner {
        Owner::Endpoint => problem("endpoints are addresses; DNS names are not resolved in this release")
            .help("write the IP address behind the name, with its port: `10.0.1.11:8080`"),
        Owner::Listener => problem("a listener binds an IP address, not a name")
            .help("for every interface write `0.0.0.0:8080`; which names are served is up to `host` in the routes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_are_read() {
        assert!(parse(Owner::Endpoint, "10.0.1.11:8080").is_ok());
        assert!(parse(Owner::Endpoint, "[2001:db8::1]:8080").is_ok());
        assert!(parse(Owner::Listener, "0.0.0.0:1").is_ok());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "8080",
            ":8080",
            "10.0.0.1",
            "10.0.0.1:0",
            "10.0.0.1:70000",
            "10.0.0.256:1",
            "web:80",
            "web",
            "::1:80",
            "[::1]",
            "[::x]:80",
            "http://10.0.0.1:80",
            "22:22",
            "10.0.0.1:http",
            "0.0.0.0:80",
            "010.0.0.1:80",
            " 10.0.0.1:80",
            "10.0.0.1:80 ",
            "10.0.0.1:+80",
            "名:80",
        ] {
            assert!(parse(Owner::Endpoint, text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_a_network_of_one() {
        assert_eq!(network("192.0.2.1").unwrap().to_string(), "192.0.2.1/32");
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        for text in ["10.0.0.0/33", "::/129", "10.0.0", "any", ""] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}
