//! Sequelize: a file with `up(queryInterface)` and `down(queryInterface)`.

use super::{Migration, Tool, Tree, javascript};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    javascript::find(tree, Tool::Sequelize, &["queryInterface"])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn what_its_down_does_is_told() {
        let with = |down: &str| {
            format!(
                "'use strict';\nmodule.exports = {{\n  up: async (queryInterface) => {{ await queryInterface.addColumn() }},\n  {down}\n}};"
            )
        };
        let tree = tree_of(&[
            ("1.js", &with("down: (queryInterface, Sequelize) => queryInterface.removeColumn()")),
            ("2.js", &with("async down(queryInterface) {}")),
            ("3.js", &with("")),
        ]);
        assert_eq!(found(&tree), ["1.js Sequelize Acts", "2.js Sequelize Empty", "3.js Sequelize Missing"]);
    }
}
