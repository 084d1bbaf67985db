//! What the user may type. Help, man pages, completions and `docs/reference/cli.md` are made from these types.
//!
//! Must not know: how anything is done.

use std::path::PathBuf;

use charmer_compose::engine::{Part, Phase};
use charmer_compose::metadata::names::Label;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Compose a whole Linux distribution release from one configuration.
///
/// charmer fixes one package set and makes every repository, container and ISO from exactly that set, in parallel, with checks,
/// checksums, signatures and metadata.
#[derive(Debug, Parser)]
#[command(
    name = "charmer",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 finished, 1 doomed, 2 usage or configuration error, 3 finished incomplete, 130 or 143 interrupted.

Examples:
  charmer plan harbour.toml
  charmer compose harbour.toml --target-dir composes
  charmer resume composes/harbour-13.1-20261123.0"
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Plan(PlanArguments),
    Compose(Box<ComposeArguments>),
    Resume(ResumeArguments),
    Lock(LockArguments),
    Why(WhyArguments),
    Verify(VerifyArguments),
    Installability(InstallabilityArguments),
    Config(ConfigArguments),
    Convert(ConvertArguments),
    List(ListArguments),
    Status(StatusArguments),
    Prune(PruneArguments),
}

/// Show every job that a compose would do, before anything runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charmer plan harbour.toml
  charmer plan harbour.toml --format svg > plan.svg
  charmer plan harbour.toml --only createrepo")]
pub struct PlanArguments {
    /// The configuration to plan.
    #[arg(value_name = "CONFIG")]
    pub config: PathBuf,
    /// How to show the plan.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: PlanFormat,
    #[command(flatten)]
    pub part: PartArguments,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// Phases and their jobs, as indented text.
    #[default]
    Tree,
    /// One JSON document.
    Json,
    /// A graph for Graphviz.
    Dot,
    /// A picture.
    Svg,
}

/// Which part of the compose is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PartArguments {
    /// Do only these phases and what they need.
    #[arg(long, value_name = "PHASE", num_args = 1.., value_delimiter = ',', value_parser = phase_parser(), hide_possible_values = true)]
    pub only: Vec<Phase>,
    /// Leave out these phases and what cannot be without them; one of: init, pkgset, gather, lock, fetch, createrepo, buildinstall,
    /// extra-files, repoclosure, rootfs, container, live, image-build, ostree, createiso, extra-isos, test, boot, image-checksum,
    /// metadata, push.
    #[arg(long, value_name = "PHASE", num_args = 1.., value_delimiter = ',', value_parser = phase_parser(), hide_possible_values = true)]
    pub skip: Vec<Phase>,
    /// Make of the images only those whose names match, and what they are made of; `charmer plan` shows the names, such as
    /// Server.amd64.live. `*` stands for any characters.
    #[arg(long, value_name = "PATTERN", num_args = 1.., value_delimiter = ',')]
    pub images: Vec<String>,
}

impl PartArguments {
    pub fn chosen(&self) -> Part {
        Part { only: self.only.clone(), skip: self.skip.clone(), images: self.images.clone() }
    }
}

fn phase_parser() -> impl TypedValueParser<Value = Phase> {
    PossibleValuesParser::new(Phase::ALL.map(Phase::name))
        .map(|name| Phase::from_name(&name).expect("the parser takes only names of phases"))
}

/// Make a whole compose.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charmer compose harbour.toml --target-dir composes
  charmer compose harbour.toml --target-dir composes --type production --label RC-1.0 --locked
  charmer compose harbour.toml --target-dir composes --type nightly --old-composes composes")]
pub struct ComposeArguments {
    /// The configuration to compose.
    #[arg(value_name = "CONFIG")]
    pub config: PathBuf,
    /// The folder in which the compose gets a folder of its own.
    #[arg(long, value_name = "DIR")]
    pub target_dir: PathBuf,
    /// What the compose is for; it becomes part of its name.
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t)]
    pub compose_type: ComposeType,
    /// The milestone that the compose is a candidate for, such as RC-1.0.
    #[arg(long, value_name = "LABEL")]
    pub label: Option<Label>,
    /// Take exactly the packages of this lock and read no index at all.
    #[arg(long, value_name = "FILE", conflicts_with = "locked")]
    pub lock: Option<PathBuf>,
    /// Fail if the lock beside the configuration would have to change.
    #[arg(long)]
    pub locked: bool,
    /// Use no network: everything must be in the cache.
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub part: PartArguments,
    /// How many jobs run at once; the configuration or the machine decides if it is not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub jobs: Option<u16>,
    /// Composes, or folders of composes, whose unchanged outputs are used again.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub old_composes: Vec<PathBuf>,
    /// Do not move the link `latest-SHORT-MAJOR` to this compose.
    #[arg(long)]
    pub no_latest_link: bool,
    /// The folder for downloads, shared by all composes; ~/.cache/charmer if it is not given.
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub messages: MessageArguments,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ComposeType {
    /// A release or a candidate for one.
    Production,
    /// Made every night.
    Nightly,
    /// Made to try something.
    #[default]
    Test,
    /// Made by continuous integration.
    Ci,
    /// Made while developing.
    Development,
}

/// What a run shows.
#[derive(Debug, Clone, Default, Args)]
pub struct MessageArguments {
    /// For people, or the event stream as one JSON document per line on stdout.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub message_format: MessageFormat,
    /// Show only failures and the last line.
    #[arg(long, short, conflicts_with_all = ["verbose", "explain_reuse"])]
    pub quiet: bool,
    /// Show also what jobs say and why each of them runs.
    #[arg(long, short)]
    pub verbose: bool,
    /// Show why the older output of a job could not be used again.
    #[arg(long)]
    pub explain_reuse: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageFormat {
    #[default]
    Human,
    Json,
}

/// Go on with a compose that was stopped, failed or died.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charmer resume composes/harbour-13.1-20261123.0
  charmer resume composes/latest-harbour-13 --explain-reuse")]
pub struct ResumeArguments {
    /// The compose's folder.
    #[arg(value_name = "DIR")]
    pub compose: PathBuf,
    /// Use no network: everything must be in the cache.
    #[arg(long)]
    pub offline: bool,
    /// How many jobs run at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub jobs: Option<u16>,
    /// The folder for downloads, shared by all composes; ~/.cache/charmer if it is not given.
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub messages: MessageArguments,
}

/// Write the lock: the exact packages that a compose would take.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charmer lock harbour.toml
  charmer lock harbour.toml --update openssl libssl3t64
  charmer lock harbour.toml -o /tmp/today.lock --update")]
pub struct LockArguments {
    /// The configuration whose packages are locked.
    #[arg(value_name = "CONFIG")]
    pub config: PathBuf,
    /// Where to write the lock; beside the configuration if it is not given.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Take the newest versions of these packages, or of all if none is named; the others keep theirs.
    #[arg(long, value_name = "NAME", num_args = 0..)]
    pub update: Option<Vec<String>>,
    /// Use no network: the indexes must be in the cache.
    #[arg(long)]
    pub offline: bool,
    /// The folder for downloads, shared by all composes; ~/.cache/charmer if it is not given.
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    #[command(flatten)]
    pub messages: MessageArguments,
}

/// Show why a package is in a compose: the chain from a seed to it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charmer why composes/latest-harbour-13 libssl3t64
  charmer why composes/latest-harbour-13 libssl3t64:arm64 --variant Server")]
pub struct WhyArguments {
    /// The compose's folder.
    #[arg(value_name = "DIR")]
    pub compose: PathBuf,
    /// The package's name, with its arch if only that one is meant.
    #[arg(value_name = "PACKAGE[:ARCH]")]
    pub package: String,
    /// Look only into this variant.
    #[arg(long, value_name = "VARIANT")]
    pub variant: Option<String>,
}

/// Prove a finished compose anew: every file against its checksum, every signature, every image against the lock.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  charmer verify composes/latest-harbour-13")]
pub struct VerifyArguments {
    /// The compose's folder.
    #[arg(value_name = "DIR")]
    pub compose: PathBuf,
}

/// Tell which packages of an apt archive cannot be installed, a line for each with the reason.
#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is 1 if there are any, or entries that cannot be read, and 0 if there are none.

Examples:
  charmer installability --arch amd64 dists/stable/main/binary-amd64/Packages.xz
  charmer installability --arch arm64 Packages --background /srv/debian/Packages.xz")]
pub struct InstallabilityArguments {
    /// Packages files whose packages are checked: plain, .xz, .zst or .gz; - is the standard input.
    #[arg(value_name = "PACKAGES", required = true)]
    pub indexes: Vec<PathBuf>,
    /// The arch of the system that they are installed on.
    #[arg(long, value_name = "ARCH")]
    pub arch: String,
    /// A Packages file whose packages may be needed, and are not checked; may be given again.
    #[arg(long, value_name = "PACKAGES")]
    pub background: Vec<PathBuf>,
}

/// Remove old composes, and files of the cache that no compose has been given lately; without --yes, only show what would go.
#[derive(Debug, Args)]
#[command(after_help = "\
Kept in any case: composes that a process works on, that have a label, that a link beside them leads to (such as latest-...), and that \
symbolic links of a kept compose lead into. A release's nightly, test and production composes are counted each by themselves. Content \
that a kept compose shares with the cache or with a removed compose stays in the kept one. While composes run, the cache is left alone.

Examples:
  charmer prune composes --keep 7
  charmer prune composes --keep 7 --keep-failed 2 --yes")]
pub struct PruneArguments {
    /// The folder that has the composes.
    #[arg(value_name = "TARGET_DIR")]
    pub target_dir: PathBuf,
    /// How many of the newest composes that finished are kept, of each release and type.
    #[arg(long, value_name = "NUMBER")]
    pub keep: usize,
    /// How many of the newest composes that did not finish are kept, of each release and type.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub keep_failed: usize,
    /// Files of the cache go that no kept compose has, and that no compose was given for so many days.
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub unused_days: u32,
    /// The folder for downloads; ~/.cache/charmer if it is not given.
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Remove what would go.
    #[arg(long)]
    pub yes: bool,
}

/// Check a configuration, show it as charmer understands it, or print the schema of all configurations.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charmer config check harbour.toml
  charmer config schema > charmer.schema.json")]
pub struct ConfigArguments {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Report everything that is wrong with a configuration, each at its line and column.
    Check {
        /// The configuration to check.
        #[arg(value_name = "CONFIG")]
        config: PathBuf,
    },
    /// Print the JSON schema of configurations.
    Schema {
        /// Check this configuration as well, before the schema is printed.
        #[arg(value_name = "CONFIG")]
        config: Option<PathBuf>,
    },
    /// Print a configuration with all defaults, patterns and overrides resolved, as JSON.
    Show {
        /// The configuration to show.
        #[arg(value_name = "CONFIG")]
        config: PathBuf,
    },
}

/// Write one of Pungi's configurations as TOML, with its variants and without patterns.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charmer convert fedora.conf -o fedora.toml
  charmer convert pungi/fedora.json -o charmer/fedora.toml --force")]
pub struct ConvertArguments {
    /// Pungi's configuration: a .conf or .json file.
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,
    /// The file to write. Its paths lead where those of the source led.
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Overwrite the file if it is there.
    #[arg(long)]
    pub force: bool,
}

/// List the composes in a folder with their status.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  charmer list composes")]
pub struct ListArguments {
    /// The folder that was given as --target-dir.
    #[arg(value_name = "TARGET_DIR")]
    pub target_dir: PathBuf,
}

/// Show how far a compose is: what runs, what is done, what failed, what remains.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  charmer status composes/harbour-13.1-20261123.0
  charmer status composes/harbour-13.1-20261123.0 --format json")]
pub struct StatusArguments {
    /// The compose's folder.
    #[arg(value_name = "DIR")]
    pub compose: PathBuf,
    /// For people, or one JSON document.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub format: MessageFormat,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_names_every_phase() {
        let help = Arguments::command().find_subcommand_mut("plan").unwrap().render_long_help().to_string();
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let names = Phase::ALL.map(Phase::name).join(", ");
        assert!(words.contains(&names), "the help of --skip does not list: {names}");
    }

    #[test]
    fn phases_can_be_given_in_one_word_or_in_several() {
        let parse = |words: &str| match Arguments::try_parse_from(words.split(' ')).unwrap().command {
            Command::Plan(plan) => plan.part,
            other => panic!("{other:?}"),
        };
        let expected = PartArguments { only: vec![Phase::Gather, Phase::Lock], skip: vec![Phase::Test], images: Vec::new() };
        assert_eq!(parse("charmer plan c.toml --only gather lock --skip test"), expected);
        assert_eq!(parse("charmer plan c.toml --only gather,lock --skip test"), expected);
        assert_eq!(parse("charmer plan c.toml --only gather --only lock --skip test"), expected);
    }
}
