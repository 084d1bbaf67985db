//! `charmer why`: the chain that brought a package into a compose.

use charmer_compose::gather::why::{Chain, chains};
use charmer_compose::gather::{Reason, Selected, Selection};
use charmer_compose::session::{recorded_rpm_selections, recorded_selections};

use crate::arguments::WhyArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::{Paint, Tone};
use crate::text::harmless;

use super::existing::Existing;

pub(super) fn why(arguments: &WhyArguments, environment: &Environment) -> Result<Exit, Failure> {
    let compose = Existing::read(&arguments.compose)?;
    let selections = recorded_selections(&compose.layout)?;
    let wanted = |selection: &&Selection| arguments.variant.as_ref().is_none_or(|variant| selection.variant == *variant);
    let (name, arch) = match arguments.package.split_once(':') {
        Some((name, arch)) => (name, Some(arch)),
        None => (arguments.package.as_str(), None),
    };
    if let Some(text) = rpms(&compose, arguments, environment)? {
        output::print(&text)?;
        return Ok(Exit::Finished);
    }
    let chains = chains(selections.iter().filter(wanted), name, arch);
    if chains.is_empty() {
        return Err(Failure::doomed(format!("{} has no package {}", compose.compose_id, arguments.package))
            .hint("packages stand in compose/metadata/debs.json or rpms.json"));
    }
    let paint = Paint { colour: environment.colour_stdout() };
    let text: Vec<_> = chains.iter().map(|chain| show(chain, paint)).collect();
    output::print(&text.join("\n"))?;
    Ok(Exit::Finished)
}

/// The answer in a compose of RPM packages: each file of a package's name, and why it was selected first.
fn rpms(compose: &Existing, arguments: &WhyArguments, environment: &Environment) -> Result<Option<String>, Failure> {
    let paint = Paint { colour: environment.colour_stdout() };
    let mut text = String::new();
    for (variant, arch, selection) in recorded_rpm_selections(&compose.layout)? {
        if arguments.variant.as_ref().is_some_and(|wanted| *wanted != variant) {
            continue;
        }
        let found: Vec<_> = selection.packages.iter().filter(|rpm| is_named(&rpm.file, &arguments.package)).collect();
        if found.is_empty() {
            continue;
        }
        text += &format!("{}\n", paint.text(Tone::Strong, &format!("{variant}.{arch}")));
        for rpm in found {
            let flags = if rpm.flags.is_empty() { String::new() } else { format!(" ({})", rpm.flags) };
            let because = paint.text(Tone::Dim, &harmless(&format!("{}{flags}", rpm.because)));
            text += &format!("  {}  {because}\n", harmless(&rpm.file));
        }
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Whether a file is of the package `NAME` or `NAME.ARCH`.
fn is_named(file: &str, package: &str) -> bool {
    let Some((rest, arch)) = file.strip_suffix(".rpm").and_then(|name| name.rsplit_once('.')) else { return false };
    let name = rest.rsplitn(3, '-').nth(2).unwrap_or(rest);
    name == package || package.strip_suffix(arch).and_then(|package| package.strip_suffix('.')) == Some(name)
}

fn show(chain: &Chain<'_>, paint: Paint) -> String {
    let head = paint.text(Tone::Strong, &format!("{}.{}", chain.variant, chain.arch));
    let link = |(depth, link): (usize, &&Selected)| {
        let package = format!("{} {} {}", link.package.name, link.package.version, link.package.arch);
        let because = because(&link.reason);
        format!("{}{}  {}", "  ".repeat(depth + 1), harmless(&package), paint.text(Tone::Dim, &harmless(&because)))
    };
    let lines: Vec<_> = std::iter::once(head).chain(chain.links.iter().enumerate().map(link)).collect();
    lines.join("\n") + "\n"
}

fn because(reason: &Reason) -> String {
    match reason {
        Reason::Seed(seed) => format!("the seed {seed}"),
        Reason::Include(word) => format!("included as {word}"),
        Reason::Parent(parent) => format!("its parent {parent} has it"),
        Reason::Dependency { field, clause, passed_over, .. } => {
            let passed_over =
                passed_over.iter().map(|it| format!("; not {}, which cannot be installed: {}", it.package, it.reason));
            format!("{field}: {clause}{}", passed_over.collect::<String>())
        }
    }
}
