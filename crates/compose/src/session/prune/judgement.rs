//! What a policy means: which composes stay and why, and which files of the cache nobody needs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::engine::event::Status;
use crate::session::folder::ProcessLock;
use crate::session::locking;

use super::inventory::{Files, Found, Target};
use super::{JudgedCache, JudgedCompose, Judgement, Kept, Outdated, Policy, Verdict};

/// Judges the composes of a folder, and the cache if there is one. Nothing is changed.
pub fn judge(target_dir: &Path, cache: Option<&Path>, policy: &Policy) -> io::Result<Judgement> {
    let Target { composes, half_removed } = Target::read(target_dir)?;
    let mut verdicts = by_age(&composes, policy);
    for (number, compose) in composes.iter().enumerate() {
        if let Some(kept) = kept_in_any_case(compose) {
            verdicts[number] = Verdict::Keep(kept);
        }
    }
    let mut files = Vec::new();
    for compose in &composes {
        files.push(Files::below(compose.layout.root())?);
    }
    for (verdict, files) in verdicts.iter_mut().zip(&files) {
        if let Some(mounted) = files.mounted.clone().filter(|_| matches!(verdict, Verdict::Remove(_))) {
            *verdict = Verdict::Keep(Kept::Mounted(mounted));
        }
    }
    keep_what_is_led_to(&composes, &files, &mut verdicts);

    let (mut going, mut staying) = (Files::default(), BTreeSet::new());
    for (files, verdict) in files.into_iter().zip(&verdicts) {
        match verdict {
            Verdict::Remove(_) => going.merge(files),
            Verdict::Keep(_) => staying.extend(files.led_to),
        }
    }
    let mut removable = Vec::new();
    for folder in half_removed {
        let files = Files::below(&folder)?;
        // What somebody has mounted there since is not ours.
        if files.mounted.is_none() {
            going.merge(files);
            removable.push(folder);
        }
    }
    let cache = cache.map(|cache| judge_cache(cache, &mut going, &staying, policy)).transpose()?.unwrap_or_default();
    let freed = going.names.values().filter(|names| names.here >= names.all).map(|names| names.size).sum();
    let judged = composes.into_iter().zip(verdicts).map(|(Found { layout, id, status, .. }, verdict)| JudgedCompose {
        layout,
        id,
        status,
        verdict,
    });
    Ok(Judgement { composes: judged.collect(), cache, half_removed: removable, freed })
}

/// By the age of composes alone.
fn by_age(composes: &[Found], policy: &Policy) -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Keep(Kept::OddName); composes.len()];
    let mut kinds: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (number, compose) in composes.iter().enumerate() {
        if let Some(Name { release, kind, date, respin }) = Name::of(&compose.id) {
            kinds.entry((release, kind, has_finished(compose))).or_default().push(((date, respin), number));
        }
    }
    for ((_, _, finished), mut all) in kinds {
        all.sort_unstable_by(|one, other| other.cmp(one));
        let (keep, outdated) = if finished { (policy.keep, Outdated::Finished) } else { (policy.keep_failed, Outdated::Failed) };
        for (place, (_, number)) in all.into_iter().enumerate() {
            verdicts[number] = if place < keep { Verdict::Keep(Kept::Newest) } else { Verdict::Remove(outdated) };
        }
    }
    verdicts
}

fn has_finished(compose: &Found) -> bool {
    matches!(compose.status, Some(Status::Finished | Status::FinishedIncomplete))
}

fn kept_in_any_case(compose: &Found) -> Option<Kept> {
    // One that cannot be asked may run.
    if ProcessLock::is_held(&compose.layout).unwrap_or(true) {
        return Some(Kept::Running);
    }
    if let Some(link) = compose.links.first() {
        return Some(Kept::Link(link.clone()));
    }
    compose.label.clone().map(Kept::Labelled)
}

/// What a compose that stays leads to stays, and what that one leads to.
fn keep_what_is_led_to(composes: &[Found], files: &[Files], verdicts: &mut [Verdict]) {
    let is_kept = |verdict: &Verdict| matches!(verdict, Verdict::Keep(_));
    let mut open: Vec<usize> = (0..composes.len()).filter(|number| is_kept(&verdicts[*number])).collect();
    while let Some(user) = open.pop() {
        for (number, compose) in composes.iter().enumerate() {
            let is_used = || files[user].led_to.iter().any(|path| path.starts_with(compose.layout.root()));
            if !is_kept(&verdicts[number]) && is_used() {
                verdicts[number] = Verdict::Keep(Kept::UsedBy(composes[user].id.clone()));
                open.push(number);
            }
        }
    }
}

/// Files that have no name but in what goes, and have not been given one for long: a link changes a file's status.
fn judge_cache(cache: &Path, going: &mut Files, staying: &BTreeSet<PathBuf>, policy: &Policy) -> io::Result<JudgedCache> {
    let mut judged = JudgedCache::default();
    let oldest = policy.now - policy.unused;
    let oldest =
        oldest.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    judge_unpacked(&cache.join("unpacked"), oldest, going, &mut judged)?;
    judge_failed_locks(cache, oldest, going, &mut judged)?;
    let folder = match fs_err::canonicalize(cache.join("sha256")) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(judged),
        Err(error) => return Err(error),
    };
    for entry in fs_err::read_dir(folder)? {
        let folder = entry?.path();
        if !fs_err::symlink_metadata(&folder)?.is_dir() {
            continue;
        }
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            let data = fs_err::symlink_metadata(&path)?;
            let elsewhere = going.names.get(&(data.dev(), data.ino())).map_or(0, |names| names.here);
            if data.is_file() && data.nlink() <= elsewhere + 1 && data.ctime() <= oldest && !staying.contains(&path) {
                going.add(&data);
                judged.size += data.len();
                judged.files.push(path);
            }
        }
    }
    judged.files.sort();
    Ok(judged)
}

/// Unpacked indexes that were not written for long; one that is used all the same is made again in a moment.
fn judge_unpacked(folder: &Path, oldest: i64, going: &mut Files, judged: &mut JudgedCache) -> io::Result<()> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let data = fs_err::symlink_metadata(&path)?;
        if data.is_file() && data.ctime() <= oldest {
            going.add(&data);
            judged.size += data.len();
            judged.files.push(path);
        }
    }
    Ok(())
}

/// What `charmer lock` left of locks that failed: folders with logs, which its error has named.
fn judge_failed_locks(cache: &Path, oldest: i64, going: &mut Files, judged: &mut JudgedCache) -> io::Result<()> {
    let entries = match fs_err::read_dir(cache) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let data = fs_err::symlink_metadata(entry.path())?;
        if entry.file_name().to_string_lossy().starts_with(locking::WORK_FOLDER) && data.is_dir() && data.ctime() <= oldest {
            going.add(&data);
            judged.size += data.len();
            judged.files.push(entry.path());
        }
    }
    Ok(())
}

/// What the name of a compose says.
#[derive(Debug, PartialEq, Eq)]
struct Name<'a> {
    release: &'a str,
    /// `n`, `t`, `ci`, `d`; nothing for production.
    kind: &'a str,
    date: &'a str,
    respin: u64,
}

impl Name<'_> {
    /// `RELEASE-DATE.RESPIN` or `RELEASE-DATE.KIND.RESPIN`.
    fn of(id: &str) -> Option<Name<'_>> {
        let (release, rest) = id.rsplit_once('-')?;
        let (date, rest) = rest.split_once('.')?;
        let (kind, respin) = rest.rsplit_once('.').unwrap_or(("", rest));
        let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        if !is_date || release.is_empty() || kind.contains('.') {
            return None;
        }
        Some(Name { release, kind, date, respin: respin.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_composes_tell_release_kind_date_and_number() {
        let name = |release, kind, respin| Some(Name { release, kind, date: "20261124", respin });
        assert_eq!(Name::of("Harbour-1.0-20261124.n.10"), name("Harbour-1.0", "n", 10));
        assert_eq!(Name::of("Harbour-1.0-20261124.0"), name("Harbour-1.0", "", 0));
        assert_eq!(Name::of("S-2-updates-Base-1-20261124.ci.3"), name("S-2-updates-Base-1", "ci", 3));
        for odd in ["", "x", "-20261124.0", "a-2026112x.0", "a-20261124", "a-20261124.n", "a-20261124.n.x", "a-20261124.n.m.1"] {
            assert_eq!(Name::of(odd), None, "{odd}");
        }
    }
}
