//! The process's environment, read once. No other code of charmer looks at it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use charmer_compose::package_set::download::Proxies;

use crate::exit::Failure;

/// What the environment says.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `NO_COLOR` is set and not empty: <https://no-color.org>.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set and not 0: colours even where there is no terminal.
    pub force_color: bool,
    /// `TERM` is `dumb` or not set: no cursor can be moved.
    pub dumb_terminal: bool,
    pub stdout_is_terminal: bool,
    pub stderr_is_terminal: bool,
    /// `SOURCE_DATE_EPOCH`: the time that made files carry, in seconds since 1970.
    pub source_date_epoch: Option<i64>,
    /// `XDG_CACHE_HOME/charmer`, or `HOME/.cache/charmer`.
    pub cache_dir: Option<PathBuf>,
    /// `PATH`, for the programs that charmer starts.
    pub path: OsString,
    /// All of it, for programs that are the user's own.
    pub variables: BTreeMap<OsString, OsString>,
    /// Where the program was started.
    pub current_dir: PathBuf,
    /// `http_proxy`, `https_proxy` and `no_proxy`, as curl and apt read them: the last two in either case.
    pub proxies: Proxies,
    /// `NETRC`, or `HOME/.netrc`: the user's file of logins.
    pub netrc: Option<PathBuf>,
}

impl Environment {
    pub fn of_process() -> Result<Self, Failure> {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
        let mut environment = Self::from_variables(|name| std::env::var_os(name))?;
        environment.current_dir = std::env::current_dir()?;
        environment.variables.extend(std::env::vars_os());
        environment.stdout_is_terminal = std::io::stdout().is_terminal();
        environment.stderr_is_terminal = std::io::stderr().is_terminal();
        Ok(environment)
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let source_date_epoch = set("SOURCE_DATE_EPOCH").map(|value| {
            let seconds = value.to_str().and_then(|text| text.parse().ok()).filter(|seconds| *seconds >= 0);
            seconds.ok_or_else(|| {
                Failure::usage(format!("SOURCE_DATE_EPOCH is `{}`, which is no number of seconds", value.to_string_lossy()))
                    .hint("set it as `date +%s` prints it, or unset it")
            })
        });
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let proxies = Proxies {
            http: text("http_proxy"),
            https: text("https_proxy").or_else(|| text("HTTPS_PROXY")),
            no_proxy: text("no_proxy").or_else(|| text("NO_PROXY")),
        };
        // A relative XDG_CACHE_HOME counts as not set, as its specification says.
        let xdg = set("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || set("HOME").map(|home| PathBuf::from(home).join(".cache"));
        Ok(Self {
            no_color: set("NO_COLOR").is_some(),
            force_color: set("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb_terminal: set("TERM").is_none_or(|term| term == "dumb"),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            source_date_epoch: source_date_epoch.transpose()?,
            variables: BTreeMap::new(),
            current_dir: PathBuf::new(),
            cache_dir: xdg.or_else(home).map(|cache| cache.join("charmer")),
            proxies,
            netrc: set("NETRC").map(PathBuf::from).or_else(|| Some(PathBuf::from(set("HOME")?).join(".netrc"))),
            path: set("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()),
        })
    }

    /// Whether what goes to stdout may have colours.
    pub fn colour_stdout(&self) -> bool {
        self.colour(self.stdout_is_terminal)
    }

    /// Whether what goes to stderr may have colours.
    pub fn colour_stderr(&self) -> bool {
        self.colour(self.stderr_is_terminal)
    }

    fn colour(&self, terminal: bool) -> bool {
        !self.no_color && (self.force_color || (terminal && !self.dumb_terminal))
    }

    /// The folder of the cache: the one asked for, else the user's.
    pub fn cache_dir(&self, asked: Option<PathBuf>) -> Result<PathBuf, Failure> {
        asked.or_else(|| self.cache_dir.clone()).ok_or_else(|| {
            Failure::usage("there is no folder for the cache: neither XDG_CACHE_HOME nor HOME is set").hint("say --cache-dir DIR")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Result<Environment, Failure> {
        Environment::from_variables(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()))
    }

    #[test]
    fn colours_need_a_terminal_or_force_and_no_color_wins() {
        let terminal = |variables: &[(&str, &str)]| {
            Environment { stderr_is_terminal: true, ..environment(variables).unwrap() }.colour_stderr()
        };
        assert!(terminal(&[("TERM", "xterm")]));
        assert!(!terminal(&[]));
        assert!(!terminal(&[("TERM", "dumb")]));
        assert!(!terminal(&[("TERM", "xterm"), ("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(terminal(&[("TERM", "xterm"), ("NO_COLOR", "")]));
        assert!(environment(&[("CLICOLOR_FORCE", "1")]).unwrap().colour_stdout());
        assert!(!environment(&[("CLICOLOR_FORCE", "0"), ("TERM", "xterm")]).unwrap().colour_stdout());
    }

    #[test]
    fn the_cache_is_the_one_asked_for_then_the_users() {
        let home = environment(&[("HOME", "/home/u"), ("XDG_CACHE_HOME", "relative")]).unwrap();
        assert_eq!(home.cache_dir(None).unwrap(), PathBuf::from("/home/u/.cache/charmer"));
        assert_eq!(home.cache_dir(Some("/c".into())).unwrap(), PathBuf::from("/c"));
        let xdg = environment(&[("HOME", "/home/u"), ("XDG_CACHE_HOME", "/x")]).unwrap();
        assert_eq!(xdg.cache_dir(None).unwrap(), PathBuf::from("/x/charmer"));
        assert_eq!(environment(&[]).unwrap().cache_dir(None).unwrap_err().exit, crate::exit::Exit::Usage);
    }

    #[test]
    fn a_wrong_source_date_epoch_is_not_ignored() {
        assert_eq!(environment(&[("SOURCE_DATE_EPOCH", "1700000000")]).unwrap().source_date_epoch, Some(1_700_000_000));
        for wrong in ["yesterday", "-1", "1.5"] {
            assert!(environment(&[("SOURCE_DATE_EPOCH", wrong)]).unwrap_err().message.contains(wrong));
        }
    }
}
