//! The tables that hold rows, with their columns and keys.

use std::collections::BTreeMap;

use super::connect::{Server, literal, quoted};
use crate::state::bytes::hex;

/// What is sent as it is stored, and not in the session's character set.
const BINARY: [&str; 15] = [
    "binary",
    "bit",
    "blob",
    "geometry",
    "geometrycollection",
    "linestring",
    "longblob",
    "mediumblob",
    "multilinestring",
    "multipoint",
    "multipolygon",
    "point",
    "polygon",
    "tinyblob",
    "varbinary",
];

/// A table.
pub(super) struct Table {
    /// `database.table`.
    pub(super) name: String,
    /// The same as SQL quotes it.
    pub(super) quoted: String,
    /// About how many bytes its rows take on disk.
    pub(super) size: u64,
    /// In order of name.
    pub(super) columns: Vec<Column>,
    /// The columns that tell its rows apart.
    pub(super) key: Vec<String>,
}

/// A column.
pub(super) struct Column {
    pub(super) name: String,
    /// Its type's word: `varchar`, `bigint` …
    pub(super) type_name: String,
    pub(super) is_nullable: bool,
}

impl Column {
    pub(super) fn is_integer(&self) -> bool {
        ["tinyint", "smallint", "mediumint", "int", "bigint"].contains(&self.type_name.as_str())
    }

    /// The SQL by which the server sends it as bytes that are others for another value. Nothing is made into
    /// another text by the server, as one beyond `max_allowed_packet` would turn into NULL there.
    pub(super) fn sent(&self) -> String {
        let name = quoted(&self.name);
        // Six digits would be sent of a float; as a double it is sent whole.
        if self.type_name == "float" { format!("CAST({name} AS DOUBLE)") } else { name }
    }

    /// What was sent of it as text that tells as much.
    pub(super) fn text(&self, sent: &[u8]) -> String {
        if BINARY.contains(&self.type_name.as_str()) {
            hex(sent)
        } else {
            String::from_utf8_lossy(sent).into_owned()
        }
    }
}

/// Every base table of a database.
pub(super) async fn list(server: &mut Server, database: &str) -> Result<Vec<Table>, String> {
    let schema = literal(database);
    let names = format!(
        "SELECT table_name, data_length FROM information_schema.tables WHERE table_schema = {schema} \
         AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY table_name"
    );
    let mut columns = columns(server, &schema).await?;
    let mut keys = keys(server, &schema, &columns).await?;
    let mut tables = Vec::new();
    for row in server.rows(&names).await? {
        let [Some(name), size] = &row[..] else { continue };
        tables.push(Table {
            quoted: format!("{}.{}", quoted(database), quoted(name)),
            size: size.as_ref().and_then(|size| size.parse().ok()).unwrap_or_default(),
            columns: columns.remove(name).unwrap_or_default(),
            key: keys.remove(name).unwrap_or_default(),
            name: format!("{database}.{name}"),
        });
    }
    Ok(tables)
}

async fn columns(server: &mut Server, schema: &str) -> Result<BTreeMap<String, Vec<Column>>, String> {
    let query = format!(
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns \
         WHERE table_schema = {schema}"
    );
    let mut columns: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for row in server.rows(&query).await? {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (table, name, type_name, nullable) = (next(), next(), next(), next());
        let column = Column { name, type_name: type_name.to_lowercase(), is_nullable: nullable == "YES" };
        columns.entry(table).or_default().push(column);
    }
    columns.values_mut().for_each(|columns| columns.sort_by(|a, b| a.name.cmp(&b.name)));
    Ok(columns)
}

/// Of each table the primary key, else the first unique index without a nullable column.
async fn keys(
    server: &mut Server,
    schema: &str,
    columns: &BTreeMap<String, Vec<Column>>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let query = format!(
        "SELECT table_name, index_name, column_name, sub_part FROM information_schema.statistics \
         WHERE table_schema = {schema} AND non_unique = 0 \
         ORDER BY table_name, index_name <> 'PRIMARY', index_name, seq_in_index"
    );
    let mut indexes: BTreeMap<String, Vec<(String, Vec<String>, bool)>> = BTreeMap::new();
    for row in server.rows(&query).await? {
        let [Some(table), Some(index), Some(column), prefix] = &row[..] else { continue };
        let known = columns.get(table).and_then(|all| all.iter().find(|known| known.name == *column));
        let tells = known.is_some_and(|known| !known.is_nullable) && prefix.is_none();
        let of_table = indexes.entry(table.clone()).or_default();
        match of_table.last_mut() {
            Some((name, columns, all_tell)) if name == index => {
                columns.push(column.clone());
                *all_tell &= tells;
            }
            _ => of_table.push((index.clone(), vec![column.clone()], tells)),
        }
    }
    let first = |indexes: Vec<(String, Vec<String>, bool)>| {
        indexes.into_iter().find(|(_, _, tells)| *tells).map(|(_, columns, _)| columns)
    };
    Ok(indexes.into_iter().filter_map(|(table, indexes)| Some((table, first(indexes)?))).collect())
}
