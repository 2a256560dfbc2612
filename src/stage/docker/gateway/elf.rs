//! What a program needs to run in an image from scratch: its own file, the loader that its header names,
//! and the shared objects that it has mapped.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Files by the absolute path at which a program expects them.
pub(super) type Files = BTreeMap<String, PathBuf>;

/// The loader and the shared objects of this process, for a program that was linked like it. Nothing at
/// all for one that is linked statically.
///
/// # Errors
/// When the program or the list of what is mapped cannot be read.
pub(super) fn needs(program: &Path) -> io::Result<Files> {
    let Some(loader) = interpreter(&head(program)?) else { return Ok(Files::new()) };
    let mut files = Files::from([(loader.clone(), std::fs::canonicalize(&loader)?)]);
    for object in mapped(&std::fs::read_to_string("/proc/self/maps")?) {
        for name in names(&object) {
            files.insert(name, object.clone());
        }
    }
    Ok(files)
}

/// A program's headers are in its first page.
fn head(program: &Path) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut head = Vec::new();
    std::fs::File::open(program)?.take(4096).read_to_end(&mut head)?;
    Ok(head)
}

/// The path in the `PT_INTERP` header of a 64-bit little-endian ELF file (elf(5)).
fn interpreter(head: &[u8]) -> Option<String> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, bytes: usize| {
        let field = head.get(at..at.checked_add(bytes)?)?;
        Some(field.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = usize::try_from(number(0x20, 8)?).ok()?;
    let (size, count) = (usize::try_from(number(0x36, 2)?).ok()?, usize::try_from(number(0x38, 2)?).ok()?);
    let headers = (0..count).map(|index| table.saturating_add(index.saturating_mul(size)));
    let header = headers.into_iter().find(|at| number(*at, 4) == Some(PT_INTERP))?;
    let at = usize::try_from(number(header + 0x08, 8)?).ok()?;
    let length = usize::try_from(number(header + 0x20, 8)?).ok()?;
    let path = head.get(at..at.checked_add(length)?)?;
    Some(String::from_utf8_lossy(path.strip_suffix(b"\0")?).into_owned())
}

/// The shared objects in a list of mappings (proc(5)): what is mapped from a file with `.so` in its name.
fn mapped(maps: &str) -> BTreeSet<PathBuf> {
    let path = |line: &str| line.find('/').map(|at| line[at..].to_owned());
    let is_object = |path: &String| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.ends_with(".so") || name.contains(".so.")
    };
    maps.lines().filter_map(path).filter(is_object).map(PathBuf::from).collect()
}

/// The paths under which an object is known: its own, and those of the links beside it.
fn names(object: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::from([object.display().to_string()]);
    let beside = object.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    for entry in beside.into_iter().flatten().flatten() {
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if is_link && std::fs::canonicalize(entry.path()).is_ok_and(|target| target == object) {
            names.insert(entry.path().display().to_string());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_program_names_its_loader_and_the_c_library_is_mapped() {
        let program = std::env::current_exe().unwrap();
        let needs = needs(&program).unwrap();
        assert!(needs.keys().any(|path| path.contains("ld-linux")), "{needs:?}");
        assert!(needs.keys().any(|path| path.contains("libc.so") || path.contains("libc-")), "{needs:?}");
        assert!(needs.values().all(|file| file.is_file()), "{needs:?}");
    }

    #[test]
    fn what_is_no_elf_file_or_is_cut_names_no_loader() {
        let whole = head(&std::env::current_exe().unwrap()).unwrap();
        assert!(interpreter(&whole).is_some());
        assert_eq!(interpreter(b"#!/bin/sh"), None);
        for cut in 0..whole.len().min(0x400) {
            let _ = interpreter(&whole[..cut]);
        }
        assert_eq!(interpreter(&whole[..0x40]), None);
    }

    #[test]
    fn only_shared_objects_count_among_what_is_mapped() {
        let maps = "7f00-7f01 r-xp 0 08:01 1   /usr/lib/libc.so.6\n\
                    7f02-7f03 r--p 0 08:01 2   /usr/lib/locale/C.utf8/LC_CTYPE\n\
                    7f04-7f05 rw-p 0 00:00 0   [heap]\n\
                    7f06-7f07 r-xp 0 08:01 3   /usr/lib/libgcc_s.so";
        let found: Vec<PathBuf> = mapped(maps).into_iter().collect();
        assert_eq!(found, [PathBuf::from("/usr/lib/libc.so.6"), PathBuf::from("/usr/lib/libgcc_s.so")]);
    }
}
