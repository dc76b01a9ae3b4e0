//! What processes can be put into: a small disk, and a clock of their own.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The size of a disk that is not full, in KiB.
const ROOMY: u64 = 1 << 20;

/// A disk in memory, in a mount namespace that a process of its own keeps open.
pub struct Disk {
    holder: Child,
    path: PathBuf,
}

impl Disk {
    /// Mounts a disk at a folder; nothing where this machine does not allow it.
    pub fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).expect("writable");
        let script =
            "mount -t tmpfs -o size=\"$1\"k none \"$0\" && echo mounted && exec sleep 7200";
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .arg(path)
            .arg(ROOMY.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut said = String::new();
        let out = holder.stdout.take().expect("piped");
        let _ = BufReader::new(out).read_line(&mut said);
        let disk = Self { holder, path: path.to_owned() };
        // Entering the namespace is a right of its own.
        let can_enter = disk.run(&["true"]);
        (said.trim() == "mounted" && can_enter).then_some(disk)
    }

    /// The same command within the namespace.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inner = self.enter();
        inner.args(["sh", "-c", "cd \"$0\" && exec \"$@\""]);
        inner.arg(command.get_current_dir().unwrap_or(Path::new("/")));
        inner.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inner.env(name, value),
                None => inner.env_remove(name),
            };
        }
        inner
    }

    /// A path on the disk as it is seen from outside.
    pub fn seen(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }

    /// Makes the disk no larger than what is on it; whether that was possible.
    pub fn fill(&self) -> bool {
        // Something may be written between the look and the change.
        (0..100).any(|_| {
            let script = "used=$(df --output=used \"$0\" | tail -n 1 | tr -d ' ') && \
                          mount -o \"remount,size=${used}k\" \"$0\"";
            self.run(&["sh", "-c", script, &self.path.display().to_string()])
        })
    }

    /// Makes room again.
    pub fn make_room(&self) {
        let size = format!("remount,size={ROOMY}k");
        assert!(self.run(&["mount", "-o", &size, &self.path.display().to_string()]), "remounted");
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string()]);
        command.args(["--user", "--mount", "--preserve-credentials"]);
        command
    }

    fn run(&self, words: &[&str]) -> bool {
        let mut command = self.enter();
        command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Wall clocks that can be set for one process each.
pub struct Clocks {
    folder: PathBuf,
}

impl Clocks {
    /// Compiles what shifts a clock; nothing where there is no C compiler.
    pub fn build(folder: &Path) -> Option<Self> {
        let source = folder.join("clock.c");
        std::fs::write(&source, include_str!("clock.c")).expect("writable");
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([folder.join("clock.so"), source])
            .stderr(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success()).then(|| Self { folder: folder.to_owned() })
    }

    /// What has to be in the environment of a process for its clock to be set.
    pub fn environment(&self, name: &str) -> Vec<(String, String)> {
        let offset = self.offset(name);
        std::fs::write(&offset, 0i64.to_ne_bytes()).expect("writable");
        let text = |path: &Path| path.display().to_string();
        vec![
            ("LD_PRELOAD".to_owned(), text(&self.folder.join("clock.so"))),
            ("CLOCK_OFFSET".to_owned(), text(&offset)),
        ]
    }

    /// Sets the clock of a process to so many seconds after the true time.
    pub fn set(&self, name: &str, seconds: i64) {
        // The file is mapped: it must never be cut short.
        let file = OpenOptions::new().write(true).open(self.offset(name)).expect("writable");
        file.write_all_at(&seconds.to_ne_bytes(), 0).expect("writable");
    }

    fn offset(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.clock"))
    }
}
