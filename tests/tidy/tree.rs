//! The project's own text files, read once. Leaves out what git does not keep: `.git`, and what `.gitignore` names at
//! the top.

use std::fs;
use std::path::Path;

/// One text file.
pub struct File {
    /// From the top, with `/`.
    pub path: String,
    pub text: String,
}

/// All text files of the project, in the order of their paths.
pub struct Tree {
    pub files: Vec<File>,
    top: Vec<String>,
}

/// What may lie at the top: the parts that a newcomer should see first, and no more.
const TOP: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "README.md",
    "benches",
    "clippy.toml",
    "compose.yaml",
    "deny.toml",
    "docs",
    "replay",
    "rustfmt.toml",
    "schemas",
    "src",
    "tests",
];

impl Tree {
    pub fn read() -> Self {
        let root = root();
        let ignored: Vec<String> = fs::read_to_string(root.join(".gitignore"))
            .expect(".gitignore is readable")
            .lines()
            .filter_map(|line| line.strip_prefix('/').map(|name| name.trim_end_matches('/').to_owned()))
            .collect();
        let mut tree = Tree { files: Vec::new(), top: Vec::new() };
        for name in names(root) {
            if name == ".git" || ignored.contains(&name) {
                continue;
            }
            tree.read_into(root, &name);
            tree.top.push(name);
        }
        tree
    }

    fn read_into(&mut self, root: &Path, path: &str) {
        let full = root.join(path);
        if full.is_dir() {
            for name in names(&full) {
                self.read_into(root, &format!("{path}/{name}"));
            }
        } else if let Ok(text) = String::from_utf8(fs::read(&full).unwrap_or_default()) {
            self.files.push(File { path: path.to_owned(), text });
        }
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, path: &str) -> bool {
        root().join(path.trim_end_matches('/')).exists()
    }

    pub fn strangers_at_top(&self) -> Vec<String> {
        self.top
            .iter()
            .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()))
            .map(|name| format!("{name}: does not belong at the top; put it under docs, tests, benches, src or .ci"))
            .collect()
    }
}

/// Where the project lies.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder of the project is readable")
        .map(|entry| entry.expect("its entry too").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
