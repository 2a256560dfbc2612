//! Who made a thing on the engine, and whether that runner still lives (S21).

use std::fmt;
use std::str::FromStr;

/// A runner's process, told apart from every other process anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    machine: String,
    boot: String,
    namespace: String,
    pid: u32,
    start: u64,
}

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn here() -> std::io::Result<Self> {
        let pid = std::process::id();
        let start = start_of(pid).ok_or_else(|| std::io::Error::other("cannot read /proc/self/stat"))?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        Ok(Self { machine: machine(), boot, namespace: namespace()?, pid, start })
    }

    /// Whether this owner lives, judged from this process: certain in the same PID namespace of the
    /// same boot, unknown anywhere else.
    pub fn lives(&self, here: &Self) -> Option<bool> {
        let place = |owner: &Self| (owner.machine.clone(), owner.boot.clone(), owner.namespace.clone());
        (place(self) == place(here)).then(|| start_of(self.pid) == Some(self.start))
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{},{}", self.machine, self.boot, self.namespace, self.pid, self.start)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(label: &str) -> Result<Self, ()> {
        let [machine, boot, namespace, pid, start] =
            label.split(',').collect::<Vec<_>>().try_into().map_err(drop)?;
        Ok(Self {
            machine: machine.to_owned(),
            boot: boot.to_owned(),
            namespace: namespace.to_owned(),
            pid: pid.parse().map_err(drop)?,
            start: start.parse().map_err(drop)?,
        })
    }
}

/// Without a machine id the boot id has to do: it is as unique.
fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).ok();
    let found = read("/etc/machine-id").or_else(|| read("/var/lib/dbus/machine-id"));
    found.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).unwrap_or_else(|| "-".to_owned())
}

fn namespace() -> std::io::Result<String> {
    let link = std::fs::read_link("/proc/self/ns/pid")?;
    Ok(link.to_string_lossy().chars().filter(char::is_ascii_digit).collect())
}

/// When a process started, in clock ticks since the boot; none when there is no such process, or only
/// what its parent has not yet asked about.
fn start_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses: fields are counted from its end.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if matches!(fields.first(), Some(&"Z" | &"X")) {
        return None;
    }
    fields.get(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s21_an_owner_survives_its_label() {
        let here = Owner::here().unwrap();
        assert_eq!(here.to_string().parse(), Ok(here.clone()));
        assert_eq!(here.lives(&here), Some(true));
        assert!("a,b,c".parse::<Owner>().is_err() && "a,b,c,x,1".parse::<Owner>().is_err());
    }

    #[test]
    fn s21_another_process_of_the_same_number_is_not_the_owner() {
        let here = Owner::here().unwrap();
        let earlier = Owner { start: here.start - 1, ..here.clone() };
        assert_eq!(earlier.lives(&here), Some(false));
    }

    #[test]
    fn s21_a_process_that_ended_does_not_live_even_as_a_zombie() {
        let here = Owner::here().unwrap();
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let owner = Owner { pid: child.id(), start: start_of(child.id()).unwrap(), ..here.clone() };
        assert_eq!(owner.lives(&here), Some(true));
        child.kill().unwrap();
        while owner.lives(&here) == Some(true) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(owner.lives(&here), Some(false));
    }

    #[test]
    fn s21_nothing_is_known_of_another_namespace_boot_or_machine() {
        let here = Owner::here().unwrap();
        let elsewhere = [
            Owner { namespace: "1".to_owned(), ..here.clone() },
            Owner { boot: "1".to_owned(), ..here.clone() },
            Owner { machine: "1".to_owned(), ..here.clone() },
        ];
        assert!(elsewhere.iter().all(|owner| owner.lives(&here).is_none()));
    }
}
