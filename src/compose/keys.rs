//! Which keys of a Compose file mean something in a drill (S19): the one table that the reader obeys
//! and the documentation prints.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use super::model::Ignored;
use super::tree::{is_extension, is_unset};
use crate::diagnostic::{Diagnostic, nearest};
use crate::yaml::{Entry, Node, Value};

/// One key of a Compose file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Where it stands; `*` is any name and `[]` any item of a list.
    pub path: &'static str,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It works as in Compose; a remark says where it does not.
    ActedOn(&'static str),
    /// It is accepted and shown, and changes nothing in a drill; why.
    NoMeaning(&'static str),
    /// It stops the drill before it starts.
    Refused {
        /// Why.
        why: &'static str,
        /// What to do instead.
        instead: &'static str,
        /// Values that say only what is so anyway; they pass. Nothing, `false` and empty lists do too.
        harmless: &'static [&'static str],
    },
}

/// Every key that is known, in the order of the documentation.
pub fn documented_keys() -> &'static [Key] {
    KEYS
}

/// The three lists as a Markdown page.
pub fn documented_keys_as_markdown() -> String {
    let mut page = String::from(
        "# Keys of a Compose file\n\nWhat Backout does with each key of the Compose specification. `*` is any \
         name, `[]` any item of a list; `x-` extensions are free everywhere. Written by the table that the \
         reader obeys (`keys.rs`).\n",
    );
    let acted = |fate| if let Fate::ActedOn(remark) = fate { Some(vec![remark]) } else { None };
    let shown = |fate| if let Fate::NoMeaning(why) = fate { Some(vec![why]) } else { None };
    let refused = |fate| match fate {
        Fate::Refused { why, instead, .. } => Some(vec![why, instead]),
        Fate::ActedOn(_) | Fate::NoMeaning(_) => None,
    };
    list(&mut page, "Acted on", &["remark"], &acted);
    list(&mut page, "Accepted and shown, without meaning in a drill", &["why"], &shown);
    list(&mut page, "Refused", &["why", "instead"], &refused);
    page
}

/// Adds one list: the keys for which `cells` has something to say.
fn list(page: &mut String, title: &str, columns: &[&str], cells: &dyn Fn(Fate) -> Option<Vec<&'static str>>) {
    let rule = "---|".repeat(columns.len());
    // Writing to a string cannot fail.
    let _ = write!(page, "\n## {title}\n\n| key | {} |\n|---|{rule}\n", columns.join(" | "));
    for key in KEYS {
        if let Some(cells) = cells(key.fate) {
            let _ = writeln!(page, "| `{}` | {} |", key.path, cells.join(" | "));
        }
    }
}

/// Finds unknown and refused keys, and those without meaning.
pub(super) fn check(root: &Node) -> (Vec<Ignored>, Vec<Diagnostic>) {
    let mut check = Check { ignored: Vec::new(), mistakes: Vec::new() };
    check.mapping(root, "", "");
    (check.ignored, check.mistakes)
}

/// More names than this are not listed.
const MANY: usize = 12;

/// Finds unknown keys in an item of `include`, which is gone when the rest is checked.
pub(super) fn check_include(item: &Node) -> Vec<Diagnostic> {
    let mut check = Check { ignored: Vec::new(), mistakes: Vec::new() };
    check.mapping(item, "include.[]", "include");
    check.mistakes
}

struct Check {
    ignored: Vec<Ignored>,
    mistakes: Vec<Diagnostic>,
}

impl Check {
    /// `pattern` is the path in the table, `shown` the path for people.
    fn node(&mut self, node: &Node, pattern: &str, shown: &str) {
        match &node.value {
            Value::Sequence(items) => {
                for item in items {
                    self.node(item, &joined(pattern, "[]"), shown);
                }
            }
            Value::Mapping(_) => self.mapping(node, pattern, shown),
            Value::Scalar { .. } => {}
        }
    }

    fn mapping(&mut self, node: &Node, pattern: &str, shown: &str) {
        let Some(known) = CHILDREN.get(pattern) else { return };
        let shown_parent = shown;
        for entry in node.entries().iter().filter(|entry| !is_extension(&entry.key)) {
            let shown = joined(shown_parent, &entry.key);
            if known.contains_key("*") {
                self.node(&entry.value, &joined(pattern, "*"), &shown);
                continue;
            }
            match known.get(entry.key.as_str()) {
                Some(fate) => self.entry(entry, *fate, &joined(pattern, &entry.key), &shown),
                None => self.unknown(entry, shown_parent, known),
            }
        }
    }

    fn entry(&mut self, entry: &Entry, fate: Option<Fate>, pattern: &str, shown: &str) {
        match fate {
            None | Some(Fate::ActedOn(_)) => self.node(&entry.value, pattern, shown),
            Some(Fate::NoMeaning(_)) => {
                let (source, span) = (&entry.key_spot.source, &entry.key_spot.span);
                self.ignored.push(Ignored { key: shown.to_owned(), at: source.place(span.start) });
            }
            Some(Fate::Refused { why, instead, harmless }) => {
                if !is_harmless(&entry.value, harmless) {
                    let message = format!("`{shown}` is refused: {why}");
                    self.mistakes.push(entry.key_spot.mistake(message).help(instead));
                }
            }
        }
    }

    fn unknown(&mut self, entry: &Entry, shown: &str, known: &BTreeMap<&str, Option<Fate>>) {
        let inside = if shown.is_empty() { String::new() } else { format!(" in `{shown}`") };
        let mistake = entry.key_spot.mistake(format!("unknown key `{}`{inside}", entry.key));
        let near = nearest(&entry.key, known.keys().copied());
        // The full list of a service's keys would bury what is wrong.
        let suggested = known.keys().copied().filter(|_| near.is_some() || known.len() <= MANY);
        self.mistakes.push(
            mistake
                .label("not known here")
                .suggest(&entry.key, suggested)
                .help("begin the name of an extension with `x-`"),
        );
    }
}

fn is_harmless(value: &Node, harmless: &[&str]) -> bool {
    match &value.value {
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(entries) => entries.is_empty(),
        Value::Scalar { text, .. } => {
            value.is_null() || is_unset(value) || text == "false" || harmless.contains(&text.as_str())
        }
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

type Children = BTreeMap<&'static str, BTreeMap<&'static str, Option<Fate>>>;

/// The keys below each path; a path that only leads to others has no fate of its own.
static CHILDREN: LazyLock<Children> = LazyLock::new(|| {
    let mut children = Children::new();
    for key in KEYS {
        let mut path = key.path;
        let mut fate = Some(key.fate);
        loop {
            let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
            let slot = children.entry(parent).or_default().entry(name).or_default();
            *slot = slot.or(fate);
            if parent.is_empty() {
                break;
            }
            (path, fate) = (parent, None);
        }
    }
    children
});

const fn acted(path: &'static str) -> Key {
    Key { path, fate: Fate::ActedOn("") }
}

const fn but(path: &'static str, remark: &'static str) -> Key {
    Key { path, fate: Fate::ActedOn(remark) }
}

const fn shown(path: &'static str, why: &'static str) -> Key {
    Key { path, fate: Fate::NoMeaning(why) }
}

const fn refused(path: &'static str, why: &'static str, instead: &'static str) -> Key {
    Key { path, fate: Fate::Refused { why, instead, harmless: &[] } }
}

const fn refused_unless(
    path: &'static str,
    harmless: &'static [&'static str],
    why: &'static str,
    instead: &'static str,
) -> Key {
    Key { path, fate: Fate::Refused { why, instead, harmless } }
}

const NAMES: &str = "every run has its own names";
const LIMITS: &str = "limits of a production host say nothing about the way back";
const TOOLS: &str = "for other tools";
const BUILDER: &str = "for another builder; the image is the same";
const SUBNETS: &str = "every run has its own subnets";
const HOST_REACH: &str = "it reaches out of the staging system into the engine's host";
const OWN: &str = "Backout acts only on what it created";
const LEAVE_OUT: &str = "leave it out, or take it away in a drill's own file with `!reset`";

#[rustfmt::skip]
const KEYS: &[Key] = &[
    shown("version", "obsolete"),
    shown("name", "every run has its own names; `COMPOSE_PROJECT_NAME` in values is this name"),
    but("include", "with `path`, `env_file` and `project_directory`"),
    acted("include.[].path"),
    acted("include.[].env_file"),
    acted("include.[].project_directory"),
    refused("models", "language models are not part of a staging system", LEAVE_OUT),

    acted("services.*.image"),
    but("services.*.build", "built for each drill, and cached under the digest of all that goes in"),
    but("services.*.build.context", "a folder below the root"),
    but("services.*.build.dockerfile", "a file in the context"),
    acted("services.*.build.args"),
    acted("services.*.build.network"),
    acted("services.*.build.target"),
    refused("services.*.build.dockerfile_inline", "the Dockerfile belongs to the evidence", "put it into a file and name it with `dockerfile`"),
    refused("services.*.build.additional_contexts", "the engine's own builder has one context", "copy what is needed below the context"),
    refused("services.*.build.privileged", HOST_REACH, LEAVE_OUT),
    refused("services.*.build.entitlements", HOST_REACH, LEAVE_OUT),
    refused("services.*.build.secrets", "the engine's own builder has no secrets", "build the image beforehand and name it with `image`"),
    refused("services.*.build.ssh", "the engine's own builder has no agent", "build the image beforehand and name it with `image`"),
    refused("services.*.build.extra_hosts", "a build that needs other hosts gives another image every day", "build the image beforehand and name it with `image`"),
    shown("services.*.build.cache_from", BUILDER),
    shown("services.*.build.cache_to", BUILDER),
    shown("services.*.build.isolation", BUILDER),
    shown("services.*.build.labels", "Backout labels what it builds"),
    shown("services.*.build.no_cache", "the cache follows the digest of all that goes in"),
    shown("services.*.build.no_cache_filter", "the cache follows the digest of all that goes in"),
    shown("services.*.build.platforms", "`platform` of the service counts"),
    shown("services.*.build.provenance", BUILDER),
    shown("services.*.build.pull", "`pull_policy` of the service counts"),
    shown("services.*.build.sbom", BUILDER),
    shown("services.*.build.shm_size", BUILDER),
    shown("services.*.build.tags", NAMES),
    shown("services.*.build.ulimits", BUILDER),
    but("services.*.command", "text is cut into words; what only a shell understands is refused"),
    but("services.*.entrypoint", "as `command`"),
    but("services.*.environment", "a name without value takes it from the runner's environment"),
    but("services.*.env_file", "values are redacted everywhere"),
    acted("services.*.env_file.[].path"),
    acted("services.*.env_file.[].required"),
    but("services.*.env_file.[].format", "`raw` takes values to the letter"),
    but("services.*.ports", "the engine chooses the host's ports"),
    acted("services.*.ports.[].target"),
    but("services.*.ports.[].published", "the engine chooses the host's ports"),
    but("services.*.ports.[].host_ip", "ports are bound to loopback"),
    acted("services.*.ports.[].protocol"),
    but("services.*.ports.[].mode", "ports are bound to loopback"),
    shown("services.*.ports.[].name", TOOLS),
    shown("services.*.ports.[].app_protocol", TOOLS),
    acted("services.*.expose"),
    but("services.*.volumes", "named, anonymous, tmpfs, and bind mounts below the root, which are copied into the run; never `/`, `/proc`, `/sys`, `/dev`, the home folder or an engine's socket"),
    but("services.*.volumes.[].type", "`volume`, `bind` or `tmpfs`"),
    acted("services.*.volumes.[].source"),
    acted("services.*.volumes.[].target"),
    acted("services.*.volumes.[].read_only"),
    shown("services.*.volumes.[].consistency", "bind mounts are copied into the run"),
    shown("services.*.volumes.[].bind.propagation", "bind mounts are copied into the run"),
    but("services.*.volumes.[].bind.create_host_path", "a folder that is not there is made, empty, in the run"),
    shown("services.*.volumes.[].bind.recursive", "bind mounts are copied into the run"),
    shown("services.*.volumes.[].bind.selinux", "bind mounts are copied into the run"),
    refused("services.*.volumes.[].volume.nocopy", "the engine fills an empty volume from the image", "put a volume of its own at that path, or change the image"),
    refused("services.*.volumes.[].volume.subpath", "engines before API 1.45 mount whole volumes", "give that folder a volume of its own"),
    shown("services.*.volumes.[].volume.labels", "labels of a named volume stand in `volumes`"),
    acted("services.*.volumes.[].tmpfs.size"),
    acted("services.*.volumes.[].tmpfs.mode"),
    refused("services.*.volumes.[].image", "engines before API 1.48 do not mount images", "copy the files into the image"),
    but("services.*.networks", "every run has networks of its own"),
    acted("services.*.networks.*.aliases"),
    refused("services.*.networks.*.ipv4_address", SUBNETS, "reach the service by its name or an alias"),
    refused("services.*.networks.*.ipv6_address", SUBNETS, "reach the service by its name or an alias"),
    refused("services.*.networks.*.link_local_ips", SUBNETS, "reach the service by its name or an alias"),
    shown("services.*.networks.*.mac_address", SUBNETS),
    shown("services.*.networks.*.interface_name", SUBNETS),
    shown("services.*.networks.*.driver_opts", SUBNETS),
    shown("services.*.networks.*.priority", "the engine orders the networks"),
    shown("services.*.networks.*.gw_priority", "the engine orders the networks"),
    but("services.*.network_mode", "`none` or `service:NAME`; `host`, `bridge` and `container:…` are refused"),
    acted("services.*.depends_on"),
    acted("services.*.depends_on.*.condition"),
    acted("services.*.depends_on.*.required"),
    shown("services.*.depends_on.*.restart", "only steps change services in a drill"),
    acted("services.*.healthcheck"),
    acted("services.*.healthcheck.test"),
    but("services.*.healthcheck.interval", "of what is well; what is not is asked at once, and then ever less often"),
    acted("services.*.healthcheck.timeout"),
    acted("services.*.healthcheck.start_period"),
    acted("services.*.healthcheck.retries"),
    acted("services.*.healthcheck.disable"),
    shown("services.*.healthcheck.start_interval", "what is not well is asked at once, and then ever less often"),
    acted("services.*.user"),
    acted("services.*.working_dir"),
    acted("services.*.cap_add"),
    acted("services.*.cap_drop"),
    but("services.*.security_opt", "the file of `seccomp=…` is read; `systempaths` is refused"),
    acted("services.*.read_only"),
    acted("services.*.tmpfs"),
    acted("services.*.shm_size"),
    acted("services.*.ulimits"),
    acted("services.*.ulimits.*.soft"),
    acted("services.*.ulimits.*.hard"),
    acted("services.*.sysctls"),
    acted("services.*.init"),
    acted("services.*.hostname"),
    but("services.*.labels", "names that begin with `backout.` are refused"),
    but("services.*.label_file", "as `labels`"),
    acted("services.*.extra_hosts"),
    acted("services.*.restart"),
    acted("services.*.stop_signal"),
    acted("services.*.stop_grace_period"),
    acted("services.*.profiles"),
    but("services.*.secrets", "from files or the runner's environment"),
    acted("services.*.secrets.[].source"),
    acted("services.*.secrets.[].target"),
    acted("services.*.secrets.[].uid"),
    acted("services.*.secrets.[].gid"),
    acted("services.*.secrets.[].mode"),
    but("services.*.configs", "from files, text or the runner's environment"),
    acted("services.*.configs.[].source"),
    acted("services.*.configs.[].target"),
    acted("services.*.configs.[].uid"),
    acted("services.*.configs.[].gid"),
    acted("services.*.configs.[].mode"),
    acted("services.*.deploy.replicas"),
    but("services.*.deploy.restart_policy.condition", "where there is no `restart`, as Compose does"),
    acted("services.*.deploy.restart_policy.max_attempts"),
    shown("services.*.deploy.restart_policy.delay", "one engine restarts at its own pace"),
    shown("services.*.deploy.restart_policy.window", "one engine restarts at its own pace"),
    shown("services.*.deploy.endpoint_mode", "only a Swarm knows it"),
    shown("services.*.deploy.labels", "only a Swarm knows it"),
    refused_unless("services.*.deploy.mode", &["replicated"], "how many containers a global service has depends on the nodes", "write `replicas`"),
    shown("services.*.deploy.placement", "one engine has one node"),
    shown("services.*.deploy.resources", LIMITS),
    shown("services.*.deploy.rollback_config", "only a Swarm knows it"),
    shown("services.*.deploy.update_config", "only a Swarm knows it"),
    but("services.*.scale", "as `deploy.replicas`"),
    but("services.*.extends", "a service of this file or of another"),
    acted("services.*.extends.service"),
    acted("services.*.extends.file"),
    acted("services.*.platform"),
    but("services.*.pull_policy", "`missing`, `if_not_present`, `always`, `never` or `build`"),
    acted("services.*.stdin_open"),
    acted("services.*.tty"),

    shown("services.*.annotations", TOOLS),
    shown("services.*.attach", "output is always recorded"),
    shown("services.*.blkio_config", LIMITS),
    shown("services.*.container_name", NAMES),
    shown("services.*.cpu_count", LIMITS),
    shown("services.*.cpu_percent", LIMITS),
    shown("services.*.cpu_period", LIMITS),
    shown("services.*.cpu_quota", LIMITS),
    shown("services.*.cpu_rt_period", LIMITS),
    shown("services.*.cpu_rt_runtime", LIMITS),
    shown("services.*.cpu_shares", LIMITS),
    shown("services.*.cpus", LIMITS),
    shown("services.*.cpuset", LIMITS),
    shown("services.*.develop", "nobody edits during a drill"),
    shown("services.*.dns", "services find each other by their Compose names"),
    shown("services.*.dns_opt", "services find each other by their Compose names"),
    shown("services.*.dns_search", "services find each other by their Compose names"),
    shown("services.*.domainname", "services find each other by their Compose names"),
    shown("services.*.isolation", "only Windows knows it"),
    shown("services.*.logging", "output is always recorded"),
    shown("services.*.mac_address", SUBNETS),
    shown("services.*.mem_limit", LIMITS),
    shown("services.*.mem_reservation", LIMITS),
    shown("services.*.mem_swappiness", LIMITS),
    shown("services.*.memswap_limit", LIMITS),
    shown("services.*.oom_kill_disable", LIMITS),
    shown("services.*.oom_score_adj", LIMITS),
    shown("services.*.pids_limit", LIMITS),
    shown("services.*.pull_refresh_after", "`pull_policy` counts"),
    shown("services.*.storage_opt", LIMITS),

    refused_unless("services.*.cgroup", &["private"], HOST_REACH, LEAVE_OUT),
    refused("services.*.cgroup_parent", HOST_REACH, LEAVE_OUT),
    refused("services.*.credential_spec", "only Windows knows it", LEAVE_OUT),
    refused("services.*.device_cgroup_rules", HOST_REACH, LEAVE_OUT),
    refused("services.*.devices", HOST_REACH, LEAVE_OUT),
    refused("services.*.external_links", OWN, "bring the other service into the staging system"),
    refused("services.*.gpus", HOST_REACH, LEAVE_OUT),
    refused("services.*.group_add", "it changes what the service may do, and Backout does not pass it on", "give the group with `user: name:group`, or in the image"),
    refused_unless("services.*.ipc", &["private", "none"], "shared memory with others hides what a service left behind", "use `shm_size`, or a volume"),
    refused("services.*.links", "links are not part of a network of the run", "services reach each other by name; use `networks` with `aliases`"),
    refused("services.*.models", "language models are not part of a staging system", LEAVE_OUT),
    refused("services.*.pid", "the first process of each service is the one that faults are aimed at", LEAVE_OUT),
    refused("services.*.post_start", "what happens to a service belongs in steps", "write an `exec` step in `staging.seed`"),
    refused("services.*.pre_start", "what happens to a service belongs in steps", "write a `run` step in `staging.seed`, or a service with `depends_on`"),
    refused("services.*.pre_stop", "what happens to a service belongs in steps", "write an `exec` step"),
    refused("services.*.privileged", HOST_REACH, "add the capabilities it needs with `cap_add`"),
    refused("services.*.provider", "what another program creates cannot be removed again", LEAVE_OUT),
    refused_unless("services.*.runtime", &["runc"], "the image would run in another way than here", LEAVE_OUT),
    refused("services.*.use_api_socket", HOST_REACH, LEAVE_OUT),
    refused("services.*.userns_mode", HOST_REACH, LEAVE_OUT),
    refused("services.*.uts", HOST_REACH, "use `hostname`"),
    refused("services.*.volumes_from", "what it shares changes with the other service", "name the volumes in both services"),

    acted("networks.*.internal"),
    acted("networks.*.labels"),
    refused_unless("networks.*.driver", &["bridge", "default", "overlay"], "other drivers reach networks that Backout did not create", "leave it out"),
    refused("networks.*.external", OWN, "declare the network without `external`; the run gets its own"),
    shown("networks.*.name", NAMES),
    shown("networks.*.attachable", NAMES),
    shown("networks.*.driver_opts", SUBNETS),
    shown("networks.*.enable_ipv4", SUBNETS),
    shown("networks.*.enable_ipv6", SUBNETS),
    shown("networks.*.ipam", SUBNETS),

    acted("volumes.*.labels"),
    but("volumes.*.driver_opts", "of the local driver, for tmpfs"),
    refused_unless("volumes.*.driver", &["local"], "the data of other drivers lives outside of the run", "leave it out"),
    refused("volumes.*.external", OWN, "declare the volume without `external` and fill it with a `volume` seed"),
    shown("volumes.*.name", NAMES),

    acted("secrets.*.file"),
    acted("secrets.*.environment"),
    refused("secrets.*.external", OWN, "name a `file` or a variable of the `environment`"),
    refused("secrets.*.content", "a secret that stands in the file is none", "name a `file` or a variable of the `environment`"),
    shown("secrets.*.name", NAMES),
    shown("secrets.*.labels", "only a Swarm knows it"),
    refused("secrets.*.driver", OWN, "name a `file` or a variable of the `environment`"),
    shown("secrets.*.driver_opts", "only a Swarm knows it"),
    refused("secrets.*.template_driver", "only a Swarm knows it", LEAVE_OUT),

    acted("configs.*.file"),
    acted("configs.*.environment"),
    acted("configs.*.content"),
    refused("configs.*.external", OWN, "name a `file`, or write the `content`"),
    shown("configs.*.name", NAMES),
    shown("configs.*.labels", "only a Swarm knows it"),
    refused("configs.*.template_driver", "only a Swarm knows it", LEAVE_OUT),
];

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_service_errors, errors, project, service};
    use super::*;

    #[test]
    fn every_refused_key_is_refused_with_its_place_reason_and_way_out() {
        for key in documented_keys() {
            let Fate::Refused { why, instead, .. } = key.fate else { continue };
            let text = document(key.path);
            let name = key.path.rsplit('.').next().unwrap();
            let column = text.find(&format!("{name}: {{")).unwrap() + 1;
            let path = key.path.replace(".[]", "").replace('*', "n");
            let error = format!("shop/compose.yaml:1:{column} `{path}` is refused: {why} · {instead}");
            assert!(errors(&text).contains(&error), "{text}\n{error}\n{:#?}", errors(&text));
        }
    }

    #[test]
    fn every_key_without_meaning_is_accepted_and_shown() {
        for key in documented_keys() {
            let Fate::NoMeaning(_) = key.fate else { continue };
            let root = crate::yaml::parse(
                &crate::diagnostic::Source::new("c", document(key.path)),
                crate::yaml::Limits::default(),
            );
            let (ignored, mistakes) = check(&root.unwrap());
            let path = key.path.replace(".[]", "").replace('*', "n");
            assert!(mistakes.is_empty(), "{path}: {mistakes:?}");
            assert_eq!(ignored.iter().map(|i| i.key.as_str()).collect::<Vec<_>>(), [path], "{}", key.path);
        }
    }

    /// A file in which the key stands, with a value that is neither empty nor false.
    fn document(path: &str) -> String {
        let value = "{some: value}".to_owned();
        path.rsplit('.').fold(value, |inner, part| match part {
            "[]" => format!("[{inner}]"),
            "*" => format!("{{n: {inner}}}"),
            key => format!("{{{key}: {inner}}}"),
        })
    }

    #[test]
    fn no_key_is_listed_twice() {
        let mut paths: Vec<&str> = documented_keys().iter().map(|key| key.path).collect();
        paths.sort_unstable();
        let count = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), count);
    }

    #[test]
    fn a_refused_key_that_asks_for_nothing_passes() {
        service("privileged: false, devices: [], ipc: private, pid: , links: [], cgroup: private");
        assert_eq!(project("services: {s: {image: i}}\nvolumes: {v: {external: false}}").volumes.len(), 1);
    }

    #[test]
    fn extensions_are_free_everywhere() {
        let project = project(
            "x-top: {a: 1}\nservices: {x-s: {image: 3}, s: {image: i, x-a: {b: c}}}\nnetworks: {n: {x-n: 1}}",
        );
        assert!(project.ignored.is_empty());
        assert_eq!(project.services.len(), 1);
    }

    #[test]
    fn unknown_keys_are_named_with_the_nearest_known_one() {
        assert_service_errors(&[
            (
                "enviroment: {}",
                "3:5 unknown key `enviroment` in `services.s` · did you mean `environment`? · begin the name of an extension with `x-`",
            ),
            ("qqq: 1", "3:5 unknown key `qqq` in `services.s` · begin the name of an extension with `x-`"),
            (
                "deploy: {replica: 1}",
                "3:14 unknown key `replica` in `services.s.deploy` · did you mean `replicas`? · begin the name of an extension with `x-`",
            ),
        ]);
        assert_eq!(
            errors("service: {}\nservices: {s: {image: i}}"),
            [
                "shop/compose.yaml:1:1 unknown key `service` · did you mean `services`? · begin the name of an extension with `x-`"
            ]
        );
    }

    #[test]
    fn what_is_without_meaning_is_shown_with_its_place() {
        let project = project("version: '3'\nservices:\n  s:\n    image: i\n    logging: {driver: x}\n");
        let shown: Vec<String> = project.ignored.iter().map(|i| format!("{} {}", i.at, i.key)).collect();
        assert_eq!(shown, ["shop/compose.yaml:1:1 version", "shop/compose.yaml:5:5 services.s.logging"]);
    }

    #[test]
    fn the_documentation_has_all_three_lists() {
        let text = documented_keys_as_markdown();
        assert!(text.contains("| `services.*.image` |  |"), "{text}");
        assert!(text.contains("| `services.*.logging` | output is always recorded |"));
        assert!(text.contains("| `services.*.privileged` | it reaches out"));
        assert_eq!(text.lines().filter(|line| line.starts_with("| `")).count(), documented_keys().len());
    }
}
