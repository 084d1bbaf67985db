//! `pungi-koji`: a compose of a configuration, with Pungi's options, messages and exit codes.
//!
//! Must not know: what a compose is made of.

use std::path::PathBuf;

use charmer_compose::config::Configuration;
use charmer_compose::config::pungi::resolve;
use charmer_compose::engine::event::Status;
use charmer_compose::engine::{Part, Phase};
use charmer_compose::metadata::names::{ComposeType, Label};
use charmer_compose::notifications::{FailureToStart, Message, Notifier};
use charmer_compose::session::folder::Place;
use charmer_compose::session::request::LatestLink;
use charmer_compose::session::{Options, Session};
use charmer_compose::tools::Runner;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser};
use tokio_util::sync::CancellationToken;

use super::Execute;
use crate::arguments::MessageArguments;
use crate::commands::run::{Signals, conduct, open_pungi, run_options, runtime, summary_text, surroundings};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// The phases that Pungi's users name; those that charmer does not have are taken and mean nothing.
const PHASES: [&str; 23] = [
    "init",
    "pkgset",
    "gather",
    "createrepo",
    "buildinstall",
    "extra_files",
    "createiso",
    "extra_isos",
    "live_images",
    "image_build",
    "image_container",
    "osbuild",
    "repoclosure",
    "test",
    "image_checksum",
    "live_media",
    "ostree",
    "ostree_installer",
    "ostree_container",
    "kiwibuild",
    "imagebuilder",
    "osbs",
    "productimg",
];

/// Compose a release from a configuration of Pungi's.
#[derive(Debug, Parser)]
#[command(name = "pungi-koji", version, max_term_width = 100, args_override_self = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// The configuration: in Pungi's dialect, or JSON if its name ends in .json.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The milestone that the compose is for, such as RC-1.0; a production compose has one.
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Let a production compose have no label.
    #[arg(long)]
    no_label: bool,
    /// Mark media as supported; they are for the labels RC, Update and SecurityFix.
    #[arg(long)]
    supported: bool,
    /// A folder in which older composes lie, whose outputs may be used again.
    #[arg(long, value_name = "PATH")]
    old_composes: Vec<PathBuf>,
    /// A phase to leave out.
    #[arg(long, value_name = "PHASE", value_parser = PossibleValuesParser::new(PHASES))]
    skip_phase: Vec<String>,
    /// Only this phase, and what it needs.
    #[arg(long, value_name = "PHASE", value_parser = PossibleValuesParser::new(PHASES))]
    just_phase: Vec<String>,
    #[command(flatten)]
    compose_type: TypeArguments,
    /// The event of Koji's history to compose from, or a compose that says it.
    #[arg(long, value_name = "ID")]
    koji_event: Option<String>,
    /// A program that is told what happens.
    #[arg(long, value_name = "CMD")]
    notification_script: Vec<String>,
    /// Do not move the latest link.
    #[arg(long)]
    no_latest_link: bool,
    /// Move the latest link only when the compose ends so.
    #[arg(long, value_name = "STATUS")]
    latest_link_status: Vec<String>,
    /// How many parts of the version stand in the latest link's name; from the end if negative.
    #[arg(long, value_name = "COUNT", default_value_t = -1, allow_hyphen_values = true)]
    latest_link_components: i64,
    /// Taken for the Compose Tracking Service.
    #[arg(long, value_name = "ID")]
    parent_compose_id: Vec<String>,
    /// Taken for the Compose Tracking Service.
    #[arg(long, value_name = "ID")]
    respin_of: Option<String>,
    /// Print the compose's folder.
    #[arg(long)]
    print_output_dir: bool,
    /// Say nothing on stderr.
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct PlaceArguments {
    /// Make the compose in a new folder in this one.
    #[arg(long, value_name = "PATH")]
    target_dir: Option<PathBuf>,
    /// Make the compose in this very folder.
    #[arg(long, value_name = "PATH")]
    compose_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "they are options of a command line that was not chosen here")]
struct TypeArguments {
    /// A compose made every night.
    #[arg(long)]
    nightly: bool,
    /// A compose for a test.
    #[arg(long)]
    test: bool,
    /// A compose for continuous integration.
    #[arg(long)]
    ci: bool,
    /// A compose to be released.
    #[arg(long)]
    production: bool,
    /// A compose of a developer's own.
    #[arg(long)]
    development: bool,
}

impl Execute for Arguments {
    fn execute(self, environment: &Environment) -> Result<Exit, Failure> {
        let runtime = runtime()?;
        let options = match self.options(environment) {
            Ok(options) => options,
            Err(failure) => return runtime.block_on(self.tell_no_start(failure, environment)),
        };
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        runtime.block_on(self.compose(options, environment))
    }
}

impl Arguments {
    /// What the command line and the configuration ask for.
    fn options(&self, environment: &Environment) -> Result<Options, Failure> {
        let place = self.place()?;
        let label = self.label()?;
        let opened = open_pungi(&self.config, !self.old_composes.is_empty(), environment)
            .map_err(|failure| Failure { exit: Exit::Doomed, ..failure })?;
        if !self.quiet {
            opened.warnings.iter().for_each(|warning| output::say(warning));
        }
        let compose_type = self.compose_type.chosen().or(opened.config.compose_type).unwrap_or(ComposeType::Production);
        if compose_type == ComposeType::Production && label.is_none() && !self.no_label {
            return Err(Failure::usage("must specify label for a production compose").hint("--label RC-1.0, or --no-label"));
        }
        let phases = Phases::new(&self.just_phase, &self.skip_phase, &opened.config.skip)?;
        Ok(Options {
            config: Configuration::Rpm(opened.config.into()),
            place,
            compose_type,
            label,
            supported: self.supported,
            lock: None,
            part: Part { only: phases.only, skip: phases.skip, images: Vec::new() },
            old_composes: self.old_composes.iter().map(std::path::absolute).collect::<Result<_, _>>()?,
            latest_link: LatestLink {
                wanted: !self.no_latest_link,
                statuses: self.latest_link_status.clone(),
                components: self.latest_link_components,
            },
            notification_scripts: self.notification_script.clone(),
            source_date_epoch: environment.source_date_epoch,
            run: run_options(environment, None, false, None)?,
        })
    }

    fn place(&self) -> Result<Place, Failure> {
        match (&self.place.target_dir, &self.place.compose_dir) {
            (Some(target), _) if !target.is_dir() => {
                Err(Failure::usage(format!("the target folder {} is not there", target.display())))
            }
            (Some(target), _) => Ok(Place::In(std::path::absolute(target)?)),
            (None, Some(folder)) => Ok(Place::At(std::path::absolute(folder)?)),
            (None, None) => Err(Failure::usage("--target-dir or --compose-dir is needed")),
        }
    }

    fn label(&self) -> Result<Option<Label>, Failure> {
        let label = self
            .label
            .as_ref()
            .map(|text| text.parse::<Label>().map_err(|_| Failure::usage(format!("Label in unknown format: {text}"))));
        label.transpose()
    }

    /// A compose that finished incomplete is finished, as Pungi's callers know it.
    async fn compose(&self, options: Options, environment: &Environment) -> Result<Exit, Failure> {
        let messages = MessageArguments { quiet: self.quiet, ..MessageArguments::default() };
        let signals = Signals::watch()?;
        let session = match Session::start(options, surroundings(environment)).await {
            Ok(session) => session,
            Err(error) => {
                let failure = Failure { exit: Exit::Doomed, ..error.into() };
                return self.tell_no_start(failure, environment).await;
            }
        };
        if self.print_output_dir {
            output::print(&format!("Compose dir: {}\n", session.layout().root().display()))?;
        }
        let summary = conduct(session, &signals, &messages, environment).await?;
        if !self.quiet {
            output::say(&summary_text(&summary));
        }
        Ok(match summary.status {
            Status::Finished | Status::FinishedIncomplete => Exit::Finished,
            Status::Started | Status::Doomed | Status::Terminated => Exit::Doomed,
        })
    }

    /// Tells notification scripts that there is no compose and will be none.
    async fn tell_no_start(&self, failure: Failure, environment: &Environment) -> Result<Exit, Failure> {
        let mut runner =
            Runner::new("/dev/null".into(), environment.current_dir.clone(), environment.path.clone(), CancellationToken::new());
        runner.environment.extend(environment.variables.clone());
        let place = self.place.target_dir.as_ref().or(self.place.compose_dir.as_ref());
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone()).to_string_lossy().into_owned();
        let lines: Vec<String> = failure.message.lines().map(str::to_owned).collect();
        let message = Message::FailToStart(FailureToStart {
            command: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
            target_dir: place.map(absolute).unwrap_or_default(),
            config: absolute(&self.config),
            detail: lines.first().cloned().unwrap_or_default(),
            errors: Some(lines).filter(|lines| lines.len() > 1),
        });
        for failed in Notifier::new(self.notification_script.clone(), runner).send(&message).await {
            output::say(&failed.to_string());
        }
        Err(failure)
    }
}

impl TypeArguments {
    fn chosen(&self) -> Option<ComposeType> {
        let types = [
            (self.nightly, ComposeType::Nightly),
            (self.test, ComposeType::Test),
            (self.ci, ComposeType::Ci),
            (self.production, ComposeType::Production),
            (self.development, ComposeType::Development),
        ];
        types.into_iter().find_map(|(is_chosen, compose_type)| is_chosen.then_some(compose_type))
    }
}

/// Which phases are run.
struct Phases {
    only: Vec<Phase>,
    skip: Vec<Phase>,
}

impl Phases {
    /// Refuses what makes no sense: a later phase without one that it builds upon.
    fn new(just: &[String], skip: &[String], configured: &std::collections::BTreeSet<Phase>) -> Result<Self, Failure> {
        let is_just = |phase: &str| just.iter().any(|just| just == phase);
        let is_skipped = |phase: &str| {
            skip.iter().any(|skip| skip == phase) || resolve::phase(phase).is_some_and(|phase| configured.contains(&phase))
        };
        for (needed, by) in [("pkgset", "gather"), ("gather", "createrepo")] {
            if is_skipped(needed) && !is_skipped(by) {
                return Err(Failure::doomed(format!("Cannot skip {needed} phase when {by} phase is not skipped.")));
            }
            if !just.is_empty() && is_just(by) && !is_just(needed) {
                return Err(Failure::doomed(format!("Cannot run just {by} phase without {needed} phase.")));
            }
        }
        let phases = |names: &[String]| names.iter().filter_map(|name| resolve::phase(name)).collect::<Vec<_>>();
        let skip = phases(skip).into_iter().chain(configured.iter().copied());
        // These two cannot be skipped.
        let skip = skip.filter(|phase| !matches!(phase, Phase::Init | Phase::ImageChecksum)).collect();
        Ok(Self { only: phases(just), skip })
    }
}
