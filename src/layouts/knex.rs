//! Knex: a file in JavaScript or TypeScript with `exports.up` and `exports.down`.

use super::{Migration, Tool, Tree, javascript};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    javascript::find(tree, Tool::Knex, &["knex", "Knex"])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn what_its_down_does_is_told() {
        let with = |down: &str| format!("exports.up = (knex) => knex.schema.createTable('a');\n{down}");
        let tree = tree_of(&[
            ("1.js", &with("exports.down = (knex) => knex.schema.dropTable('a');")),
            ("2.js", &with("exports.down = () => {};")),
            ("3.js", &with("")),
            ("knexfile.js", "module.exports = { client: 'knex' }"),
        ]);
        assert_eq!(found(&tree), ["1.js Knex Acts", "2.js Knex Empty", "3.js Knex Missing"]);
    }
}
