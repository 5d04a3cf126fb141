//! What is asked of each proxy.
//!
//! A scenario differs from the first, the small GET over a kept connection, in one thing, so that what the difference
//! costs is read off. All of them go to an HTTP/1.1 backend over kept connections. Requests look like a client's: five
//! fields that mean something to somebody. Where there are many routes, each request takes the next one, because a proxy
//! that remembers the last would else look better than it is.
//!
//! The last rows are about size: what they cost beside the first is to be little, whoever is asked.

use bytes::Bytes;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// HTTP/1.1 over TCP.
    Plain,
    /// HTTP/1.1 over TLS 1.3.
    Tls,
    /// HTTP/2 over TLS 1.3.
    H2,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// GET, 12 bytes back.
    Small,
    /// GET, 64 KiB back.
    Large,
    /// POST of 16 KiB, 12 bytes back.
    Post,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    /// For `--only`, and in the budget.
    pub(crate) name: &'static str,
    /// For the table.
    pub(crate) title: &'static str,
    pub(crate) wire: Wire,
    pub(crate) ask: Ask,
    /// Whether connections are kept; else each request has its own, and over TLS its own full handshake.
    pub(crate) kept: bool,
    /// Whether the proxy logs each request, in the format that is its default. Bare Pingora never does.
    pub(crate) log: bool,
    pub(crate) endpoints: usize,
    /// A route is a host. Bare Pingora has none.
    pub(crate) routes: usize,
    /// Clients that are connected, have had one answer, and ask for nothing more.
    pub(crate) idle: usize,
}

/// The body of a small answer.
pub(crate) const SMALL_BODY: &[u8] = b"hello world\n";

/// How long that of a large one is.
pub(crate) const LARGE: usize = 64 * 1024;

/// Of a request's body.
pub(crate) const POSTED: usize = 16 * 1024;

const SMALL: Scenario = Scenario {
    name: "small-get",
    title: "small GET, keep-alive",
    wire: Wire::Plain,
    ask: Ask::Small,
    kept: true,
    log: false,
    endpoints: 3,
    routes: 1,
    idle: 0,
};

/// In the order of the table.
pub(crate) const ALL: [Scenario; 13] = [
    SMALL,
    Scenario { name: "large-answer", title: "64 KiB answer", ask: Ask::Large, ..SMALL },
    Scenario { name: "post", title: "16 KiB POST", ask: Ask::Post, ..SMALL },
    Scenario { name: "connect", title: "connection per request", kept: false, ..SMALL },
    Scenario { name: "tls", title: "TLS 1.3, keep-alive", wire: Wire::Tls, ..SMALL },
    Scenario {
        name: "handshake",
        title: "TLS handshake per request",
        wire: Wire::Tls,
        kept: false,
        ..SMALL
    },
    Scenario { name: "h2", title: "HTTP/2 over TLS", wire: Wire::H2, ..SMALL },
    Scenario { name: "access-log", title: "small GET, access log on", log: true, ..SMALL },
    Scenario { name: "endpoints", title: "small GET, 1,000 endpoints", endpoints: 1_000, ..SMALL },
    Scenario {
        name: "endpoints-10k",
        title: "small GET, 10,000 endpoints",
        endpoints: 10_000,
        ..SMALL
    },
    Scenario { name: "routes", title: "small GET, 1,000 routes", routes: 1_000, ..SMALL },
    Scenario { name: "routes-10k", title: "small GET, 10,000 routes", routes: 10_000, ..SMALL },
    Scenario { name: "idle", title: "small GET, 10,000 idle clients", idle: 10_000, ..SMALL },
];

/// Those with just these names, or all.
///
/// # Errors
/// The name that none has.
pub(crate) fn named(names: &[String]) -> Result<Vec<Scenario>, String> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let find = |name: &String| {
        let known = || ALL.map(|scenario| scenario.name).join(", ");
        ALL.into_iter()
            .find(|scenario| scenario.name == name)
            .ok_or_else(|| format!("no scenario `{name}`; there are {}", known()))
    };
    names.iter().map(find).collect()
}

/// The host of a route.
pub(crate) fn host(route: usize) -> String {
    format!("h{route}.example.com")
}

impl Scenario {
    /// Method and path.
    pub(crate) fn target(self) -> (&'static str, &'static str) {
        match self.ask {
            Ask::Small => ("GET", "/index.html"),
            Ask::Large => ("GET", "/large"),
            Ask::Post => ("POST", "/sink"),
        }
    }

    /// How long the body of an answer is.
    pub(crate) fn answered(self) -> usize {
        match self.ask {
            Ask::Small | Ask::Post => SMALL_BODY.len(),
            Ask::Large => LARGE,
        }
    }

    /// A request for each route, as the bytes of HTTP/1.1.
    pub(crate) fn requests(self) -> Vec<Bytes> {
        (0..self.routes).map(|route| self.request(route)).collect()
    }

    fn request(self, route: usize) -> Bytes {
        let (method, path) = self.target();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", host(route));
        for (name, value) in FIELDS {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.kept {
            head.push_str("Connection: close\r\n");
        }
        if self.ask == Ask::Post {
            head.push_str(&format!("Content-Length: {POSTED}\r\n"));
        }
        let mut bytes = (head + "\r\n").into_bytes();
        if self.ask == Ask::Post {
            bytes.resize(bytes.len() + POSTED, b'x');
        }
        bytes.into()
    }
}

/// What every request carries beside its host.
pub(crate) const FIELDS: [(&str, &str); 4] = [
    ("user-agent", "switchback-bench/1"),
    ("accept", "*/*"),
    ("accept-encoding", "gzip"),
    ("x-test", "1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_none_is_told_with_those_that_are() {
        let error = named(&["post".to_owned(), "poost".to_owned()]).expect_err("a misspelt name");
        assert!(error.contains("`poost`") && error.contains("large-answer"), "{error}");
        assert_eq!(named(&[]).expect("all").len(), ALL.len());
    }

    #[test]
    fn each_route_has_its_own_request() {
        let requests = named(&["routes".to_owned()]).expect("a scenario")[0].requests();
        assert_eq!(requests.len(), 1_000);
        assert!(
            requests[999].starts_with(b"GET /index.html HTTP/1.1\r\nHost: h999.example.com\r\n")
        );
    }

    #[test]
    fn a_post_brings_its_body() {
        let request = &named(&["post".to_owned()]).expect("a scenario")[0].requests()[0];
        let head = crate::wire::head_end(request).expect("a head");
        assert_eq!(crate::wire::content_length(&request[..head]), Some(POSTED));
        assert_eq!(request.len() - head, POSTED);
    }
}
