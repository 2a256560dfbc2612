//! The files that `init` writes, and the recipe that works without a repository around.

/// Makes `debian:bookworm-slim` where it can be neither found nor pulled.
pub(super) const RECIPE: &str = include_str!("../../scenarios/images/debian/make");

/// Path below the new folder, and text; `{{name}}` is the folder's name.
pub(super) const FILES: [(&str, &str); 7] = [
    ("scenario.yaml", include_str!("starter/scenario.yaml")),
    ("compose.yaml", include_str!("starter/compose.yaml")),
    ("seed.sql", include_str!("starter/seed.sql")),
    ("up.sql", include_str!("starter/up.sql")),
    ("down.sql", include_str!("starter/down.sql")),
    ("images/postgres/Dockerfile", include_str!("../../scenarios/images/postgres/Dockerfile")),
    ("images/postgres/entrypoint", include_str!("../../scenarios/images/postgres/entrypoint")),
];
