//! A file of kept rows in order of key, from rows in any order and in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::model::Kept;
use super::rows::{KeptHeader, file_name};

/// How many bytes are sorted at once.
const PIECE: usize = 4 << 20;

/// Sorts rows into a file.
pub(super) struct Sorter {
    path: PathBuf,
    header: KeptHeader,
    room: u64,
    /// The bytes of all rows so far; none once they are too many.
    bytes: Option<u64>,
    piece: Piece,
    /// Sorted pieces, in files that have no name any more.
    sorted: Vec<File>,
}

/// Rows in memory.
#[derive(Default)]
struct Piece {
    rows: Vec<(String, String)>,
    bytes: usize,
}

impl Sorter {
    pub(super) fn new(folder: &Path, header: KeptHeader, room: u64) -> Self {
        let path = folder.join(file_name(&header.table));
        Self { path, header, room, bytes: Some(0), piece: Piece::default(), sorted: Vec::new() }
    }

    /// Takes a row with its key.
    pub(super) fn row(&mut self, key: &str, line: &str) -> io::Result<()> {
        let Some(bytes) = self.bytes else { return Ok(()) };
        let bytes = bytes + line.len() as u64;
        if bytes > self.room {
            (self.bytes, self.piece, self.sorted) = (None, Piece::default(), Vec::new());
            return Ok(());
        }
        self.bytes = Some(bytes);
        self.piece.rows.push((key.to_owned(), line.to_owned()));
        self.piece.bytes += key.len() + line.len();
        if self.piece.bytes >= PIECE { self.spill() } else { Ok(()) }
    }

    /// Writes what is in memory to a file of its own, each row behind its key.
    fn spill(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece).sorted();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = BufWriter::new(tempfile::tempfile_in(folder)?);
        for (key, line) in piece {
            file.write_all(&(key.len() as u64).to_le_bytes())?;
            file.write_all(key.as_bytes())?;
            file.write_all(line.as_bytes())?;
        }
        let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.sorted.push(file);
        Ok(())
    }

    /// Writes the file, readable by its owner only.
    pub(super) fn finish(self) -> io::Result<Kept> {
        let Some(bytes) = self.bytes else {
            return Ok(Kept::Nothing { because: format!("they are more than {} bytes", self.room) });
        };
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        let mut file = BufWriter::new(file);
        let header = serde_json::to_vec(&self.header)?;
        file.write_all(&header)?;
        file.write_all(b"\n")?;
        let mut sources: Vec<Source> = vec![Source::Memory(self.piece.sorted().into_iter())];
        sources.extend(self.sorted.into_iter().map(|piece| Source::File(BufReader::new(piece))));
        let mut heap = BinaryHeap::new();
        for (at, source) in sources.iter_mut().enumerate() {
            heap.extend(source.next()?.map(|row| Reverse((row, at))));
        }
        while let Some(Reverse(((_, line), at))) = heap.pop() {
            file.write_all(line.as_bytes())?;
            heap.extend(sources[at].next()?.map(|row| Reverse((row, at))));
        }
        file.flush()?;
        Ok(Kept::Rows { bytes: bytes + header.len() as u64 + 1 })
    }
}

impl Piece {
    fn sorted(mut self) -> Vec<(String, String)> {
        self.rows.sort_unstable();
        self.rows
    }
}

/// A sorted piece being read.
enum Source {
    Memory(std::vec::IntoIter<(String, String)>),
    File(BufReader<File>),
}

impl Source {
    fn next(&mut self) -> io::Result<Option<(String, String)>> {
        match self {
            Self::Memory(rows) => Ok(rows.next()),
            Self::File(file) => read(file),
        }
    }
}

fn read(file: &mut BufReader<File>) -> io::Result<Option<(String, String)>> {
    use std::io::Read;
    if file.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = usize::try_from(u64::from_le_bytes(length)).map_err(io::Error::other)?;
    let mut key = vec![0; length];
    file.read_exact(&mut key)?;
    let mut line = String::new();
    file.read_line(&mut line)?;
    Ok(Some((String::from_utf8(key).map_err(io::Error::other)?, line)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::rows::KeyColumn;

    fn header() -> KeptHeader {
        let key = vec![KeyColumn { name: "key".to_owned(), integer: false }];
        let (columns, types) = (vec!["key".to_owned()], vec!["text".to_owned()]);
        KeptHeader { table: "t".to_owned(), columns, types, key }
    }

    #[test]
    fn more_rows_than_fit_in_memory_are_merged_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path(), header(), 1 << 30);
        let filling = "x".repeat(1000);
        // 7919 is prime to 10,000: every number comes once, and in no order.
        for number in (0..10_000_u64).map(|at| at * 7919 % 10_000) {
            let key = format!("{number:05}");
            sorter.row(&key, &format!("{key}{filling}\n")).unwrap();
        }
        assert!(sorter.sorted.len() > 1);
        assert!(matches!(sorter.finish().unwrap(), Kept::Rows { bytes } if bytes > 10_000_000));
        let text = std::fs::read_to_string(folder.path().join(file_name("t"))).unwrap();
        let keys: Vec<&str> = text.lines().skip(1).map(|line| &line[..5]).collect();
        assert_eq!(keys.len(), 10_000);
        assert!(keys.is_sorted());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn rows_without_room_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path(), header(), 10);
        for key in ["a", "b", "c"] {
            sorter.row(key, "12345\n").unwrap();
        }
        assert!(
            matches!(sorter.finish().unwrap(), Kept::Nothing { because } if because.contains("10 bytes"))
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
