//! The operational log: to standard error, through `log` and `env_logger`.
//!
//! `RUST_LOG` overrides the default, which is: our own messages from `info` on; of Pingora's only what
//! an operator can act on. What a single request or connection does is in the access log, so that no
//! client can flood this one.

use env_logger::Env;

const DEFAULT: &str = "info,pingora_core=off,pingora_proxy=off,pingora_pool=off,\
    pingora_core::server=warn,pingora_core::listeners=warn";

pub(crate) fn start() {
    env_logger::Builder::from_env(Env::default().default_filter_or(DEFAULT))
        .format_target(false)
        .format_timestamp_millis()
        .init();
}
