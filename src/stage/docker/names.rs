//! The names and labels of everything that one run makes on the engine.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::owner::Owner;

/// On everything of a run: the run.
pub(super) const RUN: &str = "backout.run";
/// On everything of a run: its owner.
pub(super) const OWNER: &str = "backout.owner";
/// On everything of a run: when it was made, in seconds since 1970.
pub(super) const CREATED: &str = "backout.created";
/// On everything of a run that is to outlive its owner until `clean`.
pub(super) const KEEP: &str = "backout.keep";
/// The Compose name of a service, network or volume.
pub(super) const NAME: &str = "backout.name";
/// What a container is: `service`, `run`, `gateway` or `helper`.
pub(super) const ROLE: &str = "backout.role";

/// Names and labels of one run.
#[derive(Debug, Clone)]
pub(super) struct Names {
    run: String,
    common: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn new(run: &str, owner: &Owner, created: i64, keep: bool) -> Self {
        let mut common = BTreeMap::from([
            (RUN.to_owned(), run.to_owned()),
            (OWNER.to_owned(), owner.to_string()),
            (CREATED.to_owned(), created.to_string()),
        ]);
        if keep {
            common.insert(KEEP.to_owned(), "true".to_owned());
        }
        Self { run: run.to_owned(), common }
    }

    /// The label that finds everything of this run.
    pub(super) fn label(&self) -> String {
        format!("{RUN}={}", self.run)
    }

    /// The n-th container of a service, counted over the whole run.
    pub(super) fn container(&self, service: &str, number: u32) -> String {
        format!("backout-{}-{service}-{number}", self.run)
    }

    /// The n-th one-shot container of the run.
    pub(super) fn one_shot(&self, service: &str, number: u32) -> String {
        format!("backout-{}.run.{service}-{number}", self.run)
    }

    /// The n-th container that only lends its volumes.
    pub(super) fn helper(&self, number: u32) -> String {
        format!("backout-{}.helper-{number}", self.run)
    }

    /// The gateway in front of a service.
    pub(super) fn gateway(&self, service: &str) -> String {
        format!("backout-{}.gateway.{service}", self.run)
    }

    pub(super) fn network(&self, name: &str) -> String {
        format!("backout-{}-{name}", self.run)
    }

    /// The Compose name of one of this run's networks; none for any other network.
    pub(super) fn network_of<'a>(&self, engine_name: &'a str) -> Option<&'a str> {
        engine_name.strip_prefix("backout-")?.strip_prefix(&self.run)?.strip_prefix('-')
    }

    /// The network that only lets the runner in, for services that have no way out.
    pub(super) fn reach(&self) -> String {
        format!("backout-{}.reach", self.run)
    }

    pub(super) fn volume(&self, name: &str) -> String {
        format!("backout-{}-{name}", self.run)
    }

    /// The volume that holds the uploaded files.
    pub(super) fn files(&self) -> String {
        format!("backout-{}.files", self.run)
    }

    /// The volume without a Compose name that is mounted there. It keeps its name from one container
    /// to the next, so that a deploy carries it over.
    pub(super) fn anonymous(&self, holder: &str, target: &str) -> String {
        let digest: String =
            Sha256::digest(target).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("backout-{}.{holder}.{digest}", self.run)
    }

    /// What names a volume on any stage of the same project.
    pub(super) fn common<'a>(&self, volume: &'a str) -> &'a str {
        volume.strip_prefix("backout-").and_then(|rest| rest.strip_prefix(&self.run)).unwrap_or(volume)
    }

    /// The volume of this run that has this common name.
    pub(super) fn own(&self, common: &str) -> String {
        format!("backout-{}{common}", self.run)
    }

    /// The labels of a copy. It belongs to no stage, so that it outlives the one that it was made of; by its
    /// owner it is still found when that has died.
    pub(super) fn copy_labels(&self) -> BTreeMap<String, String> {
        self.labels(&BTreeMap::new(), &[(RUN, &format!("{}.kept", self.run))])
    }

    /// The copy of one of this run's volumes.
    pub(super) fn kept(&self, volume: &str) -> String {
        format!("backout-{}.kept.{}", self.run, self.common(volume))
    }

    /// Whether a volume is such a copy.
    pub(super) fn is_kept(&self, volume: &str) -> bool {
        volume.starts_with(&format!("backout-{}.kept.", self.run))
    }

    /// Whether a container is a one-shot container.
    pub(super) fn is_one_shot(&self, container: &str) -> bool {
        container.starts_with(&format!("backout-{}.run.", self.run))
    }

    /// Whether a volume is one without a Compose name.
    pub(super) fn is_unnamed(&self, volume: &str) -> bool {
        volume
            .strip_prefix("backout-")
            .and_then(|rest| rest.strip_prefix(&self.run))
            .is_some_and(|rest| rest.starts_with('.') && volume != self.files() && !self.is_kept(volume))
    }

    /// Whether it is one without a Compose name that containers of a service hold.
    pub(super) fn holds_unnamed(&self, service: &str, volume: &str) -> bool {
        volume.strip_prefix(&format!("backout-{}.{service}-", self.run)).is_some()
    }

    /// The labels of something, the user's own among them; ours win.
    pub(super) fn labels(
        &self,
        user: &BTreeMap<String, String>,
        own: &[(&str, &str)],
    ) -> BTreeMap<String, String> {
        let mut labels = user.clone();
        labels.extend(self.common.clone());
        labels.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new("7f3a", &Owner::here().unwrap(), 1_795_000_000, true)
    }

    #[test]
    fn s21_everything_carries_run_owner_and_time() {
        let user =
            BTreeMap::from([("team".to_owned(), "a".to_owned()), (RUN.to_owned(), "forged".to_owned())]);
        let labels = names().labels(&user, &[(NAME, "db")]);
        assert_eq!(labels["team"], "a");
        assert_eq!(labels[RUN], "7f3a");
        assert_eq!(labels[CREATED], "1795000000");
        assert_eq!(labels[NAME], "db");
        assert_eq!(labels[KEEP], "true");
        assert!(labels[OWNER].parse::<Owner>().is_ok());
    }

    #[test]
    fn names_of_different_things_differ_and_a_network_finds_back_to_its_compose_name() {
        let names = names();
        assert_eq!(names.container("api", 2), "backout-7f3a-api-2");
        assert_eq!(names.network_of(&names.network("back-end")), Some("back-end"));
        assert_eq!(names.network_of("backout-7f3b-default"), None);
        assert_eq!(names.network_of("bridge"), None);
        assert_ne!(names.anonymous("db-1", "/a"), names.anonymous("db-1", "/b"));
        assert_ne!(names.volume("files"), names.files());
        assert_ne!(names.container("helper", 1), names.helper(1));
        assert_ne!(names.container("run.api", 1), names.one_shot("api", 1));
        assert_eq!(names.copy_labels()[RUN], "7f3a.kept");
        let (data, copy) = (names.anonymous("db-1", "/data"), names.kept(&names.anonymous("db-1", "/data")));
        assert!(names.is_kept(&copy) && !names.is_unnamed(&copy) && !names.is_kept(&data), "{copy}");
        assert_ne!(names.kept(&names.volume("files")), names.kept(&names.files()));
        assert_eq!(names.own(names.common(&data)), data);
    }
}
