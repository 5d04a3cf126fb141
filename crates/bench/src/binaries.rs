//! Where the programs come from: ours are built, the others found.
//!
//! Switchback is built by itself, as it is released: built together with another package it could get features of
//! libraries that only the other one wants. Of the profile `dev` it is the binary of the tests, with all that they want:
//! another choice of packages would have Cargo build the libraries once more, minutes in CI.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::proxies::Proxy;
use crate::report::tell;
use crate::stage::Program;

/// What is to be measured, and what of it is there already.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) switchback: Option<PathBuf>,
    pub(crate) bare: Option<PathBuf>,
    pub(crate) envoy: Option<PathBuf>,
    /// The profile of what is built.
    pub(crate) profile: String,
}

impl Wanted {
    /// All of them, but for those that the machine lacks, which is told.
    ///
    /// # Errors
    /// A build that fails, a given path where nothing is.
    pub(crate) fn find(&self) -> Result<Vec<Program>, Failure> {
        let mut found = Vec::new();
        for proxy in Proxy::ALL.into_iter().filter(|proxy| self.proxies.contains(proxy)) {
            let path = match proxy {
                Proxy::Nginx => installed("nginx"),
                Proxy::Haproxy => installed("haproxy"),
                Proxy::Envoy => match &self.envoy {
                    Some(given) => Some(there(given)?),
                    None => installed("envoy"),
                },
                Proxy::Caddy => installed("caddy"),
                Proxy::Bare => {
                    Some(self.ours(self.bare.as_ref(), "switchback-bench", "bare-pingora")?)
                }
                Proxy::Switchback => {
                    Some(self.ours(self.switchback.as_ref(), "switchback", "switchback")?)
                }
            };
            match path {
                Some(path) => found.push(Program { proxy, path }),
                None => tell(&format!("skipped: {} is not installed", proxy.title())),
            }
        }
        Ok(found)
    }

    fn ours(&self, given: Option<&PathBuf>, package: &str, name: &str) -> Result<PathBuf, Failure> {
        given.map_or_else(|| build(&self.profile, package, name), |given| there(given))
    }
}

/// A path that was given, from the root: the process is started in a folder of its own.
fn there(given: &Path) -> Result<PathBuf, Failure> {
    Ok(given.canonicalize().map_err(|error| format!("{}: {error}", given.display()))?)
}

/// Whether a program is there, which is none of the proxies.
pub(crate) fn installed(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // A user's PATH often lacks where Debian has servers.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Builds into the target folder that this program lies in.
fn build(profile: &str, package: &str, name: &str) -> Result<PathBuf, Failure> {
    let own = env::current_exe()?;
    let target = own.ancestors().nth(2).ok_or("this program lies in no target folder")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    tell(&format!("building {name} with profile {profile}"));
    let mut command = Command::new(cargo);
    if profile == "dev" {
        // The smallest test of the package, for which its programs are built.
        let test = if package == "switchback" { "startup" } else { "smoke" };
        command.args(["test", "--workspace", "--locked", "--no-run", "--quiet", "--test", test]);
    } else {
        command.args(["build", "--locked", "--profile", profile, "-p", package, "--bin", name]);
    }
    let status = command
        .arg("--target-dir")
        .arg(target)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .status()?;
    if !status.success() {
        return Err(format!("{name} cannot be built: {status}").into());
    }
    Ok(target.join(folder(profile)).join(name))
}

/// Cargo's folder of a profile.
fn folder(profile: &str) -> &str {
    if profile == "dev" { "debug" } else { profile }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_lacks_is_not_found() {
        assert_eq!(installed("no-such-proxy-anywhere"), None);
        assert!(installed("sh").is_some());
    }

    #[test]
    fn a_given_program_must_be_there() {
        let wanted = Wanted {
            proxies: vec![Proxy::Switchback],
            switchback: Some("/no/such/switchback".into()),
            bare: None,
            envoy: None,
            profile: "release".to_owned(),
        };
        let error = wanted.find().expect_err("nothing is there").to_string();
        assert!(error.starts_with("/no/such/switchback: "), "{error}");
    }
}
