//! Relation fields: `Depends: a (>= 1) | b:any, c [amd64] <!nocheck>`, as slices of the text.
//!
//! Must not know: symbols, which field the text is from.

use memchr::memchr_iter;

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
    let mut start = 0;
    memchr_iter(b',', field.as_bytes())
        .chain(std::iter::once(field.len()))
        .map(move |end| field[std::mem::replace(&mut start, end + 1)..end].trim_ascii())
        .filter(|clause| !clause.is_empty())
}

/// The alternatives of one clause.
pub(crate) fn read_clause(clause: &str) -> Result<Vec<WrittenAtom<'_>>, String> {
    clause.split('|').map(|alternative| read_atom(alternative.trim_ascii())).collect()
}

fn read_atom(text: &str) -> Result<WrittenAtom<'_>, String> {
    let fail = |what: &str| Err(format!("`{}` {what}", shorten(text)));
    if text.contains("${") {
        return fail("has a substitution variable that nobody replaced");
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || "([<".contains(c)).unwrap_or(text.len());
    let (word, mut rest) = (&text[..end], text[end..].trim_ascii_start());
    let (name, qualifier) = match word.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (word, None),
    };
    if !is_package_name(name) {
        return fail("does not start with a package name");
    }
    if qualifier.is_some_and(|qualifier| !is_arch(qualifier)) {
        return fail("has no arch after its colon");
    }
    let mut atom = WrittenAtom { name, qualifier, operator: Operator::Always, version: "", arches: None, profiles: None };
    if rest.starts_with('(') {
        let Some((inside, behind)) = rest[1..].split_once(')') else { return fail("has no closing parenthesis") };
        let Some((operator, version)) = read_version_limit(inside) else {
            return fail("has no version limit in its parentheses");
        };
        (atom.operator, atom.version) = (operator, version);
        rest = behind.trim_ascii_start();
    }
    if rest.starts_with('[') {
        let Some((inside, behind)) = rest[1..].split_once(']') else { return fail("has no closing bracket") };
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
    let text = text.trim_ascii();
    let end = text.find(|c| !"<=>".contains(c))?;
    let operator = match &text[..end] {
        "<<" => Operator::Less,
        "<=" | "<" => Operator::LessEqual,
        "=" => Operator::Equal,
        ">=" | ">" => Operator::GreaterEqual,
        ">>" => Operator::Greater,
        _ => return None,
    };
    let version = text[end..].trim_ascii();
    let is_word = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then_some((operator, version))
}

/// What dpkg takes as a package's name. Such a name is safe as a part of a path.
pub(crate) fn is_package_name(name: &str) -> bool {
    name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte))
}

pub(crate) fn is_arch(arch: &str) -> bool {
    arch.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && arch.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(name: &str) -> WrittenAtom<'_> {
        WrittenAtom { name, qualifier: None, operator: Operator::Always, version: "", arches: None, profiles: None }
    }

    #[test]
    fn reads_what_policy_allows() {
        assert_eq!(
            read_clause("libc6 (>= 2.34)|libc6.1:any(>>2.35-1) | libc0.3 [hurd-any !amd64] <!nocheck> <cross>").unwrap(),
            [
                WrittenAtom { operator: Operator::GreaterEqual, version: "2.34", ..plain("libc6") },
                WrittenAtom { qualifier: Some("any"), operator: Operator::Greater, version: "2.35-1", ..plain("libc6.1") },
                WrittenAtom { arches: Some("hurd-any !amd64"), profiles: Some("<!nocheck> <cross>"), ..plain("libc0.3") },
            ]
        );
        let versions: Vec<_> = ["a (<< 1)", "a (<= 1)", "a (= 1)", "a (< 1)", "a (> 1)"]
            .iter()
            .map(|text| read_clause(text).unwrap()[0].operator)
            .collect();
        use Operator::{Equal, GreaterEqual, Less, LessEqual};
        assert_eq!(versions, [Less, LessEqual, Equal, LessEqual, GreaterEqual]);
        assert_eq!(clauses("a, b (= 1) |c,\n d,").collect::<Vec<_>>(), ["a", "b (= 1) |c", "d"]);
    }

    #[test]
    fn refuses_the_rest_by_name() {
        for (text, message) in [
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
            assert_eq!(read_clause(text).unwrap_err(), message, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[a-c:(<>=|,!\\[\\]$ {}é]{0,16}") {
            for clause in clauses(&text) {
                let _ = read_clause(clause);
            }
        }
    }
}
