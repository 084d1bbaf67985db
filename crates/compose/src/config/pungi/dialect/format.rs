//! `'text' % value`, as Python formats.
//!
//! Widths and precisions come from the file: whatever would grow beyond [`LENGTH_LIMIT`] is refused before it is made.

use std::fmt::Write as _;

use super::super::integer::Integer;
use super::super::show::{self, plain, repr};
use super::super::value::{Dict, Value};
use super::error::{Class, DialectError};

/// The longest text that formatting may give.
const LENGTH_LIMIT: usize = 16 << 20;

/// Behind so many digits after the point every float has only zeros. Rust's own formatting panics when asked for more than 65535.
const FLOAT_DIGITS: usize = 1100;

type Result<T> = std::result::Result<T, DialectError>;

fn wrong<T>(class: Class, message: impl Into<String>) -> Result<T> {
    Err(DialectError::new(class, message))
}

/// One place in the text: `%-5.2f`, `%(name)s`.
#[derive(Debug, Default)]
struct Conversion {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// What stands right of the `%`, and how much of it was taken.
struct Arguments<'a> {
    value: &'a Value,
    taken: usize,
}

impl<'a> Arguments<'a> {
    fn next(&mut self) -> Result<&'a Value> {
        let next = match self.value {
            Value::Tuple(items) => items.get(self.taken),
            single => Some(single).filter(|_| self.taken == 0),
        };
        self.taken += 1;
        next.map_or_else(|| wrong(Class::TypeError, "not enough arguments for format string"), Ok)
    }

    fn mapping(&self) -> Result<&'a Dict> {
        match self.value {
            Value::Dict(dict) => Ok(dict),
            Value::List(_) => wrong(Class::TypeError, "list indices must be integers or slices, not str"),
            _ => wrong(Class::TypeError, "format requires a mapping"),
        }
    }

    /// Whether something is left over; what has keys may be used in part.
    fn are_left(&self) -> bool {
        match self.value {
            Value::Tuple(items) => self.taken < items.len(),
            Value::Dict(_) | Value::List(_) => false,
            _ => self.taken == 0,
        }
    }
}

/// Formats a text with a value.
pub(super) fn format(pattern: &str, value: &Value) -> Result<String> {
    let mut arguments = Arguments { value, taken: 0 };
    let mut characters = pattern.chars().enumerate().peekable();
    let mut out = String::new();
    let mut input = Input { characters: &mut characters };
    while let Some(character) = input.next() {
        if character == '%' {
            convert(&mut input, &mut arguments, &mut out)?;
        } else {
            out.push(character);
        }
        if out.len() > LENGTH_LIMIT {
            return wrong(Class::MemoryError, "the formatted text would be longer than 16 MiB");
        }
    }
    if arguments.are_left() {
        return wrong(Class::TypeError, "not all arguments converted during string formatting");
    }
    Ok(out)
}

struct Input<'a, I: Iterator<Item = (usize, char)>> {
    characters: &'a mut std::iter::Peekable<I>,
}

impl<I: Iterator<Item = (usize, char)>> Input<'_, I> {
    fn next(&mut self) -> Option<char> {
        self.characters.next().map(|(_, character)| character)
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        self.characters.next_if(|(_, character)| wanted(*character)).map(|(_, character)| character)
    }

    /// The name in `%(name)s`, whose brackets may be nested.
    fn key(&mut self) -> Result<String> {
        let mut key = String::new();
        let mut depth = 1;
        for (_, character) in self.characters.by_ref() {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(key);
            }
            key.push(character);
        }
        wrong(Class::ValueError, "incomplete format key")
    }

    /// Digits, or `*` for the next argument.
    fn size(&mut self, arguments: &mut Arguments<'_>) -> Result<Option<i64>> {
        if self.next_if(|character| character == '*').is_some() {
            return match arguments.next()? {
                Value::Int(number) => number.to_i64().filter(|size| size.unsigned_abs() <= LENGTH_LIMIT as u64).map(Some),
                Value::Bool(value) => Some(Some(i64::from(*value))),
                _ => return wrong(Class::TypeError, "* wants int"),
            }
            .map_or_else(|| wrong(Class::OverflowError, "width too big"), Ok);
        }
        let mut size = None;
        while let Some(digit) = self.next_if(|character| character.is_ascii_digit()) {
            size = Some(size.unwrap_or(0) * 10 + i64::from(digit.to_digit(10).unwrap_or_default()));
            if size.is_some_and(|size| size.unsigned_abs() > LENGTH_LIMIT as u64) {
                return wrong(Class::ValueError, "width too big");
            }
        }
        Ok(size)
    }
}

/// Reads and does one conversion; the `%` was read.
fn convert<I: Iterator<Item = (usize, char)>>(
    input: &mut Input<'_, I>,
    arguments: &mut Arguments<'_>,
    out: &mut String,
) -> Result<()> {
    let mut named = None;
    if input.next_if(|character| character == '%').is_some() {
        out.push('%');
        return Ok(());
    }
    if input.next_if(|character| character == '(').is_some() {
        let mapping = arguments.mapping()?;
        let key = input.key()?;
        let Some(value) = mapping.get(key.as_str()) else {
            return wrong(Class::KeyError, show::repr_text(&key));
        };
        named = Some(value);
        // What has keys cannot be taken as a whole any more.
        arguments.taken += 1;
    }
    let mut conversion = Conversion::default();
    while let Some(flag) = input.next_if(|character| "-+ #0".contains(character)) {
        match flag {
            '-' => conversion.left = true,
            '+' => conversion.plus = true,
            ' ' => conversion.blank = true,
            '#' => conversion.alternate = true,
            _ => conversion.zero = true,
        }
    }
    let width = input.size(arguments)?.unwrap_or_default();
    conversion.left |= width < 0;
    conversion.width = usize::try_from(width.unsigned_abs()).unwrap_or(LENGTH_LIMIT);
    if input.next_if(|character| character == '.').is_some() {
        let precision = input.size(arguments)?.unwrap_or_default().max(0);
        conversion.precision = usize::try_from(precision).ok();
    }
    input.next_if(|character| "hlL".contains(character));
    let Some((index, kind)) = input.characters.next() else {
        return wrong(Class::ValueError, "incomplete format");
    };
    let value = match named {
        Some(value) => value,
        None if "sraduioxXeEfFgGc".contains(kind) => arguments.next()?,
        None => arguments.next().and_then(|_| unknown(kind, index))?,
    };
    out.push_str(&conversion.apply(kind, index, value)?);
    Ok(())
}

fn unknown<T>(kind: char, index: usize) -> Result<T> {
    let code = u32::from(kind);
    let shown = if (' '..='~').contains(&kind) { kind } else { '?' };
    wrong(Class::ValueError, format!("unsupported format character '{shown}' (0x{code:x}) at index {index}"))
}

impl Conversion {
    fn apply(&self, kind: char, index: usize, value: &Value) -> Result<String> {
        match kind {
            's' => Ok(self.padded("", &self.cut(plain(value)))),
            'r' => Ok(self.padded("", &self.cut(repr(value)))),
            'a' => Ok(self.padded("", &self.cut(ascii(&repr(value))))),
            'c' => Ok(self.padded("", &character(value)?)),
            'd' | 'i' | 'u' | 'o' | 'x' | 'X' => self.whole(kind, value),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => self.float(kind, value),
            _ => unknown(kind, index),
        }
    }

    fn cut(&self, text: String) -> String {
        match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text,
        }
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.blank) {
            (true, ..) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        }
    }

    fn whole(&self, kind: char, value: &Value) -> Result<String> {
        let number = match value {
            Value::Int(number) => number.clone(),
            Value::Bool(value) => Integer::from(i64::from(*value)),
            Value::Float(number) if "diu".contains(kind) && number.is_finite() => Integer::truncated(*number),
            Value::Float(number) if "diu".contains(kind) && number.is_nan() => {
                return wrong(Class::ValueError, "cannot convert float NaN to integer");
            }
            Value::Float(_) if "diu".contains(kind) => {
                return wrong(Class::OverflowError, "cannot convert float infinity to integer");
            }
            other => {
                let wanted = if "diu".contains(kind) { "a real number" } else { "an integer" };
                return wrong(Class::TypeError, format!("%{kind} format: {wanted} is required, not {}", other.type_name()));
            }
        };
        let (base, prefix) = match kind {
            'o' => (8, "0o"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        let mut digits = number.in_base(base);
        if kind == 'X' {
            digits.make_ascii_uppercase();
        }
        let missing = self.precision.unwrap_or_default().saturating_sub(digits.len());
        let digits = "0".repeat(missing) + &digits;
        let prefix = if self.alternate { prefix } else { "" };
        let before = format!("{}{prefix}", self.sign(number.is_negative()));
        Ok(self.padded_number(&before, &digits))
    }

    fn float(&self, kind: char, value: &Value) -> Result<String> {
        let number = match value {
            Value::Bool(value) => f64::from(u8::from(*value)),
            other => other
                .as_number()
                .map_or_else(|| wrong(Class::TypeError, format!("must be real number, not {}", other.type_name())), Ok)?,
        };
        if number.is_infinite() && matches!(value, Value::Int(_)) {
            return wrong(Class::OverflowError, "int too large to convert to float");
        }
        let precision = self.precision.unwrap_or(6);
        if precision > LENGTH_LIMIT / 2 {
            return wrong(Class::ValueError, "precision too big");
        }
        let size = number.abs();
        let mut digits = match kind.to_ascii_lowercase() {
            _ if !number.is_finite() => show::float(size),
            'e' => exponential(size, precision),
            'f' => fixed(size, precision),
            _ => self.general(size, precision.max(1)),
        };
        if self.alternate && precision == 0 && number.is_finite() && !digits.contains('.') {
            let end = digits.find('e').unwrap_or(digits.len());
            digits.insert(end, '.');
        }
        if kind.is_ascii_uppercase() {
            digits.make_ascii_uppercase();
        }
        Ok(self.padded_number(self.sign(number.is_sign_negative() && !number.is_nan()), &digits))
    }

    /// `%g`: with an exponent for very small and large numbers, without zeros at the end.
    fn general(&self, size: f64, precision: usize) -> String {
        let scientific = exponential(size, precision - 1);
        let exponent: i64 = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or_default();
        let places = i64::try_from(precision).unwrap_or(i64::MAX);
        let (digits, exponent) = if (-4..places).contains(&exponent) {
            let decimals = usize::try_from(places - 1 - exponent).unwrap_or_default();
            (fixed(size, decimals), String::new())
        } else {
            let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, ""));
            (digits.to_owned(), format!("e{exponent}"))
        };
        let short =
            if digits.contains('.') && !self.alternate { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
        format!("{short}{exponent}")
    }

    fn padded_number(&self, before: &str, digits: &str) -> String {
        if self.zero && !self.left {
            let missing = self.width.saturating_sub(before.len() + digits.len());
            return format!("{before}{}{digits}", "0".repeat(missing));
        }
        self.padded(before, digits)
    }

    fn padded(&self, before: &str, text: &str) -> String {
        let missing = " ".repeat(self.width.saturating_sub(before.chars().count() + text.chars().count()));
        if self.left { format!("{before}{text}{missing}") } else { format!("{missing}{before}{text}") }
    }
}

fn fixed(size: f64, precision: usize) -> String {
    let exact = precision.min(FLOAT_DIGITS);
    format!("{size:.exact$}") + &"0".repeat(precision - exact)
}

fn exponential(size: f64, precision: usize) -> String {
    let exact = precision.min(FLOAT_DIGITS);
    let text = format!("{size:.exact$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let zeros = "0".repeat(precision - exact);
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}{zeros}e{sign}{:02}", exponent.abs())
}

fn character(value: &Value) -> Result<String> {
    match value {
        Value::Text(text) if text.chars().count() == 1 => Ok(text.to_string()),
        Value::Int(number) => {
            let character = number.to_i64().and_then(|code| u32::try_from(code).ok()).and_then(char::from_u32);
            character
                .map_or_else(|| wrong(Class::OverflowError, "%c arg not in range(0x110000)"), |character| Ok(character.into()))
        }
        Value::Bool(value) => Ok(char::from(u8::from(*value)).into()),
        _ => wrong(Class::TypeError, "%c requires int or char"),
    }
}

/// Characters beyond ASCII as escapes.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        // Writing to a String cannot fail.
        let _ = match u32::from(character) {
            0..0x80 => write!(out, "{character}"),
            code @ 0x80..0x100 => write!(out, "\\x{code:02x}"),
            code @ 0x100..0x1_0000 => write!(out, "\\u{code:04x}"),
            code => write!(out, "\\U{code:08x}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "short in the lists below")]
    fn whole(number: i64) -> Option<Value> {
        Some(Value::Int(number.into()))
    }

    #[test]
    fn numbers_are_formatted_as_python_does() {
        let cases = [
            ("%5d|", whole(-3), "   -3|"),
            ("%-5d|", whole(3), "3    |"),
            ("%+05d", whole(3), "+0003"),
            ("%.3d", whole(7), "007"),
            ("%#x", whole(255), "0xff"),
            ("%g", Some(Value::Float(100_000.0)), "100000"),
            ("%g", Some(Value::Float(1e6)), "1e+06"),
            ("%g", Some(Value::Float(0.0001)), "0.0001"),
            ("%.2e", Some(Value::Float(12345.0)), "1.23e+04"),
            ("%d", Some(Value::Float(-2.7)), "-2"),
            ("%c", whole(65), "A"),
            ("%s", Some(Value::Bool(true)), "True"),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(format(pattern, &value.unwrap()).unwrap(), expected, "{pattern}");
        }
    }

    #[test]
    fn more_digits_than_a_float_has_are_zeros() {
        let number = Value::Float(1.5);
        let zeros = "0".repeat(69_999);
        assert_eq!(format("%.70000f", &number).unwrap(), format!("1.5{zeros}"));
        assert_eq!(format("%.70000e", &number).unwrap(), format!("1.5{zeros}e+00"));
        assert_eq!(format("%.70000g", &number).unwrap(), "1.5");
        assert_eq!(format("%#.70001g", &number).unwrap(), format!("1.5{zeros}"));
        // The smallest float has the most digits of all: 1074, the last of which is a five.
        let smallest = format("%.1075f", &Value::Float(f64::from_bits(1))).unwrap();
        assert!(smallest.ends_with("50"), "{smallest}");
    }

    #[test]
    fn hostile_widths_are_refused() {
        for pattern in ["%99999999999999999999d", "%999999999s", "%.999999999f"] {
            assert!(format(pattern, &Value::Int(1.into())).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_has_keys_may_be_left_over_and_other_values_not() {
        assert_eq!(format("x", &Value::List(vec![Value::None].into())).unwrap(), "x");
        assert_eq!(format("x", &Value::Dict(Dict::new().into())).unwrap(), "x");
        assert_eq!(format("x", &Value::Int(1.into())).unwrap_err().class, Class::TypeError);
        assert_eq!(format("x", &Value::Tuple(vec![].into())).unwrap(), "x");
    }
}
