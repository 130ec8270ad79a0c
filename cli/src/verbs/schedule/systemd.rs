//! The two units, and how systemd wants words quoted (systemd.service(5), systemd.syntax(7)).

use super::{Every, Job};

/// `cairn-NAME.service`: one run.
pub(super) fn service(job: &Job) -> String {
    let command: Vec<String> = job.command.iter().map(|word| word_of_command(word)).collect();
    let mut lines = vec![
        "[Unit]".to_owned(),
        format!("Description=Cairn: {}", job.name),
        "Documentation=man:cairn(1)".to_owned(),
        "Wants=network-online.target".to_owned(),
        "After=network-online.target local-fs.target remote-fs.target".to_owned(),
        String::new(),
        "[Service]".to_owned(),
        "Type=oneshot".to_owned(),
        format!("WorkingDirectory={}", percent(&job.folder)),
        "# CAIRN_PASSWORD, AWS_SECRET_ACCESS_KEY and their like, if they are needed; readable by root alone."
            .to_owned(),
        format!("EnvironmentFile=-/etc/cairn/{}.env", job.name),
    ];
    lines.extend(
        job.variables.iter().map(|(name, value)| format!("Environment={}", quoted(&format!("{name}={value}")))),
    );
    // A state folder that was named holds; else a service has one of its own, as it may have no home.
    if job.variables.iter().all(|(name, _)| *name != STATE_DIR) {
        lines.push(format!("Environment={STATE_DIR}=%S/cairn"));
    }
    lines.extend([
        "StateDirectory=cairn".to_owned(),
        "StateDirectoryMode=0700".to_owned(),
        format!("ExecStart={}", command.join(" ")),
        "# Exit code 3 (some items were not stored) leaves the unit failed, so that somebody looks.".to_owned(),
        "Nice=10".to_owned(),
        "IOSchedulingClass=best-effort".to_owned(),
        "IOSchedulingPriority=7".to_owned(),
        "# A stop publishes what was stored; the next run goes on from there.".to_owned(),
        "TimeoutStopSec=5min".to_owned(),
        "UMask=0077".to_owned(),
    ]);
    lines.join("\n") + "\n"
}

/// `cairn-NAME.timer`: when it runs.
pub(super) fn timer(job: &Job) -> String {
    // Spread out, so that many machines do not come to one store in the same second.
    let (calendar, delay) = match &job.every {
        Every::Hourly => ("hourly", Some("5min")),
        Every::Daily => ("daily", Some("1h")),
        Every::Weekly => ("weekly", Some("1h")),
        Every::Monthly => ("monthly", Some("1h")),
        Every::Calendar(text) => (text.as_str(), None),
    };
    let mut lines = vec![
        "[Unit]".to_owned(),
        format!("Description=Cairn: {}, regularly", job.name),
        String::new(),
        "[Timer]".to_owned(),
        format!("OnCalendar={}", percent(calendar)),
    ];
    lines.extend(delay.map(|delay| format!("RandomizedDelaySec={delay}")));
    lines.extend([
        "# What was missed while the machine was off is made up for.".to_owned(),
        "Persistent=true".to_owned(),
        String::new(),
        "[Install]".to_owned(),
        "WantedBy=timers.target".to_owned(),
    ]);
    lines.join("\n") + "\n"
}

/// A word of `ExecStart=`, where `$` begins a variable.
fn word_of_command(word: &str) -> String {
    quoted(word).replace('$', "$$")
}

/// A word, in quotes where it needs them; `%` begins a specifier everywhere.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_@+=:,./-%".contains(&b);
    let word = percent(word);
    if !word.is_empty() && word.bytes().all(plain) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

const STATE_DIR: &str = "CAIRN_STATE_DIR";

fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        for (word, written) in [
            ("/usr/bin/cairn", "/usr/bin/cairn"),
            ("50%", "50%%"),
            ("a b", "\"a b\""),
            ("say \"hi\" \\", "\"say \\\"hi\\\" \\\\\""),
            ("$HOME", "\"$$HOME\""),
            (";", "\";\""),
            ("", "\"\""),
        ] {
            assert_eq!(word_of_command(word), written);
        }
        assert_eq!(quoted("A=$b"), "\"A=$b\"");
    }
}
