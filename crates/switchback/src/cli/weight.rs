//! `switchback weight`.

use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;

use super::overrides::{HOLDS, Which, change, told};
use super::tell;

/// Weighs an endpoint.
#[derive(Args, Debug)]
#[command(after_help = HOLDS)]
pub(crate) struct Weight {
    #[command(flatten)]
    which: Which,
    /// Its share, from 1 to 1000, beside those of the pool's other endpoints; `default`: as configured
    #[arg(value_name = "N|default")]
    weight: Share,
}

/// A share; `None`: the one that is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share(Option<u16>);

impl FromStr for Share {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "default" {
            return Ok(Self(None));
        }
        match text.parse() {
            Ok(0) => Err("a weight is from 1 to 1000; for nothing at all there is `disable`"),
            Ok(weight @ 1..=1000) => Ok(Self(Some(weight))),
            _ => Err("a weight is a number from 1 to 1000, or `default`"),
        }
    }
}

pub(crate) fn run(weight: &Weight) -> ExitCode {
    let Which { target, whom, format } = &weight.which;
    let done = whom.gateway().and_then(|gateway| {
        let endpoint = change(&gateway, target, false, |_, wanted| {
            wanted.weight = weight.weight.0;
            Ok(())
        })?;
        let how = match weight.weight.0 {
            Some(_) => "instead of what is configured",
            None => "as configured",
        };
        Ok(told(target, &endpoint, &format!("weight {}, {how}", endpoint.weight)))
    });
    tell(*format, done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_a_number_or_the_default() {
        assert_eq!("5".parse(), Ok(Share(Some(5))));
        assert_eq!("1000".parse(), Ok(Share(Some(1000))));
        assert_eq!("default".parse(), Ok(Share(None)));
        assert!("0".parse::<Share>().unwrap_err().contains("disable"));
        for wrong in ["", "-1", "1001", "70000", "2x", "Default"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
