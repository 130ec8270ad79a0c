//! The narrow door of the fuzz targets (`fuzz/src/engine.rs`) to decoders that nobody else may call.
//!
//! The targets live outside, in a workspace of their own and in the ordinary tests, so they see public items only. Making the
//! decoders themselves public would widen the rooms; this names exactly the functions that read what people or disks give.
//! Not part of the engine's interface: hidden, and free to change.

use crate::error::Result;
use crate::repository::{paper, select};
use crate::source::rules::{IgnoreFiles, Patterns, Rules};
use crate::store::credentials;
use format_spec::Time;

/// The secrets that a recovery sheet holds.
///
/// # Errors
/// As [`Repository::open_with_paper`](crate::repository::Repository::open_with_paper) for a sheet that cannot be read.
pub fn read_sheet(text: &str) -> Result<Vec<u8>> {
    paper::decode_sheet(text).map(|secrets| secrets.to_vec())
}

/// The lines of the recovery sheet of `secrets`.
pub fn write_sheet(secrets: &[u8]) -> Vec<String> {
    secrets.chunks(paper::LINE_BYTES).enumerate().map(|(n, part)| paper::encode_line(n, part)).collect()
}

/// The check group of line `number` (from 0) of a recovery sheet, which a fuzzer cannot guess.
pub fn sheet_check_group(number: usize, digits: &str) -> String {
    paper::check_group(number, digits)
}

/// What an answer from the network means to whoever asked.
///
/// # Errors
/// As whoever asked would be told.
pub fn answer(lists: bool, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
    crate::store::judge_answer(lists, status, headers, body)
}

/// A configuration file of the aws command, read and written again.
///
/// # Errors
/// What is wrong with it.
pub fn aws_file(text: &str) -> Result<String, String> {
    credentials::Ini::parse(text).map(|ini| ini.text())
}

/// The words of a `credential_process`.
///
/// # Errors
/// What is wrong with it.
pub fn command_words(line: &str) -> Result<Vec<String>, &'static str> {
    credentials::split_words(line)
}

/// A connection string of Azure: its account, and its endpoint where it names one.
///
/// # Errors
/// What is wrong with it.
pub fn connection_string(text: &str) -> Result<(String, Option<String>), String> {
    credentials::Connection::parse(text).map(|found| (found.account, found.endpoint))
}

/// Credentials as a program prints them, or as a service beside a container answers.
///
/// # Errors
/// What is wrong with them.
pub fn credential_reply(bytes: &[u8], is_of_program: bool) -> Result<(), String> {
    credentials::judge_reply(bytes, is_of_program)
}

/// An answer of the service that gives roles.
///
/// # Errors
/// Why it is none.
pub fn role_answer(bytes: &[u8]) -> Result<(), String> {
    credentials::judge_role(bytes)
}

/// The last moment that a restore point's selector means when it is a time.
pub fn selector_time(text: &str) -> Option<Time> {
    select::parse_time(text)
}

/// What is wrong with the ignore file `text` of `folder`, and why it leaves the item at `path` out, if it does.
pub fn ignore_file(text: &[u8], folder: &[u8], path: &[u8], is_folder: bool) -> (Vec<String>, Option<String>) {
    let mut files = IgnoreFiles::default();
    let reasons = files.push(folder, Ok(text.to_vec()));
    let left_out = files.leave_out(path, is_folder);
    files.leave(folder);
    (reasons, left_out)
}

/// Why `excludes` leave the item at `path` out, if they do.
pub fn excluded(excludes: Patterns, path: &[u8], is_folder: bool) -> Option<String> {
    Rules { excludes, ..Rules::default() }.leave_out(path, is_folder, false)
}
