//! Blocks that end with `end` at their own depth, as Ruby and Elixir have them.

/// The lines up to the `end` of the block that `head` begins, without white space around them, empty lines and comments.
pub(super) fn inside<'t>(head: &str, lines: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let is_end = |line: &&str| line.trim() == "end" && depth(line) <= depth(head);
    let inside = lines.take_while(|line| !is_end(line)).map(str::trim);
    inside.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}
