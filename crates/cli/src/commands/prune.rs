//! `charmer prune`: shows which old composes and files of the cache would go, and removes them when it is told to.

use std::time::{Duration, SystemTime};

use charmer_compose::engine::event::Status;
use charmer_compose::session::prune::{JudgedCompose, Judgement, Kept, Outdated, Policy, Removed, Verdict, judge, remove};

use crate::arguments::PruneArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::{Paint, Tone};
use crate::text::{count, harmless, pad, size};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn prune(arguments: PruneArguments, environment: &Environment) -> Result<Exit, Failure> {
    let PruneArguments { target_dir, keep, keep_failed, unused_days, cache_dir, yes } = arguments;
    let cache = environment.cache_dir(cache_dir)?;
    let policy = Policy { keep, keep_failed, unused: DAY * unused_days, now: SystemTime::now() };
    let judgement = judge(&target_dir, Some(&cache), &policy)?;
    output::print(&table(&judgement, &policy, Paint { colour: environment.colour_stdout() }))?;
    let goes = what_goes(&judgement);
    if goes.is_empty() {
        output::say("there is nothing to remove");
        return Ok(Exit::Finished);
    }
    if !yes {
        output::say(&format!("nothing was removed; --yes removes {goes}, {} on the disk", size(judgement.freed)));
        return Ok(Exit::Finished);
    }
    Ok(tell(&remove(&judgement, Some(&cache))))
}

fn table(judgement: &Judgement, policy: &Policy, paint: Paint) -> String {
    let names: Vec<String> = judgement.composes.iter().map(|compose| harmless(&compose.id)).collect();
    let width = names.iter().map(|name| console::measure_text_width(name)).max().unwrap_or(0);
    let row = |(compose, name): (&JudgedCompose, &String)| {
        let (tone, word, why) = match &compose.verdict {
            Verdict::Keep(kept) => (Tone::Good, "keep  ", why_kept(kept, compose.status)),
            Verdict::Remove(outdated) => (Tone::Warning, "remove", why_removed(*outdated, policy)),
        };
        format!("{}  {}  {}\n", pad(name, width), paint.text(tone, word), harmless(&why))
    };
    let rows = judgement.composes.iter().zip(&names).map(row).collect::<String>();
    match judgement.cache.files.len() {
        0 => rows,
        files => {
            let (files, size) = (count(files, "file"), size(judgement.cache.size));
            format!("{rows}cache: {files} that no compose has been given lately, {size}\n")
        }
    }
}

fn why_kept(kept: &Kept, status: Option<Status>) -> String {
    match kept {
        Kept::Newest => format!("one of the newest; {}", status.map_or("died", Status::word)),
        Kept::Running => "a process works on it".to_owned(),
        Kept::Labelled(label) => format!("it has the label {label}"),
        Kept::Link(link) => format!("{link} leads to it"),
        Kept::UsedBy(id) => format!("links of {id} lead into it"),
        Kept::OddName => "its name does not say when it was made".to_owned(),
        Kept::Mounted(path) => format!("{} is mounted in it", path.display()),
    }
}

fn why_removed(outdated: Outdated, policy: &Policy) -> String {
    match outdated {
        Outdated::Finished => format!("not one of the {} newest that finished", policy.keep),
        Outdated::Failed => format!("not one of the {} newest that did not finish", policy.keep_failed),
    }
}

fn what_goes(judgement: &Judgement) -> String {
    let composes = judgement.composes.iter().filter(|compose| matches!(compose.verdict, Verdict::Remove(_))).count();
    let all = [
        (composes, "compose"),
        (judgement.cache.files.len(), "file of the cache"),
        (judgement.half_removed.len(), "folder that was being removed"),
    ];
    let some = all.into_iter().filter(|(number, _)| *number > 0);
    some.map(|(number, noun)| of(number, noun)).collect::<Vec<_>>().join(" and ")
}

/// `3 composes`, `2 files of the cache`.
fn of(number: usize, noun: &str) -> String {
    let (noun, rest) = noun.split_once(' ').map_or((noun, String::new()), |(noun, rest)| (noun, format!(" {rest}")));
    format!("{}{rest}", count(number, noun))
}

fn tell(removed: &Removed) -> Exit {
    for failure in &removed.failures {
        output::say(&harmless(&format!("error: {failure}")));
    }
    if removed.cache_in_use {
        output::say("the cache is in use by a compose that runs, and was left as it is");
    }
    output::say(&format!("removed {} and {}", count(removed.composes, "compose"), of(removed.files, "file of the cache")));
    if removed.failures.is_empty() { Exit::Finished } else { Exit::Doomed }
}
