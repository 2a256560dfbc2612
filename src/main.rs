//! The `backout` binary: reads arguments, environment and terminals once, and hands them on.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use backout::app::{self, Surroundings};
use backout::cli::Cli;
use backout::exit;
use clap::Parser;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::INVALID } else { exit::MET });
        }
    };
    match app::main(cli, &surroundings(), &mut std::io::stdout()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(error.code())
        }
    }
}

fn surroundings() -> Surroundings {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let columns = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
    Surroundings {
        current: std::env::current_dir().unwrap_or_else(|_| ".".into()),
        stdout_is_terminal: std::io::stdout().is_terminal(),
        stderr_is_terminal: std::io::stderr().is_terminal(),
        stdin_is_terminal: std::io::stdin().is_terminal(),
        width: columns.unwrap_or(80),
        environment,
    }
}
