//! The kickstart that pungi-gather reads: repositories, the list of packages, and sections of its own.
//!
//! Commands that are for an installer are passed over, and so are their sections. Must not know: what is done with it.

use charmer_packages::Glob;
use charmer_packages::rpm::gather::{LineError, Request};

/// What a kickstart says.
#[derive(Debug, Default)]
pub(super) struct Kickstart {
    pub(super) repositories: Vec<RepositoryLine>,
    pub(super) request: Request,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct RepositoryLine {
    pub(super) name: String,
    pub(super) base_url: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(super) struct KickstartError {
    line: usize,
    problem: Problem,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("the section `{0}` ends without %end")]
    NotEnded(String),
    #[error("a repository needs {0}")]
    NoOption(&'static str),
    #[error("a repository cannot have the option `{0}` here; there are --name and --baseurl")]
    UnknownOption(String),
    #[error(transparent)]
    Package(#[from] LineError),
}

/// Reads a kickstart's text.
pub(super) fn parse(text: &str) -> Result<Kickstart, KickstartError> {
    let mut kickstart = Kickstart::default();
    let mut section: Option<(&str, usize)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let at = |problem| KickstartError { line: number, problem };
        let line = line.trim();
        match section {
            Some(_) if line == "%end" => section = None,
            Some((name, _)) => kickstart.add_to_section(name, line).map_err(|error| at(error.into()))?,
            None if line.starts_with('%') => {
                section = Some((line.split_whitespace().next().unwrap_or_default(), number));
            }
            None => {
                if let Some(options) = line.strip_prefix("repo ") {
                    kickstart.repositories.push(repository(options).map_err(at)?);
                }
            }
        }
    }
    match section {
        None => Ok(kickstart),
        Some((name, line)) => Err(KickstartError { line, problem: Problem::NotEnded(name.to_owned()) }),
    }
}

impl Kickstart {
    fn add_to_section(&mut self, section: &str, line: &str) -> Result<(), LineError> {
        if section == "%packages" {
            return self.request.packages.push_line(line);
        }
        let word = line.split_once('#').map_or(line, |(word, _)| word).trim();
        if word.is_empty() {
            return Ok(());
        }
        match section {
            "%fulltree-excludes" => {
                self.request.fulltree_excludes.insert(word.to_owned());
            }
            "%multilib-blacklist" => self.request.multilib_blacklist.push(Glob::lenient(word)),
            "%multilib-whitelist" => self.request.multilib_whitelist.push(Glob::lenient(word)),
            "%prepopulate" => self.request.prepopulate.push(word.to_owned()),
            _ => {}
        }
        Ok(())
    }
}

/// Options are written `--name=value` or `--name value`; quotes around a value are taken off.
fn repository(options: &str) -> Result<RepositoryLine, Problem> {
    let mut words = options.split_whitespace();
    let (mut name, mut base_url) = (None, None);
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (word, words.next()),
        };
        let value = value.map(|value| value.trim_matches(['"', '\'']).to_owned());
        match option {
            "--name" => name = value,
            "--baseurl" => base_url = value,
            _ => return Err(Problem::UnknownOption(option.to_owned())),
        }
    }
    Ok(RepositoryLine {
        name: name.ok_or(Problem::NoOption("--name"))?,
        base_url: base_url.ok_or(Problem::NoOption("--baseurl"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_read_and_the_installers_are_passed_over() {
        let text = "lang en_US\nrepo --name=one --baseurl=file:///one\nrepo --name two --baseurl \"file:///two\"\n\
                    %packages --ignoremissing\nbash # shell\n-zsh\n@core --optional\n%end\n%post\nrm -rf /\n%end\n\
                    %fulltree-excludes\nkernel\n\n%end\n%multilib-blacklist\nglibc*\n%end\n%multilib-whitelist\na\n%end\n\
                    %prepopulate\nbash.x86_64\n# none\n%end\n";
        let Kickstart { repositories, request } = parse(text).unwrap();
        let repository = |name: &str, url: &str| RepositoryLine { name: name.to_owned(), base_url: url.to_owned() };
        assert_eq!(repositories, [repository("one", "file:///one"), repository("two", "file:///two")]);
        assert!(request.packages.packages.contains("bash") && request.packages.excludes.contains("zsh"));
        assert_eq!(request.packages.groups[0].id, "core");
        assert!(request.fulltree_excludes.contains("kernel"));
        assert!(request.multilib_blacklist[0].matches("glibc-common") && request.multilib_whitelist[0].matches("a"));
        assert_eq!(request.prepopulate, ["bash.x86_64"]);
    }

    #[test]
    fn errors_name_their_line() {
        for (text, message) in [
            ("\nrepo --name=a", "line 2: a repository needs --baseurl"),
            (
                "repo --name=a --proxy=b",
                "line 1: a repository cannot have the option `--proxy` here; there are --name and --baseurl",
            ),
            ("%packages\na", "line 1: the section `%packages` ends without %end"),
            ("%packages\n@\n%end", "line 2: `@` names no package and no group"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
    }
}
