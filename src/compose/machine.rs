//! What is the machine itself, and is neither mounted nor copied, whatever the root is.

use std::path::Path;

/// What the kernel shows of itself and of every process, its devices included.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Where sockets of engines lie, which change hands with the folder.
const SOCKETS: [&str; 4] = ["/run", "/var/run", "/var", "/var/lib/docker"];

/// What sockets of engines are called.
const SOCKET: [&str; 5] = ["docker.sock", "containerd.sock", "podman.sock", "crio.sock", "docker-raw.sock"];

/// Why a path may not be lent; none where it may. `home` is the home folder of the user.
pub(super) fn reason(path: &Path, home: Option<&Path>) -> Option<&'static str> {
    let holds = |inner: &Path| inner.starts_with(path);
    // A user without a home of its own has `/` there.
    let home = home.filter(|home| home.is_absolute());
    if SOCKET.iter().any(|name| path.ends_with(name))
        || SOCKETS.iter().any(|folder| path == Path::new(folder))
    {
        return Some("whoever has the engine's socket controls the engine");
    }
    if KERNEL.iter().any(|folder| path.starts_with(folder)) {
        return Some("it is this machine itself");
    }
    if path == Path::new("/") || home.is_some_and(holds) {
        return Some("all of this machine, or its user's home, would be copied");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_itself_is_told_from_what_lies_on_it() {
        let home = Path::new("/home/me");
        for path in [
            "/",
            "/proc",
            "/proc/self/environ",
            "/sys/fs/cgroup",
            "/dev/null",
            "/run",
            "/var/run/docker.sock",
            "/run/user/1000/podman/podman.sock",
            "/home/me",
            "/home",
        ] {
            assert!(reason(Path::new(path), Some(home)).is_some(), "{path}");
        }
        for path in ["/home/me/shop", "/home/you", "/srv/data", "/devices", "/etc/localtime", "/run/shop"] {
            assert_eq!(reason(Path::new(path), Some(home)), None, "{path}");
        }
    }
}
