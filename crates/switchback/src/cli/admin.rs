//! The admin listener of a running gateway: where it is, and what it says.
//!
//! Whoever runs a command on the gateway's own machine names nothing: the configuration knows the listener
//! and its token. Otherwise `--admin` names another, and then the configuration is not even read, nor is its
//! token shown to somebody whom it does not name. A token is never an argument, which every user of the
//! machine sees in the list of processes: it comes from a file or from the environment.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;
use switchback_admin::{Address, Answer, Request};
use switchback_config::ProcessEnvironment;
use switchback_core::plan::{AdminAddress, Plan};

use super::Config;

/// Where to ask.
#[derive(Args, Debug)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(super) config: Config,
    /// The running gateway's admin listener, instead of the one that the configuration names: an address,
    /// or the path of a Unix socket (with a `/` in it)
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<Address>,
}

/// Whom to ask, and what to show.
#[derive(Args, Debug)]
pub(crate) struct Whom {
    #[command(flatten)]
    pub(super) place: Place,
    /// A file with the token for it, or else the token is $SWITCHBACK_ADMIN_TOKEN, or that of the
    /// configuration, if this names the listener
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// The variable that has the token.
const TOKEN: &str = "SWITCHBACK_ADMIN_TOKEN";
/// The largest answer that is read, in bytes: of 100,000 endpoints, pools have some 50 MB,
/// and the configuration 11.
const LARGEST: usize = 256 * 1024 * 1024;
/// The admin listener ends every connection after so long.
const LIMIT: Duration = Duration::from_secs(30);

impl Place {
    /// Where it is, and the token that the configuration has for it.
    pub(super) fn find(&self) -> Result<(Address, Option<String>), String> {
        if let Some(address) = &self.admin {
            return Ok((connectable(address.clone()), None));
        }
        let loaded = switchback_config::load(&self.config.config, &ProcessEnvironment);
        let loaded = loaded.map_err(|refused| {
            format!("{refused}\n\nit would have said where to ask; `--admin ADDRESS` does so, too")
        })?;
        Ok(self.find_in(&loaded.plan))
    }

    /// The same, by a configuration that has been read already.
    pub(super) fn find_in(&self, plan: &Plan) -> (Address, Option<String>) {
        match (&self.admin, &plan.admin.at) {
            (Some(address), _) => (connectable(address.clone()), None),
            (None, AdminAddress::Tcp(address)) => {
                let token = plan.admin.token.as_ref().map(|token| token.reveal().to_owned());
                (Address::Tcp(reachable(*address)), token)
            }
            // Whoever may open it needs none.
            (None, AdminAddress::Unix(path)) => (Address::Unix(path.clone()), None),
        }
    }
}

fn connectable(address: Address) -> Address {
    match address {
        Address::Tcp(address) => Address::Tcp(reachable(address)),
        unix @ Address::Unix(_) => unix,
    }
}

/// Where to connect to a listener with this address: bound to every address, it is on loopback;
/// `0.0.0.0` is none to connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

impl Whom {
    /// The gateway to be asked.
    pub(super) fn gateway(&self) -> Result<Gateway, String> {
        self.with(self.place.find()?)
    }

    /// The same, by a configuration that has been read already.
    pub(super) fn gateway_of(&self, plan: &Plan) -> Result<Gateway, String> {
        self.with(self.place.find_in(plan))
    }

    fn with(&self, (at, configured): (Address, Option<String>)) -> Result<Gateway, String> {
        let own = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                Some(text.map_err(|error| format!("{}: {error}", path.display()))?)
            }
            None => std::env::var(TOKEN).ok().filter(|token| !token.is_empty()),
        };
        let token = own.map(|token| token.trim().to_owned()).or(configured);
        Ok(Gateway { at, token })
    }
}

/// A gateway that runs.
pub(super) struct Gateway {
    at: Address,
    token: Option<String>,
}

/// No, and why; it begins with whom was asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum No {
    /// It has no such thing.
    Missing(String),
    /// It does not do that.
    Refused {
        why: String,
        /// Unless it is forced to.
        may_be_forced: bool,
    },
    /// It cannot be asked, or answers something else.
    Trouble(String),
}

impl fmt::Display for No {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) | Self::Refused { why, .. } | Self::Trouble(why) => f.write_str(why),
        }
    }
}

impl From<No> for String {
    fn from(no: No) -> Self {
        no.to_string()
    }
}

impl Gateway {
    /// A gateway there, without a token.
    #[cfg(test)]
    pub(super) fn at(at: SocketAddr) -> Self {
        Self { at: Address::Tcp(at), token: None }
    }

    /// Where it is.
    pub(super) fn address(&self) -> &Address {
        &self.at
    }

    /// What it has at a path.
    pub(super) fn get(&self, path: &str) -> Result<Vec<u8>, No> {
        self.ask("GET", path, None)
    }

    /// The same, of JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, No> {
        let body = self.get(path)?;
        serde_json::from_slice(&body).map_err(|error| {
            No::Trouble(self.said(format_args!(
                "this is not the admin listener of a gateway of this version: {path}: {error}"
            )))
        })
    }

    /// Why it is not ready, a sentence each; empty if it is.
    pub(super) fn reasons_not_ready(&self) -> Result<Vec<String>, No> {
        let answer = self.answer("GET", "/readyz", None)?;
        match answer.status {
            200 => Ok(Vec::new()),
            503 => {
                let text = String::from_utf8_lossy(&answer.body);
                Ok(text.lines().skip(1).map(str::to_owned).collect())
            }
            _ => Err(self.no("/readyz", &answer)),
        }
    }

    /// Asks for something; gives the body of the answer.
    pub(super) fn ask(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Vec<u8>, No> {
        let answer = self.answer(method, path, body)?;
        match answer.status {
            200..=299 => Ok(answer.body),
            _ => Err(self.no(path, &answer)),
        }
    }

    fn answer(&self, method: &'static str, path: &str, body: Option<&str>) -> Result<Answer, No> {
        let request = Request { method, path, body, token: self.token.as_deref() };
        switchback_admin::fetch(&self.at, &request, LARGEST, LIMIT)
            .map_err(|error| No::Trouble(self.said(self.unanswered(&error))))
    }

    /// Why there is no answer.
    fn unanswered(&self, error: &io::Error) -> String {
        match error.kind() {
            ErrorKind::ConnectionRefused => {
                "connection refused: no gateway runs there; `--admin` names another address".into()
            }
            ErrorKind::NotFound => {
                "there is no such socket: no gateway runs there; `--admin` names another".into()
            }
            ErrorKind::PermissionDenied => {
                "permission denied: the socket is for the gateway's own user".into()
            }
            ErrorKind::TimedOut => format!("no whole answer within {} s", LIMIT.as_secs()),
            ErrorKind::InvalidData => {
                format!("this is not the admin listener of a gateway: {error}")
            }
            _ => error.to_string(),
        }
    }

    /// What an answer means that is no success.
    fn no(&self, path: &str, answer: &Answer) -> No {
        let detail = answer.detail();
        let said = detail.as_ref().map(|detail| plain(&detail.text));
        let path = path.split('?').next().unwrap_or(path);
        match (answer.status, said) {
            (401, _) if self.token.is_some() => {
                No::Trouble(self.said("it knows another token (status 401)"))
            }
            (401, _) => No::Trouble(self.said(format_args!(
                "it wants a token: give `--token-file FILE`, or set {TOKEN} (status 401)"
            ))),
            (403, Some(said)) => No::Trouble(self.said(format_args!("{said} (status 403)"))),
            (403, None) => No::Trouble(self.said("it does not answer everybody (status 403)")),
            (404, _) => No::Missing(self.said(format_args!(
                "it has no {path}: this gateway is of an older version, or this is not its admin listener"
            ))),
            (409, Some(why)) => No::Refused {
                why: self.said(why),
                may_be_forced: detail.is_some_and(|detail| detail.may_be_forced),
            },
            (status, said) => {
                let said = said.unwrap_or_else(|| first_line(&answer.body));
                let said = if said.is_empty() { said } else { format!(": {said}") };
                No::Trouble(self.said(format_args!("it answered {path} with status {status}{said}")))
            }
        }
    }

    fn said(&self, what: impl fmt::Display) -> String {
        format!("{}: {what}", self.at)
    }
}

/// The first line of an answer, for a sentence.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
    plain(line.trim())
}

/// A text from outside, without what drives a terminal.
pub(super) fn plain(text: &str) -> String {
    let escaped = |character: char| match super::json::drives_a_terminal(character) {
        true => character.escape_default().to_string(),
        false => character.into(),
    };
    text.chars().map(escaped).collect()
}

/// A name as a segment of a path (RFC 3986, section 2.3).
pub(super) fn segment(name: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' | b':' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(encoded).collect()
}

#[cfg(test)]
pub(super) mod tests;
