//! `mount.cairn`: the name by which mount(8), and so /etc/fstab and systemd, call this program.
//!
//! ```text
//! mount.cairn REPO MOUNTPOINT [-sfnv] [-t TYPE] [-o OPTION[=VALUE],...]
//!       = cairn --repo=REPO mount [--OPTION[=VALUE]]... -- MOUNTPOINT
//! ```
//! Promises: every long option of `cairn mount` is an option here (with `_` or `-`), what is meant for mount(8) and systemd is
//! passed over, and what is neither is refused, unless mount(8) asks for sloppiness (`-s`). `rw` is passed over with a word:
//! mount(8) adds it wherever `ro` does not stand.

use crate::exit::{Exit, Failure, Result};
use clap::Command;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// What `mount.cairn` was asked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Request {
    /// The same in words of `cairn`, its name first.
    pub(crate) args: Vec<OsString>,
    /// What was passed over and should be known.
    pub(crate) notes: Vec<String>,
}

/// Whether the program was called by this name; the type in the table of mounts is `fuse.cairn`, so by that, too.
pub(crate) fn is_called(name: Option<&OsString>) -> bool {
    let name = name.and_then(|name| Path::new(name).file_name());
    name.is_some_and(|name| name == "mount.cairn" || name == "mount.fuse.cairn")
}

/// The exit codes of mount(8).
pub(crate) fn exit_code(exit: Exit) -> u8 {
    match exit {
        Exit::Done | Exit::Warnings => 0,
        Exit::Interrupted | Exit::Terminated => 8,
        _ => 32,
    }
}

/// The exit code of mount(8) for wrong usage.
pub(crate) const WRONG_USAGE: u8 = 1;

/// Translates the arguments after the name, with the definitions of `cairn`.
///
/// # Errors
/// Wrong usage: an option that nobody knows, or a place that is missing.
pub(crate) fn translate(args: impl IntoIterator<Item = OsString>, cairn: &Command) -> Result<Request> {
    let (mut places, mut lists, mut flags) = (Vec::new(), Vec::new(), Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_bytes() {
            b"-o" => lists.push(args.next().ok_or_else(|| refuse("-o needs options after it"))?),
            b"-t" => _ = args.next(),
            [b'-', letters @ ..] if !letters.is_empty() => flags.extend_from_slice(letters),
            _ => places.push(arg),
        }
    }
    if let Some(unknown) = flags.iter().find(|flag| !b"sfnv".contains(flag)) {
        return Err(refuse(format!("-{} is not known here", char::from(*unknown))));
    }
    let [repo, mountpoint] = <[OsString; 2]>::try_from(places).map_err(|_| refuse("name a repository and a folder"))?;
    let mut words = Words { cairn, is_sloppy: flags.contains(&b's'), args: Vec::new(), notes: Vec::new() };
    for option in lists.iter().flat_map(|list| split(list)) {
        words.add(&option)?;
    }
    let mut before = vec!["cairn".into(), joined("--repo=", &repo), "mount".into()];
    // Helpers of mount(8) are silent when all went well.
    before.push(if flags.contains(&b'v') { "--verbose" } else { "--quiet" }.into());
    before.extend(flags.contains(&b'f').then(|| "--dry-run".into()));
    let args = before.into_iter().chain(words.args).chain(["--".into(), mountpoint]).collect();
    Ok(Request { args, notes: words.notes })
}

/// The options of `-o`, one by one.
struct Words<'a> {
    cairn: &'a Command,
    is_sloppy: bool,
    args: Vec<OsString>,
    notes: Vec<String>,
}

impl Words<'_> {
    fn add(&mut self, option: &OsStr) -> Result<()> {
        let bytes = option.as_bytes();
        let (key, value) = match bytes.iter().position(|b| *b == b'=') {
            Some(at) => (&bytes[..at], bytes.get(at + 1..).map(OsStr::from_bytes)),
            None => (bytes, None),
        };
        let key = String::from_utf8_lossy(key);
        match (&*key, value) {
            ("rw", None) => self.notes.push("mounted read-only, as restore points always are".into()),
            ("remount", None) => return Err(refuse("a mount cannot be changed; unmount it and mount it again")),
            ("suid" | "dev", None) => self.args.push(format!("--allow-{key}").into()),
            ("noexec", None) => self.args.push("--no-exec".into()),
            _ if is_for_others(&key, value.is_some()) => {}
            _ => self.add_ours(&key.replace('_', "-"), value)?,
        }
        Ok(())
    }

    fn add_ours(&mut self, long: &str, value: Option<&OsStr>) -> Result<()> {
        let mount = self.cairn.find_subcommand("mount").into_iter().flat_map(Command::get_arguments);
        let mut known = mount.chain(self.cairn.get_arguments().filter(|arg| arg.is_global_set()));
        let found = known.find(|arg| arg.get_long() == Some(long) && !NOT_HERE.contains(&long));
        match (found.map(|arg| arg.get_action().takes_values()), value) {
            (Some(true), Some(value)) => self.args.push(joined(&format!("--{long}="), value)),
            (Some(false), None) => self.args.push(format!("--{long}").into()),
            (Some(true), None) => return Err(refuse(format!("{long} needs a value: {long}=..."))),
            (Some(false), Some(_)) => return Err(refuse(format!("{long} takes no value"))),
            (None, _) if self.is_sloppy => self.notes.push(format!("{long} is not known and was passed over")),
            (None, _) => {
                return Err(refuse(format!("the option {long} is not known")).advise(
                    "the options are those of `cairn mount --help`, and those of mount(8) that fit a read-only mount",
                ));
            }
        }
        Ok(())
    }
}

/// Parts a list at its commas; those between double quotes belong to a value, and the quotes do not.
fn split(list: &OsStr) -> Vec<OsString> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), Vec::new(), false);
    for byte in list.as_bytes() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => words.push(std::mem::take(&mut word)),
            other => word.push(*other),
        }
    }
    words.push(word);
    words.into_iter().filter(|word| !word.is_empty()).map(OsString::from_vec).collect()
}

/// What mount(8), systemd and other readers of fstab act upon themselves, and what a read-only mount is anyway.
fn is_for_others(key: &str, has_value: bool) -> bool {
    let lower = key.to_ascii_lowercase();
    match has_value {
        _ if lower.starts_with("x-") => true,
        true => matches!(key, "comment" | "user" | "helper" | "uhelper"),
        false => FOR_OTHERS.contains(&key),
    }
}

fn joined(before: &str, value: &OsStr) -> OsString {
    let mut whole = OsString::from(before);
    whole.push(value);
    whole
}

fn refuse(why: impl std::fmt::Display) -> Failure {
    Failure { exit: Exit::Usage, ..Failure::usage(format!("mount.cairn: {why}")) }
        .advise("usage: mount.cairn REPO MOUNTPOINT [-sfnv] [-o OPTION[=VALUE],...]")
}

const FOR_OTHERS: &[&str] = &[
    "defaults",
    "ro",
    "auto",
    "noauto",
    "nofail",
    "_netdev",
    "user",
    "nouser",
    "users",
    "nousers",
    "owner",
    "noowner",
    "group",
    "nogroup",
    "nosuid",
    "nodev",
    "exec",
    "sync",
    "async",
    "dirsync",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "lazytime",
    "nolazytime",
    "silent",
    "loud",
];

/// Options of `cairn mount` that mean nothing between mount(8) and its helper, or stand elsewhere; and what a person
/// accepts after a look, which no file may say for him.
const NOT_HERE: &[&str] = &["accept", "repo", "json", "quiet", "verbose", "foreground", "dry-run", "help", "version"];

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(args: &[&str]) -> Result<Request> {
        translate(args.iter().map(OsString::from), &crate::cli::command())
    }

    fn words(args: &[&str]) -> Vec<String> {
        ask(args).expect("understood").args.into_iter().map(|arg| arg.into_string().expect("UTF-8")).collect()
    }

    #[test]
    fn options_are_those_of_cairn_mount() {
        let list = "ro,_netdev,nofail,allow_other,owner=1:2,umask=027,password-file=/etc/cairn/key,cache_dir=/c";
        let expected = [
            "cairn",
            "--repo=s3://b/p",
            "mount",
            "--quiet",
            "--allow-other",
            "--owner=1:2",
            "--umask=027",
            "--password-file=/etc/cairn/key",
            "--cache-dir=/c",
            "--",
            "/mnt/b",
        ];
        assert_eq!(words(&["s3://b/p", "/mnt/b", "-o", list]), expected);
        assert_eq!(words(&["/r", "/m", "-vf", "-n", "-t", "fuse.cairn"])[3..5], ["--verbose", "--dry-run"]);
        assert_eq!(words(&["/r", "/m", "-o", "suid,dev,noexec"])[4..7], ["--allow-suid", "--allow-dev", "--no-exec"]);
        assert_eq!(words(&["/r", "/m", "-o", "config=\"/a,b\",threads=2"])[4..6], ["--config=/a,b", "--threads=2"]);
    }

    #[test]
    fn what_is_meant_for_others_is_passed_over() {
        let list = "defaults,noauto,owner,user=me,x-systemd.automount,X-mount.mkdir,comment=c,nosuid,nodev,relatime";
        assert_eq!(words(&["/r", "/m", "-o", list]), ["cairn", "--repo=/r", "mount", "--quiet", "--", "/m"]);
        assert!(ask(&["/r", "/m", "-o", "rw"]).expect("mount(8) adds it").notes[0].contains("read-only"));
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        let why = |args: &[&str]| ask(args).expect_err("refused").message;
        assert!(why(&["/r", "/m", "-o", "ro,frobnicate=1"]).contains("frobnicate"));
        assert!(why(&["/r", "/m", "-o", "umask"]).contains("needs a value"));
        assert!(why(&["/r", "/m", "-o", "allow_other=1"]).contains("no value"));
        assert!(why(&["/r", "/m", "-o", "remount,ro"]).contains("again"));
        for hidden in ["repo=/x", "foreground", "json", "accept=rollback"] {
            assert!(why(&["/r", "/m", "-o", hidden]).contains("not known"), "{hidden}");
        }
        assert!(why(&["/r"]).contains("repository") && why(&["/r", "/m", "/n"]).contains("repository"));
        assert!(why(&["/r", "/m", "-x"]).contains("-x") && why(&["/r", "/m", "-o"]).contains("-o"));
        assert!(ask(&["/r", "/m", "-s", "-o", "frobnicate"]).expect("sloppy").notes[0].contains("frobnicate"));
    }

    #[test]
    fn the_name_decides() {
        let called = |name: &str| is_called(Some(&name.into()));
        assert!(
            called("/sbin/mount.cairn") && called("mount.fuse.cairn") && !called("/usr/bin/cairn") && !is_called(None)
        );
    }
}
