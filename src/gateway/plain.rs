//! The reader for whatever has no reader: all bytes pass. Connections and bytes are counted by the relay.

use super::reader::{Next, Reader, Refusal, Toward};

/// Passes everything.
#[derive(Debug, Default)]
pub(super) struct Plain;

impl Reader for Plain {
    fn next(&mut self, _: Toward, unread: &[u8]) -> Next {
        Next::Pass(unread.len())
    }

    fn refuse(&mut self, _: &Refusal) -> Result<Vec<u8>, String> {
        Err("plain TCP knows no error to answer with".to_owned())
    }
}
