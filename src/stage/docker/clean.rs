//! Removing what dead runners left (S21): found by its labels alone, judged by its owner, past all
//! errors.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::client::Engine;
use super::down::{labelled, remove_labelled};
use super::names::{CREATED, KEEP, OWNER, RUN};
use super::owner::Owner;
use crate::stage::{Resource, ResourceKind, StageError};

/// How often, at most, it is looked again for what a dead runner has left.
const PASSES: usize = 20;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What is removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct CleanOptions {
    /// Removes what is so old, too, where nothing is known of its owner.
    pub older_than: Option<Duration>,
    /// Leaves what a dead runner was told to keep: what a start does, and `clean` does not.
    pub spare_kept: bool,
}

/// What was found of one run and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The run's name on the engine.
    pub run: String,
    /// What there is of it.
    pub resources: Vec<Resource>,
    /// Why it stays, and what removes it.
    pub why: String,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Cleaned {
    /// What is gone.
    pub removed: Vec<Resource>,
    /// What stays.
    pub left: Vec<Left>,
    /// What went wrong; the rest was done all the same.
    pub errors: Vec<StageError>,
}

/// Removes everything of dead runners from an engine; `here` is this runner, `now` is in seconds since
/// 1970.
///
/// It looks again until there is nothing more: a call that a killed runner had made is carried out by the
/// engine all the same, and what it makes appears a moment later. Nothing announces that. All runs are gone
/// through each time, as one may use the volumes of another.
pub async fn clean(engine: &Engine, here: &Owner, now: i64, options: CleanOptions) -> Cleaned {
    let mut removed = BTreeSet::new();
    let mut cleaned = Cleaned::default();
    for pass in 0..PASSES {
        if pass > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let (gone, rest) = clean_once(engine, here, now, options).await;
        let nothing_more = gone.is_empty() && rest.errors.is_empty();
        removed.extend(gone);
        cleaned = rest;
        if nothing_more {
            break;
        }
    }
    Cleaned { removed: removed.into_iter().collect(), ..cleaned }
}

/// What is gone; and what stays and what went wrong.
async fn clean_once(
    engine: &Engine,
    here: &Owner,
    now: i64,
    options: CleanOptions,
) -> (Vec<Resource>, Cleaned) {
    let (mut gone, mut rest) = (Vec::new(), Cleaned::default());
    let labels = match runs(engine).await {
        Ok(runs) => runs,
        Err(error) => return (gone, Cleaned { errors: vec![error], ..rest }),
    };
    for (run, labels) in labels {
        let label = format!("{RUN}={run}");
        match judge(&labels, here, now, options) {
            Judged::Remove => {
                let (removed, errors) = remove_labelled(engine, &label, BTreeSet::new()).await;
                gone.extend(removed);
                rest.errors.extend(errors);
            }
            Judged::Leave(why) => match all_labelled(engine, &label).await {
                Ok(resources) => rest.left.push(Left { run, resources, why }),
                Err(error) => rest.errors.push(error),
            },
        }
    }
    (gone, rest)
}

type Labels = BTreeMap<String, String>;

/// Every run of which there is something on the engine, with the labels that all of it carries.
pub(super) async fn runs(engine: &Engine) -> Result<BTreeMap<String, Labels>, StageError> {
    let (containers, networks, volumes) = tokio::join!(
        engine.containers_labelled(RUN),
        engine.networks_labelled(RUN),
        engine.volumes_labelled(RUN)
    );
    let containers = containers?.into_iter().filter_map(|container| container.labels);
    let networks = networks?.into_iter().filter_map(|network| network.labels);
    let volumes = volumes?.into_iter().map(|volume| volume.labels);
    let mut runs = BTreeMap::new();
    for labels in containers.chain(networks).chain(volumes) {
        let labels: Labels = labels.into_iter().collect();
        if let Some(run) = labels.get(RUN) {
            runs.entry(run.clone()).or_insert(labels);
        }
    }
    Ok(runs)
}

async fn all_labelled(engine: &Engine, label: &str) -> Result<Vec<Resource>, StageError> {
    let mut all = Vec::new();
    for kind in [ResourceKind::Container, ResourceKind::Network, ResourceKind::Volume] {
        all.extend(labelled(engine, label, kind).await?);
    }
    Ok(all)
}

#[derive(Debug, PartialEq, Eq)]
enum Judged {
    Remove,
    Leave(String),
}

fn judge(labels: &Labels, here: &Owner, now: i64, options: CleanOptions) -> Judged {
    let owner: Option<Owner> = labels.get(OWNER).and_then(|owner| owner.parse().ok());
    let kept = labels.contains_key(KEEP);
    match owner.as_ref().and_then(|owner| owner.lives(here)) {
        Some(true) => Judged::Leave("its runner is alive".to_owned()),
        Some(false) if kept && options.spare_kept => {
            Judged::Leave("it was kept by `--keep`; `backout clean` removes it".to_owned())
        }
        Some(false) => Judged::Remove,
        None => judge_by_age(labels, now, options),
    }
}

/// Nothing is known of the owner: it may live on another machine.
fn judge_by_age(labels: &Labels, now: i64, options: CleanOptions) -> Judged {
    let created = labels.get(CREATED).and_then(|created| created.parse::<i64>().ok());
    let age = created.map(|created| Duration::from_secs(u64::try_from(now - created).unwrap_or(0)));
    let old_enough = options.older_than.zip(age).is_some_and(|(limit, age)| age >= limit);
    if old_enough {
        return Judged::Remove;
    }
    let age = age.map_or_else(|| "at an unknown time".to_owned(), |age| format!("{} ago", in_words(age)));
    Judged::Leave(format!(
        "it was made {age} by a runner in another place, of which nothing is known; `--older-than` removes it"
    ))
}

fn in_words(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn labels(owner: &str, age: i64, kept: bool) -> Labels {
        let created = (NOW - age).to_string();
        let mut labels: Labels = [(OWNER.to_owned(), owner.to_owned()), (CREATED.to_owned(), created)].into();
        if kept {
            labels.insert(KEEP.to_owned(), "true".to_owned());
        }
        labels
    }

    /// The owner label with one of its five parts replaced.
    fn owner(part: usize, value: &str) -> String {
        let here = Owner::here().unwrap().to_string();
        let mut parts: Vec<&str> = here.split(',').collect();
        parts[part] = value;
        parts.join(",")
    }

    #[track_caller]
    fn check(labels: &Labels, options: CleanOptions, expected: Result<(), &str>) {
        match (judge(labels, &Owner::here().unwrap(), NOW, options), expected) {
            (Judged::Remove, Ok(())) => {}
            (Judged::Leave(why), Err(part)) => assert!(why.contains(part), "{why}"),
            (judged, _) => panic!("{judged:?}"),
        }
    }

    #[test]
    fn s21_the_dead_are_removed_the_living_are_not_and_the_unknown_are_listed() {
        let plain = CleanOptions::default();
        let dead = owner(4, "1");
        let elsewhere = owner(2, "1");
        check(&labels(&dead, 1, false), plain, Ok(()));
        check(&labels(&Owner::here().unwrap().to_string(), 1, false), plain, Err("alive"));
        check(&labels(&elsewhere, 7200, false), plain, Err("made 2 h ago by a runner in another place"));
        check(&labels("nonsense", 60, false), plain, Err("60 s ago"));
    }

    #[test]
    fn s21_age_decides_only_where_nothing_is_known() {
        let old = CleanOptions { older_than: Some(Duration::from_secs(3600)), ..CleanOptions::default() };
        let elsewhere = owner(2, "1");
        check(&labels(&elsewhere, 3600, false), old, Ok(()));
        check(&labels(&elsewhere, 3599, false), old, Err("59 min ago"));
        check(&labels(&Owner::here().unwrap().to_string(), 9999, false), old, Err("alive"));
        let mut undated = labels(&elsewhere, 0, false);
        undated.remove(CREATED);
        check(&undated, old, Err("at an unknown time"));
    }

    #[test]
    fn what_was_kept_goes_only_when_it_is_asked_for() {
        let dead = labels(&owner(4, "1"), 1, true);
        check(&dead, CleanOptions { spare_kept: true, ..CleanOptions::default() }, Err("kept by `--keep`"));
        check(&dead, CleanOptions::default(), Ok(()));
    }
}
