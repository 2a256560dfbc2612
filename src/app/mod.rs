//! The composition root: the only module that sees everything. One short function per subcommand.

mod clean;
mod copy;
mod coverage;
mod engine;
mod files;
mod gateway;
mod init;
mod judge;
mod lint;
mod plan;
mod points;
mod recorded;
mod run;
mod starter;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use clap::CommandFactory;

use crate::cli::{Cli, Command, Format};
use crate::exit;
use crate::journal::JournalError;
use crate::report;
use crate::stage::docker::NoEngine;

/// The world as it was when the program started, read once.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The current folder.
    pub current: PathBuf,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Surroundings {
    /// How reports are written to standard output.
    fn style(&self) -> report::Style {
        let no_colour = self.environment.get("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = self.environment.get("TERM").is_some_and(|term| term == "dumb");
        report::Style {
            colour: self.stdout_is_terminal && !no_colour && !dumb,
            width: self.width.clamp(60, 80),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum AppError {
    /// A file or the command line is wrong: the diagnostics, drawn.
    Invalid(String),
    /// There is no engine.
    NoEngine(NoEngine),
    /// The journal cannot be written.
    Journal(JournalError),
    /// Something else of this machine or the engine.
    Trouble(String),
}

impl AppError {
    /// The exit code (S24).
    pub fn code(&self) -> u8 {
        match self {
            Self::Invalid(_) => exit::INVALID,
            Self::NoEngine(_) | Self::Journal(_) | Self::Trouble(_) => exit::TROUBLE,
        }
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(drawn) => f.write_str(drawn.trim_end()),
            Self::NoEngine(error) => write!(f, "error: {error}"),
            Self::Journal(error) => write!(f, "error: {error}"),
            Self::Trouble(message) => write!(f, "error: {message}"),
        }
    }
}

impl From<JournalError> for AppError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<NoEngine> for AppError {
    fn from(error: NoEngine) -> Self {
        Self::NoEngine(error)
    }
}

/// Does what the command line says; returns the exit code.
///
/// # Errors
/// Whatever kept it from doing so.
pub fn main(cli: Cli, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    match cli.command {
        Command::Run(run) => block_on(run::run(&run, around, out)),
        Command::Sweep(sweep) => block_on(run::sweep(&sweep, around, out)),
        Command::Points(points) => block_on(points::points(&points, around, out)),
        Command::Demo(demo) => block_on(run::demo(&demo, around, out)),
        Command::Clean(clean) => block_on(clean::clean(&clean, around, out)),
        Command::Check(inputs) => plan::check(&inputs, around, out),
        Command::Plan(inputs) => plan::show(&inputs, around, out),
        Command::Lint(lint) => lint::lint(&lint, around, out),
        Command::Judge(judge) => judge::judge(&judge, around, out),
        Command::Coverage(asked) => coverage::coverage(&asked, around, out),
        Command::Show(show) => judge::show(&show, around, out),
        Command::List(list) => plan::list(&list, around, out),
        Command::Schema(schema) => say(out, &schema_text(schema.format)),
        Command::Init(init) => init::init(&init, around, out),
        Command::Copy(pairs) => copy::copy(&pairs),
        Command::Gateway(gateway) => gateway::gateway(gateway),
        Command::Files(folder) => {
            let printed = crate::state::files::print(&folder.path, out);
            printed.map_err(|error| AppError::Trouble(format!("could not print: {error}")))?;
            Ok(exit::MET)
        }
        Command::Completions(completions) => {
            clap_complete::generate(completions.shell, &mut Cli::command(), "backout", out);
            Ok(exit::MET)
        }
    }
}

fn schema_text(format: Format) -> String {
    let schema = match format {
        Format::Scenario => report::schemas::scenario(),
        Format::Drill => report::schemas::drill(),
        Format::Scorecard => report::schemas::scorecard(),
        Format::Coverage => report::schemas::coverage(),
    };
    format!("{schema:#}\n")
}

/// Writes to standard output; a reader that has gone away is no error.
fn say(out: &mut dyn Write, text: &str) -> Result<u8, AppError> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(exit::MET),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(exit::MET),
        Err(error) => Err(AppError::Trouble(format!("could not write to standard output: {error}"))),
    }
}

fn block_on(work: impl Future<Output = Result<u8, AppError>>) -> Result<u8, AppError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| AppError::Trouble(format!("could not start: {error}")))?;
    let result = runtime.block_on(work);
    // A thread that waits for standard input must not keep the program from ending.
    runtime.shutdown_background();
    result
}
