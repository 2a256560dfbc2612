//! Key paths such as `services.*.build.args`, where `*` stands for any name and `[]` for any item.

/// Where a walk through a tree stands.
#[derive(Debug, Default)]
pub(super) struct KeyPath(Vec<String>);

impl KeyPath {
    /// Steps down to a key, does something there, and steps back up.
    pub(super) fn within<T>(&mut self, key: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        self.0.push(key.to_owned());
        let done = act(self);
        self.0.pop();
        done
    }

    /// Whether one of the patterns is exactly this path.
    pub(super) fn is_any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| matches(pattern.split('.'), &self.0))
    }

    /// Whether one of the patterns is the path of what this key stands in.
    pub(super) fn is_in_any(&self, patterns: &[&str]) -> bool {
        let Some((_, parent)) = self.0.split_last() else { return false };
        patterns.iter().any(|pattern| matches(pattern.split('.'), parent))
    }

    /// The path for people to read.
    pub(super) fn shown(&self) -> String {
        self.0.join(".").replace(".[", "[")
    }
}

fn matches<'p>(pattern: impl Iterator<Item = &'p str>, path: &[String]) -> bool {
    let mut steps = path.iter();
    for part in pattern {
        if !steps.next().is_some_and(|step| part == "*" || part == step) {
            return false;
        }
    }
    steps.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_one_name() {
        KeyPath::default().within("services", |path| {
            path.within("a", |path| {
                assert!(path.is_any(&["services.*"]));
                assert!(!path.is_any(&["services", "services.*.b", "volumes.*"]));
                path.within("[]", |path| assert_eq!(path.shown(), "services.a[]"));
                assert!(path.is_in_any(&["services"]));
            });
        });
    }
}
