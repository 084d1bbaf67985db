//! All generated files of the repository, written or compared.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use charmer_cli::arguments::{Arguments, PlanFormat};
use charmer_cli::exit::Exit;
use charmer_cli::paint::Paint;
use charmer_cli::plan_view::Plan;
use charmer_compose::config::{self, Configuration};
use charmer_compose::engine::event::Entry;
use charmer_compose::engine::{Part, Phase};
use charmer_compose::package_set::download::Proxies;
use charmer_compose::session::{Surroundings, preview};
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;

use crate::{cli_reference, json_reference};

/// Folders in which everything is generated.
const GENERATED_FOLDERS: [&str; 2] = ["man", "completions"];

/// Writes every file that is not yet as it should be.
pub(crate) fn write() -> io::Result<ExitCode> {
    let files = generated_files()?;
    for path in differing(&files)? {
        match files.get(&path) {
            Some(content) => charmer_compose::files::write_whole(&root().join(&path), content)?,
            None => fs_err::remove_file(root().join(&path))?,
        }
        say(&format!("wrote {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Names every file that is not as it should be.
pub(crate) fn check() -> io::Result<ExitCode> {
    let differing = differing(&generated_files()?)?;
    for path in &differing {
        say(&format!("{} is not up to date; run `cargo xtask generate`", path.display()));
    }
    Ok(if differing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[expect(clippy::print_stderr, reason = "this is a program for the terminal")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Files whose content differs, and files that nothing generates any more.
fn differing(files: &BTreeMap<PathBuf, Vec<u8>>) -> io::Result<Vec<PathBuf>> {
    let mut differing = Vec::new();
    for (path, content) in files {
        match fs_err::read(root().join(path)) {
            Ok(old) if old == *content => {}
            Ok(_) => differing.push(path.clone()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => differing.push(path.clone()),
            Err(error) => return Err(error),
        }
    }
    for folder in GENERATED_FOLDERS {
        let Ok(entries) = fs_err::read_dir(root().join(folder)) else { continue };
        for entry in entries {
            let path = Path::new(folder).join(entry?.file_name());
            if !files.contains_key(&path) {
                differing.push(path);
            }
        }
    }
    differing.sort();
    Ok(differing)
}

fn generated_files() -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    let mut command = Arguments::command();
    command.build();
    let events = schemars::schema_for!(Entry).to_value();
    let references = [
        ("config.md", config::reference()),
        ("config.schema.json", format!("{:#}\n", config::schema())),
        ("cli.md", cli_reference::reference(&command)),
        ("events.md", json_reference::events(&events)),
        ("events.schema.json", format!("{events:#}\n")),
        ("json.md", json_reference::documents()),
        ("metadata.md", json_reference::metadata()),
        ("exit-codes.md", exit_codes()),
    ];
    for (name, content) in references {
        files.insert(Path::new("docs/reference").join(name), content.into_bytes());
    }
    files.insert(PathBuf::from("docs/images/harbour-plan.svg"), harbour_plan()?);
    add_man_pages(&mut files, &command)?;
    for (shell, name) in [(Shell::Bash, "charmer.bash"), (Shell::Zsh, "_charmer"), (Shell::Fish, "charmer.fish")] {
        let mut completions = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "charmer", &mut completions);
        files.insert(Path::new("completions").join(name), completions);
    }
    Ok(files)
}

/// The picture in the README: what `make demo` does.
fn harbour_plan() -> io::Result<Vec<u8>> {
    let config = config::load(&root().join("examples/harbour.toml")).map_err(io::Error::other)?;
    // The plan looks at nothing of the machine; see the test of that name.
    let nowhere = Surroundings {
        path: "".into(),
        environment: BTreeMap::default(),
        current_dir: PathBuf::new(),
        now: SystemTime::UNIX_EPOCH,
        netrc: None,
        apt_folder: PathBuf::new(),
        proxies: Proxies::default(),
    };
    let config = Configuration::Deb(config.into());
    let images = ["*.container", "*.live"].map(str::to_owned).into();
    let demo = Part { skip: vec![Phase::Boot], images, ..Part::default() };
    let graph = preview(&config, &demo, &nowhere).map_err(io::Error::other)?;
    let plan = Plan::of_graph(config.title(), &graph);
    Ok(plan.show(PlanFormat::Svg, Paint { colour: false }).into_bytes())
}

/// A page for charmer, and one for each of its commands: `charmer-config-check.1`.
fn add_man_pages(files: &mut BTreeMap<PathBuf, Vec<u8>>, command: &Command) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut page = Vec::new();
    let version = concat!("charmer ", env!("CARGO_PKG_VERSION"));
    clap_mangen::Man::new(command.clone()).source(version).manual("charmer").render(&mut page)?;
    files.insert(Path::new("man").join(format!("{name}.1")), page);
    let commands = command.get_subcommands().filter(|command| command.get_name() != "help");
    commands.into_iter().try_for_each(|command| add_man_pages(files, command))
}

fn exit_codes() -> String {
    let head = "# Exit codes\n\nGenerated from `crates/cli/src/exit.rs` by `cargo xtask generate`.\n\n| code | name | meaning |\n|---:|---|---|";
    let rows = Exit::ALL.map(|exit| format!("| {} | {} | {} |", exit.code(), exit.name(), exit.meaning()));
    format!("{head}\n{}\n", rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_man_page() {
        let files = generated_files().unwrap();
        for name in ["charmer", "charmer-compose", "charmer-config-check", "charmer-status"] {
            let page = &files[Path::new(&format!("man/{name}.1"))];
            assert!(String::from_utf8_lossy(page).contains(".TH"), "{name}");
        }
    }
}
