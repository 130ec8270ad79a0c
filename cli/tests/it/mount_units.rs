//! systemd: the units that are packaged, and what the mount tells it.

use crate::mount_place::{Place, signal, within};
use crate::support::Home;
use rustix::process::Signal;
use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

fn packaged(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(below)
}

pub(crate) fn can_verify() -> bool {
    let found = Command::new("systemd-analyze").arg("--version").output().is_ok();
    let required = std::env::var_os("CAIRN_TEST_SERVERS").is_some_and(|v| v == "required");
    assert!(found || !required, "this test needs systemd-analyze");
    found
}

/// What systemd says about a unit; nothing if it is sound.
pub(crate) fn verified(units: &[PathBuf]) -> Result<(), String> {
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(units).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let names = units.iter().filter_map(|unit| unit.file_name()).map(|name| name.to_string_lossy().into_owned());
    // What is wrong with other units of this machine is not our concern.
    let ours = names.into_iter().any(|name| said.contains(&name)) || !output.status.success();
    if ours { Err(said) } else { Ok(()) }
}

#[test]
fn the_units_are_sound() {
    if !can_verify() {
        return;
    }
    let home = Home::new();
    let text = std::fs::read_to_string(packaged("systemd/cairn-mount@.service")).unwrap();
    assert!(text.contains("/usr/bin/cairn mount --foreground"));
    let text = text.replace("/usr/bin/cairn", env!("CARGO_BIN_EXE_cairn"));
    home.write("cairn-mount@mnt-backups.service", text.as_bytes());
    verified(&[home.path("cairn-mount@mnt-backups.service")]).unwrap();
    verified(&[packaged("systemd/mnt-cairn.mount"), packaged("systemd/mnt-cairn.automount")]).unwrap();
    // And the check finds what is wrong.
    home.write("cairn-mount@broken.service", text.replace("Type=notify", "Type=maybe").as_bytes());
    assert!(verified(&[home.path("cairn-mount@broken.service")]).unwrap_err().contains("maybe"));
}

/// A service may have no home: what this machine remembers must have a place all the same.
#[test]
fn the_units_have_a_state_folder() {
    for unit in ["systemd/cairn-mount@.service", "systemd/mnt-cairn.mount"] {
        let text = std::fs::read_to_string(packaged(unit)).unwrap();
        assert!(text.contains("\nStateDirectory=cairn\n") && text.contains("CAIRN_STATE_DIR=%S/cairn\n"), "{unit}");
    }
}

/// A namespace of its own would keep the mount from everybody else.
#[test]
fn the_service_stays_in_the_mount_namespace_of_the_host() {
    let text = std::fs::read_to_string(packaged("systemd/cairn-mount@.service")).unwrap();
    let settings: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let namespaced = [
        "ProtectSystem",
        "ProtectHome",
        "ProtectKernel",
        "ProtectControlGroups",
        "ProtectProc",
        "ProcSubset",
        "ProtectClock",
        "PrivateTmp",
        "PrivateDevices",
        "PrivateMounts",
        "PrivateUsers",
        "ReadOnlyPaths",
        "ReadWritePaths",
        "InaccessiblePaths",
        "BindPaths",
        "TemporaryFileSystem",
        "DynamicUser",
        "RootDirectory",
        "MountFlags",
        "LogNamespace",
    ];
    for word in namespaced {
        assert!(!settings.iter().any(|line| line.starts_with(word)), "{word}");
    }
    assert!(settings.contains(&"Type=notify") && settings.contains(&"DeviceAllow=/dev/fuse rw"));
}

/// SEMANTICS, Signals: "systemd (`NOTIFY_SOCKET`) hears READY=1 when the mount answers, and STOPPING=1 when a signal came."
#[test]
fn systemd_is_told_when_the_mount_answers_and_when_it_goes() {
    let Some(place) = Place::new() else { return };
    let path = place.home.path("notify");
    let name = format!("cairn-test-{}", std::process::id());
    let sockets = [
        (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
        (
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
            OsString::from(format!("@{name}")),
        ),
    ];
    for (socket, address) in sockets {
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let heard = || {
            let mut buffer = [0; 4096];
            let bytes = socket.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..bytes]).into_owned()
        };
        let mut command = place.home.command(["mount", "-q", "--foreground", &place.home.text("mnt")]);
        let mut child = command.env("NOTIFY_SOCKET", &address).spawn().unwrap();
        let ready = heard();
        let by_id = place.mnt().join("by-id");
        let shown = within(move || std::fs::read_dir(by_id).map(Iterator::count));
        signal(&child, Signal::TERM);
        let stopping = heard();
        let status = child.wait().unwrap();
        assert!(ready.lines().any(|line| line == "READY=1") && ready.contains("STATUS=mounted at"), "{ready}");
        assert_eq!(shown.unwrap(), 1, "it must answer when it says so");
        assert!(stopping.lines().any(|line| line == "STOPPING=1"), "{stopping}");
        assert_eq!(status.code(), Some(0));
    }
}
