//! A small disk for a database, which a test can fill, free and make read-only: a tmpfs in a mount namespace that
//! outlives the gateways. It needs root only if user namespaces are not allowed.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::support::command_output::first_line;

/// Large enough for a database and its log, and small enough to be filled quickly.
const SIZE: &str = "4m";
const BLOCK: [u8; 4096] = [b'x'; 4096];
/// Mounts the disk, prints `mounted`, and runs until its stdin closes.
const MOUNT_SCRIPT: &str = r#"mount -t tmpfs -o "size=$1,mode=0700" tmpfs "$2" && echo mounted && exec cat"#;

/// A mounted disk. Dropping it deletes its contents.
pub(super) struct Disk {
    keeper: Child,
    /// The mount point inside the namespace.
    folder: PathBuf,
    has_user_namespace: bool,
}

impl Disk {
    /// Mounts a disk at an existing `folder`.
    pub(super) fn at(folder: PathBuf) -> Self {
        let mounted = Self::mount(&folder, true).or_else(|_| Self::mount(&folder, false));
        mounted.unwrap_or_else(|why| {
            panic!("cannot mount a tmpfs for the full-disk tests, neither in a user namespace nor as this user: {why}")
        })
    }

    fn mount(folder: &Path, has_user_namespace: bool) -> Result<Self, String> {
        let mut command = Command::new("unshare");
        if has_user_namespace {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "sh", "-c", MOUNT_SCRIPT, "sh", SIZE]).arg(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut keeper = command.spawn().map_err(|error| format!("unshare: {error}"))?;
        let line = first_line(keeper.stdout.take().expect("a piped stdout"));
        let disk = Self { keeper, folder: folder.to_owned(), has_user_namespace };
        if line.trim() == "mounted" { Ok(disk) } else { Err("mount was refused".to_owned()) }
    }

    /// Returns a command that runs `command` inside the namespace.
    pub(super) fn command_inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.arg(format!("--target={}", self.keeper.id())).arg("--mount");
        if self.has_user_namespace {
            inside.args(["--user", "--preserve-credentials"]);
        }
        inside.arg("--").arg(command.get_program()).args(command.get_args()).env_clear().stdin(Stdio::null());
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside
    }

    /// Returns the disk's path from outside of the namespace.
    pub(super) fn path_outside(&self) -> PathBuf {
        let below = self.folder.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(below)
    }

    /// Fills the disk completely.
    pub(super) fn fill(&self) {
        let mut ballast = File::create(self.ballast()).expect("a file on the disk");
        while ballast.write_all(&BLOCK).is_ok() {}
        while ballast.write_all(b"x").is_ok() {}
    }

    /// Frees the space that [`Disk::fill`] has used.
    pub(super) fn free(&self) {
        fs::remove_file(self.ballast()).expect("the ballast");
    }

    fn ballast(&self) -> PathBuf {
        self.path_outside().join("ballast")
    }

    /// Remounts the disk as `ro` or `rw`. No process may have a file open for writing.
    pub(super) fn remount(&self, mode: &str) {
        let mut mount = Command::new("mount");
        // Name the source to keep the previous options, because a user namespace does not permit setting some of them
        // again.
        mount.args(["-o", &format!("remount,{mode},size={SIZE}"), "tmpfs"]).arg(&self.folder);
        mount.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        let status = self.command_inside(&mount).status().expect("nsenter runs");
        assert!(status.success(), "the disk cannot be mounted {mode}");
    }

    /// Copies the files whose names start with `name` out of the namespace.
    pub(super) fn copy_out(&self, name: &str, target: &Path) {
        for file in fs::read_dir(self.path_outside()).expect("the disk").flatten() {
            let found = file.file_name().to_string_lossy().into_owned();
            if found.starts_with(name) {
                fs::copy(file.path(), target.join(found)).expect("a copy");
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
