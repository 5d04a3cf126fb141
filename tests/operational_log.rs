//! The operational log at its default level: each change of state once, with why; nothing for a request or a
//! connection; and no client that can make it grow.

#[path = "operational_log/clients.rs"]
mod clients;
#[path = "operational_log/states.rs"]
mod states;

use std::path::Path;
use std::time::Duration;

use switchback_testkit::{Gateway, GatewayBuilder};

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(20);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// A gateway that logs as it does where nobody asked for anything else.
fn by_default() -> GatewayBuilder {
    Gateway::builder().env("RUST_LOG", "")
}

/// The lines with this text.
fn lines(gateway: &Gateway, text: &str) -> Vec<String> {
    let said = gateway.stderr();
    said.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}
