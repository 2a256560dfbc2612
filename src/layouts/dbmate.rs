//! dbmate: one file with a section `-- migrate:up` and a section `-- migrate:down`.

use super::sections::{self, Marks};
use super::{Migration, Tool, Tree};

const MARKS: Marks = Marks { up: "migrate:up", down: "migrate:down" };

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    sections::find(tree, Tool::Dbmate, &MARKS)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn the_section_below_down_is_the_way_back() {
        let up = "-- migrate:up transaction:false\nCREATE TABLE a (b int);\n";
        let tree = tree_of(&[
            ("db/1.sql", &format!("{up}\n-- migrate:down\nDROP TABLE a;\n")),
            ("db/2.sql", &format!("{up}\n-- migrate:down\n\n")),
            ("db/3.sql", up),
            ("db/4.sql", "CREATE TABLE a (b int);"),
        ]);
        assert_eq!(
            found(&tree),
            ["db/1.sql dbmate Acts", "db/2.sql dbmate Empty", "db/3.sql dbmate Missing"]
        );
        assert_eq!(halves(&tree)[0], "CREATE TABLE a (b int); -> DROP TABLE a;");
    }
}
