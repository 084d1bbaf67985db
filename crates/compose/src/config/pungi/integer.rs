//! Whole numbers of any length, as Python has them: read, shown, negated. Nothing here adds.

use std::fmt;

/// Python refuses to turn longer texts into numbers.
const DIGIT_LIMIT: usize = 4300;

/// A whole number as its decimal digits, without leading zeros; zero is never negative.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Integer {
    negative: bool,
    digits: String,
}

impl Integer {
    /// What Python's `int(text)` takes of the texts that are number tokens.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|character| *character != '_').collect();
        let plain = !digits.is_empty() && digits.len() <= DIGIT_LIMIT && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| Self::of_digits(false, &digits))
    }

    fn of_digits(negative: bool, digits: &str) -> Self {
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Self { negative: false, digits: "0".to_owned() };
        }
        Self { negative, digits: digits.to_owned() }
    }

    /// The whole number that a float is equal to.
    pub(super) fn of_whole_float(number: f64) -> Option<Self> {
        let whole = number.is_finite() && number.fract() == 0.0;
        whole.then(|| Self::truncated(number))
    }

    /// The whole part of a finite float.
    pub(super) fn truncated(number: f64) -> Self {
        Self::of_digits(number.is_sign_negative(), &format!("{:.0}", number.trunc().abs()))
    }

    #[must_use]
    pub(super) fn negated(&self) -> Self {
        Self::of_digits(!self.negative, &self.digits)
    }

    pub fn is_zero(&self) -> bool {
        self.digits == "0"
    }

    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    pub fn to_i64(&self) -> Option<i64> {
        self.to_string().parse().ok()
    }

    pub(super) fn to_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// The digits without the sign, to the base 10 or below 17.
    pub(super) fn in_base(&self, base: u32) -> String {
        if base == 10 {
            return self.digits.clone();
        }
        let mut rest: Vec<u32> = self.digits.bytes().map(|byte| u32::from(byte - b'0')).collect();
        let mut reversed = String::new();
        while !rest.is_empty() {
            let mut carried = 0;
            for digit in &mut rest {
                let value = carried * 10 + *digit;
                *digit = value / base;
                carried = value % base;
            }
            reversed.push(char::from_digit(carried, base).unwrap_or('0'));
            let leading = rest.iter().take_while(|digit| **digit == 0).count();
            rest.drain(..leading);
        }
        reversed.chars().rev().collect()
    }
}

impl From<i64> for Integer {
    fn from(number: i64) -> Self {
        Self::of_digits(number < 0, &number.unsigned_abs().to_string())
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        write!(formatter, "{sign}{}", self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_and_shown_in_any_base() {
        let number = Integer::parse("1_234_567_890_123_456_789_012").unwrap();
        assert_eq!(number.to_string(), "1234567890123456789012");
        assert_eq!(number.in_base(16), "42ed123b0bd8203a14");
        assert_eq!(Integer::parse("00").unwrap().negated().to_string(), "0");
        assert_eq!(Integer::parse("0x10"), None);
        assert_eq!(Integer::truncated(-2.9).to_string(), "-2");
        assert_eq!(Integer::parse(&"9".repeat(4301)), None);
    }
}
