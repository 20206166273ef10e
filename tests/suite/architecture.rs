//! The walls between the rooms, read off the `use` lines and paths of the source.

use std::path::{Path, PathBuf};

fn sources(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("the source folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Every source file: its path from `src/`, and its lines that are not comments.
fn code() -> Vec<(String, Vec<(usize, String)>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 100, "the source was found");
    let read = |p: &PathBuf| {
        let name = p.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(p).expect("source can be read");
        let lines = text.lines().enumerate().map(|(i, l)| (i + 1, l.trim().to_owned()));
        (name, lines.filter(|(_, l)| !l.starts_with("//")).collect())
    };
    files.iter().map(read).collect()
}

/// Fails with a sentence for each line outside `allowed` that mentions one of `words`.
fn only(words: &[&str], allowed: &[&str], because: &str) {
    let mut faults = Vec::new();
    for (file, lines) in code() {
        if allowed.iter().any(|a| file.starts_with(a)) {
            continue;
        }
        for (n, line) in lines {
            if let Some(w) = words.iter().find(|w| line.contains(**w)) {
                faults.push(format!("src/{file}:{n} uses `{w}`, which belongs to {allowed:?} only, because {because}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn egui_stays_in_the_window() {
    only(&["egui", "eframe", "rfd::"], &["ui/"], "the engine serves the command line without a window");
}

#[test]
fn rayon_stays_where_determinism_is_kept() {
    only(&["rayon::"], &["tensor/kernels/", "engine/", "data/"], "there is one place to reason about determinism");
}

#[test]
fn petgraph_stays_in_the_graph() {
    only(&["petgraph::"], &["graph/"], "its indices are reused and are nobody's identity");
}

#[test]
fn ron_stays_in_the_project() {
    only(&["ron::"], &["project/"], "the file format and the types in memory evolve apart");
}

#[test]
fn threads_stay_in_the_worker() {
    let starts = ["thread::spawn", "thread::scope", "thread::Builder", "thread::JoinHandle"];
    only(&starts, &["train/worker/", "ui/files.rs"], "there is one story about concurrency");
}

#[test]
fn the_window_and_the_command_line_do_not_compute() {
    let elsewhere = ["data/", "engine/", "graph/", "main.rs", "ops/", "project/", "tensor/", "train/", "lib.rs"];
    only(&["ndarray", "tensor::kernels"], &elsewhere, "a slow picture must not slow the training");
}

#[test]
fn rooms_import_only_from_rooms_below() {
    let below: &[(&str, &[&str])] = &[
        ("tensor", &["tensor"]),
        ("ops", &["tensor", "ops"]),
        ("graph", &["tensor", "ops", "graph"]),
        ("engine", &["tensor", "ops", "graph", "engine"]),
        ("data", &["tensor", "ops", "graph", "data"]),
        ("train", &["tensor", "ops", "graph", "engine", "data", "train"]),
        ("project", &["tensor", "ops", "graph", "engine", "data", "train", "project"]),
        ("cli", &["tensor", "ops", "graph", "engine", "data", "train", "project", "cli"]),
        ("ui", &["tensor", "ops", "graph", "engine", "data", "train", "project", "ui"]),
    ];
    let mut faults = Vec::new();
    for (file, lines) in code() {
        let Some((room, allowed)) = below.iter().find(|(r, _)| file.starts_with(&format!("{r}/"))) else { continue };
        for (n, line) in lines {
            for part in line.split("crate::").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if below.iter().any(|(r, _)| *r == name) && !allowed.contains(&name.as_str()) {
                    faults
                        .push(format!("src/{file}:{n}: the room `{room}` must not see `{name}`, which lies above it"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_window_and_the_exporters_match_on_no_kind_of_node() {
    let ids: Vec<String> =
        chainrule::ops::catalogue::CATALOGUE.iter().map(|k| format!("\"{}\" =>", k.spec.id)).collect();
    for (file, lines) in code().into_iter().filter(|(f, _)| f.starts_with("ui/")) {
        for (n, line) in lines {
            let hit = ids.iter().find(|id| line.contains(id.as_str()));
            assert!(
                hit.is_none(),
                "src/{file}:{n} matches on the kind {hit:?}; a new kind must be one file and one line"
            );
        }
    }
}

#[test]
fn a_file_fits_in_the_head() {
    for (file, _) in code() {
        let text =
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(&file)).expect("readable");
        let lines = text.lines().count();
        assert!(lines <= 600, "src/{file} has {lines} lines; what are its subjects?");
    }
}

#[test]
fn no_file_of_tests_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let text = |path: &Path| std::fs::read_to_string(path).expect("a file of tests");
    let main = text(&root.join("main.rs"));
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the tests were found");
    for path in files.iter().filter(|p| !p.ends_with("main.rs")) {
        let (folder, name) = (path.parent().expect("a folder"), path.file_stem().expect("a name").to_string_lossy());
        let named = match folder == root {
            true => main.contains(&format!("mod {name};")),
            false => {
                let below = format!("\"{}/{name}.rs\"]", folder.file_name().expect("a name").to_string_lossy());
                files.iter().filter(|p| p.parent() == Some(&*root)).any(|p| text(p).contains(&below))
            }
        };
        assert!(named, "no file declares {}, so its tests do not run", path.display());
    }
}

#[test]
fn there_is_one_version_of_egui() {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("a lock file");
    for name in ["egui", "epaint", "emath", "eframe"] {
        let count = lock.lines().filter(|l| *l == format!("name = \"{name}\"")).count();
        assert!(count <= 1, "{count} versions of {name} are in the tree");
    }
}
