//! Copies of unsaved work, to offer after a crash.
//!
//! One file per run: `PID-START-NAME.ron`, a project whose first line says in a comment which file it belongs to.
//! It is offered once the process that wrote it is gone.

use crate::project::{Project, file, parse, to_text};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MARK: &str = "// recovered from: ";

/// Work that a crash left.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The copy.
    pub file: PathBuf,
    /// The file it was opened from or saved to, if any.
    pub original: Option<PathBuf>,
    /// The work.
    pub project: Project,
    /// When the copy was made.
    pub time: SystemTime,
}

/// Where copies are kept unless said otherwise; `None` if the user has no home.
pub fn default_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "chainrule").map(|d| d.data_local_dir().join("recovery"))
}

/// What the names of this run's copies begin with. The time tells apart two runs that got the same process id.
fn own() -> &'static str {
    static OWN: OnceLock<String> = OnceLock::new();
    OWN.get_or_init(|| {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
        format!("{}-{start}-", std::process::id())
    })
}

/// Writes this run's copy into `dir`, replacing the one before.
///
/// # Errors
/// What the system says.
pub fn write(dir: &Path, project: &Project, original: Option<&Path>) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let stem = original.and_then(Path::file_stem).map_or_else(|| "untitled".into(), |s| s.to_string_lossy());
    let name: String = stem.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).take(40).collect();
    let path = dir.join(format!("{}{name}.ron", own()));
    let mut text = String::new();
    if let Some(original) = original {
        let original = std::path::absolute(original)?;
        text = format!("{MARK}{}\n", original.to_string_lossy().replace(['\n', '\r'], " "));
    }
    text += &to_text(project);
    file::write(&path, text.as_bytes())?;
    remove_own(dir, Some(&path))
}

/// Removes this run's copy: the work is saved or was given up.
///
/// # Errors
/// What the system says.
pub fn clear_own(dir: &Path) -> io::Result<()> {
    remove_own(dir, None)
}

fn remove_own(dir: &Path, keep: Option<&Path>) -> io::Result<()> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Ok(()) };
    for path in entries.flatten().map(|e| e.path()) {
        let ours = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(own()));
        if ours && Some(path.as_path()) != keep {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The copies in `dir` whose process is gone, latest first. Those that cannot be read are left where they are.
pub fn pending(dir: &Path) -> Vec<Recovered> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found: Vec<Recovered> = entries.flatten().filter_map(|e| read(&e.path())).collect();
    found.sort_by_key(|r| std::cmp::Reverse(r.time));
    found
}

fn read(copy: &Path) -> Option<Recovered> {
    let name = copy.file_name()?.to_str()?;
    let pid: u32 = name.split('-').next()?.parse().ok()?;
    let time = copy.metadata().ok()?.modified().ok()?;
    if !name.ends_with(".ron") || name.starts_with(own()) || (pid != std::process::id() && alive(pid, time)) {
        return None;
    }
    let text = file::read(copy).ok()?;
    let original = text.lines().next().and_then(|l| l.strip_prefix(MARK)).map(PathBuf::from);
    Some(Recovered { file: copy.to_owned(), original, project: parse(&text).ok()?, time })
}

/// Whether a process of this program with this id runs.
#[cfg(target_os = "linux")]
fn alive(pid: u32, _: SystemTime) -> bool {
    let name = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    let other = name(&pid.to_string());
    other.is_some() && other == name("self")
}

/// Without a way to ask, a copy not renewed for a while is taken for left behind.
#[cfg(not(target_os = "linux"))]
fn alive(_: u32, time: SystemTime) -> bool {
    time.elapsed().is_ok_and(|age| age < STALE)
}

/// Copies are renewed far more often than this.
#[cfg_attr(target_os = "linux", expect(dead_code))]
const STALE: Duration = Duration::from_secs(1800);

/// Removes a copy that was restored or is not wanted.
pub fn discard(found: &Recovered) {
    // A copy that cannot be removed is offered again, which is no harm.
    let _ = std::fs::remove_file(&found.file);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Document;

    #[test]
    fn only_the_work_of_dead_processes_is_offered() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let document = Document { notes: "lost".into(), ..Document::default() };
        let project = Project { document, ..Project::default() };
        write(dir, &project, Some(Path::new("/a/net 1.ron"))).unwrap();
        assert!(pending(dir).is_empty(), "the own copy is not lost");
        let own = std::fs::read_dir(dir).unwrap().next().unwrap().unwrap().path();
        std::fs::rename(own, dir.join("4294967290-1-net.ron")).unwrap();
        std::fs::write(dir.join("4294967291-1-bad.ron"), "Project(").unwrap();
        let found = pending(dir);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].original.as_deref(), Some(Path::new("/a/net 1.ron")));
        assert_eq!(found[0].project.document, project.document);
        discard(&found[0]);
        assert!(pending(dir).is_empty());
    }

    #[test]
    fn a_run_has_one_copy_and_clears_it() {
        let dir = tempfile::tempdir().unwrap();
        let project = Project::default();
        write(dir.path(), &project, None).unwrap();
        write(dir.path(), &project, Some(Path::new("b.ron"))).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        clear_own(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
