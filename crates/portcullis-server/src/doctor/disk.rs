use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{StatVfsMountFlags, statfs, statvfs};

use super::Finding;
use crate::{config::Settings, installation::database_options};

const CHECK: &str = "disk";
const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// A log that is so long is not being written back.
const LONG_LOG: u64 = 256 * MIB;

/// Magic numbers of file systems on which SQLite's write-ahead log does not work, for its memory is not shared between
/// machines (<https://www.sqlite.org/wal.html>): NFS, SMB, CIFS, SMB2, Ceph, Lustre, AFS.
const NETWORK: [i64; 7] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x00c3_6400,
    0x0bd0_0bd0,
    0x5346_414f,
];

/// Room in a file system.
pub(super) struct Room {
    pub(super) total: u64,
    pub(super) free: u64,
    pub(super) files_total: u64,
    pub(super) files_free: u64,
    pub(super) read_only: bool,
}

/// Looks at the folders and files on this machine.
pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let file = database_options(settings, None).file();
    let mut folders: Vec<PathBuf> = Vec::new();
    if settings.needs_folder() {
        folders.push(settings.data_dir.clone());
    }
    if let Some(parent) = file.as_deref().and_then(Path::parent) {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        folders.push(parent.to_owned());
    }
    folders.dedup();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        match room(folder) {
            Ok(room) => findings.push(judge(folder, &room)),
            Err(error) => findings.push(Finding::advice(
                CHECK,
                format!("the room at {} cannot be told: {error}", folder.display()),
                "let the user that runs this look at the folder",
            )),
        }
    }
    if let Some(file) = file.filter(|file| file.exists()) {
        findings.extend(files(&file));
    }
    findings
}

fn room(folder: &Path) -> Result<Room, rustix::io::Errno> {
    let found = statvfs(folder)?;
    Ok(Room {
        total: found.f_blocks.saturating_mul(found.f_frsize),
        free: found.f_bavail.saturating_mul(found.f_frsize),
        files_total: found.f_files,
        files_free: found.f_favail,
        read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

/// What to say of the room in which `folder` lies.
pub(super) fn judge(folder: &Path, room: &Room) -> Finding {
    let folder = folder.display();
    let percent = room
        .free
        .saturating_mul(100)
        .checked_div(room.total)
        .unwrap_or(100);
    let text = format!("{} free of {} at {folder}", size(room.free), size(room.total));
    let remedy = "make room, or move the data folder: without room nobody can log in; nothing that was acknowledged is \
                  lost";
    if room.read_only {
        return Finding::action(
            CHECK,
            format!("{folder} is on a file system that is mounted read-only"),
            "look into the system's log for a failing disk, then mount it for writing",
        );
    }
    // File systems without a fixed table of files say 0 of 0.
    if room.files_total > 0 && room.files_free == 0 {
        return Finding::action(CHECK, format!("no more files can be made at {folder}"), remedy);
    }
    if room.free < 64 * MIB {
        Finding::action(CHECK, text, remedy)
    } else if room.free < GIB || percent < 5 {
        Finding::advice(CHECK, text, remedy)
    } else {
        Finding::ok(CHECK, text)
    }
}

/// The files of a SQLite database.
fn files(file: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let log = beside("-wal");
    let mut open_to_others = Vec::new();
    for path in [file.to_owned(), log.clone(), beside("-shm")] {
        if fs::metadata(&path).is_ok_and(|found| found.mode() & 0o077 != 0) {
            open_to_others.push(path.display().to_string());
        }
    }
    if open_to_others.is_empty() {
        findings.push(Finding::ok(
            "files",
            format!("{} is its owner's alone", file.display()),
        ));
    } else {
        findings.push(Finding::action(
            "files",
            format!("others on this machine can open {}", open_to_others.join(", ")),
            format!("chmod 600 {}", open_to_others.join(" ")),
        ));
    }
    if let Ok(found) = fs::metadata(&log)
        && found.len() > LONG_LOG
    {
        findings.push(Finding::advice(
            "files",
            format!(
                "{} has {}: it is not being written back",
                log.display(),
                size(found.len())
            ),
            "end what has been reading the database for so long (`fuser` tells), or start the server anew",
        ));
    }
    if statfs(file).is_ok_and(|found| NETWORK.contains(&found.f_type)) {
        findings.push(Finding::action(
            "files",
            format!(
                "{} is on a network file system, where SQLite loses data",
                file.display()
            ),
            "move the data folder to a disk of this machine, or use PostgreSQL",
        ));
    }
    findings
}

pub(super) fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 10 * GIB => format!("{} GiB", bytes / GIB),
        bytes if bytes >= GIB => format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB),
        bytes => format!("{} MiB", bytes / MIB),
    }
}
