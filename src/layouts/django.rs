//! Django: a migration's operations, of which `RunSQL` and `RunPython` go back only where they say how.

use super::tree::split;
use super::{Form, Migration, Tool, Tree, python};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let files = tree.texts().filter(|(path, text)| is_migration(path, text));
    files.map(|(path, text)| Migration::code(path, Tool::Django, form(&python::bare(text)))).collect()
}

fn is_migration(path: &str, text: &str) -> bool {
    let (folder, name) = split(path);
    split(folder).1 == "migrations" && name.ends_with(".py") && text.contains("migrations.Migration")
}

/// The worst of its operations: one that does not go back keeps the whole migration from it.
fn form(bare: &str) -> Form {
    let mut hows: Vec<Option<&str>> = Vec::new();
    for call in python::calls(bare, "RunSQL") {
        hows.push(way_back(&call, "reverse_sql"));
    }
    for call in python::calls(bare, "RunPython") {
        hows.push(way_back(&call, "reverse_code"));
    }
    if hows.iter().any(|how| how.is_none_or(|how| how == "None")) {
        return Form::Refuses;
    }
    let is_idle = |how: &&str| how.ends_with("noop") || is_idle(bare, how);
    let idle = hows.iter().flatten().filter(|how| is_idle(how)).count();
    if idle > 0 && idle == operations(bare) { Form::Empty } else { Form::Acts }
}

/// Whether a name is that of a function that does nothing.
fn is_idle(bare: &str, name: &str) -> bool {
    let body = python::body(bare, name);
    body.is_some_and(|body| body.iter().all(|line| ["pass", "...", "return", "return None"].contains(line)))
}

/// How many operations a migration has, those inside others too.
fn operations(bare: &str) -> usize {
    let Some((_, list)) =
        bare.split_once("operations").filter(|(_, rest)| rest.trim_start().starts_with(['=', ':']))
    else {
        return 0;
    };
    let list = list.split_once('[').map_or("", |(_, list)| list);
    python::elements(list).len()
}

/// The argument of this name, else the second one.
fn way_back<'c>(call: &[&'c str], name: &str) -> Option<&'c str> {
    let by_name = call.iter().find_map(|argument| {
        let value = argument.strip_prefix(name)?.trim_start().strip_prefix('=')?;
        Some(value.trim())
    });
    by_name.or_else(|| call.get(1).copied().filter(|argument| !argument.contains('=')))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn what_runs_sql_or_code_must_say_how_it_goes_back() {
        let with = |operation: &str| {
            format!(
                "class Migration(migrations.Migration):\n    operations = [\n        {operation},\n    ]\n"
            )
        };
        let tree = tree_of(&[
            ("app/migrations/0001.py", &with("migrations.AddField('a', 'b', models.TextField())")),
            ("app/migrations/0002.py", &with("migrations.RunSQL('DROP TABLE a')")),
            ("app/migrations/0003.py", &with("migrations.RunSQL('DROP, (x)', reverse_sql='CREATE')")),
            ("app/migrations/0004.py", &with("migrations.RunPython(up, migrations.RunPython.noop)")),
            ("app/migrations/0005.py", &with("migrations.RunPython(up, down)")),
            ("app/migrations/0006.py", &with("migrations.RunPython(up, elidable=True)")),
            ("app/migrations/0007.py", &with("RunSQL('DROP TABLE a', migrations.RunSQL.noop)")),
            (
                "app/migrations/0008.py",
                &with("AddField('a'), migrations.RunPython(up, migrations.RunPython.noop)"),
            ),
            (
                "app/migrations/0009.py",
                &(with("migrations.RunPython(up, back)") + "\ndef back(apps, editor):\n    pass\n"),
            ),
            ("app/migrations/__init__.py", ""),
            ("app/views.py", "migrations.Migration"),
        ]);
        let forms: Vec<String> = found(&tree).iter().map(|line| line[20..].to_owned()).collect();
        assert_eq!(
            forms,
            [
                "py Django Acts",
                "py Django Refuses",
                "py Django Acts",
                "py Django Empty",
                "py Django Acts",
                "py Django Refuses",
                "py Django Empty",
                "py Django Acts",
                "py Django Empty"
            ]
        );
    }
}
