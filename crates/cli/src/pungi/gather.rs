//! `pungi-gather`: which packages a kickstart needs from its repositories.
//!
//! One line for each package goes to stdout, or the packages go to a folder; what could not be had is said on stderr, in words
//! that callers look for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use charmer_compose::files::link_or_copy;
use charmer_compose::package_set::rpm_md::RpmRepository;
use charmer_packages::rpm::gather::{
    self, Flag, Gathered, Greedy, Method, Options, Place, Repository, Role, Selected, needs_file_lists,
};
use clap::{Parser, ValueEnum};

use super::kickstart::{self, Kickstart};
use crate::exit::{Exit, Failure};
use crate::output;

/// Select the packages that a kickstart needs, with their sources and debug packages.
#[derive(Debug, Parser)]
#[command(name = "pungi-gather", version, max_term_width = 100, args_override_self = true)]
struct Arguments {
    /// The arch to select for.
    #[arg(long)]
    arch: String,
    /// The kickstart: repositories, packages and lists.
    #[arg(long, value_name = "KICKSTART")]
    config: PathBuf,
    /// Put the packages here instead of printing where they are.
    #[arg(long, value_name = "DIR")]
    download_to: Option<PathBuf>,
    /// A repository of the kickstart whose packages are not part of the result.
    #[arg(long, value_name = "REPOID")]
    lookaside: Vec<String>,
    /// Do not follow requirements.
    #[arg(long)]
    nodeps: bool,
    /// Select what builds the packages, too.
    #[arg(long)]
    selfhosting: bool,
    /// Select all packages that were built together.
    #[arg(long)]
    fulltree: bool,
    /// How many of several providers to select.
    #[arg(long, value_name = "METHOD", value_enum, default_value_t)]
    greedy: GreedyArgument,
    /// Select builds in the second word size: none, all, devel or runtime.
    #[arg(long, value_name = "METHOD")]
    multilib: Vec<String>,
    /// Taken for compatibility: nothing temporary is written.
    #[arg(long, value_name = "DIR")]
    tempdir: Option<PathBuf>,
    /// Select no source packages.
    #[arg(long)]
    exclude_source: bool,
    /// Select no debug packages but those asked for.
    #[arg(long)]
    exclude_debug: bool,
    /// Say on stderr how long it took.
    #[arg(long)]
    profiler: bool,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum GreedyArgument {
    #[default]
    None,
    All,
    Build,
}

/// What was read before anything is selected.
struct World {
    kickstart: Kickstart,
    /// In the order of the kickstart.
    repositories: Vec<Loaded>,
}

struct Loaded {
    /// As the kickstart has it, without a slash at its end.
    url: String,
    lookaside: bool,
    content: RpmRepository,
}

pub(super) fn main(words: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too; a closed pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Finished }.into();
        }
    };
    match gather_and_report(&arguments) {
        Ok(()) => Exit::Finished.into(),
        Err(failure) => {
            output::complain(&failure);
            failure.exit.into()
        }
    }
}

fn gather_and_report(arguments: &Arguments) -> Result<(), Failure> {
    let started = std::time::Instant::now();
    let options = arguments.options()?;
    let world = read_world(arguments, &options)?;
    let gathered = gather::gather(&world.views(), &world.kickstart.request, &options).map_err(failed)?;
    output::say(&world.warnings(&gathered));
    match &arguments.download_to {
        Some(folder) => world.link_packages(&gathered, folder)?,
        None => output::print(&world.lines(&gathered))?,
    }
    if arguments.profiler {
        output::say(&format!("gathered in {:.3} seconds\n", started.elapsed().as_secs_f64()));
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::doomed(error.to_string())
}

impl Arguments {
    fn options(&self) -> Result<Options, Failure> {
        let multilib = self.multilib.iter().map(|name| name.parse::<Method>()).collect::<Result<_, _>>();
        Ok(Options {
            arch: self.arch.clone(),
            greedy: match self.greedy {
                GreedyArgument::None => Greedy::None,
                GreedyArgument::All => Greedy::All,
                GreedyArgument::Build => Greedy::Build,
            },
            fulltree: self.fulltree,
            selfhosting: self.selfhosting,
            nodeps: self.nodeps,
            exclude_source: self.exclude_source,
            exclude_debug: self.exclude_debug,
            multilib: multilib.map_err(failed)?,
        })
    }
}

fn read_world(arguments: &Arguments, options: &Options) -> Result<World, Failure> {
    let path = &arguments.config;
    let text = fs_err::read_to_string(path)?;
    let kickstart = kickstart::parse(&text).map_err(|error| failed(format!("{}: {error}", path.display())))?;
    for id in &arguments.lookaside {
        if kickstart.repositories.iter().all(|repository| repository.name != *id) {
            return Err(failed(format!("the lookaside repository `{id}` is not in {}", path.display())));
        }
    }
    let mut repositories = Vec::new();
    for line in &kickstart.repositories {
        let content = RpmRepository::read(folder_of(&line.base_url)?).map_err(failed)?;
        let lookaside = arguments.lookaside.contains(&line.name);
        repositories.push(Loaded { url: line.base_url.trim_end_matches('/').to_owned(), lookaside, content });
    }
    let mut world = World { kickstart, repositories };
    if needs_file_lists(&world.views(), options) {
        for repository in &mut world.repositories {
            repository.content.read_file_lists().map_err(failed)?;
        }
    }
    Ok(world)
}

fn folder_of(url: &str) -> Result<&Path, Failure> {
    let folder = url.strip_prefix("file://").map(Path::new).filter(|folder| folder.is_absolute());
    folder.ok_or_else(|| {
        failed(format!("the repository `{url}` cannot be read")).hint("give the folder of a copy: --baseurl=file:///FOLDER")
    })
}

impl Loaded {
    fn view(&self) -> Repository<'_> {
        let RpmRepository { packages, comps, .. } = &self.content;
        Repository { lookaside: self.lookaside, packages: packages.iter().collect(), comps: comps.as_ref() }
    }
}

impl World {
    fn views(&self) -> Vec<Repository<'_>> {
        self.repositories.iter().map(Loaded::view).collect()
    }

    fn location(&self, place: Place) -> (&Loaded, &str) {
        let repository = &self.repositories[place.repository];
        (repository, &repository.content.packages[place.package].file.location)
    }

    /// Binary packages, debug packages, then sources, each sorted by where they are.
    fn lines(&self, gathered: &Gathered) -> String {
        let mut lines = BTreeMap::new();
        for Selected { place, role, flags, .. } in &gathered.packages {
            let (repository, location) = self.location(*place);
            lines.insert((*role, format!("{}/{location}", repository.url)), *flags);
        }
        let kind = |role| match role {
            Role::Binary => "RPM",
            Role::Debug => "DEBUGINFO",
            Role::Source => "SRPM",
        };
        let lines = lines.into_iter().map(|((role, url), flags)| format!("{}({flags}): {url}\n", kind(role)));
        lines.collect::<Vec<_>>().concat()
    }

    fn warnings(&self, gathered: &Gathered) -> String {
        let missing = gathered.missing.iter().map(|pattern| format!("ERROR: No package matches pattern {pattern}\n"));
        let prepopulate =
            gathered.missing_prepopulate.iter().map(|line| format!("WARNING: Prepopulate: Doesn't match: {line}\n"));
        let unresolved = gathered.unresolved.iter().map(|unresolved| {
            let package = &self.repositories[unresolved.of.repository].content.packages[unresolved.of.package];
            let requirement = &unresolved.requirement;
            format!("WARNING: Unresolvable dependency {requirement} in {}.{}\n", package.name(), package.arch())
        });
        missing.chain(prepopulate).chain(unresolved).collect::<Vec<_>>().concat()
    }

    /// Packages of lookaside repositories are not part of the result.
    fn link_packages(&self, gathered: &Gathered, folder: &Path) -> Result<(), Failure> {
        fs_err::create_dir_all(folder)?;
        for selected in gathered.packages.iter().filter(|selected| !selected.flags.contains(Flag::Lookaside)) {
            let (repository, location) = self.location(selected.place);
            let target = folder.join(location.rsplit('/').next().unwrap_or(location));
            if !target.exists() {
                link_or_copy(&repository.content.folder.join(location), &target)?;
            }
        }
        Ok(())
    }
}
