//! Signals to container processes by the kernel itself (S7): the engine then sees a process that ended
//! by itself, and its restart policy acts. A process is held by a pidfd before it is looked at, so the
//! signal cannot hit another one that took its number.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process of a container that this process may see and signal.
pub(super) struct Held {
    pid: i32,
    fd: OwnedFd,
}

impl Held {
    /// Holds a process, if it is one of this container's: none where the engine's processes are not in
    /// our PID namespace, or it has ended.
    pub(super) fn of(pid: i64, container_id: &str) -> Option<Self> {
        let pid = i32::try_from(pid).ok()?;
        let fd = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        belongs(pid, container_id).then_some(Self { pid, fd })
    }

    /// Sends a signal; false where this is not permitted or the process has ended.
    pub(super) fn send(&self, signal: Signal) -> bool {
        pidfd_send_signal(&self.fd, signal).is_ok()
    }

    /// Returns when the process has ended.
    pub(super) async fn ended(self) {
        gone(self.fd).await;
    }
}

/// Returns when the process of a pidfd has ended.
#[expect(deprecated, reason = "its successor is unsafe; an `OwnedFd` upholds what that asks for")]
pub(super) async fn gone(pidfd: OwnedFd) {
    // A pidfd becomes readable when its process ends.
    match AsyncFd::with_interest(pidfd, Interest::READABLE) {
        Ok(fd) => drop(fd.readable().await),
        Err(_) => tokio::task::yield_now().await,
    }
}

/// A signal by its name or number: `SIGKILL`, `KILL` or `9`.
pub(super) fn parse(name: &str) -> Option<Signal> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("SIG").unwrap_or(&upper);
    let all = [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::ILL, "ILL"),
        (Signal::TRAP, "TRAP"),
        (Signal::ABORT, "ABRT"),
        (Signal::BUS, "BUS"),
        (Signal::FPE, "FPE"),
        (Signal::KILL, "KILL"),
        (Signal::USR1, "USR1"),
        (Signal::SEGV, "SEGV"),
        (Signal::USR2, "USR2"),
        (Signal::PIPE, "PIPE"),
        (Signal::ALARM, "ALRM"),
        (Signal::TERM, "TERM"),
        (Signal::CHILD, "CHLD"),
        (Signal::CONT, "CONT"),
        (Signal::STOP, "STOP"),
        (Signal::TSTP, "TSTP"),
        (Signal::TTIN, "TTIN"),
        (Signal::TTOU, "TTOU"),
        (Signal::WINCH, "WINCH"),
    ];
    let found = |(signal, word): &&(Signal, &str)| *word == bare || signal.as_raw().to_string() == bare;
    all.iter().find(found).map(|(signal, _)| *signal)
}

/// The process and everything it started, also what has left its parent since: those carry `mark` in
/// their environment. Each is held.
pub(super) fn family(pid: i64, container_id: &str, mark: &str) -> Vec<Held> {
    let root = i32::try_from(pid).unwrap_or_default();
    let mut members: BTreeSet<i32> = BTreeSet::from([root]);
    let all: Vec<(i32, i32)> = processes();
    let marked = all.iter().map(|(pid, _)| *pid).filter(|pid| carries(*pid, mark));
    members.extend(marked.collect::<Vec<_>>());
    loop {
        let children: Vec<i32> = all
            .iter()
            .filter(|(pid, parent)| members.contains(parent) && !members.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if children.is_empty() {
            break;
        }
        members.extend(children);
    }
    members.into_iter().filter_map(|pid| Held::of(i64::from(pid), container_id)).collect()
}

/// Kills the family until nothing of it is left: a process may fork while it is being looked for.
pub(super) async fn end_family(pid: i64, container_id: &str, mark: &str) -> bool {
    let mut seen = false;
    loop {
        let members = family(pid, container_id, mark);
        if members.is_empty() {
            return seen;
        }
        seen = true;
        if !members.iter().all(|member| member.send(Signal::KILL) || !is_alive(member.pid)) {
            return false;
        }
        for member in members {
            member.ended().await;
        }
    }
}

fn processes() -> Vec<(i32, i32)> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, parent(pid)?))).collect()
}

/// The parent of a process that has not ended.
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(parent)
}

fn is_alive(pid: i32) -> bool {
    parent(pid).is_some()
}

fn carries(pid: i32, mark: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

/// The control groups of a container's processes are named after it.
fn belongs(pid: i32, container_id: &str) -> bool {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    !container_id.is_empty() && groups.contains(container_id) && is_alive(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_known_by_name_and_number() {
        for name in ["SIGKILL", "kill", "9"] {
            assert_eq!(parse(name), Some(Signal::KILL), "{name}");
        }
        assert_eq!(parse("SIGUSR2"), Some(Signal::USR2));
        assert_eq!(parse("SIGNOTHING"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn s7_a_process_of_another_container_is_not_held() {
        assert!(Held::of(i64::from(std::process::id()), "0123456789abcdef").is_none());
        assert!(Held::of(i64::from(std::process::id()), "").is_none());
        assert!(Held::of(i64::MAX, "x").is_none() && Held::of(0, "x").is_none());
    }

    #[test]
    fn a_mark_is_a_whole_variable() {
        let mut child = std::process::Command::new("sleep").arg("1000").env("MARK", "one").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        while !carries(pid, "MARK=one") {
            std::thread::yield_now();
        }
        assert!(!carries(pid, "MARK=on"));
        assert_eq!(parent(pid), Some(i32::try_from(std::process::id()).unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(parent(pid), None);
    }
}
