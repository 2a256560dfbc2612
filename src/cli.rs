//! The command line: exactly what the user typed, nothing resolved.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::gateway::control::Route;
use crate::scenario::Timespan;

/// Rollback drills for staging: break a change half-way, roll it back, and judge from evidence
/// whether the system and its data came back.
#[derive(Debug, Parser)]
#[command(name = "backout", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run drills, scenarios, or all scenarios below a folder
    Run(Run),
    /// Try every point at which a change and its rollback can break
    Sweep(Sweep),
    /// List the points that a change and its rollback really have
    Points(Points),
    /// Validate files without touching anything
    Check(Inputs),
    /// Show what would run: images, steps, points, faults, expectations
    Plan(Inputs),
    /// Name operations without a way back, before anything runs
    Lint(Lint),
    /// Recompute verdict and reports of a past run from its journal
    Judge(Judge),
    /// List the scenarios below a folder
    List(List),
    /// List what takes changes back below a folder, and which of it was ever tested
    Coverage(Coverage),
    /// Show the scorecard of a past run
    Show(Show),
    /// Remove from the engine what dead runs and `--keep` have left
    Clean(Clean),
    /// Print the JSON Schema of a file format
    Schema(Schema),
    /// Write a commented starter scenario, or copy a shipped one, that runs as it is
    Init(Init),
    /// Watch a wrong and a right rollback of the same change
    Demo(Demo),
    /// Print shell completions
    Completions(Completions),
    /// Stand between an operation and what it calls (what a gateway's container runs)
    #[command(hide = true)]
    Gateway(Gateway),
    /// Make folders equal to others (what keeps volumes and puts them back)
    #[command(hide = true)]
    Copy(Copy),
    /// Print the files of a folder with what they hold (what the reader of a volume runs)
    #[command(hide = true)]
    Files(Folder),
}

/// Files and how they are read.
#[derive(Debug, Clone, Args)]
pub struct Inputs {
    /// Drill files, scenario folders, or folders of scenarios
    #[arg(value_name = "FILE|DIR", required = true)]
    pub paths: Vec<PathBuf>,
    /// Set a variable for `${…}` in Compose files
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// The folder that no path may leave (default: the nearest parent with .git)
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Let `host` steps run commands on this machine, where the drill allows it too
    #[arg(long)]
    pub allow_host: bool,
}

/// `lint`.
#[derive(Debug, Args)]
pub struct Lint {
    /// SQL files, folders of migrations, scenarios, or folders of scenarios; a past run for what it sent; `-` for SQL from a pipe
    #[arg(value_name = "FILE|DIR|-", required_unless_present = "explain")]
    pub paths: Vec<PathBuf>,
    /// Whose SQL files and migrations hold, where no name says it (`.mysql.`; a scenario says so itself)
    #[arg(long, value_enum, default_value = "postgres")]
    pub dialect: LintDialect,
    /// How remarks are written
    #[arg(long, value_enum, default_value = "terminal")]
    pub format: LintFormat,
    /// Compare Compose files: what those on the line no longer keep of this one
    #[arg(long, value_name = "FILE", requires = "paths", conflicts_with = "explain")]
    pub before: Option<PathBuf>,
    /// Print the page of a rule
    #[arg(long, value_name = "RULE", conflicts_with = "paths")]
    pub explain: Option<String>,
    /// Set a variable for `${…}` in Compose files
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// The folder that no path may leave (default: the nearest parent with .git)
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LintDialect {
    /// PostgreSQL's
    Postgres,
    /// MariaDB's
    Mariadb,
}

/// How remarks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// For people, each with its text underlined
    Terminal,
    /// For scripts
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What to run.
    #[command(flatten)]
    pub inputs: Inputs,
    /// How to run it.
    #[command(flatten)]
    pub how: How,
    /// Leave out the control run; the verdict is inconclusive at best
    #[arg(long)]
    pub no_control: bool,
}

/// `sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// What to run.
    #[command(flatten)]
    pub inputs: Inputs,
    /// How to run it.
    #[command(flatten)]
    pub how: How,
    /// Try also points that cannot lead to another state than one that is tried
    #[arg(long)]
    pub exhaustive: bool,
    /// Go on with a sweep that was stopped: what it has tried is not tried again
    #[arg(long, value_name = "RUN", conflicts_with = "report_dir")]
    pub resume: Option<PathBuf>,
}

/// `points`.
#[derive(Debug, Args)]
pub struct Points {
    /// What to record.
    #[command(flatten)]
    pub inputs: Inputs,
    /// How to run it.
    #[command(flatten)]
    pub how: How,
}

/// How a drill is run.
#[derive(Debug, Clone, Args)]
pub struct How {
    /// Where reports go (default: backout-runs/TIME-ID)
    #[arg(long, value_name = "DIR")]
    pub report_dir: Option<PathBuf>,
    /// Leave the last judged stage up, and say how to reach and remove it
    #[arg(long)]
    pub keep: bool,
    /// How long the whole drill may take
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Timespan>,
    /// How many stages of a sweep run at once (default: by cores and memory)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub lanes: Option<u32>,
    /// Whether row values are shown (default: hidden when CI is set)
    #[arg(long, value_enum)]
    pub values: Option<Values>,
    /// Addresses from which networks are taken
    #[arg(long, value_name = "CIDR", env = "BACKOUT_SUBNETS")]
    pub subnets: Option<String>,
    /// Most bytes that cached images may take, such as 20gb
    #[arg(long, value_name = "SIZE", default_value = "20gb")]
    pub cache_size: String,
}

/// Whether row values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Values {
    /// As they are
    Shown,
    /// As type, length and digest
    Hidden,
}

/// `judge`.
#[derive(Debug, Args)]
pub struct Judge {
    /// A report folder, or its journal.jsonl
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Where the new reports go (default: beside the journal)
    #[arg(long, value_name = "DIR")]
    pub report_dir: Option<PathBuf>,
}

/// `list`.
#[derive(Debug, Args)]
pub struct List {
    /// Folders of scenarios
    #[arg(value_name = "DIR", default_value = "scenarios")]
    pub paths: Vec<PathBuf>,
}

/// `coverage`.
#[derive(Debug, Args)]
pub struct Coverage {
    /// The folder to look through
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// Where past runs are (default: backout-runs)
    #[arg(long, value_name = "DIR")]
    pub runs: Option<PathBuf>,
    /// The folder that paths of past runs are below (default: the nearest parent with .git)
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// The level that each must have reached
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=4))]
    pub require_level: Option<u8>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Printed::Text)]
    pub format: Printed,
}

/// How something is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Printed {
    /// For people
    Text,
    /// For programs
    Json,
}

/// `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// A report folder (default: the newest below backout-runs)
    #[arg(value_name = "RUN")]
    pub run: Option<PathBuf>,
}

/// `clean`.
#[derive(Debug, Args)]
pub struct Clean {
    /// Remove also what cannot be shown to be dead, when it is older than this
    #[arg(long, value_name = "TIME")]
    pub older_than: Option<Timespan>,
    /// Remove cached images
    #[arg(long)]
    pub images: bool,
}

/// `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Which format
    #[arg(value_enum)]
    pub format: Format,
}

/// The file formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// scenario.yaml
    Scenario,
    /// Drill files
    Drill,
    /// scorecard.json
    Scorecard,
    /// What `coverage --format json` prints
    Coverage,
}

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The folder to create; with --from, the one to copy into (default: scenarios)
    #[arg(value_name = "DIR", required_unless_present = "from")]
    pub name: Option<PathBuf>,
    /// Copy a shipped scenario or pair, such as drop-column, with what it uses
    #[arg(long, value_name = "NAME")]
    pub from: Option<String>,
}

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// How to run it.
    #[command(flatten)]
    pub how: How,
    /// Start a private dockerd where none is running
    #[arg(long)]
    pub start_engine: bool,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_variable_is_a_key_and_a_value() {
        let cli = Cli::try_parse_from(["backout", "check", "x", "--set", "A=b=c"]).unwrap();
        let Command::Check(inputs) = cli.command else { panic!("not check") };
        assert_eq!(inputs.set, [("A".to_owned(), "b=c".to_owned())]);
        assert!(Cli::try_parse_from(["backout", "check", "x", "--set", "A"]).is_err());
    }
}

/// `files`.
#[derive(Debug, Args)]
pub struct Folder {
    /// The folder
    #[arg(value_name = "DIR")]
    pub path: PathBuf,
}

/// `gateway`.
#[derive(Debug, Args)]
pub struct Gateway {
    /// What to listen for, as JSON
    #[arg(value_name = "ROUTE", required = true, value_parser = route)]
    pub routes: Vec<Route>,
}

/// `copy`.
#[derive(Debug, Args)]
pub struct Copy {
    /// A folder, and the one that is made equal to it; any number of pairs
    #[arg(value_name = "FROM TO", required = true, num_args = 2..)]
    pub folders: Vec<PathBuf>,
}

fn route(text: &str) -> Result<Route, String> {
    serde_json::from_str(text).map_err(|error| format!("no route: {error}"))
}
