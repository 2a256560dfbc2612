//! The files that `init` writes.

/// Path below the new folder, and text.
pub(super) const FILES: [(&str, &str); 0] = [];
