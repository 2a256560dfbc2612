//! Walks a folder and prints what it finds, hashing on all processors.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::entry::{Entry, Said};

/// How many files may wait to be looked at, and how many to be printed.
const WAITING: usize = 256;

/// Prints the folder and everything below it in no order, then how much that was. Mounted file systems
/// below it are part of it.
///
/// # Errors
/// When nothing can be printed. What cannot be read is printed as such.
pub fn print(folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let (find, found) = sync_channel::<PathBuf>(WAITING);
    let (tell, told) = sync_channel::<Said>(WAITING);
    // Whoever stops listening must be seen to: no sender may wait for a receiver that only we still hold.
    let found = Arc::new(Mutex::new(found));
    thread::scope(|scope| {
        for _ in 0..workers {
            let (found, tell) = (Arc::clone(&found), tell.clone());
            scope.spawn(move || look(folder, &found, &tell));
        }
        drop(found);
        scope.spawn(move || {
            if let Err(why) = walk(folder, &find) {
                // Nobody listens any more where printing has failed.
                let _ = tell.send(Said::Failed(why));
            }
        });
        write(told, out)
    })
}

/// Takes files until there are no more.
fn look(folder: &Path, found: &Mutex<Receiver<PathBuf>>, tell: &SyncSender<Said>) {
    loop {
        let next = found.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(path) = next else { return };
        let said = match Entry::of(folder, &path) {
            Ok(None) => continue,
            Ok(Some(entry)) => Said::Entry(entry),
            Err(error) => Said::Failed(failed(&path, &error)),
        };
        if tell.send(said).is_err() {
            return;
        }
    }
}

fn walk(folder: &Path, find: &SyncSender<PathBuf>) -> Result<(), String> {
    let mut ahead = vec![folder.to_owned()];
    while let Some(path) = ahead.pop() {
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => below(&path, &mut ahead).map_err(|e| failed(&path, &e))?,
            _ => {}
        }
        if find.send(path).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn below(path: &Path, ahead: &mut Vec<PathBuf>) -> io::Result<()> {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.try_for_each(|entry| entry.map(|entry| ahead.push(entry.path()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn write(told: Receiver<Said>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    let mut entries = 0;
    for said in told {
        entries += u64::from(matches!(said, Said::Entry(_)));
        line(&mut out, &said)?;
    }
    line(&mut out, &Said::End { entries })?;
    out.flush()
}

fn line(out: &mut impl Write, said: &Said) -> io::Result<()> {
    serde_json::to_writer(&mut *out, said)?;
    out.write_all(b"\n")
}
