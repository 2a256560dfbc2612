//! Large objects, counted and fingerprinted as one table that is none.

use tokio_postgres::Client;

use super::error::StoreError;
use crate::state::model::{Fingerprint, Kept, TableData};

/// The name under which large objects stand among the tables.
pub(super) const NAME: &str = "large objects";

/// Fingerprints all large objects; none when there are none.
pub(super) async fn read(client: &Client) -> Result<Option<TableData>, StoreError> {
    let failed = |error| StoreError::query("fingerprinting the large objects", &error);
    let count =
        client.query_one("SELECT count(*) FROM pg_largeobject_metadata", &[]).await.map_err(failed)?;
    let rows = u64::try_from(count.get::<_, i64>(0)).unwrap_or(0);
    if rows == 0 {
        return Ok(None);
    }
    // As rows of a table are hashed.
    let hash = "hashint4extended(0, hashoidextended(loid, 1) # hashint4extended(pageno, 2)
        # hash_array_extended(ARRAY[data], 3))";
    // An empty large object has no page, but it is there.
    let query = format!(
        "SELECT (coalesce((SELECT sum({hash}) FROM pg_largeobject), 0)
               + (SELECT sum(hashoidextended(oid, 0)) FROM pg_largeobject_metadata))::text"
    );
    let sum = client.query_one(&query, &[]).await.map_err(failed)?.get(0);
    let columns = ["data", "loid", "pageno"].map(str::to_owned).to_vec();
    Ok(Some(TableData {
        raw: Fingerprint { rows, sum, columns },
        excepted: None,
        exception_error: None,
        unlogged: false,
        key: Vec::new(),
        kept: Kept::Nothing { because: "large objects are fingerprinted only".to_owned() },
        chunks: None,
    }))
}
