//! EF Core: a class in C# with `Up(MigrationBuilder)` and `Down(MigrationBuilder)`.

use super::braces::{self, Language};
use super::{Form, Migration, Tool, Tree};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let is_one = |(path, text): &(&str, &str)| path.ends_with(".cs") && text.contains("MigrationBuilder");
    let files = tree.texts().filter(is_one);
    files.filter_map(|(path, text)| Some(Migration::code(path, Tool::EfCore, form(text)?))).collect()
}

/// The form of the `Down` of a class with an `Up`.
fn form(text: &str) -> Option<Form> {
    let bare = braces::bare(text, Language::CSharp);
    braces::function(&bare, "Up")?;
    Some(braces::function(&bare, "Down").map_or(Form::Missing, braces::form))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn what_its_down_does_is_told() {
        let with = |down: &str| {
            format!(
                "public partial class A : Migration\n{{\n  protected override void Up(MigrationBuilder m)\n  {{\n    m.AddColumn<int>(\"a\");\n  }}\n  {down}\n}}"
            )
        };
        let tree = tree_of(&[
            (
                "1.cs",
                &with("protected override void Down(MigrationBuilder m)\n  {\n    m.DropColumn(\"a\");\n  }"),
            ),
            (
                "1.Designer.cs",
                "partial class A { protected override void BuildTargetModel(ModelBuilder b) {} }",
            ),
            ("2.cs", &with("protected override void Down(MigrationBuilder m)\n  {\n\n  }")),
            (
                "3.cs",
                &with(
                    "protected override void Down(MigrationBuilder m) => throw new NotSupportedException();",
                ),
            ),
        ]);
        assert_eq!(found(&tree), ["1.cs EF Core Acts", "2.cs EF Core Empty", "3.cs EF Core Refuses"]);
    }
}
