//! Words and numbers as people read them, and foreign text made harmless.

use std::fmt::Write as _;

/// One line of foreign text (a package's name, a tool's output) that can do nothing to a terminal: escape sequences are gone, other
/// control characters and those that turn the direction of writing are spelt out.
pub fn harmless(text: &str) -> String {
    let plain = console::strip_ansi_codes(text);
    let mut harmless = String::with_capacity(plain.len());
    for character in plain.chars() {
        match character {
            '\t' => harmless.push_str("    "),
            _ if character.is_control() || turns_direction(character) => {
                write!(harmless, "\\u{{{:x}}}", u32::from(character)).expect("a string can be written to");
            }
            _ => harmless.push(character),
        }
    }
    harmless
}

fn turns_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same for text of several lines; a carriage return, with which progress bars overwrite themselves, ends a line too.
pub fn harmless_lines(text: &str) -> Vec<String> {
    let lines = text.split(['\n', '\r']).map(|line| harmless(line.trim_end()));
    let mut lines: Vec<String> = lines.collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// `12.3 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // What would be shown as 1024.0 of one unit is 1.0 of the next.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `0.4 s`, `12 s`, `3:20`, `1:02:03`.
pub fn duration(seconds: f64) -> String {
    if seconds < 9.95 { format!("{:.1} s", seconds.max(0.0)) } else { rough_duration(seconds) }
}

/// The same without a fraction, for times that go on while they are shown: `4 s`, `3:20`, `1:02:03`.
pub fn rough_duration(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of floats to integers saturates")]
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// `1 job`, `2 jobs`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Text cut to the width that it may take on a terminal.
pub fn fit(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// Text filled with spaces to a width.
pub fn pad(text: &str, width: usize) -> String {
    console::pad_str(text, width, console::Alignment::Left, None).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        let hostile = "\u{1b}[2J\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}bell\u{7} \u{202e}txt.exe \u{9b}31m \u{8}\u{0}";
        let text = harmless(hostile);
        assert!(!text.chars().any(|character| character.is_control() || turns_direction(character)), "{text:?}");
        assert!(text.starts_with("red ") && text.contains("bell"), "{text:?}");
        assert_eq!(harmless("liböl — 日本"), "liböl — 日本");
        assert_eq!(harmless_lines("10%\r20%\r\nE: no\tspace\n\n"), ["10%", "20%", "", "E: no    space"]);
    }

    #[test]
    fn sizes_and_durations_are_short() {
        let sizes = [0, 1023, 1024, 1024 * 1024 - 1, 12_900_000, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "12.3 MiB", "16384.0 PiB"]);
        let durations = [0.04, 9.94, 9.96, 59.6, 200.0, 3723.0, -1.0].map(duration);
        assert_eq!(durations, ["0.0 s", "9.9 s", "10 s", "1:00", "3:20", "1:02:03", "0.0 s"]);
    }
}
