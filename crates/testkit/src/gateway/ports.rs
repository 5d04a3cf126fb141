//! The ports of a gateway, found by binding them and kept as long as the handle lives.
//!
//! They stay bound, without listening: the gateway can bind them all the same, because both sides set
//! `SO_REUSEADDR`, and no outgoing connection of a busy machine can take them before it does.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::net::TcpSocket;

#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) spare: SocketAddr,
    _reserved: [TcpSocket; 3],
}

impl Ports {
    pub(crate) fn reserve() -> Self {
        let reserved = [(); 3].map(|()| reserve());
        let [listen, admin, spare] =
            reserved.each_ref().map(|socket| socket.local_addr().expect("a bound socket has one"));
        Self { listen, admin, spare, _reserved: reserved }
    }

    /// Puts addresses and folder where a text names them.
    pub(crate) fn fill(&self, text: &str, dir: &Path) -> String {
        text.replace("$LISTEN", &self.listen.to_string())
            .replace("$ADMIN", &self.admin.to_string())
            .replace("$SPARE", &self.spare.to_string())
            .replace("$DIR", &dir.display().to_string())
    }
}

fn reserve() -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("SO_REUSEADDR");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
    socket
}
