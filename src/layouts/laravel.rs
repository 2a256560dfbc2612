//! Laravel: a class in PHP with `up()` and `down()`.

use super::braces::{self, Language};
use super::{Form, Migration, Tool, Tree};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let is_one = |(path, text): &(&str, &str)| {
        path.ends_with(".php") && text.contains("extends Migration") && !text.contains("yii\\db")
    };
    let files = tree.texts().filter(is_one);
    files.filter_map(|(path, text)| Some(Migration::code(path, Tool::Laravel, form(text)?))).collect()
}

/// The form of the `down` of a class with an `up`.
fn form(text: &str) -> Option<Form> {
    let bare = braces::bare(text, Language::Php);
    braces::function(&bare, "up")?;
    Some(braces::function(&bare, "down").map_or(Form::Missing, braces::form))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn what_its_down_does_is_told() {
        let with = |down: &str| {
            format!(
                "<?php\nreturn new class extends Migration {{\n  // it's up\n  public function up(): void {{ Schema::table('a', fn ($t) => $t->string('b')); }}\n  {down}\n}};"
            )
        };
        let tree = tree_of(&[
            (
                "1.php",
                &with(
                    "public function down(): void { Schema::table('a', function ($t) { $t->dropColumn('b'); }); }",
                ),
            ),
            ("2.php", &with("public function down()\n  {\n    // nothing\n  }")),
            ("3.php", &with("")),
            ("Model.php", "<?php class A extends Model {}"),
        ]);
        assert_eq!(found(&tree), ["1.php Laravel Acts", "2.php Laravel Empty", "3.php Laravel Missing"]);
    }
}
