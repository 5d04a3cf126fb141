//! `switchback schema`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use switchback_config::{File, json_schema};

/// Prints a JSON Schema.
#[derive(Args, Debug)]
pub(crate) struct Schema {
    /// Of which file
    #[arg(value_enum, value_name = "FILE", default_value_t = Of::Gateway)]
    of: Of,
}

/// The files of a configuration.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// The main file
    Gateway,
    /// A pool's file
    Pool,
}

pub(crate) fn run(schema: &Schema) -> ExitCode {
    let file = match schema.of {
        Of::Gateway => File::Gateway,
        Of::Pool => File::Pool,
    };
    match io::stdout().write_all(json_schema(file).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Half a schema in a file is none.
        Err(error) => {
            let _ = writeln!(io::stderr(), "cannot write the schema: {error}");
            ExitCode::FAILURE
        }
    }
}
