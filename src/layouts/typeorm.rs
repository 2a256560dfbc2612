//! TypeORM: a class with `up(queryRunner)` and `down(queryRunner)`.

use super::{Migration, Tool, Tree, javascript};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    javascript::find(tree, Tool::TypeOrm, &["MigrationInterface", "QueryRunner"])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn what_its_down_does_is_told() {
        let with = |down: &str| {
            format!(
                "export class A1 implements MigrationInterface {{\n  public async up(q: QueryRunner): Promise<void> {{ await q.query(`x`) }}\n  {down}\n}}"
            )
        };
        let tree = tree_of(&[
            ("1.ts", &with("public async down(q: QueryRunner): Promise<void> { await q.query(`y`) }")),
            ("2.ts", &with("public async down(): Promise<void> {}")),
            ("3.ts", &with("public async down(): Promise<void> { throw new Error() }")),
        ]);
        assert_eq!(found(&tree), ["1.ts TypeORM Acts", "2.ts TypeORM Empty", "3.ts TypeORM Refuses"]);
    }
}
