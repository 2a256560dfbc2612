//! The rows of a table, kept sorted so that they can be shown when they are gone.

use super::connect::{Server, cells};
use super::fingerprint::{remaining, select_list, stays};
use super::tables::{Column, Table};
use crate::state::gather::{Keeping, LeftOut, line};
use crate::state::model::{Kept, TableData};
use crate::state::rows::{KeptHeader, KeyColumn};
use crate::state::sorted::Sorter;

/// Keeps the rows that are not those of the reference, in the reference's order.
pub(super) async fn keep(
    server: &mut Server,
    table: &Table,
    left_out: Option<&LeftOut>,
    data: &TableData,
    keeping: &Keeping,
    reference: Option<&TableData>,
) -> Result<Kept, String> {
    if reference.is_some_and(|reference| reference.raw == data.raw) {
        return Ok(Kept::Nothing { because: "they are as before".to_owned() });
    }
    if table.size > keeping.room {
        return Ok(Kept::Nothing { because: format!("they take more than {} bytes", keeping.room) });
    }
    let left_out = left_out.filter(|_| data.exception_error.is_none()).cloned().unwrap_or_default();
    let columns = remaining(table, &left_out);
    if columns.is_empty() {
        return Ok(Kept::Nothing { because: "it has no columns".to_owned() });
    }
    let names = reference.map_or(&table.key, |reference| &reference.key);
    let places = names.iter().map(|name| columns.iter().position(|column| column.name == *name));
    let key: Vec<usize> = places.collect::<Option<_>>().unwrap_or_default();
    let mut sorter = Sorter::new(&keeping.folder, header(table, &columns, &key), keeping.room);
    let query = format!("SELECT {} FROM {} WHERE {}", select_list(&columns), table.quoted, stays(&left_out));
    let mut kept = Ok(());
    let keep = |row| {
        let texts = columns.iter().zip(cells(&row)).map(|(column, sent)| sent.map(|sent| column.text(sent)));
        let texts: Vec<Option<String>> = texts.collect();
        let texts: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
        if kept.is_ok() {
            kept = sorter.row(&sort_key(&columns, &key, &texts), &line(&texts));
        }
    };
    server.sent(&query, keep).await.map_err(|error| format!("{}: {error}", table.name))?;
    kept.map_err(|error| error.to_string())?;
    sorter.finish().map_err(|error| error.to_string())
}

fn header(table: &Table, columns: &[&Column], key: &[usize]) -> KeptHeader {
    let key = key.iter().map(|at| columns[*at]);
    let key = key.map(|column| KeyColumn { name: column.name.clone(), integer: column.is_integer() });
    KeptHeader {
        table: table.name.clone(),
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        types: columns.iter().map(|column| column.type_name.clone()).collect(),
        key: key.collect(),
    }
}

/// A text whose order is that in which the reader of kept rows compares: key columns one after the other,
/// integers by value; without a key all columns by their bytes, NULL last.
fn sort_key(columns: &[&Column], key: &[usize], cells: &[Option<&str>]) -> String {
    let all: Vec<usize> = (0..cells.len()).collect();
    let sorted_by = if key.is_empty() { &all[..] } else { key };
    let part = |at: &usize| match cells[*at] {
        Some(text) if !key.is_empty() && columns[*at].is_integer() => {
            let number = text.parse::<i64>().unwrap_or(i64::MAX);
            format!("v{:020}", i128::from(number) - i128::from(i64::MIN))
        }
        Some(text) => format!("v{text}"),
        None => "w".to_owned(),
    };
    sorted_by.iter().map(part).collect::<Vec<_>>().join("\0")
}
