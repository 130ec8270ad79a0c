//! The line of a crontab in `/etc/cron.d`, with the user as its sixth field (crontab(5)).

use super::{Every, Job};
use engine::restore_point::made::fnv;

/// The line; `None` where cron has no word for the time.
pub(super) fn line(job: &Job) -> Option<String> {
    // A minute of its own for each name, so that not everything begins at the full hour.
    let minute = fnv(&job.name) % 60;
    let when = match &job.every {
        Every::Hourly => format!("{minute} * * * *"),
        Every::Daily => format!("{minute} 2 * * *"),
        Every::Weekly => format!("{minute} 2 * * 0"),
        Every::Monthly => format!("{minute} 2 1 * *"),
        Every::Calendar(_) => return None,
    };
    let folder = quoted(&job.folder);
    let variables: String = job.variables.iter().map(|(name, value)| format!("{name}={} ", quoted(value))).collect();
    let words: Vec<String> = job.command.iter().map(|word| quoted(word)).collect();
    let file = format!("/etc/cairn/{}.env", job.name);
    let secrets = format!("set -a; [ ! -r {file} ] || . {file}; set +a");
    // The percent sign is a line feed to cron.
    let command = format!("{secrets}; cd {folder} && {variables}{}", words.join(" ")).replace('%', "\\%");
    Some(format!("{when} root {command}\n"))
}

/// A word as the shell reads it.
fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(every: Every) -> Job {
        Job {
            name: "n".to_owned(),
            every,
            command: ["/usr/bin/cairn", "backup", "it's 50%", "$HOME"].map(str::to_owned).to_vec(),
            folder: "/a b".to_owned(),
            variables: vec![("CAIRN_REPO", "s3://b/p".to_owned())],
        }
    }

    #[test]
    fn a_line_is_one_line_that_the_shell_reads_as_it_was_typed() {
        let line = line(&job(Every::Daily)).unwrap();
        let command = "cd '/a b' && CAIRN_REPO=s3://b/p /usr/bin/cairn backup 'it'\\''s 50\\%' '$HOME'\n";
        assert!(line.ends_with(command), "{line}");
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(line.split(' ').take(6).skip(1).collect::<Vec<_>>(), ["2", "*", "*", "*", "root"]);
    }

    #[test]
    fn what_cron_cannot_say_has_no_line() {
        assert_eq!(line(&job(Every::Calendar("Mon..Fri 22:30".to_owned()))), None);
    }
}
