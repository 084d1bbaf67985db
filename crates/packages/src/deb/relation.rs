//! Relation fields: `Depends: a (>= 1) | b:any, c [amd64] <!nocheck>`, as slices of the text.
//!
//! Must not know: symbols, which field the text is from.

use memchr::memchr;

use crate::deb::byte_set::ByteSet;
use crate::deb::control::shorten;
use crate::ecosystem::Operator;

/// One alternative of a clause, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrittenAtom<'t> {
    pub(crate) name: &'t str,
    /// `any`, `native` or an arch.
    pub(crate) qualifier: Option<&'t str>,
    pub(crate) operator: Operator,
    pub(crate) version: &'t str,
    /// What stands in `[...]`: arches, or arches after `!`.
    pub(crate) arches: Option<&'t str>,
    /// What stands in the `<...>` of build profiles, from the first `<` to the last `>`.
    pub(crate) profiles: Option<&'t str>,
}

/// The clauses of a field, trimmed, with their alternatives still unread. A comma too many is let through, as dpkg does.
pub(crate) fn clauses(field: &str) -> impl Iterator<Item = &str> {
    split(field, b',').filter(|clause| !clause.is_empty())
}

/// Whether a clause has more than one alternative.
pub(crate) fn has_alternatives(clause: &str) -> bool {
    memchr(b'|', clause.as_bytes()).is_some()
}

pub(crate) fn alternatives(clause: &str) -> impl Iterator<Item = Result<WrittenAtom<'_>, String>> {
    split(clause, b'|').map(read_atom)
}

/// The trimmed parts between separators, at least one.
fn split(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        let part = match memchr(separator, text.as_bytes()) {
            Some(end) => {
                rest = Some(&text[end + 1..]);
                &text[..end]
            }
            None => text,
        };
        Some(part.trim_ascii())
    })
}

/// A clause, or one of its alternatives, trimmed.
pub(crate) fn read_atom(text: &str) -> Result<WrittenAtom<'_>, String> {
    let fail = |what: &str| {
        let what = if text.contains("${") { "has a substitution variable that nobody replaced" } else { what };
        Err(format!("`{}` {what}", shorten(text)))
    };
    let (name, mut rest) = NAME_BYTES.split(text);
    if !starts_alphanumeric(name) {
        return fail("does not start with a package name");
    }
    let mut atom = WrittenAtom { name, qualifier: None, operator: Operator::Always, version: "", arches: None, profiles: None };
    if let Some(behind) = rest.strip_prefix(':') {
        let (qualifier, behind) = ARCH_BYTES.split(behind);
        if !starts_alphanumeric(qualifier) {
            return fail("has no arch after its colon");
        }
        atom.qualifier = Some(qualifier);
        rest = behind;
    }
    rest = rest.trim_ascii_start();
    if let Some(behind) = rest.strip_prefix('(') {
        let Some((inside, behind)) = split_at_byte(behind, b')') else { return fail("has no closing parenthesis") };
        let Some((operator, version)) = read_version_limit(inside) else {
            return fail("has no version limit in its parentheses");
        };
        (atom.operator, atom.version) = (operator, version);
        rest = behind.trim_ascii_start();
    }
    if let Some(behind) = rest.strip_prefix('[') {
        let Some((inside, behind)) = split_at_byte(behind, b']') else { return fail("has no closing bracket") };
        atom.arches = Some(inside.trim_ascii());
        rest = behind.trim_ascii_start();
    }
    if rest.starts_with('<') && rest.ends_with('>') {
        atom.profiles = Some(rest);
        rest = "";
    }
    if rest.is_empty() { Ok(atom) } else { fail("goes on after its end") }
}

/// `>= 1.0`. A lone `<` or `>` means "or equal", as it did when dpkg still wrote it.
fn read_version_limit(text: &str) -> Option<(Operator, &str)> {
    let (operator, version) = OPERATOR_BYTES.split(text.trim_ascii());
    let operator = match operator {
        "<<" => Operator::Less,
        "<=" | "<" => Operator::LessEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::GreaterEqual,
        ">>" => Operator::Greater,
        _ => return None,
    };
    let version = version.trim_ascii();
    let is_word = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'$');
    is_word.then_some((operator, version))
}

/// What stands before and behind the first such byte.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let place = memchr(byte, text.as_bytes())?;
    Some((&text[..place], &text[place + 1..]))
}

static NAME_BYTES: ByteSet = ByteSet::alphanumeric_and(b"+-._");
static ARCH_BYTES: ByteSet = ByteSet::alphanumeric_and(b"-");
static OPERATOR_BYTES: ByteSet = ByteSet::of(b"<=>");

/// What dpkg takes as a package's name. Such a name is safe as a part of a path.
pub(crate) fn is_package_name(name: &str) -> bool {
    starts_alphanumeric(name) && NAME_BYTES.contains_all(name)
}

pub(crate) fn is_arch(arch: &str) -> bool {
    starts_alphanumeric(arch) && ARCH_BYTES.contains_all(arch)
}

fn starts_alphanumeric(word: &str) -> bool {
    word.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause_of(text: &str) -> Result<Vec<WrittenAtom<'_>>, String> {
        alternatives(text).collect()
    }

    fn plain(name: &str) -> WrittenAtom<'_> {
        WrittenAtom { name, qualifier: None, operator: Operator::Always, version: "", arches: None, profiles: None }
    }

    #[test]
    fn reads_what_policy_allows() {
        assert_eq!(
            clause_of("libc6 (>= 2.34)|libc6.1:any(>>2.35-1) | libc0.3 [hurd-any !amd64] <!nocheck> <cross>").unwrap(),
            [
                WrittenAtom { operator: Operator::GreaterEqual, version: "2.34", ..plain("libc6") },
                WrittenAtom { qualifier: Some("any"), operator: Operator::Greater, version: "2.35-1", ..plain("libc6.1") },
                WrittenAtom { arches: Some("hurd-any !amd64"), profiles: Some("<!nocheck> <cross>"), ..plain("libc0.3") },
            ]
        );
        let versions: Vec<_> = ["a (<< 1)", "a (<= 1)", "a (= 1)", "a (< 1)", "a (> 1)"]
            .iter()
            .map(|text| clause_of(text).unwrap()[0].operator)
            .collect();
        use Operator::{Equal, GreaterEqual, Less, LessEqual};
        assert_eq!(versions, [Less, LessEqual, Equal, LessEqual, GreaterEqual]);
        assert_eq!(clauses("a, b (= 1) |c,\n d,").collect::<Vec<_>>(), ["a", "b (= 1) |c", "d"]);
    }

    #[test]
    fn refuses_the_rest_by_name() {
        for (text, message) in [
            ("a (= ${v})", "`a (= ${v})` has a substitution variable that nobody replaced"),
            ("${shlibs:Depends}", "`${shlibs:Depends}` has a substitution variable that nobody replaced"),
            ("a (>= 1", "`a (>= 1` has no closing parenthesis"),
            ("a (1)", "`a (1)` has no version limit in its parentheses"),
            ("a (=> 1)", "`a (=> 1)` has no version limit in its parentheses"),
            ("a (>= )", "`a (>= )` has no version limit in its parentheses"),
            ("a (= 1 2)", "`a (= 1 2)` has no version limit in its parentheses"),
            ("a b", "`a b` goes on after its end"),
            ("a [amd64", "`a [amd64` has no closing bracket"),
            ("a:", "`a:` has no arch after its colon"),
            ("a | ", "`` does not start with a package name"),
            ("../a", "`../a` does not start with a package name"),
        ] {
            assert_eq!(clause_of(text).unwrap_err(), message, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[a-c:(<>=|,!\\[\\]$ {}é]{0,16}") {
            for clause in clauses(&text) {
                let _ = clause_of(clause);
            }
        }
    }
}
