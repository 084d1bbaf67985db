//! `docs/reference/cli.md`: every command and option, from clap's declaration.

use clap::{Arg, Command};

pub(crate) fn reference(command: &Command) -> String {
    let mut text = String::from("# Command line\n\nGenerated from `crates/cli/src/arguments.rs` by `cargo xtask generate`.\n");
    section(&mut text, command, 2);
    text
}

fn section(text: &mut String, command: &Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    text.push_str(&format!("\n{} {name}\n\n{about}\n\n```text\n{usage}\n```\n", "#".repeat(level)));
    let arguments: Vec<&Arg> = command.get_arguments().filter(|argument| !is_help(argument)).collect();
    if !arguments.is_empty() {
        text.push_str("\n| argument | meaning |\n|---|---|\n");
        arguments.into_iter().for_each(|argument| text.push_str(&row(argument)));
    }
    if let Some(after) = command.get_after_help() {
        text.push_str(&format!("\n```text\n{after}\n```\n"));
    }
    let commands = command.get_subcommands().filter(|command| command.get_name() != "help");
    commands.for_each(|command| section(text, command, level + 1));
}

fn is_help(argument: &Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version")
}

fn row(argument: &Arg) -> String {
    let values: Vec<String> = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let takes_value = argument.get_action().takes_values();
    let value = if takes_value { format!(" {}", values.join(" ")) } else { String::new() };
    let flag = match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}{value}"),
        (Some(short), None) => format!("-{short}{value}"),
        (None, Some(long)) => format!("--{long}{value}"),
        (None, None) => value.trim_start().to_owned(),
    };
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut meaning = help.split_whitespace().collect::<Vec<_>>().join(" ");
    if !meaning.ends_with('.') {
        meaning.push('.');
    }
    let possible: Vec<String> = argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if takes_value && !possible.is_empty() && !argument.is_hide_possible_values_set() {
        meaning.push_str(&format!(" One of {}.", possible.join(", ")));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if takes_value && !defaults.is_empty() {
        meaning.push_str(&format!(" Default: {}.", defaults.join(", ")));
    }
    format!("| `{}` | {} |\n", flag.replace('|', "\\|"), meaning.replace('|', "\\|"))
}
