//! sql-migrate: one file with `-- +migrate Up` and `-- +migrate Down`.

use super::sections::{self, Marks};
use super::{Migration, Tool, Tree};

const MARKS: Marks = Marks { up: "+migrate up", down: "+migrate down" };

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    sections::find(tree, Tool::SqlMigrate, &MARKS)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn the_section_below_down_is_the_way_back() {
        let tree = tree_of(&[
            ("1.sql", "-- +migrate Up notransaction\nSELECT 2;\n-- +migrate Down\nDROP TABLE a;\n"),
            ("2.sql", "-- +migrate Up\nSELECT 2;\n\n-- +migrate Down\n"),
        ]);
        assert_eq!(found(&tree), ["1.sql sql-migrate Acts", "2.sql sql-migrate Empty"]);
        assert_eq!(halves(&tree)[0], "SELECT 2; -> DROP TABLE a;");
    }
}
