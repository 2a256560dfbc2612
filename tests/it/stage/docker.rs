//! What only an engine can show.
