//! The file of one location: its version, its location, its rows.
//!
//! ```text
//! cairn known 1
//! location s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1
//! repository 0f...3c aes-256-gcm 42 9a...e0 1764522137
//! ```
//! Promises: text that was read and is written again is the same text. Refuses every line that it does not know: what a
//! newer release has put there must not be dropped by an older one.

use super::row::Row;
use format_spec::RepositoryId;

/// What is remembered of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The location, as [`engine::store::explicit()`] writes it.
    pub location: String,
    /// The repositories that were accepted there, the oldest first.
    pub rows: Vec<Row>,
}

impl Record {
    /// A location of which nothing is known.
    pub fn new(location: &str) -> Record {
        Record { location: location.to_owned(), rows: Vec::new() }
    }

    /// The row of a repository.
    pub fn row(&self, id: RepositoryId) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == id)
    }

    /// The row of a repository, which is added if there is none.
    pub fn row_mut(&mut self, new: Row) -> &mut Row {
        let at = self.rows.iter().position(|row| row.id == new.id).unwrap_or_else(|| {
            self.rows.push(new);
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        let rows: String = self.rows.iter().map(|row| row.line() + "\n").collect();
        format!("{FIRST}\nlocation {}\n{rows}", self.location)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// Which line is wrong, and how.
    pub fn parse(text: &str) -> Result<Record, String> {
        let Some(text) = text.strip_suffix('\n') else { return Err("its last line is cut off".to_owned()) };
        let mut lines = text.split('\n').zip(1..);
        if lines.next().map(|(line, _)| line) != Some(FIRST) {
            return Err(format!("its first line is not {FIRST:?}: it was not written by this release"));
        }
        let location = lines.next().and_then(|(line, _)| line.strip_prefix("location "));
        let good =
            |text: &&str| (1..=LOCATION_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let location = location.filter(good).ok_or("line 2 names no location")?;
        let mut record = Record::new(location);
        for (line, number) in lines {
            let row = Row::parse(line).ok_or_else(|| format!("line {number} is not a repository"))?;
            if record.row(row.id).is_some() {
                return Err(format!("line {number} names a repository twice"));
            }
            record.rows.push(row);
        }
        Ok(record)
    }
}

const FIRST: &str = "cairn known 1";
/// Longer than any path and any URL.
const LOCATION_BYTES_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;
    use format_spec::container::Suite;

    fn record() -> Record {
        let row = |n: u8| Row { position: u32::from(n), ..Row::new(RepositoryId([n; 16]), Suite::Aes256Gcm) };
        Record { location: "file:///srv/a%20b".to_owned(), rows: vec![row(1), row(2)] }
    }

    #[test]
    fn a_record_comes_back_from_its_text() {
        assert_eq!(Record::parse(&record().text()), Ok(record()));
        let empty = Record::new("s3://b");
        assert_eq!(Record::parse(&empty.text()), Ok(empty));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        let good = record().text();
        for (bad, why) in [
            (good.trim_end().to_owned(), "cut off"),
            (good.replace("known 1", "known 2"), "first line"),
            (good.replace("location ", "place "), "line 2"),
            (good.replace("a%20b", "a b"), "line 2"),
            (good.replace("\nrepository 02", "\nstranger 02"), "line 4"),
            (good.replace("0202", "0101").replace("0202", "0101"), "twice"),
            (format!("{good}\n"), "line 5"),
            (String::new(), "cut off"),
        ] {
            let found = Record::parse(&bad).unwrap_err();
            assert!(found.contains(why), "{bad:?}: {found}");
        }
    }

    #[test]
    fn rows_are_added_once() {
        let mut record = record();
        record.row_mut(Row::new(RepositoryId([2; 16]), Suite::Clear)).position = 9;
        record.row_mut(Row::new(RepositoryId([3; 16]), Suite::Clear));
        assert_eq!(record.rows.iter().map(|row| row.position).collect::<Vec<_>>(), [1, 9, 0]);
    }
}
