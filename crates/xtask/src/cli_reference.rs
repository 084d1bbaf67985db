//! `docs/reference/cli.md`: every command and option, from clap's declaration.

use clap::{Arg, Command};

pub(crate) fn reference(command: &Command) -> String {
    let head = "# Command line\n\nGenerated from `crates/cli/src/arguments.rs` by `cargo xtask generate`.";
    let mut lines = vec![head.to_owned()];
    section(&mut lines, command, 2);
    lines.join("\n") + "\n"
}

fn section(lines: &mut Vec<String>, command: &Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    lines.push(format!("\n{} {name}\n\n{about}\n\n```text\n{usage}\n```", "#".repeat(level)));
    let rows: Vec<String> = command.get_arguments().filter(|argument| !is_help(argument)).map(row).collect();
    if !rows.is_empty() {
        lines.push("\n| argument | meaning |\n|---|---|".to_owned());
        lines.extend(rows);
    }
    lines.extend(command.get_after_help().map(|after| format!("\n```text\n{after}\n```")));
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        section(lines, command, level + 1);
    }
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
    let mut meaning = vec![help.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()];
    let possible: Vec<String> = argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if takes_value && !possible.is_empty() && !argument.is_hide_possible_values_set() {
        meaning.push(format!("One of {}", possible.join(", ")));
    }
    let defaults: Vec<String> =
        argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    if takes_value && !defaults.is_empty() {
        meaning.push(format!("Default: {}", defaults.join(", ")));
    }
    format!("| `{}` | {}. |", flag.replace('|', "\\|"), meaning.join(". ").replace('|', "\\|"))
}
