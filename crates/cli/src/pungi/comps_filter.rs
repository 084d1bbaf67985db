//! `comps_filter`: what one arch, and one variant, has of an extended comps file.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use charmer_compose::files::write_whole;
use charmer_packages::Glob;
use charmer_packages::rpm::comps::Filter;
use charmer_packages::rpm::comps::filter::{Cleanup, OnlyArch, Remove};
use charmer_packages::rpm::comps::xml::{Blanks, Document};
use clap::Parser;

use crate::exit::{Exit, Failure};
use crate::output;

/// Filter an extended comps file for one arch.
#[derive(Debug, Parser)]
#[command(name = "comps_filter")]
struct Arguments {
    /// Write to this file instead of stdout.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep what this arch has.
    #[arg(long)]
    arch: String,
    /// Keep what this variant has.
    #[arg(long, value_name = "UID")]
    variant: Option<String>,
    /// Remove groups that do not name the arch.
    #[arg(long)]
    arch_only_groups: bool,
    /// Remove packages that do not name the arch.
    #[arg(long)]
    arch_only_packages: bool,
    /// Remove environments that do not name the arch.
    #[arg(long)]
    arch_only_environments: bool,
    /// Remove all categories.
    #[arg(long)]
    remove_categories: bool,
    /// Remove the langpacks section.
    #[arg(long)]
    remove_langpacks: bool,
    /// Remove all translations.
    #[arg(long)]
    remove_translations: bool,
    /// Remove all environments.
    #[arg(long)]
    remove_environments: bool,
    /// Keep groups whose id matches, even if they are empty.
    #[arg(long, value_name = "GLOB")]
    keep_empty_group: Vec<String>,
    /// Environments may refer to this group of another variant.
    #[arg(long, value_name = "ID")]
    lookaside_group: Vec<String>,
    /// Leave empty groups, categories and environments, and references to what is not there.
    #[arg(long)]
    no_cleanup: bool,
    /// Leave the white space as it is.
    #[arg(long)]
    no_reindent: bool,
    #[arg(value_name = "COMPS_FILE")]
    comps_file: PathBuf,
}

pub(super) fn main(words: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Finished }.into();
        }
    };
    match filter(&arguments) {
        Ok(()) => Exit::Finished.into(),
        Err(failure) => {
            output::complain(&failure);
            failure.exit.into()
        }
    }
}

fn filter(arguments: &Arguments) -> Result<(), Failure> {
    let blanks = if arguments.no_reindent { Blanks::Keep } else { Blanks::Drop };
    let path = &arguments.comps_file;
    let mut document =
        Document::parse(&fs_err::read(path)?, blanks).map_err(|error| Failure::doomed(format!("{}: {error}", path.display())))?;
    filter_of(arguments).apply(&mut document);
    let mut text = document.to_xml(!arguments.no_reindent);
    if !arguments.no_reindent {
        // As Pungi's.
        text.push('\n');
    }
    match &arguments.output {
        Some(path) => write_whole(path, text.as_bytes())?,
        None => output::print(&text)?,
    }
    Ok(())
}

fn filter_of(arguments: &Arguments) -> Filter {
    Filter {
        arch: arguments.arch.clone(),
        variant: arguments.variant.clone(),
        only_arch: OnlyArch {
            groups: arguments.arch_only_groups,
            packages: arguments.arch_only_packages,
            environments: arguments.arch_only_environments,
        },
        remove: Remove {
            categories: arguments.remove_categories,
            langpacks: arguments.remove_langpacks,
            translations: arguments.remove_translations,
            environments: arguments.remove_environments,
        },
        cleanup: (!arguments.no_cleanup).then(|| Cleanup {
            keep_empty: arguments.keep_empty_group.iter().map(|pattern| Glob::lenient(pattern)).collect(),
            lookaside_groups: arguments.lookaside_group.clone(),
        }),
    }
}
