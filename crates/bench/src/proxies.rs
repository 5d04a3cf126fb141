//! Four proxies, each told the same.
//!
//! One worker, connections to the endpoints kept, round robin where there is no better default, HTTP/2 towards clients
//! where the scenario wants it, and else what each does by itself. What they do by themselves is not the same:
//! Switchback weighs latencies, counts, probes and can retry, and that is the cost in question. Probes are set to one
//! a minute, so that a second of measurement is one of requests; what probes of many endpoints cost is a question of its own.

use std::fmt::Write;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::scenario::{Scenario, Wire, host};
use crate::tls::Certificate;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Proxy {
    /// nginx, as Debian has it.
    Nginx,
    /// HAProxy, as Debian has it.
    Haproxy,
    /// Nothing but Pingora: `bare-pingora` of this crate.
    Bare,
    /// The gateway.
    Switchback,
}

/// What a proxy is started for.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) scenario: Scenario,
    pub(crate) endpoints: &'a [SocketAddr],
    pub(crate) certificate: &'a Certificate,
    /// Of this proxy alone.
    pub(crate) folder: &'a Path,
}

impl Proxy {
    /// In the order of the table.
    pub(crate) const ALL: [Self; 4] = [Self::Nginx, Self::Haproxy, Self::Bare, Self::Switchback];

    /// For the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Bare => "bare Pingora",
            Self::Switchback => "Switchback",
        }
    }

    /// Writes its configuration, and says how it is started.
    pub(crate) fn command(self, program: &Path, setup: &Setup) -> io::Result<Command> {
        let mut command = Command::new(program);
        match self {
            Self::Nginx => {
                command.arg("-c").arg(setup.write("nginx.conf", &nginx(setup))?);
                command.arg("-p").arg(setup.folder).args(["-e", "nginx.log"]);
            }
            Self::Haproxy => {
                setup.write("hosts.map", &map(setup))?;
                command.arg("-db").arg("-f").arg(setup.write("haproxy.cfg", &haproxy(setup))?);
            }
            Self::Bare => {
                command.arg(setup.listen.to_string());
                if setup.scenario.wire != Wire::Plain {
                    command.arg("--tls").args([&setup.certificate.cert, &setup.certificate.key]);
                }
                command.args(setup.endpoints.iter().map(SocketAddr::to_string));
            }
            Self::Switchback => {
                fs::create_dir_all(setup.folder.join("pools"))?;
                setup.write("pools/web.yaml", &pool(setup))?;
                let main = setup.write("switchback.yaml", &switchback(setup))?;
                command.args(["run", "--config"]).arg(main);
            }
        }
        Ok(command)
    }
}

impl Setup<'_> {
    fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }

    /// A line for each endpoint.
    fn each(&self, line: impl Fn(usize, &SocketAddr) -> String) -> String {
        self.endpoints.iter().enumerate().map(|(n, endpoint)| line(n, endpoint)).collect()
    }
}

fn switchback(setup: &Setup) -> String {
    let tls = match setup.scenario.wire {
        Wire::Plain => String::new(),
        Wire::Tls | Wire::H2 => {
            let Certificate { cert, key, .. } = setup.certificate;
            let (cert, key) = (cert.display(), key.display());
            format!(", tls: {{ certificates: [ {{ cert: {cert}, key: {key} }} ] }}")
        }
    };
    let log = if setup.scenario.log { "{ file: access.log }" } else { "\"off\"" };
    let mut text = format!(
        "listeners: [ {{ address: {}{tls} }} ]\n\
         admin: {{ socket: admin.sock }}\n\
         access_log: {log}\n\
         threads: 1\n\
         client_keepalive: 10m\n\
         limits: {{ connections: 12000 }}\n\
         pools: pools/*.yaml\n\
         routes:\n",
        setup.listen
    );
    for route in 0..setup.scenario.routes {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  - {{ host: {}, pool: web }}", host(route));
    }
    text
}

fn pool(setup: &Setup) -> String {
    let endpoints = setup.each(|_, endpoint| format!("  - {endpoint}\n"));
    format!(
        "health: {{ tcp: {{}}, interval: 60s }}\ntimeouts: {{ keepalive: 60s }}\nendpoints:\n{endpoints}"
    )
}

fn nginx(setup: &Setup) -> String {
    let servers = setup.each(|_, endpoint| format!("    server {endpoint};\n"));
    let Certificate { cert, key, .. } = setup.certificate;
    let (tls, kind) = match setup.scenario.wire {
        Wire::Plain => (String::new(), ""),
        Wire::Tls | Wire::H2 => (
            format!(
                "ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {}; ssl_certificate_key {};",
                cert.display(),
                key.display()
            ),
            if setup.scenario.wire == Wire::H2 { " ssl http2" } else { " ssl" },
        ),
    };
    let log = if setup.scenario.log { "access.log" } else { "off" };
    let mut text = format!(
        "daemon off; master_process off; pid nginx.pid;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  access_log {log};
  keepalive_requests 1000000000; keepalive_timeout 600s;
  client_body_buffer_size 32k;
  server_names_hash_max_size 8192; server_names_hash_bucket_size 128;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  {tls}
  proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;
  upstream web {{
{servers}    keepalive 4096; keepalive_requests 1000000000; keepalive_timeout 60s;
  }}
"
    );
    for route in 0..setup.scenario.routes {
        let name = host(route);
        let _ = writeln!(
            text,
            "  server {{ listen {}{kind}; server_name {name}; location / {{ proxy_pass http://web; }} }}",
            setup.listen
        );
    }
    text + "}\n"
}

fn haproxy(setup: &Setup) -> String {
    let bind = match setup.scenario.wire {
        Wire::Plain => String::new(),
        Wire::Tls => format!(" ssl crt {} alpn http/1.1", setup.certificate.both.display()),
        Wire::H2 => format!(" ssl crt {} alpn h2,http/1.1", setup.certificate.both.display()),
    };
    // Standard output is a file.
    let log =
        if setup.scenario.log { "  log stdout format raw local0\n  option httplog\n" } else { "" };
    let chosen = match setup.scenario.routes {
        1 => "default_backend web".to_owned(),
        _ => {
            let map = setup.folder.join("hosts.map");
            format!("use_backend %[req.hdr(host),lower,map({})]", map.display())
        }
    };
    let servers = setup.each(|n, endpoint| format!("  server s{n} {endpoint}\n"));
    format!(
        "global
  nbthread 1
  no strict-limits
  maxconn 12000
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
{log}frontend front
  bind {}{bind}
  {chosen}
backend web
  balance roundrobin
  http-reuse always
{servers}",
        setup.listen
    )
}

fn map(setup: &Setup) -> String {
    (0..setup.scenario.routes).map(|route| format!("{} web\n", host(route))).collect()
}
