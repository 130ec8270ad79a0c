//! The narrow door of the fuzz targets to decoders of this crate that nobody else may call (see `engine::fuzzing`).

use crate::remote::{credentials, judge};
use base::error::Result;

/// What an answer from the network means to whoever asked.
///
/// # Errors
/// As whoever asked would be told.
pub fn answer(lists: bool, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
    judge(lists, status, headers, body)
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
