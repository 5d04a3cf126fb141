//! What an effective configuration says of one endpoint, whatever operators override.

use std::net::SocketAddr;

use serde_yaml::Value;
use switchback_core::plan::Admin;

use super::gateway::address;
use super::stream::{NotEffective, Side, Stream};
use super::tree::Named;

/// Whether an endpoint of the running gateway serves by its configuration; `None`: it is not configured.
///
/// # Errors
///
/// If the text is no effective configuration.
pub fn configured(
    running: &str,
    pool: &str,
    endpoint: SocketAddr,
) -> Result<Option<Admin>, NotEffective> {
    let stream = Stream::new(running, Side::Running)?;
    let Some(pool) = stream.pool(pool) else { return Ok(None) };
    let endpoints = Named::at(pool.tree()?, "endpoints", address);
    let text = endpoint.to_string();
    let found = endpoints.as_ref().and_then(|endpoints| endpoints.find(&text));
    let Some(found) = found else { return Ok(None) };
    let is = |key: &str| found.get(key).and_then(Value::as_bool) == Some(true);
    Ok(Some(match () {
        () if is("disabled") => Admin::Disabled,
        () if is("drain") => Admin::Drain,
        () => Admin::Enabled,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_of_an_endpoint_is_read_from_what_runs() {
        let main = (
            "switchback.yaml",
            "pools: pools/*.yaml\nlisteners: [ 127.0.0.1:1 ]\nroutes: [ { pool: web } ]\n",
        );
        let pool = "endpoints:\n  - 10.0.0.1:80\n  - { address: 10.0.0.2:80, drain: true }\n  - { address: \"[::1]:80\", disabled: true }\n";
        let environment = crate::ProcessEnvironment;
        let loaded = crate::parse_str(main, &[("pools/web.yaml", pool)], &environment).unwrap();
        let text = loaded.effective_redacted();
        for (pool, endpoint, wanted) in [
            ("web", "10.0.0.1:80", Some(Admin::Enabled)),
            ("web", "10.0.0.2:80", Some(Admin::Drain)),
            ("web", "[::1]:80", Some(Admin::Disabled)),
            ("web", "10.0.0.3:80", None),
            ("api", "10.0.0.1:80", None),
        ] {
            let found = configured(&text, pool, endpoint.parse().unwrap()).unwrap();
            assert_eq!(found, wanted, "{pool}/{endpoint}");
        }
        assert!(configured("<html>", "web", "10.0.0.1:80".parse().unwrap()).is_err());
    }
}
