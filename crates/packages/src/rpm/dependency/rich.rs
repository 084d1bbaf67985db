//! Rich dependencies: `(a and b)`, `(a if (b or c) else d)`. Read into a tree, and printed as libsolv prints them.

use std::fmt::{self, Display as _};

use super::{Comparison, Constraint, Dependency};
use crate::rpm::version::Evr;

/// How deep expressions may be nested; what packages have is three at most.
const DEPTH: usize = 64;

/// An expression over dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rich<'a> {
    Plain(Dependency<'a>),
    /// Two or more.
    All(Vec<Rich<'a>>),
    /// Two or more.
    Any(Vec<Rich<'a>>),
    /// One package has to be all of these, two or more.
    With(Vec<Rich<'a>>),
    Without(Box<[Rich<'a>; 2]>),
    If(Box<Condition<'a>>),
    Unless(Box<Condition<'a>>),
}

/// The parts of an `if` or `unless`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition<'a> {
    pub then: Rich<'a>,
    pub when: Rich<'a>,
    pub otherwise: Option<Rich<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    And,
    Or,
    With,
    Without,
    If,
    Unless,
    Else,
}

impl Operator {
    const ALL: [Operator; 7] =
        [Operator::And, Operator::Or, Operator::With, Operator::Without, Operator::If, Operator::Unless, Operator::Else];

    pub const fn word(self) -> &'static str {
        match self {
            Operator::And => "and",
            Operator::Or => "or",
            Operator::With => "with",
            Operator::Without => "without",
            Operator::If => "if",
            Operator::Unless => "unless",
            Operator::Else => "else",
        }
    }

    fn can_be_chained(self) -> bool {
        matches!(self, Operator::And | Operator::Or | Operator::With)
    }
}

/// What is wrong with an expression, and at which character, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {problem}")]
pub struct RichError {
    pub column: usize,
    pub problem: RichProblem,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RichProblem {
    #[error("an opening parenthesis is missing")]
    NotOpened,
    #[error("the expression ends without its closing parenthesis")]
    NotClosed,
    #[error("there is something behind the closing parenthesis")]
    Trailing,
    #[error("the name of a dependency is missing")]
    NoName,
    #[error("a version is missing behind `{0}`")]
    NoVersion(String),
    #[error("`{0}` is no operator; write one of and, or, with, without, if, unless, else")]
    UnknownOperator(String),
    #[error("`{}` can not follow `{}` without parentheses", second.word(), first.word())]
    Mixed { first: Operator, second: Operator },
    #[error("`else` without an `if` or `unless` before it")]
    StrayElse,
    #[error("expressions are nested deeper than {DEPTH}")]
    TooDeep,
}

impl<'a> Rich<'a> {
    /// Reads an expression in parentheses.
    pub fn parse(text: &'a str) -> Result<Rich<'a>, RichError> {
        let mut reader = Reader { text, position: 0 };
        reader.skip_blanks();
        if !reader.rest().starts_with('(') {
            return Err(reader.error(RichProblem::NotOpened));
        }
        let expression = reader.expression(DEPTH)?;
        reader.skip_blanks();
        if reader.rest().is_empty() { Ok(expression) } else { Err(reader.error(RichProblem::Trailing)) }
    }

    fn operator(&self) -> Option<Operator> {
        match self {
            Rich::Plain(_) => None,
            Rich::All(_) => Some(Operator::And),
            Rich::Any(_) => Some(Operator::Or),
            Rich::With(_) => Some(Operator::With),
            Rich::Without(_) => Some(Operator::Without),
            Rich::If(_) => Some(Operator::If),
            Rich::Unless(_) => Some(Operator::Unless),
        }
    }

    /// Without the parentheses around it.
    fn write_inner(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = self.operator();
        let write = |part: &Rich<'_>, formatter: &mut fmt::Formatter<'_>| {
            let needs_none = operator.is_some_and(Operator::can_be_chained) && part.operator() == operator;
            if needs_none { part.write_inner(formatter) } else { part.fmt(formatter) }
        };
        match self {
            Rich::Plain(dependency) => dependency.fmt(formatter),
            Rich::All(parts) | Rich::Any(parts) | Rich::With(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    if let Some(operator) = operator.filter(|_| index > 0) {
                        write!(formatter, " {} ", operator.word())?;
                    }
                    write(part, formatter)?;
                }
                Ok(())
            }
            Rich::Without(parts) => write!(formatter, "{} without {}", parts[0], parts[1]),
            Rich::If(condition) | Rich::Unless(condition) => {
                let word = if matches!(self, Rich::If(_)) { "if" } else { "unless" };
                write!(formatter, "{} {word} {}", condition.then, condition.when)?;
                match &condition.otherwise {
                    Some(otherwise) => write!(formatter, " else {otherwise}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Parentheses stand where they are needed: `(a or (b or c))` is printed as `(a or b or c)`.
impl fmt::Display for Rich<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Rich::Plain(dependency) = self {
            return dependency.fmt(formatter);
        }
        formatter.write_str("(")?;
        self.write_inner(formatter)?;
        formatter.write_str(")")
    }
}

struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn error(&self, problem: RichProblem) -> RichError {
        RichError { column: self.text[..self.position].chars().count() + 1, problem }
    }

    fn skip_blanks(&mut self) {
        self.position += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.rest()[..length];
        self.position += length;
        taken
    }

    /// From an opening parenthesis to behind its closing one.
    fn expression(&mut self, depth: usize) -> Result<Rich<'a>, RichError> {
        let deeper = depth.checked_sub(1).ok_or_else(|| self.error(RichProblem::TooDeep))?;
        self.take(1);
        let first = self.operand(deeper)?;
        let Some(operator) = self.operator()? else { return Ok(first) };
        match operator {
            Operator::And | Operator::Or | Operator::With => {
                let parts = self.chain(first, operator, deeper)?;
                Ok(match operator {
                    Operator::And => Rich::All(parts),
                    Operator::Or => Rich::Any(parts),
                    _ => Rich::With(parts),
                })
            }
            Operator::Without => {
                let second = self.operand(deeper)?;
                self.close(operator)?;
                Ok(Rich::Without(Box::new([first, second])))
            }
            Operator::If | Operator::Unless => {
                let condition = Box::new(self.condition(first, operator, deeper)?);
                Ok(if operator == Operator::If { Rich::If(condition) } else { Rich::Unless(condition) })
            }
            Operator::Else => Err(self.error(RichProblem::StrayElse)),
        }
    }

    fn chain(&mut self, first: Rich<'a>, operator: Operator, depth: usize) -> Result<Vec<Rich<'a>>, RichError> {
        let mut parts = vec![first, self.operand(depth)?];
        while let Some(second) = self.operator()? {
            if second != operator {
                return Err(self.error(RichProblem::Mixed { first: operator, second }));
            }
            parts.push(self.operand(depth)?);
        }
        Ok(parts)
    }

    fn condition(&mut self, then: Rich<'a>, operator: Operator, depth: usize) -> Result<Condition<'a>, RichError> {
        let when = self.operand(depth)?;
        let otherwise = match self.operator()? {
            None => None,
            Some(Operator::Else) => {
                let otherwise = self.operand(depth)?;
                self.close(Operator::Else)?;
                Some(otherwise)
            }
            Some(second) => return Err(self.error(RichProblem::Mixed { first: operator, second })),
        };
        Ok(Condition { then, when, otherwise })
    }

    /// The expression must end here.
    fn close(&mut self, first: Operator) -> Result<(), RichError> {
        match self.operator()? {
            None => Ok(()),
            Some(second) => Err(self.error(RichProblem::Mixed { first, second })),
        }
    }

    /// The next operator, or nothing behind the closing parenthesis.
    fn operator(&mut self) -> Result<Option<Operator>, RichError> {
        self.skip_blanks();
        let rest = self.rest();
        if rest.starts_with(')') {
            self.take(1);
            return Ok(None);
        }
        if rest.is_empty() {
            return Err(self.error(RichProblem::NotClosed));
        }
        let end = rest.find(|character: char| character.is_whitespace() || character == ')').unwrap_or(rest.len());
        let word = &rest[..end];
        let Some(operator) = Operator::ALL.into_iter().find(|operator| operator.word() == word) else {
            return Err(self.error(RichProblem::UnknownOperator(word.to_owned())));
        };
        self.take(end);
        Ok(Some(operator))
    }

    fn operand(&mut self, depth: usize) -> Result<Rich<'a>, RichError> {
        self.skip_blanks();
        if self.rest().starts_with('(') { self.expression(depth) } else { self.plain().map(Rich::Plain) }
    }

    fn plain(&mut self) -> Result<Dependency<'a>, RichError> {
        let name = self.take(word_length(self.rest()));
        if name.is_empty() {
            return Err(self.error(RichProblem::NoName));
        }
        self.skip_blanks();
        let signs = self.rest().bytes().take_while(|byte| b"<>=".contains(byte)).count();
        let Some(comparison) = Comparison::from_sign(&self.rest()[..signs]) else {
            return Ok(Dependency { name, constraint: None });
        };
        let sign = self.take(signs);
        self.skip_blanks();
        let evr = self.take(word_length(self.rest()));
        if evr.is_empty() {
            return Err(self.error(RichProblem::NoVersion(sign.to_owned())));
        }
        Ok(Dependency { name, constraint: Some(Constraint { comparison, evr: Evr::parse(evr) }) })
    }
}

/// A name may have parentheses of its own, such as in `perl(strict)`; one that closes more than was opened ends it.
fn word_length(text: &str) -> usize {
    let mut open = 0_usize;
    for (position, character) in text.char_indices() {
        match character {
            '(' => open += 1,
            ')' if open == 0 => return position,
            ')' => open -= 1,
            _ if character.is_whitespace() => return position,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prints_what_it_reads_without_needless_parentheses() {
        for (text, printed) in [
            ("(a and b)", "(a and b)"),
            ("( a  or (b or c) )", "(a or b or c)"),
            ("((a or b) or c)", "(a or b or c)"),
            ("(a and (b or c >= 1:2-3))", "(a and (b or c >= 1:2-3))"),
            ("(a if b)", "(a if b)"),
            ("(a if (b and c) else (d if e))", "(a if (b and c) else (d if e))"),
            ("(a unless b else c)", "(a unless b else c)"),
            ("(perl(x) with perl(x) < 2)", "(perl(x) with perl(x) < 2)"),
            ("(a without b)", "(a without b)"),
            ("(a)", "a"),
            ("((a and b))", "(a and b)"),
            ("(libc.so.6()(64bit) or /bin/sh)", "(libc.so.6()(64bit) or /bin/sh)"),
        ] {
            assert_eq!(Rich::parse(text).unwrap().to_string(), printed, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, message) in [
            ("a", "column 1: an opening parenthesis is missing"),
            ("(a", "column 3: the expression ends without its closing parenthesis"),
            ("(a or b) c", "column 10: there is something behind the closing parenthesis"),
            ("(a or )", "column 7: the name of a dependency is missing"),
            ("()", "column 2: the name of a dependency is missing"),
            ("(a >= or", "column 9: the expression ends without its closing parenthesis"),
            ("(a >= )", "column 7: a version is missing behind `>=`"),
            ("(a xor b)", "column 4: `xor` is no operator; write one of and, or, with, without, if, unless, else"),
            ("(a and b or c)", "column 12: `or` can not follow `and` without parentheses"),
            ("(a if b if c)", "column 11: `if` can not follow `if` without parentheses"),
            ("(a without b without c)", "column 21: `without` can not follow `without` without parentheses"),
            ("(é else b)", "column 8: `else` without an `if` or `unless` before it"),
        ] {
            assert_eq!(Rich::parse(text).unwrap_err().to_string(), message, "{text}");
        }
        let deep = "(".repeat(10_000) + "a" + &")".repeat(10_000);
        assert_eq!(Rich::parse(&deep).unwrap_err().problem, RichProblem::TooDeep);
    }

    /// Text of a random expression, and what it is printed as is read as itself again.
    fn expression() -> impl Strategy<Value = String> {
        let plain = prop_oneof![
            "[a-d]{1,2}",
            "[a-d]\\([a-c]?\\)(\\(64bit\\))?",
            "/[a-c]{1,3}",
            "[a-d] (<|<=|=|>=|>) ([1-9]:)?[0-9](-[0-9])?"
        ];
        let rich = plain.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                (prop::collection::vec(inner.clone(), 2..4), "and|or|with")
                    .prop_map(|(parts, word)| format!("({})", parts.join(&format!(" {word} ")))),
                (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} without {right})")),
                (inner.clone(), inner.clone(), prop::option::of(inner), "if|unless").prop_map(
                    |(then, condition, other, word)| {
                        let other = other.map(|other| format!(" else {other}")).unwrap_or_default();
                        format!("({then} {word} {condition}{other})")
                    }
                ),
            ]
        });
        rich.prop_map(|text| if text.starts_with('(') { text } else { format!("({text} or z)") })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_as_the_same(text in expression()) {
            let read = Rich::parse(&text).unwrap();
            let printed = read.to_string();
            let again = Rich::parse(&printed).unwrap();
            prop_assert_eq!(again.to_string(), printed.as_str());
            let words = |text: &str| text.split([' ', '(', ')']).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&text), words(&again.to_string()));
        }

        #[test]
        fn never_panics(text in "[(]?\\PC{0,20}", words in "[(](a|b| |and|if|else|[()]|>=|1){0,20}") {
            let _ = Rich::parse(&text);
            let _ = Rich::parse(&words);
        }
    }
}
