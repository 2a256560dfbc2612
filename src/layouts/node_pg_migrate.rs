//! node-pg-migrate: a file with `pgm`, or one of SQL with `-- Up Migration` and `-- Down Migration`.

use super::sections::{self, Marks};
use super::{Form, Migration, Tool, Tree, javascript};

const MARKS: Marks = Marks { up: "up migration", down: "down migration" };

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let mut programs = javascript::find(tree, Tool::NodePgMigrate, &["pgm", "node-pg-migrate"]);
    // Without a `down` it turns the `up` round, where that can be.
    for program in programs.iter_mut().filter(|program| program.form == Form::Missing) {
        program.form = Form::Acts;
    }
    programs.into_iter().chain(sections::find(tree, Tool::NodePgMigrate, &MARKS)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn programs_and_sections_of_sql_are_both_known() {
        let up = "exports.up = (pgm) => { pgm.createTable('a') };\n";
        let tree = tree_of(&[
            ("1.js", &format!("{up}exports.down = (pgm) => pgm.dropTable('a');")),
            ("2.js", up),
            ("3.js", &format!("{up}exports.down = false;")),
            ("4.sql", "-- Up Migration\nSELECT 2;\n-- Down Migration\nDROP TABLE a;\n"),
        ]);
        assert_eq!(
            found(&tree),
            [
                "1.js node-pg-migrate Acts",
                "2.js node-pg-migrate Acts",
                "3.js node-pg-migrate Refuses",
                "4.sql node-pg-migrate Acts"
            ]
        );
        assert_eq!(halves(&tree)[0], "SELECT 2; -> DROP TABLE a;");
    }
}
